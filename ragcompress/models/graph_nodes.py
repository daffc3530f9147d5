"""Nodes and constants of an ONNX graph, collected as it is built."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import protobuf

MS = "com.microsoft"  # the domain of ONNX Runtime's own operators


class Nodes:
    """What the builders of our graphs share.

    Attributes:
        nodes: in the order of their use.
        constants: tensors that stand inside the graph, by name.
    """

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.constants: dict[str, bytes] = {}

    def op(self, kind: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(protobuf.node(kind, inputs, [name], domain=domain, attributes=attributes))
        return name

    def ints(self, *values: int) -> str:
        """Return the name of a constant vector of int64."""
        name = "ints_" + "_".join(str(v).replace("-", "m") for v in values)
        self.constants[name] = protobuf.tensor(name, np.array(values, dtype=np.int64))
        return name
