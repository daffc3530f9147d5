"""``ragcompress calibrate``: what a recall is promised by, from labeled questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import scorers
from ..plan import Plan
from .console import byte_bar, emit, note, phase_bar
from .options import CONVERTING, check_apart, check_output, plan_options

if TYPE_CHECKING:
    from ..calibration import Calibration
    from ..proxy.base import Proxy

_SHOWN = (0.8, 0.9, 0.95, 0.98)


@plan_options(only=("scorer", "scorer_settings", "probe", "proxy", "backend", "precision"))
def calibrate(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Labeled questions, .jsonl or .jsonl.gz, as for `train`."),
    ],
    *,
    plan: Plan,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="File to write; in a folder it gets a name of its own."
        ),
    ],
    recall: Annotated[
        float, typer.Option("--recall", metavar="P", help="Recall to promise, 0 < P < 1.")
    ] = 0.95,
    each: Annotated[
        int | None, typer.Option("--each", metavar="N", min=1, help="Questions of each file (without: all).")
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            "--tokens",
            metavar="N",
            min=1,
            help="Leave other documents out until a question has about N tokens.",
        ),
    ] = None,
    answers: Annotated[
        bool,
        typer.Option(
            "--answers", help="No evidence is marked: take the sentences that the reader's answer rests on."
        ),
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Where what was read is kept, to resume later."),
    ] = None,
) -> None:
    """Calibrate: find out what a recall takes, on your own questions.

    Reads questions with known evidence, and writes a file for --calibration. About a hundred questions are
    enough for a recall of .95. Needs the extra `train`. A summary goes to stdout.
    """
    from ..calibration import save
    from ..calibration.store import shipped_name
    from ..training import calibrating
    from ..training.examples import read_files

    if not 0 < recall < 1:
        raise typer.BadParameter(f"--recall must lie between 0 and 1, got {recall}")
    if not output.is_dir():
        check_apart(files, {"--output": check_output(output)})
    settings = calibrating.Settings(each=each, tokens=tokens, from_answers=answers, recall=recall)
    sources = read_files(files)
    scorer, proxy = make_scorer(plan, store)
    count = None if proxy is None else proxy.tokenizer.count_all
    with phase_bar() as progress:
        made = calibrating.calibrate(sources, scorer, settings, count=count, progress=progress)
    if output.is_dir():
        output = output / shipped_name(made.scorer, str(made.settings.get("probe", "any")))
    save(made, output)
    emit(json.dumps(summary(made), ensure_ascii=False, indent=1) + "\n")
    note(f"written to {output}")


def make_scorer(plan: Plan, store: Path | None) -> tuple[scorers.Scorer, Proxy | None]:
    """The plan's scorer, what it reads kept in a store where there is one."""
    from ..models.embedders import EMBEDDER_NAMES, for_evidence
    from ..proxy.loading import load_proxy
    from ..training.keeping import KeptEmbedder, KeptProxy

    loaded: list[Proxy] = []

    def load() -> Proxy:
        with byte_bar(f"downloading {plan.proxy}", CONVERTING) as progress:
            model = load_proxy(
                plan.proxy, backend=plan.backend, precision=plan.precision, progress=progress, reuse_bytes=0
            )
        loaded.append(model if store is None else KeptProxy(model, store))
        return loaded[0]

    arguments = plan.scorer_arguments()
    setting = arguments.get("embedder")
    if setting in (None, *EMBEDDER_NAMES) and scorers.takes_evidence_embedder(plan.scorer):
        embedder = for_evidence(setting)()
        arguments["embedder"] = embedder if store is None else KeptEmbedder(embedder, store)
    made = scorers.make(plan.scorer, proxy=load, **arguments)
    return made, loaded[0] if loaded else None


def summary(made: Calibration) -> dict[str, Any]:
    """What a calibration promises at a few recalls, as JSON."""
    from ..calibration.bound import smallest_n, threshold

    evidence = [c.evidence for c in made.cases if c.evidence and c.group.ranked == "unranked"]
    rows = [
        {
            "recall": recall,
            "smallest_n": smallest_n(recall),
            "threshold": threshold(evidence, recall),
            "all": threshold(evidence, recall, "all"),
        }
        for recall in _SHOWN
    ]
    known = made.answerable
    return {
        **dict(made.card),
        "promises": rows,
        "answerable": None if known is None else {"questions": known.questions, "auc": known.auc},
    }
