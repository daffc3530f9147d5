"""The ONNX graph of a small BERT, built from its weights: products of whole numbers, all else float32.

    inputs   words (B, T, 384) and scales (B, T, 1), embeddings in 8 bits, of what begins and ends a text,
             too · positions (B, T)
    output   states (B, T, 384), the last hidden states

The table of the words stands in a file of its own (``word_table``), of which a run reads some rows.

Activations become uint8 and weights int8. The scales of activations are fixed in the graph, from what the
model does with drawn tokens, so that rounding costs one pass. Three rewritings, which change nothing but the
rounding, make one scale for a whole tensor enough:

- A norm's weight is moved from its output into what reads it (Outlier Suppression, arXiv 2209.13325, section
  4.1), its bias into the biases that come next.
- A few channels are many times larger than the rest. What a norm or an attention gives is scaled down there,
  and the weights that read it are scaled up (SmoothQuant, arXiv 2211.10438, section 4). The products' inputs
  and the residual stream are written by the norm alike, so that this costs nothing.
- What the inner layer gives has such values in few tokens, above all [SEP]: there, one scale per token.

CPUs without instructions for sums of such products add them by two in int16, which stops at 32,767. Scales
leave room: a value that reaches it is rare, and then a little too small.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import protobuf
from .graph_nodes import MS, Nodes
from .rounding import quantize

_FLOAT = NDArray[np.float32]
HEADS, HIDDEN, INNER = 12, 384, 1536
_EPS = 1e-12
# Which part of a channel's size is moved into the weights. Products of queries and keys suffer most from
# channels that stick out, so there it is all.
_MOVED = {"qkv": 1.0, "o": 0.7, "up": 0.8}
_SMALLEST = 0.25  # of the median: smaller channels are not made larger
_REACH = 110  # what a tensor's largest measured value, and a margin, becomes, counted from the middle
_MARGIN = 1.3
# GELU's least value is -0.17. A token's scale is never below 1, so that so much always has room.
_LOWEST, _INNER_STEPS = 0.17, 220
# Tokens that the ranges are measured on: (texts, tokens of each), drawn from the vocabulary's words.
_DRAWN = ((16, 1), (8, 4), (8, 16), (12, 60))


WORD = np.dtype([("values", "i1", (HIDDEN,)), ("scale", "<f4")])
"""A row of the table of words."""


class Vocabulary(NamedTuple):
    """Ids of tokens: what begins and what ends a text, the first word, and how many there are."""

    begin: int
    end: int
    first_word: int
    size: int


class _Rounding(NamedTuple):
    """How a tensor becomes uint8: ``factors`` per channel that it was given, step and middle."""

    factors: _FLOAT
    step: np.float32
    middle: np.uint8


class _Read(NamedTuple):
    """A norm's output as it is read: ``tensor`` times ``weight`` plus ``bias``."""

    tensor: str
    weight: _FLOAT
    bias: _FLOAT
    rounding: _Rounding


class _Builder(Nodes):
    """Builds the graph; without ``ranges`` in float32, with what each product reads as further outputs."""

    def __init__(self, weights: Mapping[str, _FLOAT], ranges: Mapping[str, _FLOAT] | None) -> None:
        super().__init__()
        self._weights, self._ranges = weights, ranges
        self._rounded: dict[str, str] = {}
        self.read: list[str] = []

    def constant(self, name: str, array: NDArray[Any] | np.generic) -> str:
        """Put numbers into the graph, float64 as float32."""
        held = array.astype(np.float32) if array.dtype == np.float64 else array
        self.constants[name] = protobuf.tensor(name, held)
        return name

    def rounding(self, site: str) -> _Rounding:
        """How the tensor that a product reads becomes uint8."""
        part = site.partition(".")[2]
        if self._ranges is None:
            return _Rounding(np.ones(HIDDEN, np.float32), np.float32(1), np.uint8(0))
        sizes = self._ranges[site] * _MARGIN
        relative = np.maximum(sizes / np.median(sizes), _SMALLEST)
        factors = (relative ** -_MOVED[part]).astype(np.float32)
        step = np.float32((sizes * factors).max() / _REACH)
        return _Rounding(factors, step, np.uint8(_REACH + 1))

    def product(self, x: str, name: str, matrix: _FLOAT, bias: _FLOAT | None, how: _Rounding) -> str:
        """X (B, T, n) times a matrix, plus a bias."""
        offset = [] if bias is None else [self.constant(f"{name}_bias", bias)]
        if self._ranges is None:
            y = self.op("MatMul", x, self.constant(name, matrix))
            return self.op("Add", y, *offset) if offset else y
        step, middle = self.constant(f"{x}_step", how.step), self.constant(f"{x}_middle", how.middle)
        if x not in self._rounded:
            self._rounded[x] = self.op("QuantizeLinear", x, step, middle)
        whole, scales = quantize(matrix)
        stored = [self.constant(name, whole), step, self.constant(f"{name}_scale", scales), middle]
        return self.op(
            "MatMulIntegerToFloat", self._rounded[x], *stored, *["", *offset][: 2 * len(offset)], domain=MS
        )

    def linear(self, layer: int, name: str) -> tuple[_FLOAT, _FLOAT]:
        """Matrix (input, output) and bias of one part of a layer."""
        base = f"encoder.layer.{layer}.{name}"
        return self._weights[f"{base}.weight"].T, self._weights[f"{base}.bias"]

    def norm(self, x: str, name: str, site: str) -> _Read:
        """LayerNorm whose weight and bias are left to what reads it."""
        how = self.rounding(site)
        y = self.op(
            "LayerNormalization", x, self.constant(f"{site}_factors", how.factors), axis=-1, epsilon=_EPS
        )
        weight, bias = self._weights[f"{name}.weight"] / how.factors, self._weights[f"{name}.bias"]
        self.tap(site, y)
        return _Read(y, weight, bias, how)

    def tap(self, site: str, x: str) -> None:
        """In float32, name what a product reads as an output."""
        if self._ranges is None:
            self.read.append(self.op("Identity", x, output=site))

    def from_norm(self, read: _Read, name: str, matrix: _FLOAT, bias: _FLOAT) -> str:
        """Product of a norm's output with a matrix."""
        folded = read.weight[:, None] * matrix
        return self.product(read.tensor, name, folded, bias + read.bias @ matrix, read.rounding)

    def add_residual(self, read: _Read, y: str, name: str) -> str:
        """Residual connection; the norm's bias has been added to ``y``'s."""
        return self.op("Add", y, self.op("Mul", read.tensor, self.constant(name, read.weight)))

    def attention(self, read: _Read, layer: int) -> str:
        """Self-attention of one layer, with its residual connection."""
        how = self.rounding(f"{layer}.o")
        parts = []
        for part in ("query", "key", "value"):
            matrix, bias = self.linear(layer, f"attention.self.{part}")
            if part == "value":  # values, and so what attention gives, carry the factors of what reads them
                matrix, bias = matrix * how.factors, bias * how.factors
            parts.append(self.from_norm(read, f"{layer}.{part}", matrix, bias))
        y = self.op("MultiHeadAttention", *parts, domain=MS, num_heads=HEADS)
        self.tap(f"{layer}.o", y)
        matrix, bias = self.linear(layer, "attention.output.dense")
        y = self.product(y, f"{layer}.o_matrix", matrix / how.factors[:, None], bias + read.bias, how)
        return self.add_residual(read, y, f"{layer}.residual")

    def feed_forward(self, read: _Read, layer: int) -> str:
        """The inner layer, with its residual connection; one scale per token."""
        y = self.from_norm(read, f"{layer}.up_matrix", *self.linear(layer, "intermediate.dense"))
        y = self.op("FastGelu", y, domain=MS)
        matrix, bias = self.linear(layer, "output.dense")
        step = (1 + _LOWEST) / _INNER_STEPS
        how = _Rounding(np.ones(1, np.float32), np.float32(step), np.uint8(round(_LOWEST / step)))
        one = self.constant("one", np.float32(1))
        largest = self.op("Max", self.op("ReduceMax", y, axes=[-1], keepdims=1), one)
        y = self.product(self.op("Div", y, largest), f"{layer}.down_matrix", matrix, None, how)
        offset = self.constant(f"{layer}.down_bias", bias + read.bias)
        y = self.op("Add", self.op("Mul", y, largest), offset)
        return self.add_residual(read, y, f"{layer}.residual2")

    def embeddings(self) -> str:
        """Embeddings of words and of positions; the type is always 0."""
        position = self._weights["embeddings.position_embeddings.weight"]
        position = position + self._weights["embeddings.token_type_embeddings.weight"][0]
        places = self.op("Gather", self.constant("places", position), "positions")
        words = self.op("Mul", self.op("Cast", "words", to=1), "scales")
        return self.op("Add", words, places)

    def build(self) -> bytes:
        """Return the finished model."""
        x, name = self.embeddings(), "embeddings.LayerNorm"
        for layer in range(count_layers(self._weights)):
            x = self.attention(self.norm(x, name, f"{layer}.qkv"), layer)
            base = f"encoder.layer.{layer}"
            x = self.feed_forward(self.norm(x, f"{base}.attention.output.LayerNorm", f"{layer}.up"), layer)
            name = f"{base}.output.LayerNorm"
        last = [self.constant(f"last_{part}", self._weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        self.op("LayerNormalization", x, *last, axis=-1, epsilon=_EPS, output="states")
        value, names = protobuf.value, ["states", *self.read]
        return protobuf.model(
            "bert",
            nodes=self.nodes,
            inputs=[
                value("words", "int8", ["B", "T", HIDDEN]),
                value("scales", "float32", ["B", "T", 1]),
                value("positions", "int64", ["B", "T"]),
            ],
            outputs=[value(name, "float32", ["B", "T", HIDDEN]) for name in names],
            tensors=self.constants.values(),
            operators={"": 17, MS: 1},
        )


def word_table(weights: Mapping[str, _FLOAT]) -> NDArray[np.void]:
    """Return the embeddings of all words, rows ``WORD`` of whole numbers with one scale each."""
    whole, scales = quantize(weights["embeddings.word_embeddings.weight"].T)
    table = np.empty(len(scales), WORD)
    table["values"], table["scale"] = whole.T, scales
    return table


def float_graph(weights: Mapping[str, _FLOAT]) -> bytes:
    """Return the graph in float32; further outputs ``{layer}.qkv``, ``.o``, ``.up``: what products read."""
    return _Builder(weights, None).build()


def whole_graph(weights: Mapping[str, _FLOAT], ranges: Mapping[str, _FLOAT]) -> bytes:
    """Return the graph with products of whole numbers.

    Args:
        weights: of the model, as its safetensors file names them.
        ranges: largest absolute value (384,) of each channel of what products read, named as
            ``float_graph`` names it.
    """
    return _Builder(weights, ranges).build()


def count_layers(weights: Mapping[str, _FLOAT]) -> int:
    """How many layers a model has, by the names of its weights."""
    return sum(name.endswith(".intermediate.dense.weight") for name in weights)


def drawn_texts(vocabulary: Vocabulary) -> Iterator[NDArray[np.int64]]:
    """Yield the ids (texts, tokens) that the ranges are measured on; always the same."""
    draw = np.random.default_rng(0)
    for n, length in _DRAWN:
        ids = draw.integers(vocabulary.first_word, vocabulary.size, (n, length))
        ends = (vocabulary.begin, vocabulary.end)
        yield np.pad(ids, ((0, 0), (1, 1)), constant_values=((0, 0), ends))
