"""Reading GGUF files: metadata, and tensors as raw quantized rows or float32.

A user's GGUF comes from anywhere, so every length in it is checked against the bytes that are really there
before anything is allocated or looped over. That is why the ``gguf`` package's own reader is not used: on a
damaged file it can loop over 2**60 elements past the end, and it takes 5 s for a vocabulary of 49152 tokens
where this one takes 0.1 s. Its tables and its dequantization are used.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType
from gguf.quants import dequantize
from numpy.typing import NDArray

from ..errors import ModelError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_DIMENSIONS = 4
_SCALARS: Mapping[GGUFValueType, str] = {
    GGUFValueType.UINT8: "<u1",
    GGUFValueType.INT8: "<i1",
    GGUFValueType.UINT16: "<u2",
    GGUFValueType.INT16: "<i2",
    GGUFValueType.UINT32: "<u4",
    GGUFValueType.INT32: "<i4",
    GGUFValueType.FLOAT32: "<f4",
    GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "<u8",
    GGUFValueType.INT64: "<i8",
    GGUFValueType.FLOAT64: "<f8",
}


Value = str | bool | int | float | list[str] | NDArray[Any]
_T = TypeVar("_T")


class Metadata:
    """Typed access to what a GGUF file says about its model, by GGUF key.

    Raises:
        ModelError: from every method, if the key is missing and has no default, is of another type, or out
            of range.
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        """Wrap the values as they were read."""
        self._values = values

    def keys(self) -> Iterable[str]:
        """All keys, in the file's order."""
        return self._values.keys()

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string."""
        return self._get(key, str, default)

    def texts(self, key: str) -> list[str]:
        """Return a list of strings."""
        return self._get(key, list)

    def vector(self, key: str) -> NDArray[Any]:
        """Return an array of numbers."""
        return self._get(key, np.ndarray)

    def flag(self, key: str, default: bool) -> bool:
        """Return a truth value."""
        return self._get(key, bool, default)

    def positive(self, key: str, default: float | None = None) -> float:
        """Return a float32 that is finite and above 0, as its shortest decimal (1e-05, not 9.99…e-06)."""
        value = self._get(key, float, default)
        if not 0 < value < float(np.finfo(np.float32).max):
            raise ModelError(f"its {key} is {value!r}")
        return float(str(np.float32(value)))

    def size(self, key: str, default: int | None = None) -> int:
        """Return a whole number from 1 to 2**31 - 1."""
        value = self._get(key, int, default)
        if not 0 < value < 2**31:
            raise ModelError(f"its {key} is {value!r}")
        return value

    def token_id(self, key: str, n_tokens: int) -> int | None:
        """Return a whole number below ``n_tokens``; None if the file does not say."""
        if key not in self._values:
            return None
        value = self._get(key, int)
        if not 0 <= value < n_tokens:
            raise ModelError(f"its {key} is {value}, but it has {n_tokens} tokens")
        return value

    def _get(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        value = self._values.get(key, default)
        if value is None:
            raise ModelError(f"it has no {key}")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ModelError(f"its {key} is of the wrong type ({type(value).__name__})")
        return value


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """Where a tensor lies and how it is stored.

    Attributes:
        shape: outermost dimension first, as in numpy and PyTorch (the file has it the other way round).
        kind: how its rows are quantized; ``kind.name`` is for instance ``Q4_1``.
        offset: first byte, from the start of the file.
        row_bytes: bytes of one row, a row being the last dimension.
    """

    name: str
    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    offset: int
    row_bytes: int

    @property
    def n_rows(self) -> int:
        """Rows, all dimensions but the last multiplied."""
        return math.prod(self.shape[:-1])


class GgufFile:
    """A GGUF file that is open for reading; use it in a ``with`` statement.

    Attributes:
        path: the file.
        metadata: what the file says about the model.
        tensors: all tensors by name; each lies wholly within the file.

    Raises:
        ModelError: if it is no GGUF of version 2 or 3, is truncated, or contradicts itself.
        OSError: if it can't be opened or read.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and read all but the tensors' data."""
        self.path = path
        self._file: BinaryIO = path.open("rb")
        try:
            cursor = _Cursor(self._file)
            n_tensors, n_keys = cursor.header()
            self.metadata = Metadata(cursor.metadata(n_keys))
            self.tensors: Mapping[str, GgufTensor] = cursor.tensors(n_tensors, self.metadata)
        except ModelError as error:
            self._file.close()
            raise ModelError(f"{path} can't be read as a GGUF file: {error}") from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Return the open file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def raw(self, tensor: GgufTensor) -> NDArray[np.uint8]:
        """Return a tensor's bytes as they are stored, uint8 ``(rows, row_bytes)``."""
        self._file.seek(tensor.offset)
        data = self._file.read(tensor.n_rows * tensor.row_bytes)
        if len(data) < tensor.n_rows * tensor.row_bytes:
            raise ModelError(f"{self.path} has become shorter while it was read")
        return np.frombuffer(data, dtype=np.uint8).reshape(tensor.n_rows, tensor.row_bytes)


def to_float32(rows: NDArray[np.uint8], kind: GGMLQuantizationType) -> NDArray[np.float32]:
    """Dequantize raw rows, ``(rows, row_bytes)`` → ``(rows, weights of a row)``.

    Raises:
        ModelError: if there is no dequantization for ``kind``, or a value is not finite.
    """
    try:
        with np.errstate(all="ignore"):  # damaged scales overflow; the check below reports them
            values: NDArray[np.float32] = dequantize(_side_by_side(rows), kind).reshape(len(rows), -1)
    except NotImplementedError:
        raise ModelError(f"tensors quantized as {kind.name} are not supported") from None
    if not np.isfinite(values).all():
        raise ModelError("a weight is not a finite number")
    return values


def _side_by_side(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay up to 16 rows side by side: blocks don't care, and the library is 3 times as fast on long rows."""
    together = math.gcd(len(rows), 16)
    return np.ascontiguousarray(rows).reshape(-1, together * rows.shape[-1])


class _Cursor:
    """Reads a header front to back; nothing is read that the file does not have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._at = 0

    def header(self) -> tuple[int, int]:
        """Return the number of tensors and of metadata keys."""
        if self._size < 4 or self._take(4) != _MAGIC:
            raise ModelError("it does not start with 'GGUF'")
        version = self._number("<I")
        if version not in _VERSIONS:
            raise ModelError(f"version {version} is not supported (2 and 3 are; big-endian files are not)")
        return self._number("<Q"), self._number("<Q")

    def metadata(self, n_keys: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for _ in range(n_keys):
            key = self._string()
            if key in values:
                raise ModelError(f"the key {key[:80]!r} is there twice")
            values[key] = self._value(self._value_type())
        return values

    def tensors(self, n_tensors: int, metadata: Metadata) -> dict[str, GgufTensor]:
        entries = [self._tensor_entry() for _ in range(n_tensors)]
        alignment = metadata.size("general.alignment", 32)
        if alignment & (alignment - 1):
            raise ModelError(f"its general.alignment, {alignment}, is not a power of two")
        start = -(-self._at // alignment) * alignment
        tensors: dict[str, GgufTensor] = {}
        for name, shape, kind, offset in entries:
            tensor = GgufTensor(name, shape, kind, start + offset, _row_bytes(name, shape[-1], kind))
            if name in tensors:
                raise ModelError(f"the tensor {name[:80]!r} is there twice")
            if tensor.offset + tensor.n_rows * tensor.row_bytes > self._size:
                raise ModelError(f"it is truncated: the tensor {name[:80]!r} is not all there")
            tensors[name] = tensor
        return tensors

    def _tensor_entry(self) -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
        name = self._string()
        n_dimensions = self._number("<I")
        if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
            raise ModelError(f"the tensor {name[:80]!r} has {n_dimensions} dimensions")
        shape = tuple(self._number("<Q") for _ in range(n_dimensions))[::-1]
        code = self._number("<I")
        try:
            return name, shape, GGMLQuantizationType(code), self._number("<Q")
        except ValueError:
            raise ModelError(f"the tensor {name[:80]!r} is of the unknown type {code}") from None

    def _value_type(self) -> GGUFValueType:
        code = self._number("<I")
        try:
            return GGUFValueType(code)
        except ValueError:
            raise ModelError(f"a value is of the unknown type {code}") from None

    def _value(self, kind: GGUFValueType) -> Value:
        if kind == GGUFValueType.STRING:
            return self._string()
        if kind == GGUFValueType.ARRAY:
            return self._array(self._value_type(), self._number("<Q"))
        scalar: Value = self._vector(kind, 1)[0].item()
        return scalar

    def _array(self, kind: GGUFValueType, length: int) -> list[str] | NDArray[Any]:
        if kind == GGUFValueType.STRING:
            return [self._string() for _ in range(length)]
        if kind == GGUFValueType.ARRAY:
            raise ModelError("arrays of arrays are not supported")
        return self._vector(kind, length)

    def _vector(self, kind: GGUFValueType, length: int) -> NDArray[Any]:
        dtype = np.dtype(_SCALARS[kind])
        return np.frombuffer(self._take(length * dtype.itemsize), dtype=dtype)

    def _string(self) -> str:
        try:
            return self._take(self._number("<Q")).decode("utf-8")
        except UnicodeDecodeError:
            raise ModelError("a string is not UTF-8") from None

    def _number(self, layout: str) -> int:
        (number,) = struct.unpack(layout, self._take(struct.calcsize(layout)))
        return int(number)

    def _take(self, n_bytes: int) -> bytes:
        if n_bytes > self._size - self._at:
            raise ModelError(f"it is truncated or damaged: {n_bytes} bytes expected at byte {self._at}")
        self._at += n_bytes
        return self._file.read(n_bytes)


def _row_bytes(name: str, n_columns: int, kind: GGMLQuantizationType) -> int:
    block, block_bytes = GGML_QUANT_SIZES[kind]
    if n_columns % block:
        raise ModelError(
            f"the tensor {name[:80]!r} has rows of {n_columns} weights, not whole {kind.name} blocks"
        )
    row_bytes: int = n_columns // block * block_bytes
    return row_bytes
