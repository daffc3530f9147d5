"""Probes for the fake proxy, so that trained scorers run without a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ragcompress.probes import FORMAT, ProbeWeights
from ragcompress.prompts.passages import ROWS, Template
from ragcompress.scorers import _icr, sentinel
from ragcompress.scorers.evidence import second_look, signals, surroundings
from ragcompress.scorers.evidence.attention_probe import KEY, PREFIX, WEIGHT
from ragcompress.scorers.evidence.head import CHEAP, MAIN
from ragcompress.scorers.passage_probe.context import EXPERTS, NAMES
from ragcompress.scorers.passage_probe.features import PER_HEAD
from ragcompress.scorers.passage_probe.head import SECOND
from ragcompress.scorers.passage_probe.second_look import SECOND_NAMES
from ragcompress.testing import FakeProxy


def _look(generator: np.random.Generator, n_features: int, n_context: int) -> dict[str, NDArray[np.float32]]:
    shapes = {
        "look.weight": (len(EXPERTS), n_features),
        "look.bias": (len(EXPERTS),),
        "context.mean": (n_context,),
        "context.hidden_weight": (n_context, 3),
        "context.hidden_bias": (3,),
        "context.weight": (3,),
        "context.bias": (1,),
    }
    arrays = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return arrays | {"context.scale": np.ones(n_context, dtype=np.float32)}


def fake_probe(*, second: bool = True) -> ProbeWeights:
    """Weights for the fake proxy, drawn at random: the contract holds whatever was learned."""
    info, generator = FakeProxy().info, np.random.default_rng(0)
    per_row = len(PER_HEAD) * info.n_layers * info.n_heads
    arrays = _look(generator, len(ROWS) * per_row, len(NAMES))
    about: dict[str, object] = {}
    if second:
        again = _look(generator, (len(ROWS) + 1) * per_row, len(SECOND_NAMES))
        arrays |= {f"{SECOND}{name}": array for name, array in again.items()}
        recipe = {"facts": 2, "fact_tokens": 64, "passages": 3, "at_least": 0.001}
        about = {"second_look": recipe, "second_context_features": list(SECOND_NAMES)}
    card = {
        "format": FORMAT,
        "proxy": {"name": info.name, "fingerprint": info.fingerprint},
        "template": Template().fingerprint(),
        "n_layers": info.n_layers,
        "n_heads": info.n_heads,
        "rows": list(ROWS),
        "context_features": list(NAMES),
        "passage_tokens": 512,
        **about,
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


def fake_evidence(*, second: bool = True, opinion: bool = True) -> ProbeWeights:
    """Weights for the scorer ``evidence``; ``opinion``: with the head of ``passage-probe``."""
    info, generator = FakeProxy().info, np.random.default_rng(2)
    n_layers = info.n_layers - 1
    per_row = len(PER_HEAD) * n_layers * info.n_heads
    arrays = _regressions(generator, len(ROWS) * per_row)
    networks = {CHEAP: len(signals.NAMES), MAIN: len(surroundings.NAMES)}
    about: dict[str, object] = {}
    if second:
        again = _regressions(generator, (len(ROWS) + 1) * per_row)
        arrays |= {f"{SECOND}{name}": array for name, array in again.items()}
        networks[second_look.NETWORK] = len(second_look.NAMES)
        recipe = {"facts": 2, "fact_tokens": 64, "passages": 3, "at_least": 0.001}
        about = {"second_look": recipe, "second_features": list(second_look.NAMES)}
    if opinion:
        arrays |= {f"{PREFIX}{name}": array for name, array in fake_probe().arrays.items()}
        arrays[WEIGHT] = np.array([-1.0, 0.5, 0.5], dtype=np.float32)
        about[KEY] = {"n_layers": info.n_layers}
    for network, n in networks.items():
        sizes = {"mean": (n,), "linear": (n,), "hidden_weight": (n, 3), "hidden_bias": (3,)}
        for name, shape in (sizes | {"weight": (3,), "bias": (1,)}).items():
            arrays[f"{network}.{name}"] = generator.normal(size=shape).astype(np.float32)
        arrays[f"{network}.scale"] = np.ones(n, dtype=np.float32)
    card = {
        "format": FORMAT,
        "scorer": "evidence",
        "proxy": {"name": info.name, "fingerprint": info.fingerprint},
        "template": Template().fingerprint(),
        "n_layers": n_layers,
        "n_heads": info.n_heads,
        "rows": list(ROWS),
        "signals": list(signals.NAMES),
        "features": list(surroundings.NAMES),
        "passage_tokens": 512,
        "gate": {"missed": 0.02, "tokens": 20},
        **about,
    }
    return ProbeWeights(arrays, card)


def _regressions(generator: np.random.Generator, n_features: int) -> dict[str, NDArray[np.float32]]:
    weight = generator.normal(size=(len(EXPERTS), n_features)).astype(np.float32) / n_features
    return {"look.weight": weight, "look.bias": np.zeros(len(EXPERTS), dtype=np.float32)}


FAKE_PROBES = {
    "evidence": fake_evidence,
    "passage-probe": fake_probe,
    "sentinel": fake_sentinel,
    "retrieval-heads": fake_heads,
}
