"""``ragcompress train --scorer evidence``: from a folder of labelled files to the evidence model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ragcompress import InputError, ProbeMismatch, load_proxy
from ragcompress.models.embedders import for_evidence
from ragcompress.models.embedding import ENCODER, Embedder, MiniLM, TokenEmbedder
from ragcompress.probes import FORMAT, ProbeWeights, shipped_for
from ragcompress.prompts.passages import ROWS, Template
from ragcompress.proxy.base import Proxy
from ragcompress.proxy.loading import Backend
from ragcompress.scorers.evidence import second_look, signals, surroundings
from ragcompress.scorers.evidence.attention_probe import KEY, PREFIX, WEIGHT
from ragcompress.scorers.evidence.gate import Gate
from ragcompress.scorers.passage_probe.context import EXPERTS
from ragcompress.scorers.passage_probe.features import PER_HEAD

from .evidence_cases import Settings as FitSettings
from .evidence_cases import case_of
from .evidence_fitting import Fit
from .evidence_measures import left_out, second_look_gain
from .evidence_reading import Reader, read_all
from .evidence_recipe import Recipe, kind_of, tasks_of
from .evidence_retrieved import Retrieved, retrieved_tasks
from .evidence_second import FitSecond, Second, read_again
from .examples import DataFile
from .versions import versions

Progress = Callable[[str, int, int], None]
SCORER = "evidence"
_FOLDS = 6  # of kinds that are not known to be alike

# Kinds that are alike are left out together.
FOLDS: tuple[tuple[str, ...], ...] = (
    ("hotpotqa", "hotpotqa_fullwiki", "2wikimultihopqa", "musique", "babi"),
    ("nq", "xquad_en", "xquad_multi", "xquad_zh", "qasper"),
    ("chunking_eval", "cnil_faq", "policyqa", "heq"),
    ("contractnli", "covidqa", "debian_faq", "cmrc2018"),
    ("evidence_inference", "finqa", "arcd", "norquad_news"),
    ("jsquad", "software_faq", "tatqa"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What training can be set to.

    Attributes:
        opinion: level and slope of the weight that the head of ``passage-probe`` has beside the network, if
            one ships for the proxy, and its share in ranked lists; None: it has none.
    """

    n_layers: int = 20
    passage_tokens: int = 384
    recipe: Recipe = field(default_factory=Recipe)
    retrieved: Retrieved | None = field(default_factory=Retrieved)
    fitting: FitSettings = field(default_factory=FitSettings)
    gate: Gate = field(default_factory=Gate)
    second: Second = field(default_factory=Second)
    opinion: tuple[float, float, float] | None = (1.0, 1.5, 0.5)
    folds: tuple[tuple[str, ...], ...] = FOLDS


class Embedders(NamedTuple):
    """What reads the documents, and what finds some for the questions with ranks."""

    reads: TokenEmbedder
    searches: Embedder


def run(
    files: Sequence[DataFile],
    output: Path,
    *,
    proxy: str,
    backend: Backend | None = None,
    store: Path | None = None,
    settings: Settings | None = None,
    embedders: Embedders | None = None,
    progress: Progress = lambda what, done, total: None,
) -> dict[str, Any]:
    """Train the evidence model and write ``output.safetensors`` and ``output.json``.

    Args:
        files: training questions, in the schema of the data folder.
        store: folder in which what was read is kept, so that an interrupted run goes on where it was.
        embedders: None: what the scorer reads with, and ``MiniLM``.
        progress: called with (what, done, in all).

    Returns:
        The card, with a table of kinds that the head had not seen (``left_out``).

    Raises:
        InputError: if no question has evidence.
        DataError, ModelError, MissingExtra: each says what to do.
    """
    settings = settings or Settings()
    model = load_proxy(proxy, backend=backend, reuse_bytes=0)
    reads, searches = embedders or Embedders(for_evidence(None)(), MiniLM())
    n_layers = min(settings.n_layers, model.info.n_layers)
    reader = Reader(model, reads, n_layers=n_layers, passage_tokens=settings.passage_tokens, store=store)
    tasks = tasks_of(files, settings.recipe, model.tokenizer)
    with tempfile.TemporaryDirectory() as scratch:
        work = store / "index" if store else Path(scratch)
        if settings.retrieved:
            progress("building the index of training documents", 0, 1)
            tasks += retrieved_tasks(files, settings.retrieved, searches, work)
            progress("building the index of training documents", 1, 1)
    cases = [case_of(r) for r in read_all(tasks, reader, partial(progress, "reading training questions"))]
    place = folds_of({c.kind for c in cases}, settings.folds)
    progress("fitting", 0, 3)
    fit = Fit(cases, place.__getitem__, settings.fitting)
    progress("fitting", 1, 3)
    again = read_again(
        fit, reader, settings.gate, settings.second, partial(progress, "reading what is in doubt again")
    )
    arrays = fit.arrays()
    progress("fitting", 2, 3)
    second = FitSecond(fit, again)
    arrays |= second.arrays()
    progress("fitting", 3, 3)
    own = ProbeWeights(arrays, card_of(files, reader, second, settings))
    weights = with_opinion(own, shipped_probe(model), settings.opinion)
    weights.save(output)
    return dict(weights.card)


def folds_of(kinds: Collection[str], known: Sequence[Collection[str]]) -> dict[str, int]:
    """The fold of each kind: that of the known ones that are alike, or one of its own.

    Raises:
        InputError: if all of them are in one fold: nothing could be left out.
    """
    place = {kind: n for n, alike in enumerate(known) for kind in alike if kind in kinds}
    others = sorted(set(kinds) - set(place))
    place |= {kind: len(known) + n % _FOLDS for n, kind in enumerate(others)}
    if len(set(place.values())) < 2:
        raise InputError(
            f"all questions are of one kind ({', '.join(sorted(kinds)) or 'none has evidence'}); the "
            "evidence model is fitted across kinds: give files of at least two, each named for its kind"
        )
    return place


def shipped_probe(proxy: Proxy) -> ProbeWeights | None:
    """The probe with two looks that ships for a proxy; None: there is none."""
    try:
        probe = shipped_for(proxy.info)
    except ProbeMismatch:
        return None
    return probe if probe.card.get("second_look") else None


def with_opinion(
    weights: ProbeWeights, probe: ProbeWeights | None, opinion: tuple[float, float, float] | None
) -> ProbeWeights:
    """Weights of an evidence model with the head of a probe beside its network (``Settings.opinion``)."""
    if probe is None or opinion is None:
        return weights
    arrays = {f"{PREFIX}{name}": array for name, array in probe.arrays.items()}
    arrays[WEIGHT] = np.array(opinion, dtype=np.float32)
    about = {
        "fingerprint": probe.fingerprint(),
        "n_layers": probe.n_layers,
        "trained_on": probe.card.get("trained_on", []),
    }
    return ProbeWeights({**weights.arrays, **arrays}, {**weights.card, KEY: about})


def card_of(
    files: Sequence[DataFile], reader: Reader, second: FitSecond, settings: Settings
) -> dict[str, Any]:
    """What stands beside the weights: what they are for, how they were made, what they are worth."""
    info, fit = reader.proxy.info, second.fit
    used = {f.name: sum(c.kind == kind_of(f) for c in fit.cases) for f in files}
    return {
        "format": FORMAT,
        "scorer": SCORER,
        "proxy": {"name": info.name, "fingerprint": info.fingerprint},
        "template": Template().fingerprint(),
        "n_layers": reader.n_layers,
        "n_heads": info.n_heads,
        "rows": list(ROWS),
        "look_features": list(PER_HEAD),
        "experts": list(EXPERTS),
        "signals": list(signals.NAMES),
        "features": list(surroundings.NAMES),
        "second_features": list(second_look.NAMES),
        "second_look": asdict(replace(settings.second.recipe, at_least=settings.second.doubt)),
        "embedder": reader.embedder.name,
        ENCODER: getattr(reader.embedder, "card", {}),
        "passage_tokens": settings.passage_tokens,
        "backend": info.backend,
        "precision": info.precision,
        "gate": asdict(settings.gate),
        "settings": asdict(settings),
        "trained_on": [
            {"file": f.name, "sha256": f.sha256, "questions": used[f.name]} for f in files if used[f.name]
        ],
        "left_out": left_out(fit, settings.gate),
        "second_look_gain": second_look_gain(second),
        "made_with": versions(),
    }
