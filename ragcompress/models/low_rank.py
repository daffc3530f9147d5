"""Changes of low rank to a model's matrices: W becomes W + B·A (LoRA, Hu et al., arXiv 2106.09685).

A file has for each changed matrix W (output, input) the arrays ``{name}.a`` (rank, input) and ``{name}.b``
(output, rank), in half precision; ``{name}.weight`` is W's name in the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ModelError

Arrays = Mapping[str, NDArray[np.float32]]


class Changes(NamedTuple):
    """A file of changes that ships, and its hash."""

    path: Path
    sha256: str

    @property
    def version(self) -> str:
        """Stands in names, so that nothing made with other changes is taken for theirs."""
        return self.sha256[:8]

    @property
    def card(self) -> dict[str, Any]:
        """How the changes were made, and from which questions."""
        card: dict[str, Any] = json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
        return card

    def read(self) -> dict[str, NDArray[np.float32]]:
        """Return the arrays, in float32.

        Raises:
            ModelError: if the file is not the one with this hash.
        """
        from safetensors.numpy import load

        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(
                f"{self.path} is damaged: its hash is not {self.sha256}; install ragcompress again"
            )
        return {name: array.astype(np.float32) for name, array in load(content).items()}


def write(path: Path, changes: Mapping[str, NDArray[np.float16]]) -> None:
    """Write a file of changes.

    Raises:
        DataError: if it can't be written.
    """
    from safetensors.numpy import save

    try:
        path.write_bytes(save({name: np.ascontiguousarray(changes[name]) for name in sorted(changes)}))
    except OSError as error:
        raise DataError(f"the changes can't be written to {path}: {error}") from error


def apply(weights: Arrays, changes: Arrays) -> dict[str, NDArray[np.float32]]:
    """Return the weights with the changes added; those given stay as they are.

    Raises:
        ModelError: if a change fits no matrix.
    """
    changed = dict(weights)
    for name in sorted({key.rpartition(".")[0] for key in changes}):
        key = f"{name}.weight"
        try:
            changed[key] = weights[key] + changes[f"{name}.b"] @ changes[f"{name}.a"]
        except (KeyError, ValueError) as error:
            raise ModelError(f"the changes to {key} fit no matrix of the model: {error}") from error
    return changed
