"""``ragcompress train``: from labeled files to a probe with its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ragcompress import InputError, load_proxy
from ragcompress.probes import FORMAT, ProbeWeights
from ragcompress.prompts.passages import ROWS, Template
from ragcompress.proxy.base import Proxy
from ragcompress.proxy.loading import Backend
from ragcompress.scorers.passage_probe.context import NAMES
from ragcompress.scorers.passage_probe.features import PER_HEAD
from ragcompress.scorers.passage_probe.head import SECOND, Head
from ragcompress.scorers.passage_probe.looks import read_logits
from ragcompress.scorers.passage_probe.second_look import SECOND_NAMES, best_of, second_look, was_read

from . import fitting
from .augment import augmented
from .examples import DataFile, Example, read_files
from .extraction import Reading, extract, extract_again
from .metrics import auc
from .versions import versions

Progress = Callable[[str, int, int], None]


def run(
    files: Sequence[str],
    output: Path,
    *,
    proxy: str,
    backend: Backend | None = None,
    dev: Sequence[str] = (),
    store: Path | None = None,
    settings: fitting.Settings | None = None,
    progress: Progress = lambda what, done, total: None,
) -> dict[str, Any]:
    """Train the probe of ``passage-probe`` and write ``output.safetensors`` and ``output.json``.

    Args:
        files: training questions, in the schema of the data folder; ``FILE:N`` is the first N of a file.
            Questions without evidence, or with incomplete evidence, are left out.
        dev: files, likewise, to report AUC on; nothing is fitted to them.
        store: folder in which extracted attention is kept, so that an interrupted run resumes.
        settings: of the fit.
        progress: called with (what, questions done, questions in all).

    Returns:
        The probe's card.

    Raises:
        InputError: if no question has evidence.
        DataError, ModelError, MissingExtra: each says what to do.
    """
    sources, held_out = read_all(files), read_all(dev)
    settings = settings or fitting.Settings()
    model = load_proxy(proxy, backend=backend, reuse_bytes=0)
    settings = replace(settings, n_layers=fitting.layers_of(settings, model.info.n_layers))
    train = _readings(
        [*evidenced(sources), *augmented(evidenced(sources), settings)],
        model, settings, store, partial(progress, "reading training questions"),
    )  # fmt: skip
    if not train:
        raise InputError("no question of the training files has evidence: there is nothing to learn from")
    progress("fitting", 0, 1)
    first = fitting.fit(train, settings)
    progress("fitting", 1, 1)
    second = _second(train, first, model, settings, store, progress)
    unseen = _readings(
        evidenced(held_out), model, settings, store, partial(progress, "reading dev questions")
    )
    card = _card(model, settings, second=second is not None)
    card["trained_on"] = [_source(f) for f in sources]
    card["dev"] = _dev_metrics(unseen, (first.head, second), model, settings, store)
    card["made_with"] = versions()
    ProbeWeights(first.head.arrays() | (second.arrays(SECOND) if second else {}), card).save(output)
    return card


def _second(
    train: Sequence[Reading],
    first: fitting.First,
    proxy: Proxy,
    settings: fitting.Settings,
    store: Path | None,
    progress: Progress,
) -> Head | None:
    """The head of the second look, from the first questions of each data set."""
    if settings.second_look is None:
        return None
    seen: dict[str, dict[str, None]] = {}
    chosen = []
    for index, reading in enumerate(train):
        ids = seen.setdefault(reading.example.dataset, {})
        if reading.example.id in ids or len(ids) < settings.second_questions:
            ids[reading.example.id] = None
            chosen.append(index)
    again = extract_again(
        [train[i] for i in chosen],
        [first.probabilities[i] for i in chosen],
        proxy,
        settings.second_look,
        n_layers=settings.n_layers or proxy.info.n_layers,
        store=store,
        advance=partial(progress, "reading again"),
    )
    if not any(fitting.part_labels(r.first)[was_read(r.first.parts, r.chosen)].any() for r in again):
        return None
    progress("fitting the second look", 0, 1)
    head = fitting.fit_second(again, settings)
    progress("fitting the second look", 1, 1)
    return head


def evidenced(files: Sequence[DataFile]) -> list[Example]:
    """The questions of the files whose evidence is there and complete."""
    return [e for f in files for e in f.examples if e.gold and e.complete]


def _readings(
    examples: Sequence[Example],
    proxy: Proxy,
    settings: fitting.Settings,
    store: Path | None,
    advance: Callable[[int, int], None],
) -> list[Reading]:
    return extract(
        examples,
        proxy,
        n_layers=settings.n_layers or proxy.info.n_layers,
        passage_tokens=settings.passage_tokens,
        store=store,
        advance=advance,
    )


def read(name: str) -> DataFile:
    """Read a file, or with ``:N`` behind its name its first N records."""
    path, _, number = name.rpartition(":")
    if path and number.isdecimal():
        return read_files([Path(path)], limit=int(number))[0]
    return read_files([Path(name)])[0]


def read_all(names: Sequence[str]) -> list[DataFile]:
    """As ``read``, all of them."""
    return [read(name) for name in names]


def _card(proxy: Proxy, settings: fitting.Settings, *, second: bool) -> dict[str, Any]:
    fitted = asdict(settings)
    recipe = fitted.pop("second_look")
    about = {"second_look": recipe, "second_context_features": list(SECOND_NAMES)} if second else {}
    return {
        "format": FORMAT,
        "proxy": {"name": proxy.info.name, "fingerprint": proxy.info.fingerprint},
        "template": Template().fingerprint(),
        "n_layers": fitted.pop("n_layers"),
        "n_heads": proxy.info.n_heads,
        "rows": list(ROWS),
        "look_features": list(PER_HEAD),
        "context_features": list(NAMES),
        "passage_tokens": fitted.pop("passage_tokens"),
        "backend": proxy.info.backend,
        "precision": proxy.info.precision,
        **about,
        "settings": fitted,
    }


def _source(file: DataFile) -> dict[str, Any]:
    return {"file": file.name, "sha256": file.sha256, "questions": len(evidenced([file]))}


def _dev_metrics(
    readings: Sequence[Reading],
    heads: tuple[Head, Head | None],
    proxy: Proxy,
    settings: fitting.Settings,
    store: Path | None,
) -> dict[str, Any]:
    """Pooled AUC per data set, after the first stage, after the first look and in the end."""
    looks = fitting.first_looks(readings, heads[0])
    logits = [read_logits(heads[0].regressions, look.attentions)[:, 0] for look in looks]
    final = {id(r): look.probabilities for r, look in zip(readings, looks, strict=True)}
    if heads[1] and settings.second_look:
        first = [look.probabilities for look in looks]
        n_layers = settings.n_layers or proxy.info.n_layers
        look_of = {id(r): look for r, look in zip(readings, looks, strict=True)}
        for r in extract_again(readings, first, proxy, settings.second_look, n_layers=n_layers, store=store):
            example = r.first.example
            look = second_look(
                heads[1],
                r.attentions,
                look_of[id(r.first)],
                r.chosen,
                r.first.parts,
                example.segmentation,
                example.question,
            )
            final[id(r.first)] = best_of([look_of[id(r.first)], look])
    groups: dict[str, list[int]] = {}
    for index, reading in enumerate(readings):
        groups.setdefault(reading.example.dataset, []).append(index)
    result = {}
    for dataset, members in groups.items():
        gold = np.concatenate([fitting.part_labels(readings[i]) for i in members])
        stages = {
            "auc_first_stage": [logits[i] for i in members],
            "auc_first_look": [looks[i].probabilities for i in members],
            "auc": [final[id(readings[i])] for i in members],
        }
        aucs = {name: round(auc(np.concatenate(v), gold), 4) for name, v in stages.items()}
        result[dataset] = {"questions": len(members), **aucs}
    return result
