"""What the evidence model is worth on kinds of documents that it has not seen: each left out of the fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragcompress.data import FloatArray
from ragcompress.scorers.evidence.gate import Gate, choose
from ragcompress.scorers.evidence.head import CHEAP, MAIN, network_logits, probabilities
from ragcompress.scorers.evidence.reading import with_cheap
from ragcompress.scorers.evidence.signals import NAMES

from .evidence_cases import Case, full_view, signals_of, surroundings_of
from .evidence_fitting import Fit, indices
from .evidence_second import FitSecond
from .metrics import auc

BoolArray = NDArray[np.bool_]
_LEAST = 15  # characters: less room than that ends a selection
_BINS = 10


def left_out(fit: Fit, gate: Gate) -> dict[str, Any]:
    """Per kind, and their mean: figures of a head fitted without the kind's fold, and of single signals.

    ``evidence`` read everything, ``gated`` what the gate chose by cheap signals fitted without the kind,
    ``cheap`` nothing. Only questions in their natural shape count.
    """
    values = left_out_probabilities(fit, gate)
    kinds = sorted({c.kind for c in fit.cases})
    table: dict[str, Any] = {}
    for kind in kinds:
        members = [i for i, c in enumerate(fit.cases) if c.kind == kind and c.reading.task.shape == "natural"]
        if members:
            table[kind] = {"questions": len(members)} | {
                name: figures([fit.cases[i] for i in members], [own[i] for i in members])
                for name, own in values.items()
            }
    names = list(values)
    mean = {
        name: {
            what: round(float(np.mean([row[name][what] for row in table.values()])), 4)
            for what in ("recall_20", "recall_10", "auc", "calibration_error")
        }
        for name in names
    }
    return {"mean": mean, "kinds": table}


def left_out_probabilities(fit: Fit, gate: Gate) -> dict[str, list[FloatArray]]:
    """Values of every case's sentences by heads that were fitted without its fold, and by single signals."""
    n = len(fit.cases)
    result: dict[str, list[FloatArray]] = {
        name: [np.zeros(0)] * n for name in ("evidence", "gated", "cheap", "cosine", "words")
    }
    for fold in np.unique(fit.fold):
        network = fit.fit_main(fit.fold != fold)
        for i in indices(fit.fold == fold):
            case = fit.cases[i]
            view = full_view(case)
            own = signals_of(case, view)
            cheap = network_logits(fit.cheap_networks[int(fold)], CHEAP, own)
            chosen = choose(probabilities(cheap), case.reading.passages, gate)
            for name, seen in (("evidence", view), ("gated", full_view(case, chosen))):
                rows = surroundings_of(case, seen, fit.attention_by_kind[i], cheap)
                result[name][i] = probabilities(with_cheap(network_logits(network, MAIN, rows), cheap))
            result["cheap"][i] = probabilities(cheap)
            result["cosine"][i] = own[:, NAMES.index("cosine")]
            result["words"][i] = own[:, NAMES.index("words")]
    return result


def second_look_gain(second: FitSecond) -> dict[str, Any]:
    """Per kind: figures of the first look and of the second alone, by heads that have not seen the question.

    They have seen other questions of its kind. Those that nobody asked of a retriever, in their natural
    shape, count.
    """
    cases, after = second.fit.cases, second.unseen()
    members: dict[str, list[int]] = {}
    for k, again in enumerate(second.again):
        task = cases[again.index].reading.task
        if task.shape == "natural":
            members.setdefault(task.kind, []).append(k)
    table: dict[str, Any] = {}
    for kind, own in sorted(members.items()):
        of_kind = [cases[second.again[k].index] for k in own]
        before = [probabilities(second.again[k].first.logits) for k in own]
        table[kind] = {
            "questions": len(own),
            "first": figures(of_kind, before),
            "second": figures(of_kind, [probabilities(after[k]) for k in own]),
        }
    return table


def figures(cases: Sequence[Case], values: Sequence[FloatArray]) -> dict[str, float]:
    """Mean recall of evidence at 20 % and 10 % of the characters, pooled AUC, expected calibration error."""
    gold = np.concatenate([c.gold for c in cases])
    pooled = np.concatenate(values)
    recalls = {
        f"recall_{share}": float(
            np.mean([recall(v, c, share / 100) for c, v in zip(cases, values, strict=True)])
        )
        for share in (20, 10)
    }
    error = calibration_error(np.clip(pooled, 0, 1), gold)
    found = {**recalls, "auc": auc(pooled, gold), "calibration_error": error}
    return {name: round(value, 4) for name, value in found.items()}


def recall(values: FloatArray, case: Case, share: float) -> float:
    """Share of the evidence among the best sentences that fit into a share of the characters."""
    sentences = case.reading.task.example.segmentation.sentences
    sizes = np.array([len(s.text) for s in sentences], dtype=np.float64)
    room, kept = float(sizes.sum()) * share, np.zeros(len(sizes), dtype=np.bool_)
    for i in np.argsort(-values, kind="stable"):
        if sizes[i] <= room:
            kept[i] = True
            room -= float(sizes[i])
        if room < _LEAST:
            break
    return float(kept[case.gold].mean())


def calibration_error(values: FloatArray, gold: BoolArray) -> float:
    """Expected calibration error over ten bins of equal width (Naeini et al., AAAI 2015)."""
    bins = np.clip((values * _BINS).astype(int), 0, _BINS - 1)
    parts = [
        abs(values[bins == b].mean() - gold[bins == b].mean()) * (bins == b).mean()
        for b in range(_BINS)
        if (bins == b).any()
    ]
    return float(sum(parts))
