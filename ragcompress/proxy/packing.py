"""How keys and values are kept: in as many bytes as one chooses to spend.

==========  =======================  ==================================================================
precision   bytes of a number        what is kept
==========  =======================  ==================================================================
float32     4                        all
float16     2                        11 bits of the fraction
bfloat16    2                        8 bits of the fraction
int8        1 + 4 for each row       the row's largest magnitude, and each number in 127ths of it
==========  =======================  ==================================================================

A row is one token's key, or value, in one head of one layer.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

_FLOAT = NDArray[np.float32]
Packed = dict[str, NDArray[Any]]
Precision = Literal["float32", "float16", "bfloat16", "int8"]
"""In which keys and values are kept."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# Types of numbers and scales.
_KINDS = {("f4", None), ("f2", None), ("u2", None), ("i1", "f4")}


def pack(array: _FLOAT, precision: Precision) -> Packed:
    """Return ``numbers`` and, for int8, ``scales``; in float32 the array itself, where it is not a view.

    Args:
        array: finite, rows along the last axis.
        precision: one of ``PRECISIONS``.
    """
    if precision == "int8":
        scales = np.maximum(np.abs(array).max(-1, keepdims=True) / 127, np.finfo(np.float32).tiny)
        return {"numbers": np.rint(array / scales).astype(np.int8), "scales": scales.astype(np.float32)}
    if precision == "bfloat16":  # numpy has no such type: the upper half of a float32, rounded to even
        bits = np.ascontiguousarray(array).view(np.uint32)
        return {"numbers": ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)}
    whole = array.flags.owndata and array.flags.c_contiguous  # what is a view may be a small part of it
    return {"numbers": array.astype(precision, order="C", copy=not whole)}


def unpack(packed: Packed) -> _FLOAT:
    """Return float32 numbers; where float32 was packed, the packed array itself.

    Raises:
        ValueError: if it is nothing that ``pack`` returns.
    """
    numbers, scales = packed["numbers"], packed.get("scales")
    kind = (numbers.dtype.str[1:], None if scales is None else scales.dtype.str[1:])
    if kind not in _KINDS:
        raise ValueError(f"numbers {kind[0]} with scales {kind[1]}")
    if scales is not None:
        if scales.shape != (*numbers.shape[:-1], 1):
            raise ValueError(f"scales {scales.shape} of numbers {numbers.shape}")
        return np.multiply(numbers, scales, dtype=np.float32)
    if numbers.dtype == np.uint16:
        return (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers.astype(np.float32, copy=False)


def n_bytes(packed: Packed) -> int:
    """Bytes of the arrays."""
    return sum(array.nbytes for array in packed.values())
