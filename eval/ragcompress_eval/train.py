"""``ragcompress train``: from labelled files to a probe with its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ragcompress import InputError, Segmentation, load_proxy
from ragcompress.probes import DEFAULT_SCORER, FORMAT, ProbeWeights
from ragcompress.prompting import Template
from ragcompress.proxy.base import Proxy
from ragcompress.scorers._context import NAMES
from ragcompress.scorers._features import PER_HEAD

from . import data, fitting, train_joint
from .extraction import Reading, extract
from .metrics import auc
from .provenance import versions

SCORERS = (DEFAULT_SCORER, *train_joint.KINDS)
Progress = Callable[[str, int, int], None]


def run(
    files: Sequence[str],
    output: Path,
    *,
    proxy: str,
    backend: str | None = None,
    dev: Sequence[str] = (),
    store: Path | None = None,
    settings: fitting.Settings | None = None,
    progress: Progress = lambda what, done, total: None,
    scorer: str = DEFAULT_SCORER,
) -> dict[str, Any]:
    """Train a probe and write ``output.safetensors`` and ``output.json``.

    Args:
        files: training questions, in the schema of the data folder; ``FILE:N`` is the first N of a file.
            Questions without evidence, or with incomplete evidence, are left out.
        dev: files, likewise, to report AUC on; nothing is fitted to them.
        store: folder in which extracted attention is kept, so that an interrupted run goes on where it was.
        settings: of the default scorer's probe; those of joint prompts have none.
        progress: called with (what, questions done, questions in all).
        scorer: which scorer it is for: the default, or one of ``train_joint.KINDS``.

    Returns:
        The probe's card.

    Raises:
        InputError: if no question has evidence.
        DataError, ModelError, MissingExtra: each says what to do.
    """
    sources, held_out = ([_read(name) for name in names] for names in (files, dev))
    if scorer != DEFAULT_SCORER:
        return train_joint.run(
            scorer,
            sources,
            output,
            proxy=proxy,
            backend=backend,
            dev=held_out,
            store=store,
            progress=progress,
        )
    settings = settings or fitting.Settings()
    model = load_proxy(proxy, backend=backend, reuse_bytes=0)
    settings = replace(settings, n_layers=settings.n_layers or max(1, round(model.info.n_layers * 0.8)))
    train = _readings(
        [*_evidenced(sources), *_untitled(_evidenced(sources), settings)],
        model, settings, store, partial(progress, "reading training questions"),
    )  # fmt: skip
    if not train:
        raise InputError("no question of the training files has evidence: there is nothing to learn from")
    progress("fitting", 0, 1)
    arrays = fitting.fit(train, settings)
    progress("fitting", 1, 1)
    unseen = _readings(
        _evidenced(held_out), model, settings, store, partial(progress, "reading dev questions")
    )
    card = _card(model, settings)
    card["trained_on"] = [_source(f) for f in sources]
    card["dev"] = _dev_metrics(unseen, arrays)
    card["made_with"] = versions()
    ProbeWeights(arrays, card).save(output)
    return card


def _evidenced(files: Sequence[data.DataFile]) -> list[data.Example]:
    return [e for f in files for e in f.examples if e.gold and e.complete]


def _untitled(examples: Sequence[data.Example], settings: fitting.Settings) -> list[data.Example]:
    """Copies of some of the examples, without titles."""
    return [
        replace(e, segmentation=Segmentation(tuple(replace(d, title=None) for d in s.documents), s.sentences))
        for e in (examples[:: settings.untitled_every] if settings.untitled_every else ())
        for s in (e.segmentation,)
    ]


def _readings(
    examples: Sequence[data.Example],
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


def _read(name: str) -> data.DataFile:
    """Read a file, or with ``:N`` behind its name its first N records."""
    path, _, number = name.rpartition(":")
    if path and number.isdecimal():
        return data.read([Path(path)], limit=int(number))[0]
    return data.read([Path(name)])[0]


def _card(proxy: Proxy, settings: fitting.Settings) -> dict[str, Any]:
    fitted = asdict(settings)
    return {
        "format": FORMAT,
        "proxy": {"name": proxy.info.name, "fingerprint": proxy.info.fingerprint},
        "template": Template().fingerprint(),
        "n_layers": fitted.pop("n_layers"),
        "n_heads": proxy.info.n_heads,
        "rows": ["last", "question"],
        "look_features": list(PER_HEAD),
        "context_features": list(NAMES),
        "passage_tokens": fitted.pop("passage_tokens"),
        "backend": proxy.info.backend,
        "precision": proxy.info.precision,
        "settings": fitted,
    }


def _source(file: data.DataFile) -> dict[str, Any]:
    return {"file": file.name, "sha256": file.sha256, "questions": len(_evidenced([file]))}


def _dev_metrics(readings: Sequence[Reading], arrays: fitting.Arrays) -> dict[str, Any]:
    """Pooled AUC per data set, after the first stage and after both."""
    groups: dict[str, list[int]] = {}
    for index, r in enumerate(readings):
        groups.setdefault(r.example.dataset, []).append(index)
    predicted = fitting.predict(readings, arrays)
    result = {}
    for dataset, members in groups.items():
        gold = np.concatenate([fitting.part_labels(readings[i]) for i in members])
        first = np.concatenate([predicted[i][0] for i in members])
        both = np.concatenate([predicted[i][1] for i in members])
        result[dataset] = {
            "questions": len(members),
            "auc_first_stage": round(auc(first, gold), 4),
            "auc": round(auc(both, gold), 4),
        }
    return result
