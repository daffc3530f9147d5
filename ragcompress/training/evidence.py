"""``ragcompress train --scorer evidence``: from a folder of labelled files to the evidence model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ragcompress import load_proxy
from ragcompress.models.embedding import MiniLM
from ragcompress.probes import FORMAT, ProbeWeights
from ragcompress.prompts.passages import ROWS, Template
from ragcompress.proxy.loading import Backend
from ragcompress.scorers.evidence import signals, surroundings
from ragcompress.scorers.evidence.gate import Gate
from ragcompress.scorers.passage_probe.context import EXPERTS
from ragcompress.scorers.passage_probe.features import PER_HEAD

from . import evidence_fitting as fitting
from .evidence_measures import left_out
from .evidence_reading import Reader, read_all
from .evidence_recipe import Recipe, kind_of, tasks_of
from .evidence_retrieved import Retrieved, retrieved_tasks
from .examples import DataFile
from .versions import versions

Progress = Callable[[str, int, int], None]
SCORER = "evidence"

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
    """What training can be set to."""

    n_layers: int = 20
    passage_tokens: int = 384
    recipe: Recipe = field(default_factory=Recipe)
    retrieved: Retrieved | None = field(default_factory=Retrieved)
    fitting: fitting.Settings = field(default_factory=fitting.Settings)
    gate: Gate = field(default_factory=Gate)
    folds: tuple[tuple[str, ...], ...] = FOLDS


def run(
    files: Sequence[DataFile],
    output: Path,
    *,
    proxy: str,
    backend: Backend | None = None,
    store: Path | None = None,
    settings: Settings | None = None,
    embedder: MiniLM | None = None,
    progress: Progress = lambda what, done, total: None,
) -> dict[str, Any]:
    """Train the evidence model and write ``output.safetensors`` and ``output.json``.

    Args:
        files: training questions, in the schema of the data folder.
        store: folder in which what was read is kept, so that an interrupted run goes on where it was.
        progress: called with (what, done, in all).

    Returns:
        The card, with a table of kinds that the head had not seen (``left_out``).

    Raises:
        InputError: if no question has evidence.
        DataError, ModelError, MissingExtra: each says what to do.
    """
    settings = settings or Settings()
    model, embedder = load_proxy(proxy, backend=backend, reuse_bytes=0), embedder or MiniLM()
    n_layers = min(settings.n_layers, model.info.n_layers)
    reader = Reader(model, embedder, n_layers=n_layers, passage_tokens=settings.passage_tokens, store=store)
    tasks = tasks_of(files, settings.recipe, model.tokenizer)
    with tempfile.TemporaryDirectory() as scratch:
        work = store / "index" if store else Path(scratch)
        if settings.retrieved:
            progress("building the index of training documents", 0, 1)
            tasks += retrieved_tasks(files, settings.retrieved, embedder, work)
            progress("building the index of training documents", 1, 1)
    readings = read_all(tasks, reader, partial(progress, "reading training questions"))
    cases = [fitting.case_of(r) for r in readings]
    place = {kind: n for n, kinds in enumerate(settings.folds) for kind in kinds}
    progress("fitting", 0, 2)
    fit = fitting.Fit(cases, lambda kind: place.get(kind, len(settings.folds)), settings.fitting)
    progress("fitting", 1, 2)
    arrays = fit.arrays()
    progress("fitting", 2, 2)
    info = model.info
    card = {
        "format": FORMAT,
        "scorer": SCORER,
        "proxy": {"name": info.name, "fingerprint": info.fingerprint},
        "template": Template().fingerprint(),
        "n_layers": n_layers,
        "n_heads": info.n_heads,
        "rows": list(ROWS),
        "look_features": list(PER_HEAD),
        "experts": list(EXPERTS),
        "signals": list(signals.NAMES),
        "features": list(surroundings.NAMES),
        "embedder": embedder.name,
        "passage_tokens": settings.passage_tokens,
        "backend": info.backend,
        "precision": info.precision,
        "gate": asdict(settings.gate),
        "settings": asdict(settings),
        "trained_on": [
            {"file": f.name, "sha256": f.sha256, "questions": sum(c.kind == kind_of(f) for c in cases)}
            for f in files
            if any(c.kind == kind_of(f) for c in cases)
        ],
        "left_out": left_out(fit, settings.gate),
        "made_with": versions(),
    }
    ProbeWeights({name: np.ascontiguousarray(a) for name, a in arrays.items()}, card).save(output)
    return card
