"""The weight file that ONNX graphs of one proxy share: laid out once from a model folder, then mapped.

``weights-float32-v3.bin`` holds the tensors in the layout the graph wants (matrices as input × output),
page-aligned; the ``.json`` beside it says where each is, and the sum of all bytes (CRC-32).
``weights-int8-v5.bin`` has the layers' matrices as whole numbers (``int8``). All are written under a
temporary name and moved into place, so that a reader never sees half a file. Versions of this package that
lay them out otherwise use other names.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from ...errors import ModelError
from ...files import sweep, write_whole
from ...models import protobuf
from . import int8

_LOG = logging.getLogger("ragcompress")
FORMATS = {"float32": 3, "int8": 5}
_PAGE = 4096
_READ_AT_ONCE = 1 << 20
_KINDS = ("F64", "F32", "F16")
_DAMAGED = "%s is damaged, and is written again"
MATRICES = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
VECTORS = {
    "norm": "input_layernorm.weight",
    "norm2": "post_attention_layernorm.weight",
    "q_bias": "self_attn.q_proj.bias",
    "k_bias": "self_attn.k_proj.bias",
    "v_bias": "self_attn.v_proj.bias",
    "q_norm": "self_attn.q_norm.weight",
    "k_norm": "self_attn.k_norm.weight",
}


def tensors(folder: Path, n_layers: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield name and float32 array of every weight of a model folder, in the graph's layout.

    Raises:
        ModelError: if a file is broken or a matrix is missing.
    """
    where, read = open_tensors(folder)
    prefix = "model." if "model.embed_tokens.weight" in where else ""
    try:
        yield "embedding", read(f"{prefix}embed_tokens.weight")
        for layer in range(n_layers):
            base = f"{prefix}layers.{layer}."
            for short, name in VECTORS.items():
                if base + name in where:
                    yield f"{layer}.{short}", read(base + name)
            for short, name in MATRICES.items():
                yield f"{layer}.{short}", np.ascontiguousarray(read(f"{base}{name}.weight").T)
    except KeyError as error:
        raise ModelError(f"{folder} lacks the tensor {error}") from None


def open_tensors(folder: Path) -> tuple[Mapping[str, Path], Callable[[str], NDArray[np.float32]]]:
    """Return where each tensor is, and a function that reads one as float32."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} holds no .safetensors file")
    where: dict[str, Path] = {}
    for path in files:
        try:
            with safe_open(path, framework="numpy") as handle:
                where |= dict.fromkeys(handle.keys(), path)
        except Exception as error:  # safetensors raises its own, undocumented class
            raise ModelError(f"{path} is broken: {error}") from error

    def read(name: str) -> NDArray[np.float32]:
        path = where[name]
        try:
            with safe_open(path, framework="numpy") as handle:
                kind = handle.get_slice(name).get_dtype()
                if kind in _KINDS:
                    return np.asarray(handle.get_tensor(name)).astype(np.float32)
            if kind == "BF16":
                return _bfloat16(path, name)
        except Exception as error:
            raise ModelError(f"{path} is broken: {error}") from error
        raise ModelError(f"{path} has {name} as {kind}; {', '.join(_KINDS)} and BF16 can be read: convert it")

    return where, read


def _bfloat16(path: Path, name: str) -> NDArray[np.float32]:
    """A tensor of a type that NumPy does not have: the upper half of a float32."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))[name]
        start, end = entry["data_offsets"]
        file.seek(8 + length + start)
        halves = np.frombuffer(file.read(end - start), dtype="<u2").reshape(entry["shape"])
    return (halves.astype(np.uint32) << 16).view(np.float32)


def ensure(
    folder: Path, target: Path, n_layers: int, head_size: int, form: str, *, anew: bool = False
) -> Mapping[str, Any]:
    """Write the weight file of ``folder`` into ``target`` unless it is there; return its index.

    Args:
        form: ``float32`` or ``int8``.
        anew: write it even if it is there.

    Raises:
        ModelError: if the model is broken, or the file can't be written.
    """
    name = f"weights-{form}-v{FORMATS[form]}"
    index, weights = target / f"{name}.json", target / f"{name}.bin"
    if not anew and (entry := _read_index(index, weights)):
        return entry
    temporary = target / f"{name}.{os.getpid()}.{threading.get_ident()}.tmp"
    given = tensors(folder, n_layers)
    try:
        target.mkdir(parents=True, exist_ok=True)
        sweep(target.glob("*.tmp"))
        with open(temporary, "wb") as out:
            entry = _write(out, int8.convert(given, head_size) if form == "int8" else given)
        os.replace(temporary, weights)
        entry |= {"file": weights.name}
        write_whole(index, json.dumps(entry).encode())
        return entry
    except OSError as error:
        raise ModelError(f"the weights can't be written to {target}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # of a folder that can't be used; the first error says so
            temporary.unlink(missing_ok=True)


def _write(out: IO[bytes], named: Iterable[tuple[str, NDArray[Any]]]) -> dict[str, Any]:
    """Write tensors, each on a page of its own, and return the size, sum and places for the index."""
    entries: dict[str, Any] = {}
    end = total = 0
    for name, array in named:
        start = end + -end % _PAGE
        content = np.ascontiguousarray(array).data
        for part in (b"\0" * (start - end), content):
            out.write(part)
            total = zlib.crc32(part, total)
        entries[name] = {
            "type": array.dtype.name,
            "offset": start,
            "length": array.nbytes,
            "shape": list(array.shape),
        }
        end = start + array.nbytes
    return {"size": end, "crc32": total, "tensors": entries, "places_crc32": _places_sum(entries)}


def _places_sum(entries: Any) -> int:
    """What changes with any of the places in the weight file."""
    return zlib.crc32(json.dumps(entries, sort_keys=True).encode())


def is_intact(index: Mapping[str, Any], target: Path) -> bool:
    """Whether the weight file has the sum it was written with; reads all of it, and says so if it has not.

    Raises:
        ModelError: if it can't be read.
    """
    weights, total = target / index["file"], 0
    try:
        with open(weights, "rb", buffering=0) as file:
            while part := file.read(_READ_AT_ONCE):
                total = zlib.crc32(part, total)
    except OSError as error:
        raise ModelError(f"the weights {weights} can't be read: {error.strerror or error}") from error
    if total == index["crc32"]:
        return True
    _LOG.warning(_DAMAGED, weights)
    return False


def external(index: Mapping[str, Any]) -> dict[str, bytes]:
    """Return an ONNX tensor for each weight that points into the weight file."""
    return {
        name: protobuf.stored_tensor(
            name,
            entry["type"],
            entry["shape"],
            file=index["file"],
            offset=entry["offset"],
            length=entry["length"],
        )
        for name, entry in index["tensors"].items()
    }


def _read_index(path: Path, weights: Path) -> Mapping[str, Any] | None:
    """The index, if it is whole and fits its file; else None, and it is written anew."""
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        size = weights.stat().st_size
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        index, size = None, -1
    if isinstance(index, dict) and index.get("size") == size and isinstance(index.get("crc32"), int):
        entries = index.get("tensors")
        # Those that older versions have written have no sum of their own.
        if entries and index.get("places_crc32", _places_sum(entries)) == _places_sum(entries):
            return index
    _LOG.warning(_DAMAGED, weights)
    return None
