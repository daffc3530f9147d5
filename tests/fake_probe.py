"""Probes for the fake proxy, so that trained scorers run without a model."""

from __future__ import annotations

import numpy as np

from ragcompress.probes import FORMAT, ProbeWeights
from ragcompress.prompting import Template
from ragcompress.scorers import _icr, sentinel
from ragcompress.scorers._context import NAMES
from ragcompress.scorers._features import PER_HEAD
from ragcompress.testing import FakeProxy


def fake_probe() -> ProbeWeights:
    """Weights for the fake proxy, drawn at random: the contract holds whatever was learned."""
    info, generator = FakeProxy().info, np.random.default_rng(0)
    n_features, n_context = len(PER_HEAD) * 2 * info.n_layers * info.n_heads, len(NAMES)
    shapes = {
        "look.weight": (n_features,),
        "look.bias": (1,),
        "context.mean": (n_context,),
        "context.hidden_weight": (n_context, 3),
        "context.hidden_bias": (3,),
        "context.weight": (3,),
        "context.bias": (1,),
    }
    arrays = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    arrays["context.scale"] = np.ones(n_context, dtype=np.float32)
    card = {
        "format": FORMAT,
        "proxy": {"name": info.name, "fingerprint": info.fingerprint},
        "template": Template().fingerprint(),
        "n_layers": info.n_layers,
        "n_heads": info.n_heads,
        "rows": ["last", "question"],
        "context_features": list(NAMES),
        "passage_tokens": 512,
    }
    return ProbeWeights(arrays, card)


def fake_sentinel() -> ProbeWeights:
    """Weights for the scorer ``sentinel``, both sets."""
    n_heads, generator = FakeProxy().info.n_layers * FakeProxy().info.n_heads, np.random.default_rng(1)
    arrays = {}
    for kind in ("plain", "invariant"):
        arrays[f"{kind}.weight"] = generator.normal(size=n_heads).astype(np.float32)
        arrays[f"{kind}.bias"] = generator.normal(size=1).astype(np.float32)
    return ProbeWeights(arrays, _joint_card("sentinel", sentinel.TEMPLATE.fingerprint()))


def fake_heads() -> ProbeWeights:
    """Heads for the scorer ``retrieval-heads``."""
    heads = np.array([[0, 1], [1, 0]], dtype=np.float32)
    return ProbeWeights({"heads": heads}, _joint_card("retrieval-heads", _icr.TEMPLATE.fingerprint()))


def _joint_card(scorer: str, template: str) -> dict[str, object]:
    info = FakeProxy().info
    proxy = {"name": info.name, "fingerprint": info.fingerprint}
    return {"format": FORMAT, "scorer": scorer, "proxy": proxy, "template": template}


FAKE_PROBES = {"passage-probe": fake_probe, "sentinel": fake_sentinel, "retrieval-heads": fake_heads}
