"""The weight file that ONNX graphs of one proxy share: laid out once from a model folder, then mapped.

``weights-float32-v2.bin`` holds the tensors in the layout the graph wants (matrices as input × output),
page-aligned; the ``.json`` beside it says where each is. ``weights-int8-v4.bin`` has the layers' matrices as
whole numbers (``int8``). All are written under a temporary name and moved into place, so that a reader never
sees half a file; versions of this package that lay them out otherwise use other names.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from ..errors import ModelError
from ..writing import sweep, write_whole
from . import int8, onnx_bytes

_LOG = logging.getLogger("ragcompress")
FORMATS = {"float32": 2, "int8": 4}
_PAGE = 4096
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
        with safe_open(where[name], framework="numpy") as handle:
            return np.asarray(handle.get_tensor(name)).astype(np.float32)

    return where, read


def ensure(folder: Path, target: Path, n_layers: int, head_size: int, form: str) -> Mapping[str, Any]:
    """Write the weight file of ``folder`` into ``target`` unless it is there; return its index.

    Args:
        form: ``float32`` or ``int8``.

    Raises:
        ModelError: if the model is broken, or the file can't be written.
    """
    name = f"weights-{form}-v{FORMATS[form]}"
    index, weights = target / f"{name}.json", target / f"{name}.bin"
    if found := _read_index(index, weights):
        return found
    entries: dict[str, Any] = {}
    temporary = ""
    given = tensors(folder, n_layers)
    try:
        target.mkdir(parents=True, exist_ok=True)
        sweep(target.glob("*.tmp"))
        handle, temporary = tempfile.mkstemp(dir=target, suffix=".tmp")
        with os.fdopen(handle, "wb") as out:
            for name, array in int8.stored(given, head_size) if form == "int8" else given:
                out.write(b"\0" * (-out.tell() % _PAGE))
                entries[name] = {
                    "type": array.dtype.name,
                    "offset": out.tell(),
                    "length": array.nbytes,
                    "shape": list(array.shape),
                }
                out.write(np.ascontiguousarray(array).data)
            size = out.tell()
        os.replace(temporary, weights)
        found = {"file": weights.name, "size": size, "tensors": entries}
        write_whole(index, json.dumps(found).encode())
        return found
    except OSError as error:
        raise ModelError(f"the weights can't be written to {target}: {error.strerror or error}") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def external(index: Mapping[str, Any]) -> dict[str, bytes]:
    """Return an ONNX tensor for each weight that points into the weight file."""
    return {
        name: onnx_bytes.stored_tensor(
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
    except (OSError, ValueError):
        index, size = None, -1
    if isinstance(index, dict) and index.get("size") == size:
        return index
    _LOG.warning("%s is damaged, and is written anew", weights)
    return None
