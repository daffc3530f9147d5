"""Protobuf messages as bytes, and the part of ONNX that our graphs need: no package of 30 MB for it.

An ONNX file is such a message (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): fields, each a
number with its kind, then a whole number of variable length, a float, or bytes with their length. The numbers
below are that file's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_EXTERNAL = 1
_VARINT, _BYTES, _FIXED32 = 0, 2, 5
_FLOAT, _INT, _INTS = 1, 2, 7  # kinds of attributes
_IR_VERSION = 9
Attribute = int | float | Sequence[int]


def node(
    kind: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    domain: str = "",
    attributes: Mapping[str, Attribute] | None = None,
) -> bytes:
    """NodeProto: one operation; an input left out is an empty name."""
    fields: list[tuple[int, Any]] = [*((1, x) for x in inputs), *((2, x) for x in outputs), (4, kind)]
    fields += [(5, _attribute(name, value)) for name, value in (attributes or {}).items()]
    return message([*fields, (7, domain)])


def tensor(name: str, array: NDArray[Any] | np.generic) -> bytes:
    """TensorProto with its numbers inside."""
    fields: list[tuple[int, Any]] = [(1, size) for size in array.shape]
    little = np.asarray(array).astype(array.dtype.newbyteorder("<"), order="C")
    return message([*fields, (2, TYPES[array.dtype.name]), (8, name), (9, little.tobytes())])


def stored_tensor(
    name: str, dtype: str, shape: Sequence[int], *, file: str, offset: int, length: int
) -> bytes:
    """TensorProto whose numbers stand in a file beside the model."""
    fields: list[tuple[int, Any]] = [(1, size) for size in shape]
    where = {"location": file, "offset": str(offset), "length": str(length)}
    entries = [(13, message([(1, key), (2, value)])) for key, value in where.items()]
    return message([*fields, (2, TYPES[dtype]), (8, name), *entries, (14, _EXTERNAL)])


def value(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    """ValueInfoProto: an input or output; sizes that vary have names."""
    sizes = [(1, message([(1, size) if isinstance(size, int) else (2, size)])) for size in shape]
    array = message([(1, TYPES[dtype]), (2, message(sizes))])
    return message([(1, name), (2, message([(1, array)]))])


def model(
    name: str,
    *,
    nodes: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    tensors: Iterable[bytes],
    operators: Mapping[str, int],
) -> bytes:
    """ModelProto: nodes in the order of their use; ``operators`` says which version of which domain."""
    parts = ((1, nodes), (5, tensors), (11, inputs), (12, outputs))
    graph: list[tuple[int, str | bytes]] = [(2, name)]
    graph += [(number, part) for number, fields in parts for part in fields]
    domains = [(8, message([(1, domain), (2, version)])) for domain, version in operators.items()]
    return message([(1, _IR_VERSION), (2, "ragcompress"), (7, message(graph)), *domains])


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return message([(1, name), (2, value), (20, _FLOAT)])
    if isinstance(value, int):
        return message([(1, name), (3, value), (20, _INT)])
    numbers: list[tuple[int, int]] = [(8, number) for number in value]
    return message([(1, name), *numbers, (20, _INTS)])


def message(fields: Iterable[tuple[int, int | float | str | bytes]]) -> bytes:
    """A message of fields: number and content."""
    parts = []
    for number, content in fields:
        if isinstance(content, float):
            parts += [_varint(number << 3 | _FIXED32), struct.pack("<f", content)]
        elif isinstance(content, int):
            parts += [_varint(number << 3 | _VARINT), _varint(content)]
        else:
            data = content.encode() if isinstance(content, str) else content
            parts += [_varint(number << 3 | _BYTES), _varint(len(data)), data]
    return b"".join(parts)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its complement in 64 bits."""
    number &= (1 << 64) - 1
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
