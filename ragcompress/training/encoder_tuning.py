"""Learns changes of low rank to MiniLM (LoRA, Hu et al., arXiv 2106.09685). Needs torch and transformers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as f
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from ragcompress.models.minilm_graph import CLS, HEADS, HIDDEN, INNER, N_LAYERS, SEP, VOCABULARY

if TYPE_CHECKING:
    from .encoder import Item, Settings

_SCALES = (20.0, 10.0)  # of matches and of cosines, to begin with; they are learned
_RATE_OF_SCALES = 1e-2
_WARM, _LAST = 0.1, 0.02  # share of the steps over which the rate rises; its share at the end
_DECAY, _LONGEST_STEP = 0.01, 1.0


class _LowRank(nn.Module):
    """A linear layer with a change of low rank."""

    def __init__(self, layer: nn.Linear, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.layer = layer
        spread = 1 / math.sqrt(layer.in_features)
        self.a = nn.Parameter(torch.randn(rank, layer.in_features, generator=generator) * spread)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + f.linear(f.linear(x, self.a), self.b)  # type: ignore[no-any-return]


def tune(
    weights: Mapping[str, NDArray[np.float32]],
    items: Iterator[Item | None],
    n: int,
    settings: Settings,
    progress: Callable[[int], None],
) -> dict[str, NDArray[np.float16]]:
    """Learn from the items, once each.

    Args:
        weights: of MiniLM, as its file names them.
        n: how many items there are.
        progress: called with how many were learned from.

    Returns:
        The changes, as ``models.low_rank`` reads them.
    """
    model = encoder(weights)
    changes = _put_changes(model, settings)
    learned = [p for c in changes.values() for p in (c.a, c.b)]
    scales = nn.Parameter(torch.tensor(_SCALES).log())
    optimizer = torch.optim.AdamW(
        [{"params": learned, "lr": settings.rate}, {"params": [scales], "lr": _RATE_OF_SCALES}],
        weight_decay=_DECAY,
    )
    steps = max(1, n // settings.together)

    def share(step: int) -> float:
        return min(1.0, (step + 1) / (steps * _WARM)) * max(_LAST, 1 - step / steps)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    for k, item in enumerate(items, start=1):
        if item is not None:
            (loss(model, item, scales) / settings.together).backward()  # type: ignore[no-untyped-call]
        if k % settings.together == 0 or k == n:
            torch.nn.utils.clip_grad_norm_(learned, _LONGEST_STEP)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        progress(k)
    return {
        f"{name}.{part}": getattr(change, part).detach().numpy().astype(np.float16)
        for name, change in changes.items()
        for part in ("a", "b")
    }


def encoder(weights: Mapping[str, NDArray[np.float32]]) -> BertModel:
    """MiniLM with these weights, to which nothing is to be learned."""
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict({k: torch.from_numpy(w) for k, w in weights.items() if "pooler" not in k})
    return model.requires_grad_(False)


def _put_changes(model: BertModel, settings: Settings) -> dict[str, _LowRank]:
    generator = torch.Generator().manual_seed(settings.seed)
    changes = {}
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear):
            above, _, own = name.rpartition(".")
            changes[name] = _LowRank(layer, settings.rank, generator)
            setattr(model.get_submodule(above), own, changes[name])
    return changes


def loss(model: BertModel, item: Item, scales: Tensor) -> Tensor:
    """ListNet's loss (Cao et al., ICML 2007) of matches, of cosines, and of their sum, with mean matches.

    Matches and cosines are those of ``late_interaction.Vectors``.
    """
    order = sorted(range(len(item.windows)), key=lambda i: len(item.windows[i].ids))
    half = (len(order) + 1) // 2
    states: dict[int, Tensor] = {}
    for part in (order[:half], order[half:]):  # of like length, so that little is padded
        if part:
            states |= dict(zip(part, _states(model, [item.windows[i].ids for i in part]), strict=True))
    own = torch.cat([states[i][-len(w.of) :] for i, w in enumerate(item.windows)])
    sentences, place = torch.unique(
        torch.from_numpy(np.concatenate([w.of for w in item.windows])), return_inverse=True
    )
    (question,) = _states(model, [item.question])
    weights, n = torch.from_numpy(item.weights), len(sentences)
    middle = own.mean(0).detach()
    matches = _best(own, question, place, n) @ weights
    centred = _best(own - middle, question - middle, place, n) @ weights
    sums = torch.zeros(n, own.shape[1]).index_add(0, place, own)
    cosines = f.normalize(sums, dim=-1) @ f.normalize(question.mean(0), dim=-1)
    of_matches, of_cosines = scales.exp()
    is_gold = torch.from_numpy(np.isin(sentences.numpy(), item.gold))
    scores = (
        matches * of_matches,
        cosines * of_cosines,
        (matches + centred) / 2 * of_matches + cosines * of_cosines,
    )
    return torch.stack([-f.log_softmax(s, 0)[is_gold].mean() for s in scores]).mean()


def _best(own: Tensor, question: Tensor, place: Tensor, n: int) -> Tensor:
    """(n, Q) for each token of the question the cosine of the sentence's token most like it."""
    alike = f.normalize(own, dim=-1) @ f.normalize(question, dim=-1).T
    least = torch.full((n, alike.shape[1]), -1.0)
    return least.scatter_reduce(0, place[:, None].expand_as(alike), alike, "amax", include_self=False)


def _states(model: BertModel, texts: Sequence[Sequence[int]]) -> list[Tensor]:
    """Last hidden states (tokens, 384) of texts, read together."""
    longest = max(map(len, texts)) + 2
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text) + 2] = torch.tensor([CLS, *text, SEP])
        mask[row, : len(text) + 2] = 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return [states[row, 1 : len(text) + 1].float() for row, text in enumerate(texts)]
