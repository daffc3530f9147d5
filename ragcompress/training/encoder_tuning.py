"""Learns changes to MiniLM's linear layers; needs torch and transformers.

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

from ragcompress.models.bert_graph import HEADS, HIDDEN, INNER, count_layers
from ragcompress.models.embedding import MiniLM

if TYPE_CHECKING:
    from .encoder import Item, Settings

_SCALES = (20.0, 10.0)  # of matches and of cosines, to begin with; they are learned
_RATE_OF_SCALES = 1e-2
_WARM, _LAST = 0.1, 0.02  # share of the steps over which the rate rises; its share at the end
_AT_ONCE = 64  # texts of like length that are padded to one
_DECAY, _LONGEST_STEP = 0.01, 1.0


def tune(
    weights: Mapping[str, NDArray[np.float32]],
    items: Iterator[Item | None],
    n: int,
    settings: Settings,
    progress: Callable[[int], None],
) -> dict[str, NDArray[np.float16]]:
    """Learn from the items, once each; on a CUDA GPU if there is one.

    Args:
        weights: of MiniLM, as its file names them.
        n: how many items there are.
        progress: called with how many were learned from.

    Returns:
        The changes, as ``models.low_rank`` reads them.
    """
    model = encoder(weights).to("cuda" if torch.cuda.is_available() else "cpu")
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    learned = [layer.weight.requires_grad_(True) for layer in layers.values()]
    scales = nn.Parameter(torch.tensor(_SCALES, device=model.device).log())
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
            loss(model, some, scales).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(learned, _LONGEST_STEP)
            optimizer.step()
            optimizer.zero_grad()
        schedule.step()
        progress(min(n, (step + 1) * settings.together))
    changes: dict[str, NDArray[np.float16]] = {}
    for name, layer in layers.items():
        change = layer.weight.detach().cpu() - torch.from_numpy(weights[f"{name}.weight"])
        changes[f"{name}.a"], changes[f"{name}.b"] = _of_low_rank(change, settings.rank)
    return changes


def _of_low_rank(change: Tensor, rank: int) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """The A (rank, input) and B (output, rank) whose product B·A is nearest."""
    u, s, v = torch.linalg.svd(change, full_matrices=False)
    return v[:rank].numpy().astype(np.float16), (u[:, :rank] * s[:rank]).numpy().astype(np.float16)


def encoder(weights: Mapping[str, NDArray[np.float32]]) -> BertModel:
    """MiniLM with these weights, to which nothing is to be learned."""
    config = BertConfig(
        vocab_size=MiniLM.vocabulary.size,
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
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found: dict[int, Tensor] = {}
    for start in range(0, len(order), _AT_ONCE):
        some = order[start : start + _AT_ONCE]
        ids = np.zeros((len(some), len(texts[some[-1]]) + 2), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(some):
            ids[row, : len(texts[i]) + 2] = [MiniLM.vocabulary.begin, *texts[i], MiniLM.vocabulary.end]
            mask[row, : len(texts[i]) + 2] = 1
        given, seen = (torch.from_numpy(a).to(model.device) for a in (ids, mask))
        with torch.autocast(model.device.type, dtype=torch.bfloat16):
            states = model(input_ids=given, attention_mask=seen).last_hidden_state
        found |= {i: states[row, 1 : len(texts[i]) + 1].float() for row, i in enumerate(some)}
    return [found[i] for i in range(len(texts))]
