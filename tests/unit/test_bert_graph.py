"""The graph of MiniLM's shape against a forward pass of BERT in numpy, with drawn weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_minilm import FLOAT, drawn_weights
from numpy.typing import NDArray

from ragcompress.models.bert import Graph, measure_ranges
from ragcompress.models.bert_graph import HEADS, count_layers, float_graph, whole_graph, word_table
from ragcompress.models.embedding import MiniLM

IDS = np.array([[101, 2023, 2003, 1037, 7099, 6251, 2008, 2038, 2070, 2616, 102]])


@pytest.fixture(scope="module")
def weights() -> dict[str, FLOAT]:
    return drawn_weights()


def forward(weights: dict[str, FLOAT], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """BERT's last hidden states (T, 384) of one text."""

    def linear(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"]

    def normed(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def heads(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return x.reshape(len(x), HEADS, -1).transpose(1, 0, 2)

    x: NDArray[np.float64] = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = normed(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(count_layers(weights)):
        base = f"encoder.layer.{layer}"
        q, k, v = (heads(linear(x, f"{base}.attention.self.{p}")) for p in ("query", "key", "value"))
        scores = np.exp(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[2]))
        mixed = (scores / scores.sum(2, keepdims=True) @ v).transpose(1, 0, 2).reshape(x.shape)
        x = normed(x + linear(mixed, f"{base}.attention.output.dense"), f"{base}.attention.output.LayerNorm")
        inner = linear(x, f"{base}.intermediate.dense")
        inner *= 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = normed(x + linear(inner, f"{base}.output.dense"), f"{base}.output.LayerNorm")
    return x


def cosines(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


@pytest.mark.slow
def test_in_float32_it_is_bert(weights: dict[str, FLOAT]) -> None:
    states = Graph(float_graph(weights), word_table(weights)).states(IDS)[0]
    wanted = forward(weights, IDS[0])
    assert states.shape == wanted.shape
    # Apart, are GELU's approximation and the embeddings' 8 bits.
    assert cosines(states, wanted).min() > 0.9995


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 3])
def test_it_has_as_many_layers_as_its_weights(layers: int) -> None:
    weights = drawn_weights(layers)
    assert count_layers(weights) == layers
    states = Graph(float_graph(weights), word_table(weights)).states(IDS)[0]
    assert cosines(states, forward(weights, IDS[0])).min() > 0.9995


@pytest.mark.slow
def test_in_whole_numbers_it_is_near(weights: dict[str, FLOAT]) -> None:
    states = Graph(
        whole_graph(weights, measure_ranges(weights, MiniLM.vocabulary)), word_table(weights)
    ).states(IDS)[0]
    wanted = forward(weights, IDS[0])
    assert cosines(states, wanted).min() > 0.99
    assert cosines(states.mean(0), wanted.mean(0)) > 0.995


@pytest.mark.slow
def test_a_text_does_not_depend_on_what_ran_before(weights: dict[str, FLOAT]) -> None:
    graph = Graph(whole_graph(weights, measure_ranges(weights, MiniLM.vocabulary)), word_table(weights))
    first = graph.states(IDS)
    graph.states(IDS[:, :4])
    np.testing.assert_array_equal(first, graph.states(IDS))
