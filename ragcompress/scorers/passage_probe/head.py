"""The probe's numbers, loaded once: what turns attention features and surroundings into probabilities.

A look at the passages has two stages. First three logistic regressions on the attention features, fitted to
all questions, to those with evidence in one document, and to those with evidence in several. The heads that
find the one passage with an answer are not those that follow a chain, and which kind a question is, nobody
says. Then a small network (one hidden layer, tanh) on the first stage's logits and what surrounds each
sentence (``context``). A probe may have a second look (``second_look``), with numbers of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...data import FloatArray
from .context import EXPERTS

Arrays = Mapping[str, NDArray[np.float32]]
SECOND = "second."
"""What the names of the second look's arrays begin with."""


class _Weights:
    """A group of arrays of a probe's file; a subclass names the group, its fields the arrays."""

    group = ""

    @classmethod
    def load(cls, arrays: Arrays, prefix: str = "") -> Self:
        """Take the group's arrays from those of a probe.

        Args:
            prefix: of their names: nothing, or ``SECOND``.
        """
        names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        return cls(**{name: arrays[f"{prefix}{cls.group}.{name}"] for name in names})

    def arrays(self, prefix: str = "") -> dict[str, NDArray[np.float32]]:
        """The arrays by name, as ``load`` reads them."""
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]
        return {f"{prefix}{self.group}.{name}": getattr(self, name) for name in names}


@dataclass(frozen=True)
class Regressions(_Weights):
    """The first stage.

    Attributes:
        weight: (E, F), E as in ``context.EXPERTS``, F attention features.
        bias: (E,).
    """

    group = "look"
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def logits(self, features: NDArray[np.float32]) -> FloatArray:
        """(N, E) from attention features (N, F)."""
        return product(features.astype(np.float64), self.weight.T) + self.bias


@dataclass(frozen=True)
class Network(_Weights):
    """The second stage, on K context features.

    Attributes:
        mean, scale: (K,), of the features it was fitted to.
        hidden_weight, hidden_bias: (K, H) and (H,).
        weight, bias: (H,) and (1,).
    """

    group = "context"
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    hidden_weight: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(N,) from context features (N, K)."""
        scaled = (features - self.mean) / self.scale
        hidden = np.tanh(product(scaled, self.hidden_weight) + self.hidden_bias)
        logits = product(hidden, self.weight[:, None])[:, 0] + float(self.bias[0])
        return np.asarray(1 / (1 + np.exp(-logits)))


@dataclass(frozen=True, slots=True)
class Head:
    """Both stages of one look."""

    regressions: Regressions
    network: Network

    @classmethod
    def load(cls, arrays: Arrays, prefix: str = "") -> Head:
        """Take a look's numbers from a probe's arrays; arguments as for ``Regressions.load``."""
        return cls(Regressions.load(arrays, prefix), Network.load(arrays, prefix))

    def arrays(self, prefix: str = "") -> dict[str, NDArray[np.float32]]:
        """All arrays by name, for a probe's file."""
        return self.regressions.arrays(prefix) | self.network.arrays(prefix)


def head_shapes(arrays: Arrays, prefix: str, n_features: int, n_context: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a look's arrays by name, with as many hidden units as they have.

    Args:
        n_features, n_context: attention features, and features of the network.
    """
    hidden = arrays.get(f"{prefix}context.hidden_bias")
    n_hidden = 0 if hidden is None else hidden.size
    shapes: dict[str, tuple[int, ...]] = {
        "look.weight": (len(EXPERTS), n_features),
        "look.bias": (len(EXPERTS),),
        "context.mean": (n_context,),
        "context.scale": (n_context,),
        "context.hidden_weight": (n_context, n_hidden),
        "context.hidden_bias": (n_hidden,),
        "context.weight": (n_hidden,),
        "context.bias": (1,),
    }
    return {prefix + name: shape for name, shape in shapes.items()}


def product(rows: FloatArray, matrix: NDArray[np.float32]) -> FloatArray:
    """``rows @ matrix``, equal for equal rows: BLAS rounds by a row's place, and ties would turn."""
    return np.asarray(np.einsum("nf,fk->nk", rows, matrix.astype(np.float64), optimize=False))
