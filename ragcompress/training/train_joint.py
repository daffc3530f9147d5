"""Weights for the scorers that read joint prompts: Sentinel's regression, QRHead's choice of heads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragcompress import InputError, MissingExtra, Segmentation, Tokenizer, given, load_proxy
from ragcompress.probes import FORMAT, ProbeWeights
from ragcompress.prompts.windows import JointTemplate
from ragcompress.proxy.base import Proxy
from ragcompress.proxy.loading import Backend
from ragcompress.scorers import retrieval_heads, sentinel

from .examples import DataFile, Example
from .metrics import auc
from .store import key, load_or_read
from .versions import versions

N_HEADS = 16
CONTEXT_TOKENS = 600
CUTOFF = 10
SEED = 0
_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
_FOLDS = 5

Arrays = dict[str, NDArray[np.float32]]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of one question.

    Attributes:
        values: (N, F) of each sentence, or part of one, in order of the windows.
        scale: (N,) tokens of its window's context.
        gold: (N,) whether it is evidence.
        dataset: name of the data set.
    """

    values: NDArray[np.float32]
    scale: NDArray[np.float64]
    gold: NDArray[np.bool_]
    dataset: str


def run(
    scorer: str,
    files: Sequence[DataFile],
    output: Path,
    *,
    proxy: str,
    backend: Backend | None = None,
    dev: Sequence[DataFile] = (),
    store: Path | None = None,
    progress: Progress = lambda what, done, total: None,
) -> dict[str, Any]:
    """Train and write ``output.safetensors`` and ``output.json``; arguments and errors as of ``train.run``.

    Args:
        scorer: ``sentinel`` or ``retrieval-heads``.
    """
    kind = KINDS[scorer]
    model = load_proxy(proxy, backend=backend)
    read = partial(_read_all, kind, model, store=store)
    train = read(_evidenced(files), training=True, advance=partial(progress, "reading training questions"))
    if not train:
        raise InputError("no question of the training files has evidence: there is nothing to learn from")
    progress("fitting", 0, 1)
    arrays, about = kind.fit(train, model)
    progress("fitting", 1, 1)
    unseen = read(_evidenced(dev), training=False, advance=partial(progress, "reading dev questions"))
    card = {
        "format": FORMAT,
        "scorer": scorer,
        "proxy": {"name": model.info.name, "fingerprint": model.info.fingerprint},
        "template": kind.template.fingerprint(),
        "n_layers": model.info.n_layers,
        "n_heads": model.info.n_heads,
        "rows": [kind.row],
        "backend": model.info.backend,
        "precision": model.info.precision,
        "context_tokens": CONTEXT_TOKENS,
        **about,
        "trained_on": [
            {"file": f.name, "sha256": f.sha256, "questions": len(_evidenced([f]))} for f in files
        ],
        "dev": {name: kind.measure(group, arrays) for name, group in _by_dataset(unseen).items()},
        "made_with": versions(),
    }
    ProbeWeights(arrays, card).save(output)
    return card


def _evidenced(files: Sequence[DataFile]) -> list[Example]:
    return [e for f in files for e in f.examples if e.gold and e.complete]


def _by_dataset(seen: Iterable[Seen]) -> dict[str, list[Seen]]:
    groups: dict[str, list[Seen]] = {}
    for one in seen:
        groups.setdefault(one.dataset, []).append(one)
    return groups


def shuffled(example: Example, seed: int) -> tuple[Segmentation, frozenset[int]]:
    """The example with the sentences of each document in random order, and its evidence there.

    So that place says nothing (Sentinel, section 3). The order depends on seed and question alone.
    """
    digest = hashlib.sha256(f"{seed} {example.id}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest, "big"))
    parts, order = example.segmentation, []
    for document in range(len(parts.documents)):
        own = [i for i, s in enumerate(parts.sentences) if s.document == document]
        order.append([own[k] for k in generator.permutation(len(own))])
    texts = [[parts.sentences[i].text for i in own] for own in order]
    flat = [i for own in order for i in own]
    gold = frozenset(new for new, old in enumerate(flat) if old in set(example.gold))
    return given(texts, titles=[d.title for d in parts.documents]), gold


def capped(example: Example, tokenizer: Tokenizer, max_tokens: int) -> Example:
    """The example with its evidence's documents, and the first others that fit into so many tokens with them.

    Sentinel's training contexts were short as well (HotpotQA's at most 500 tokens; section 4).
    """
    parts = example.segmentation
    sizes = tokenizer.count_all([f"{d.title or ''} {d.text}" for d in parts.documents])
    needed = {parts.sentences[i].document for i in example.gold}
    room = max_tokens - sum(sizes[d] for d in needed)
    for d, size in enumerate(sizes):
        if d not in needed and size <= room:
            needed.add(d)
            room -= size
    kept = [i for i, s in enumerate(parts.sentences) if s.document in needed]
    position = {d: n for n, d in enumerate(sorted(needed))}
    sentences = tuple(
        replace(parts.sentences[i], document=position[parts.sentences[i].document]) for i in kept
    )
    documents = tuple(parts.documents[d] for d in sorted(needed))
    gold = tuple(n for n, i in enumerate(kept) if i in set(example.gold))
    return replace(example, segmentation=Segmentation(documents, sentences), gold=gold)


def _read_all(
    kind: Kind,
    proxy: Proxy,
    examples: Sequence[Example],
    *,
    training: bool,
    store: Path | None,
    advance: Callable[[int, int], None],
) -> list[Seen]:
    result = []
    for done, example in enumerate(examples, 1):
        parts, gold = example.segmentation, frozenset(example.gold)
        if training:
            parts, gold = shuffled(capped(example, proxy.tokenizer, CONTEXT_TOKENS), SEED)
        name = _name(kind, proxy, example.question, parts)
        arrays = load_or_read(store, name, partial(kind.read, proxy, example.question, parts))
        marks = np.array([int(i) in gold for i in arrays["sentences"]], dtype=np.bool_)
        result.append(Seen(arrays["values"], arrays["scale"], marks, example.dataset))
        advance(done, len(examples))
    return result


def _name(kind: Kind, proxy: Proxy, question: str, parts: Segmentation) -> str:
    texts = [[d.title, d.text] for d in parts.documents]
    spans = [[s.document, s.start_char, s.end_char] for s in parts.sentences]
    return key(kind.template.fingerprint(), kind.row, proxy.info.fingerprint, question, texts, spans)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one scorer is trained: what is read, what is fitted to it, what is measured."""

    template: JointTemplate
    row: str
    read: Callable[[Proxy, str, Segmentation], dict[str, Any]]
    fit: Callable[[Sequence[Seen], Proxy], tuple[Arrays, dict[str, Any]]]
    measure: Callable[[Sequence[Seen], Arrays], dict[str, Any]]


def _read_sentinel(proxy: Proxy, question: str, parts: Segmentation) -> dict[str, Any]:
    """Sentinel's features (N, L·H), not scaled."""
    windows, attentions = sentinel.read_windows(proxy, question, parts, window_tokens=None)
    values = [sentinel.features(a, False).astype(np.float32) for a in attentions]
    scale = [np.full(len(a.n_tokens), float(a.n_tokens.sum())) for a in attentions]
    sentences = np.array([i for w in windows for i in w.sentences])
    return {"values": np.concatenate(values), "scale": np.concatenate(scale), "sentences": sentences}


def _fit_sentinel(seen: Sequence[Seen], proxy: Proxy) -> tuple[Arrays, dict[str, Any]]:
    """The paper's regression: liblinear, L2, balanced classes, C by five folds of questions."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
    except ImportError as error:
        raise MissingExtra("training a probe", "train") from error
    gold = np.concatenate([s.gold for s in seen])
    questions = np.repeat(np.arange(len(seen)), [len(s.gold) for s in seen])
    arrays: Arrays = {}
    chosen = {}
    for name in ("plain", "invariant"):
        x = np.concatenate([_features(s, name) for s in seen])
        mean, deviation = x.mean(0), x.std(0) + 1e-9
        model = LogisticRegression(
            solver="liblinear", class_weight="balanced", max_iter=2000, random_state=SEED
        )
        folds = GroupKFold(min(_FOLDS, len(seen)))
        search = GridSearchCV(model, {"C": list(_PENALTIES)}, scoring="balanced_accuracy", cv=folds)
        search.fit((x - mean) / deviation, gold, groups=questions)
        best = search.best_estimator_
        weight = best.coef_[0] / deviation
        arrays[f"{name}.weight"] = weight.astype(np.float32)
        arrays[f"{name}.bias"] = np.array([best.intercept_[0] - weight @ mean], dtype=np.float32)
        unseen = cross_val_predict(
            best, (x - mean) / deviation, gold, groups=questions, cv=folds, method="decision_function"
        )
        chosen[name] = {"C": search.best_params_["C"], "auc_cross_validated": round(auc(unseen, gold), 4)}
    return arrays, {"settings": {**chosen, "sentences_shuffled": True, "seed": SEED}}


def _features(seen: Seen, name: str) -> NDArray[np.float64]:
    values = seen.values.astype(np.float64)
    return values if name == "plain" else values * seen.scale[:, None]


def _measure_sentinel(seen: Sequence[Seen], arrays: Arrays) -> dict[str, Any]:
    gold = np.concatenate([s.gold for s in seen])
    result: dict[str, Any] = {"questions": len(seen)}
    for name in ("plain", "invariant"):
        logits = np.concatenate([_features(s, name) @ arrays[f"{name}.weight"] for s in seen])
        result[f"auc_{name}"] = round(auc(logits, gold), 4)
    return result


def _read_heads(proxy: Proxy, question: str, parts: Segmentation) -> dict[str, Any]:
    """Calibrated attention of each head by itself, (N, L·H)."""
    info = proxy.info
    values, scale = [], []
    sentences: list[int] = []
    for window, asked, free in retrieval_heads.read_both(
        proxy, question, parts, longest=info.max_tokens, n_layers=info.n_layers
    ):
        difference = (asked.mass[0] - free.mass[0]).reshape(info.n_layers * info.n_heads, -1)
        columns = [retrieval_heads.pooled(d.astype(np.float64), window, parts, "mean") for d in difference]
        values.append(np.stack(columns, axis=1).astype(np.float32))
        scale.append(np.full(len(window.sentences), float(difference.shape[1])))
        sentences += window.sentences
    return {
        "values": np.concatenate(values),
        "scale": np.concatenate(scale),
        "sentences": np.array(sentences),
    }


def _fit_heads(seen: Sequence[Seen], proxy: Proxy) -> tuple[Arrays, dict[str, Any]]:
    """The heads whose own ranking of the sentences has the best mean nDCG@10; ties to the earlier head."""
    shape = proxy.info.n_layers, proxy.info.n_heads
    quality = np.mean(
        [[ndcg(s.values[:, head], s.gold) for head in range(s.values.shape[1])] for s in seen], axis=0
    )
    best = np.argsort(-quality, kind="stable")[:N_HEADS]
    heads = np.zeros(shape, dtype=np.float32)
    heads[np.unravel_index(best, shape)] = 1
    places = [[int(i // shape[1]), int(i % shape[1]), round(float(quality[i]), 4)] for i in best]
    return {"heads": heads}, {
        "layer_head_ndcg": places,
        "settings": {"sentences_shuffled": True, "seed": SEED},
    }


def ndcg(values: NDArray[Any], gold: NDArray[np.bool_]) -> float:
    """NDCG at 10 of a ranking, evidence counting 1 and all else 0 (Järvelin and Kekäläinen, 2002)."""
    discounts = 1 / np.log2(np.arange(2, CUTOFF + 2))
    found = gold[np.argsort(-values, kind="stable")[:CUTOFF]]
    ideal = discounts[: min(CUTOFF, int(gold.sum()))].sum()
    return float((discounts[: len(found)] * found).sum() / ideal) if ideal else 0.0


def _measure_heads(seen: Sequence[Seen], arrays: Arrays) -> dict[str, Any]:
    chosen = arrays["heads"].reshape(-1)
    return {
        "questions": len(seen),
        "ndcg_at_10": round(float(np.mean([ndcg(s.values @ chosen, s.gold) for s in seen])), 4),
        "ndcg_at_10_all_heads": round(float(np.mean([ndcg(s.values.sum(1), s.gold) for s in seen])), 4),
    }


KINDS = {
    "sentinel": Kind(sentinel.TEMPLATE, "last", _read_sentinel, _fit_sentinel, _measure_sentinel),
    "retrieval-heads": Kind(retrieval_heads.TEMPLATE, "query", _read_heads, _fit_heads, _measure_heads),
}
