"""The ONNX graph of a proxy, built from its weights: no torch, no export.

The graph does what probing needs and no more: the first ``n_layers`` layers, no language-model head, and in
the last layer nothing beyond its attention weights. It continues a prefix whose keys and values are given
(of length 0 at the start), so that the same graph encodes passages and reads a question's rows:

    inputs   embedded (B, T, hidden) · positions (B, T) · mask (B, 1, 1, T, P+T), added to the scores
             row_weights (R, T) · pool (B, 1, P+T, S) · past_key_i, past_value_i (B, KV, P, D)
    outputs  mass_i (B, H, R, S) · key_i, value_i (B, KV, T, D)        for each layer i

B prompts, T new tokens, P tokens of the prefix, KV key heads, D head size. ``mass`` is the softmaxed
attention of the rows, averaged by ``row_weights`` and summed over each sentence's tokens by ``pool``.

In ``int8`` the products with weights are of whole numbers, 8 bits of activation by 8 of weight, summed in
int32. CPUs without instructions for that add pairs of products in int16 first, which may overflow: ``int7``,
the same with 7 bits of activation, can't, as 2 · 127 · 127 < 2^15. A weight has one scale per output channel.
What a norm gives has the same size in every token and, rotated (``int8.py``), no channel that sticks out: one
step serves for all. What attention and the inner layer give has one scale per token: a few tokens' are a
thousand times as large as all others' (Massive Activations, arXiv 2402.17762), and one scale for all would
leave nothing of the rest. All else, the attention above all, stays in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...models import protobuf
from ...models.graph_nodes import MS, Nodes
from .int8 import READS_NORM, group_size

SUPPORTED = ("llama", "mistral", "qwen2", "qwen3")
WHOLE = ("int8", "int7")
# Of a table of angles, some 30 MB; no prompt is that long.
_LONGEST = 1 << 17
_LARGEST = 1e15
# What each rotary embedding goes by, besides its base.
_ROTARY: Mapping[str, tuple[str, ...]] = {
    "default": (), "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Steps:
    """How activations become uint8.

    Attributes:
        middle: what 0 becomes. reach: what a row's largest value becomes, counted from the middle.
        largest_normed: what becomes ``reach`` in rows that come from a norm, whose root mean square is 1. The
        few values beyond it lose less than a larger step would cost all others.
    """

    middle: int
    reach: int
    largest_normed: float


_STEPS = {"int8": _Steps(128, 127, 4.0), "int7": _Steps(64, 63, 3.5)}
_TINY = 1e-30  # a row of zeros is not divided by zero


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a Llama-shaped model that its graph depends on."""

    architecture: str
    n_layers: int
    n_heads: int
    n_key_heads: int
    head_size: int
    hidden: int
    inner: int
    eps: float
    rope: Mapping[str, Any]
    max_tokens: int
    window: int | None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Shape:
        """Read a Hugging Face ``config.json``.

        Raises:
            ModelError: for an architecture or rotary embedding that the graph builder does not know.
        """
        architecture = str(config.get("model_type"))
        if architecture not in SUPPORTED:
            raise ModelError(
                f"the onnx backend knows the shapes {', '.join(SUPPORTED)}, not {architecture!r}; "
                "try the torch backend (--backend torch)"
            )
        rope = _rotary(config)
        try:
            heads, hidden = _count(config, "num_attention_heads"), _count(config, "hidden_size")
            uses_window = architecture == "mistral" or bool(config.get("use_sliding_window"))
            return cls(
                architecture=architecture,
                n_layers=_count(config, "num_hidden_layers"),
                n_heads=heads,
                n_key_heads=_count(config, "num_key_value_heads", heads),
                head_size=_count(config, "head_dim", hidden // heads),
                hidden=hidden,
                inner=_count(config, "intermediate_size"),
                eps=float(config.get("rms_norm_eps", 1e-6)),
                rope=rope,
                max_tokens=min(_count(config, "max_position_embeddings", 2048), _LONGEST),
                window=_count(config, "sliding_window")
                if uses_window and config.get("sliding_window")
                else None,
            )
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise ModelError(f"config.json lacks or garbles {error}") from error


def _count(config: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A number of at least 1; ``default`` for null, 0 or nothing."""
    value = config[name] if default is None else config.get(name) or default
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name}: {value!r}")
    return int(value)


def _rotary(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the rotary embedding: transformers 5 has rope_parameters, 4 rope_theta and rope_scaling."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(rope, Mapping):
        raise ModelError(f"config.json has {rope!r} as settings of the rotary embedding")
    kind = str(rope.get("rope_type", rope.get("type", "default")))
    if kind not in _ROTARY:
        raise ModelError(
            f"the onnx backend knows the rotary embeddings {', '.join(_ROTARY)}, not {kind!r}; "
            "try the torch backend (--backend torch)"
        )
    parameters = {"rope_theta": config.get("rope_theta", 10_000.0), **rope, "rope_type": kind}
    for name in ("rope_theta", *_ROTARY[kind]):
        value = parameters.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LARGEST:
            raise ModelError(f"config.json has {value!r} as {name} of the rotary embedding")
    return parameters


def rope_caches(shape: Shape) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines (max_tokens, D/2) of the rotary embedding (RoFormer, arXiv 2104.09864, eq. 34)."""
    d = shape.head_size
    inverse = 1.0 / float(shape.rope["rope_theta"]) ** (np.arange(0, d, 2, dtype=np.float64) / d)
    if shape.rope["rope_type"] == "linear":
        inverse /= float(shape.rope["factor"])
    if shape.rope["rope_type"] == "llama3":
        inverse = _llama3(inverse, shape.rope)
    angles = np.arange(shape.max_tokens, dtype=np.float64)[:, None] * inverse
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _llama3(inverse: NDArray[np.float64], rope: Mapping[str, Any]) -> NDArray[np.float64]:
    """Llama 3.1's scaling: long waves are stretched by ``factor``, short ones stay, a ramp between."""
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    turns = float(rope["original_max_position_embeddings"]) * inverse / (2 * np.pi)
    smooth = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return (1 - smooth) * inverse / float(rope["factor"]) + smooth * inverse


class GraphBuilder(Nodes):
    """Collects nodes; one method per part of a layer. Weights are named, and stored outside the graph."""

    def __init__(
        self, shape: Shape, n_layers: int, biased: bool, whole: bool = False, precision: str = "float32"
    ) -> None:
        """Prepare for the first ``n_layers`` layers; ``biased`` models have q, k and v biases.

        With ``whole`` the last layer is finished too; its output is ``hidden`` (B, T, hidden), and it has
        inputs and outputs for its values like the others.
        """
        super().__init__()
        self.shape, self.n_layers, self.biased, self.whole = shape, n_layers, biased, whole
        self.precision = precision
        self.quantized: dict[str, str] = {}
        self.weights: list[str] = []

    def weight(self, name: str) -> str:
        """Refer to a stored weight."""
        if name not in self.weights:
            self.weights.append(name)
        return name

    def norm(self, x: str, weight: str) -> str:
        """RMSNorm over the last axis."""
        return self.op(
            "SimplifiedLayerNormalization",
            x,
            self.weight(weight),
            epsilon=self.shape.eps,
            axis=-1,
            stash_type=1,
        )

    def product(self, x: str, weight: str) -> str:
        """X (B, T, n) times a stored matrix, in the precision asked for; float32 in and out."""
        if self.precision == "float32":
            return self.op("MatMul", x, self.weight(weight))
        matrix = [self.weight(weight), self.weight(f"{weight}_scale")]
        if weight.rpartition(".")[2] in READS_NORM:
            return self.whole_product(x, "normed_step", *matrix)
        largest = self.op("Max", self.op("ReduceMax", self.op("Abs", x), axes=[-1], keepdims=1), "tiny")
        return self.op("Mul", self.whole_product(self.op("Div", x, largest), "step", *matrix), largest)

    def whole_product(self, x: str, step: str, matrix: str, scales: str) -> str:
        """X, rounded to steps around the middle of uint8, times a matrix of whole numbers."""
        if x not in self.quantized:
            held = x
            if self.precision == "int7" and step == "normed_step":  # what lies beyond would leave the 7 bits
                held = self.op("Clip", x, "lowest_normed", "largest_normed")
            self.quantized[x] = self.op("QuantizeLinear", held, step, "middle")
        inputs = (self.quantized[x], matrix, step, scales, "middle")
        return self.op("MatMulIntegerToFloat", *inputs, domain=MS)

    def project(self, x: str, layer: int, part: str, n: int, output: str = "") -> str:
        """One of q, k, v with its bias and (Qwen3) its norm per head, as (B, n, T, D)."""
        y = self.product(x, f"{layer}.{part}")
        if self.biased:
            y = self.op("Add", y, self.weight(f"{layer}.{part}_bias"))
        y = self.op("Reshape", y, self.ints(0, 0, n, self.shape.head_size))
        if part == "v":
            return self.op("Transpose", y, perm=[0, 2, 1, 3], output=output)
        y = self.op("Transpose", y, perm=[0, 2, 1, 3])
        if self.shape.architecture == "qwen3":
            y = self.norm(y, f"{layer}.{part}_norm")
        return self.op("RotaryEmbedding", y, "positions", "cos", "sin", domain=MS, output=output)

    def attention(self, x: str, layer: int) -> str | None:
        """Attention of one layer; records its outputs. Returns (B, T, H·D), or None in the last layer."""
        s, groups = self.shape, self.shape.n_heads // self.shape.n_key_heads
        q = self.project(x, layer, "q", s.n_heads)
        key = self.project(x, layer, "k", s.n_key_heads, output=f"key_{layer}")
        keys = self.op("Concat", f"past_key_{layer}", key, axis=2)  # (B, KV, P+T, D)
        # The G query heads that share a key head are stacked along the tokens: keys are never repeated.
        q = self.op("Reshape", q, self.ints(0, s.n_key_heads, -1, s.head_size))  # (B, KV, G·T, D)
        scores = self.op("MatMul", self.op("Mul", q, "scale"), self.op("Transpose", keys, perm=[0, 1, 3, 2]))
        tokens = self.op("Shape", "positions", start=1, end=2)
        split = self.op("Concat", self.ints(0, s.n_key_heads, groups), tokens, self.ints(-1), axis=0)
        scores = self.op("Add", self.op("Reshape", scores, split), "mask")  # (B, KV, G, T, P+T)
        weights = self.op("Softmax", scores, axis=-1)
        flat = self.op("Concat", self.ints(0, s.n_heads), tokens, self.ints(-1), axis=0)
        rows = self.op("MatMul", "row_weights", self.op("Reshape", weights, flat))  # (B, H, R, P+T)
        self.op("MatMul", rows, "pool", output=f"mass_{layer}")
        if layer == self.n_layers - 1 and not self.whole:
            return None
        value = self.project(x, layer, "v", s.n_key_heads, output=f"value_{layer}")
        values = self.op("Concat", f"past_value_{layer}", value, axis=2)
        stacked = self.op(
            "Concat", self.ints(0, s.n_key_heads, -1), self.op("Shape", scores, start=4), axis=0
        )
        out = self.op("MatMul", self.op("Reshape", weights, stacked), values)  # (B, KV, G·T, D)
        back = self.op("Concat", self.ints(0, s.n_heads), tokens, self.ints(s.head_size), axis=0)
        out = self.op("Transpose", self.op("Reshape", out, back), perm=[0, 2, 1, 3])
        return self.op("Reshape", out, self.ints(0, 0, s.n_heads * s.head_size))

    def feed_forward(self, x: str, layer: int) -> str:
        """SwiGLU."""
        gate = self.product(x, f"{layer}.gate")
        up = self.product(x, f"{layer}.up")
        gate = self.op("Mul", gate, self.op("Sigmoid", gate))
        y = self.op("Mul", gate, up)
        if self.precision in WHOLE:
            groups = self.op("Reshape", y, self.ints(0, 0, -1, group_size(self.shape.inner)))
            y = self.op("MatMul", groups, self.weight("turn"))
            y = self.op("Reshape", y, self.ints(0, 0, self.shape.inner))
        return self.product(y, f"{layer}.down")

    def build(self) -> None:
        """Add all layers."""
        h = "embedded"
        for layer in range(self.n_layers):
            out = self.attention(self.norm(h, f"{layer}.norm"), layer)
            if out is None:
                return
            h = self.op("Add", h, self.product(out, f"{layer}.o"))
            last = layer == self.n_layers - 1
            out = self.feed_forward(self.norm(h, f"{layer}.norm2"), layer)
            h = self.op("Add", h, out, output="hidden" if last else "")

    def model(self, locations: Mapping[str, bytes]) -> bytes:
        """Return the finished model; ``locations`` gives each weight's tensor (stored outside)."""
        cos, sin = rope_caches(self.shape)
        scale = np.float32(self.shape.head_size**-0.5)
        small: dict[str, NDArray[Any] | np.generic] = {"cos": cos, "sin": sin, "scale": scale}
        if self.precision in WHOLE:
            steps = _STEPS[self.precision]
            small |= {
                "step": np.float32(1 / steps.reach),
                "normed_step": np.float32(steps.largest_normed / steps.reach),
                "middle": np.uint8(steps.middle),
                "tiny": np.float32(_TINY),
            }
            if self.precision == "int7":
                largest = np.float32(steps.largest_normed)
                small |= {"lowest_normed": -largest, "largest_normed": largest}
        tensors = [protobuf.tensor(name, array) for name, array in small.items()]
        return protobuf.model(
            "probe",
            nodes=self.nodes,
            inputs=self._inputs(),
            outputs=self._outputs(),
            tensors=[*tensors, *self.constants.values(), *(locations[w] for w in self.weights)],
            operators={"": 17, MS: 1},
        )

    def _inputs(self) -> list[bytes]:
        s, value = self.shape, protobuf.value
        inputs = [
            value("embedded", "float32", ["B", "T", s.hidden]),
            value("positions", "int64", ["B", "T"]),
            value("mask", "float32", ["B", 1, 1, "T", "K"]),
            value("row_weights", "float32", ["R", "T"]),
            value("pool", "float32", ["B", 1, "K", "S"]),
        ]
        for layer in range(self.n_layers):
            past: list[int | str] = ["B", s.n_key_heads, "P", s.head_size]
            inputs.append(value(f"past_key_{layer}", "float32", past))
            if layer < self.n_layers - 1 or self.whole:
                inputs.append(value(f"past_value_{layer}", "float32", past))
        return inputs

    def _outputs(self) -> list[bytes]:
        s, layers = self.shape, range(self.n_layers)
        shapes: dict[str, list[int | str]] = {f"mass_{n}": ["B", s.n_heads, "R", "S"] for n in layers}
        new: list[int | str] = ["B", s.n_key_heads, "T", s.head_size]
        shapes |= {f"key_{n}": new for n in layers}
        shapes |= {f"value_{n}": new for n in layers if n < self.n_layers - 1 or self.whole}
        if self.whole:
            shapes["hidden"] = ["B", "T", s.hidden]
        return [protobuf.value(name, "float32", shape) for name, shape in shapes.items()]
