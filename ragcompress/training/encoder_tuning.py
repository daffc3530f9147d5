"""Learns changes to an encoder's linear layers; needs torch and transformers.

All of their weights are learned, and of the change of each the nearest one of low rank is kept: its first
singular vectors (Eckart & Young, Psychometrika 1936).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as f
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from ragcompress.models.bert_graph import HEADS, HIDDEN, INNER, Vocabulary, count_layers

if TYPE_CHECKING:
    from .encoder import Item, Settings

_RATE_OF_SCALES = 1e-2
_WARM, _LAST = 0.1, 0.02  # share of the steps over which the rate rises; its share at the end
_AT_ONCE, _ALIKE = 64, 0.7  # texts that are padded to one, at most; the shortest's share of the longest
_DECAY, _LONGEST_STEP = 0.01, 1.0


def tune(
    model: BertModel,
    items: Iterator[Item | None],
    n: int,
    settings: Settings,
    progress: Callable[[int], None],
) -> dict[str, NDArray[np.float16]]:
    """Learn from the items, once each; on a CUDA GPU if there is one.

    Args:
        model: as ``encoder`` makes it; it learns.
        n: how many items there are.
        progress: called with how many were learned from.

    Returns:
        The changes, as ``models.low_rank`` reads them.
    """
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    before = {name: layer.weight.detach().cpu().clone() for name, layer in layers.items()}
    learned = [layer.weight.requires_grad_(True) for layer in layers.values()]
    scales = nn.Parameter(torch.tensor(settings.scales, device=model.device).log())
    optimizer = torch.optim.AdamW(
        [{"params": learned, "lr": settings.rate}, {"params": [scales], "lr": _RATE_OF_SCALES}],
        weight_decay=_DECAY,
    )
    steps = -(-n // settings.together)

    def share(step: int) -> float:
        return min(1.0, (step + 1) / (steps * _WARM)) * max(_LAST, 1 - step / steps)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    for step in range(steps):
        some = [item for item in islice(items, settings.together) if item is not None]
        if some:
            _add_gradients(model, some, scales)
            torch.nn.utils.clip_grad_norm_(learned, _LONGEST_STEP)
            optimizer.step()
            optimizer.zero_grad()
        schedule.step()
        progress(min(n, (step + 1) * settings.together))
    changes: dict[str, NDArray[np.float16]] = {}
    for name, layer in layers.items():
        change = layer.weight.detach().cpu() - before[name]
        changes[f"{name}.a"], changes[f"{name}.b"] = _of_low_rank(change, settings.rank)
    return changes


def _add_gradients(model: BertModel, items: Sequence[Item], scales: Tensor) -> None:
    """Those of ``loss``. On a CPU each question by itself: of all at once many more states are held."""
    size = len(items) if model.device.type == "cuda" else 1
    for start in range(0, len(items), size):
        some = items[start : start + size]
        (loss(model, some, scales) * (len(some) / len(items))).backward()  # type: ignore[no-untyped-call]


def _of_low_rank(change: Tensor, rank: int) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """The A (rank, input) and B (output, rank) whose product B·A is nearest."""
    u, s, v = torch.linalg.svd(change, full_matrices=False)
    return v[:rank].numpy().astype(np.float16), (u[:, :rank] * s[:rank]).numpy().astype(np.float16)


def encoder(weights: Mapping[str, NDArray[np.float32]], vocabulary: Vocabulary) -> BertModel:
    """An encoder with these weights, as its file names them, none of which is to learn."""
    config = BertConfig(
        vocab_size=len(weights["embeddings.word_embeddings.weight"]),
        bos_token_id=vocabulary.begin,
        eos_token_id=vocabulary.end,
        hidden_size=HIDDEN,
        num_hidden_layers=count_layers(weights),
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict({k: torch.from_numpy(w) for k, w in weights.items() if "pooler" not in k})
    return model.requires_grad_(False)


def loss(model: BertModel, items: Sequence[Item], scales: Tensor) -> Tensor:
    """ListNet's loss (Cao et al., ICML 2007) of matches, cosines and their sum; the mean over the items.

    Matches and cosines are those of ``late_interaction.Vectors``.
    """
    states = iter(
        _states(model, [ids for item in items for ids in (item.question, *(w.ids for w in item.windows))])
    )
    losses = []
    for item in items:
        question = next(states)
        own = torch.cat([next(states)[-len(w.of) :] for w in item.windows])
        losses.append(_loss(item, question, own, scales))
    return torch.stack(losses).mean()


def _loss(item: Item, question: Tensor, own: Tensor, scales: Tensor) -> Tensor:
    """Of the states (Q, 384) of one question and (T, 384) of its windows' own tokens."""
    sentences, inverse = np.unique(np.concatenate([w.of for w in item.windows]), return_inverse=True)
    place, n = torch.from_numpy(inverse).to(own.device), len(sentences)
    weights = torch.from_numpy(item.weights).to(own.device)
    middle = own.mean(0).detach()
    matches = _best(own, question, place, n) @ weights
    centred = _best(own - middle, question - middle, place, n) @ weights
    sums = own.new_zeros(n, own.shape[1]).index_add(0, place, own)
    cosines = f.normalize(sums, dim=-1) @ f.normalize(question.mean(0), dim=-1)
    of_matches, of_cosines = scales.exp()
    gold = torch.from_numpy(np.flatnonzero(np.isin(sentences, item.gold))).to(own.device)
    scores = (
        matches * of_matches,
        cosines * of_cosines,
        (matches + centred) / 2 * of_matches + cosines * of_cosines,
    )
    return torch.stack([-f.log_softmax(s, 0)[gold].mean() for s in scores]).mean()


def _best(own: Tensor, question: Tensor, place: Tensor, n: int) -> Tensor:
    """(n, Q) for each token of the question the cosine of the sentence's token most like it."""
    alike = f.normalize(own, dim=-1) @ f.normalize(question, dim=-1).T
    least = alike.new_full((n, alike.shape[1]), -1.0)
    return least.scatter_reduce(0, place[:, None].expand_as(alike), alike, "amax", include_self=False)


def _states(model: BertModel, texts: Sequence[Sequence[int]]) -> list[Tensor]:
    """Last hidden states (tokens, 384) of texts, those of like length read together."""
    begin, end = model.config.bos_token_id, model.config.eos_token_id
    found: dict[int, Tensor] = {}
    for some in _alike([len(ids) for ids in texts]):
        ids = np.zeros((len(some), len(texts[some[-1]]) + 2), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(some):
            ids[row, : len(texts[i]) + 2] = [begin, *texts[i], end]
            mask[row, : len(texts[i]) + 2] = 1
        given, seen = (torch.from_numpy(a).to(model.device) for a in (ids, mask))
        with torch.autocast(model.device.type, dtype=torch.bfloat16):
            states = model(input_ids=given, attention_mask=seen).last_hidden_state
        found |= {i: states[row, 1 : len(texts[i]) + 1].float() for row, i in enumerate(some)}
    return [found[i] for i in range(len(texts))]


def _alike(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts of like length, the longest last."""
    some: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if some and (len(some) == _AT_ONCE or lengths[some[0]] < _ALIKE * lengths[i]):
            yield some
            some = []
        some.append(i)
    if some:
        yield some
