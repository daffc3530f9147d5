"""The bytes that we write for ONNX, read by the ``onnx`` package, which the product does without."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ragcompress.models import protobuf as onnx_bytes
from ragcompress.proxy.onnx.graph import GraphBuilder, Shape

SHAPE = {
    "model_type": "qwen2",
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
}


def stored(name: str) -> bytes:
    return onnx_bytes.stored_tensor(name, "float32", (3, 4), file="w.bin", offset=4096, length=48)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_graph_is_read_back_with_all_its_parts(precision: str) -> None:
    builder = GraphBuilder(Shape.from_config(SHAPE), 2, True, precision=precision)
    builder.build()
    model = onnx.load_model_from_string(builder.model({w: stored(w) for w in builder.weights}))
    graph = model.graph
    assert len(graph.node) == len(builder.nodes)
    assert {i.name for i in graph.input} >= {"embedded", "positions", "mask", "row_weights", "pool"}
    assert [o.name for o in graph.output][:2] == ["mass_0", "mass_1"]
    assert set(builder.weights) <= {t.name for t in graph.initializer}
    assert {o.domain for o in model.opset_import} == {"", "com.microsoft"}
    made = {name for n in graph.node for name in n.output} | {t.name for t in graph.initializer}
    asked = {name for n in graph.node for name in n.input} - {i.name for i in graph.input}
    assert asked <= made, "every input of a node is there"
    [weight] = [t for t in graph.initializer if t.name == builder.weights[0]]
    assert {e.key: e.value for e in weight.external_data} == {
        "location": "w.bin",
        "offset": "4096",
        "length": "48",
    }


def test_attributes_and_numbers_keep_their_values() -> None:
    about = {"axis": -1, "epsilon": 1e-5, "perm": (0, 2, -3), "big": 1 << 40}
    node = onnx.NodeProto.FromString(onnx_bytes.node("Op", ["a", ""], ["b"], domain="d", attributes=about))
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    assert (node.op_type, list(node.input), list(node.output), node.domain) == ("Op", ["a", ""], ["b"], "d")
    assert found["epsilon"] == pytest.approx(1e-5)
    assert (found["axis"], list(found["perm"]), found["big"]) == (-1, [0, 2, -3], 1 << 40)
    for array in (np.arange(6, dtype=np.int64).reshape(2, 3) - 3, np.float32(2.5), np.uint8(200)):
        back = numpy_helper.to_array(onnx.TensorProto.FromString(onnx_bytes.tensor("t", array)))
        assert back.dtype == array.dtype and np.array_equal(back, array)
