"""Does attention tell a right draft from a wrong one? After Lookback Lens (arXiv 2407.07071)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.table import Table

from ragcompress import (
    Budget,
    BudgetTooSmall,
    CompressedContext,
    Compressor,
    InputError,
    MissingExtra,
    Proxy,
    RagCompressError,
    __version__,
    load_proxy,
    scorers,
)
from ragcompress.cli.console import count_bar, out
from ragcompress.cli.options import DEFAULT_RATIO, Backend, ProxyName
from ragcompress.data import Progress
from ragcompress.prompts.passages import Prompt
from ragcompress.prompts.windows import cut_windows
from ragcompress.proxy.base import NextToken, TeacherForced
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.scorers._hints import continued
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.support import TEMPLATE
from ragcompress.training.examples import Example
from ragcompress.training.extraction import Recalling

from .bench import options
from .bench.bootstrap import LEVEL, N_RESAMPLES, pooled_auc, resample
from .bench.journal import Journal, beside, fingerprint
from .bench.metrics import FloatArray, answer_in_output
from .bench.provenance import provenance, session
from .report import page as report

MAX_DRAFT_TOKENS = 16
N_FOLDS = 5
REGULARISATION = 0.01


@dataclass(frozen=True, slots=True)
class Draft:
    """What the proxy itself answered from a compressed context, and what it looked at meanwhile.

    Attributes:
        text: the draft's first line.
        right: whether one of the known answers stands in it.
        ratios: (L·H,) lookback ratio of each head, mean over the draft's tokens, in [0, 1].
        probability: mean natural logarithm of the draft's tokens' probabilities.
        sufficiency: of the context.
    """

    text: str
    right: bool
    ratios: list[float]
    probability: float
    sufficiency: float


SIGNALS = ("lookback ratios", "probability", "sufficiency")


def lookback_ratios(on_prompt: FloatArray, n_prompt: int) -> FloatArray:
    """Ratio of each head at each new token (paper, equations 1 to 3).

    A head's mean attention per token of the prompt, over that plus its mean per token written since, the
    token itself included.

    Args:
        on_prompt: (T, L, H) attention that falls on the whole prompt, in [0, 1]; the rest falls on what
            was written since.
        n_prompt: tokens of the prompt.

    Returns:
        (T, L, H) in [0, 1].
    """
    written = np.arange(1, len(on_prompt) + 1)[:, None, None]
    back, new = on_prompt / n_prompt, np.maximum(1 - on_prompt, 0) / written
    return np.asarray(back / (back + new))


def draft(context: CompressedContext, answers: Sequence[str], proxy: Proxy) -> Draft | None:
    """Let the proxy answer greedily, and read its attention while it does; None where it says nothing.

    Raises:
        InputError: if the proxy can't write, or the context does not fit into one prompt.
    """
    if not isinstance(proxy, NextToken) or not isinstance(proxy, TeacherForced):
        raise InputError(f"the proxy {proxy.info.name!r} can't write")
    asked = proxy.tokenizer.encode([TEMPLATE.ask, " " + context.question, TEMPLATE.end])
    tail = tuple(i for piece in asked for i in piece)
    room = proxy.info.max_tokens - len(tail) - MAX_DRAFT_TOKENS
    kept = [p.sentence for p in context.pieces]
    windows = cut_windows(
        proxy.tokenizer, TEMPLATE, context.segmentation, question="", room=room, sequence=kept
    )
    if len(windows) != 1:
        raise InputError(f"a draft is written from one prompt, and the context needs {len(windows)}")
    prompt = windows[0].prefix + tail
    written = continued(proxy, proxy, prompt, MAX_DRAFT_TOKENS, lambda text: "\n" in text.lstrip())
    text = written.strip().partition("\n")[0].strip()
    ids = tuple(proxy.tokenizer.encode([" " + text])[0]) if text else ()
    if not ids:
        return None
    rows = tuple((t, t + 1) for t in range(len(ids)))
    names = tuple(str(t) for t in range(len(ids)))
    whole = Prompt(prompt, ids, ((0, len(prompt)),), (0,), rows, names)
    (read,) = proxy.probe([whole], n_layers=proxy.info.n_layers)
    ratios = lookback_ratios(read.mass[..., 0].astype(np.float64), len(prompt)).mean(0)
    # A row of a prompt's tail expects the token behind it: the first is expected by the prompt's last token.
    expecting = Prompt(prompt[:-1], (prompt[-1], *ids), (), (), ((0, len(ids)),), ("expected",))
    ((_, log_p),) = proxy.log_probabilities([expecting])
    probability = float(log_p[np.arange(len(ids)), list(ids)].mean())
    right = answer_in_output(text, answers)
    return Draft(text, right, ratios.ravel().tolist(), probability, context.sufficiency or 0.0)


def run(
    examples: Sequence[Example],
    compressor: Compressor,
    proxy: Proxy,
    ratio: float,
    *,
    journal: Journal,
    prepare: Callable[[Example], None] = lambda example: None,
    progress: Progress = lambda done, total: None,
) -> dict[str, list[Draft]]:
    """Drafts by data set; questions without an answer, a draft or room for a sentence are left out.

    Args:
        prepare: called with each question before it is compressed.
    """
    found: dict[str, list[Draft]] = {e.dataset: [] for e in examples}
    for done, example in enumerate(examples, 1):
        key = (example.id, fingerprint(example))
        if key not in journal.rows:
            prepare(example)
            made = _draft(example, compressor, proxy, ratio)
            journal.add(key, {"draft": None if made is None else asdict(made)})
        if (row := journal.rows[key]["draft"]) is not None:
            found[example.dataset].append(Draft(**row))
        progress(done, len(examples))
    return found


def _draft(example: Example, compressor: Compressor, proxy: Proxy, ratio: float) -> Draft | None:
    if not example.answers:
        return None
    try:
        context = compressor(example.question, example.segmentation, budget=Budget(ratio=ratio))
    except BudgetTooSmall:
        return None
    return draft(context, example.answers, proxy)


def cross_fitted(drafts: Sequence[Draft], *, seed: int) -> FloatArray:
    """(N,) logits that a draft is right, each from a logistic regression that has not seen its question.

    Raises:
        MissingExtra: without scikit-learn.
        RagCompressError: with fewer than five drafts of either kind.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold
    except ImportError as error:
        raise MissingExtra("fitting lookback ratios", "eval") from error
    x = np.log(np.array([d.ratios for d in drafts]) + 1e-6)
    y = np.array([d.right for d in drafts])
    if min(y.sum(), (~y).sum()) < N_FOLDS:
        raise RagCompressError(
            f"{y.sum()} right and {(~y).sum()} wrong drafts, {N_FOLDS} of each are needed: read more"
        )
    logits = np.zeros(len(y))
    for inside, outside in StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(x, y):
        mean, scale = x[inside].mean(0), x[inside].std(0) + 1e-6
        model = LogisticRegression(C=REGULARISATION, max_iter=500).fit((x[inside] - mean) / scale, y[inside])
        logits[outside] = model.decision_function((x[outside] - mean) / scale)
    return logits


def summarise(found: Mapping[str, Sequence[Draft]], *, seed: int) -> list[dict[str, Any]]:
    """AUC per data set and signal: how often a right draft has the higher value than a wrong one."""
    results = []
    for dataset, drafts in found.items():
        if not drafts:
            continue
        right = [np.array([d.right]) for d in drafts]
        values = {
            "lookback ratios": cross_fitted(drafts, seed=seed),
            "probability": np.array([d.probability for d in drafts]),
            "sufficiency": np.array([d.sufficiency for d in drafts]),
        }
        counts = resample(len(drafts), seed=seed)
        for signal in SIGNALS:
            estimate = pooled_auc([values[signal][i : i + 1] for i in range(len(drafts))], right, counts)
            results.append(
                {
                    "dataset": dataset,
                    "signal": signal,
                    "n": len(drafts),
                    "right": int(np.sum(right)),
                    "auc": estimate.value,
                    "ci": list(estimate.interval()),
                }
            )
    return results


def table(results: Sequence[Mapping[str, Any]], *, seed: int) -> Table:
    """Lay out results of ``summarise``."""
    caption = (
        f"[low, high]: {LEVEL:.0%} interval, bootstrap over questions ({N_RESAMPLES} resamples, seed {seed})"
        f"\nlookback ratios: logistic regression, {N_FOLDS}-fold cross-fitted"
    )
    result = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for heading in ("dataset", "signal"):
        result.add_column(heading)
    for heading in ("drafts", "right", "AUC"):
        result.add_column(heading, justify="right")
    for r in results:
        low, high = r["ci"]
        sizes = (str(r["n"]), str(r["right"]))
        result.add_row(r["dataset"], r["signal"], *sizes, f"{r['auc']:.3f} [{low:.2f}, {high:.2f}]")
    return result


def lookback_command(
    files: options.Files,
    scorer: Annotated[str, typer.Option("--scorer", metavar="NAME", help="What selects the sentences.")] = (
        scorers.DEFAULT
    ),
    ratio: Annotated[
        float, typer.Option("--ratio", metavar="R", min=0.01, max=1.0, help="Share of the tokens to keep.")
    ] = DEFAULT_RATIO,
    limit: options.Limit = None,
    json_file: options.JsonFile = None,
    resume: options.Resume = False,
    store: options.Store = None,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    seed: options.Seed = 0,
) -> None:
    """Is the small model's own draft right? What its attention, its probability and the scores tell of it."""
    options.check_json(json_file, files, resume=resume)
    (scorer,) = options.check_scorers([scorer])
    read, examples = options.read_examples(files, limit=limit, on_bad=options.OnBad.stop)
    model = load_proxy(proxy, backend=backend)
    recalling = Recalling(model)
    (made,) = options.build_scorers([scorer], lambda: recalling, seed).values()
    if store is not None and not isinstance(made, Scorer):
        raise typer.BadParameter(f"--store is for the scorer {Scorer.name}")

    def prepare(example: Example) -> None:
        if store is not None and isinstance(made, Scorer):
            size = {"n_layers": made.probe.n_layers, "passage_tokens": made.probe.passage_tokens}
            recalling.learn(example, **size, store=store)

    settings = {"scorer": scorer, "ratio": ratio, **model.info.settings()}
    rests_on = {"command": "lookback", "version": __version__, **settings}
    rows = beside(json_file) if json_file else None
    with (
        Journal(rows, settings=rests_on, session=session(), resume=resume) as journal,
        count_bar("writing drafts") as progress,
    ):
        compressor = Compressor(made, counter=model.tokenizer)
        found = run(examples, compressor, model, ratio, journal=journal, prepare=prepare, progress=progress)
        results = summarise(found, seed=seed)
        if json_file:
            about = provenance(read, limit=limit, seed=seed, settings=settings, sessions=journal.sessions)
            report.write_json(json_file, {"results": results, "provenance": about})
            journal.finish()
    out().print(table(results, seed=seed))
