"""Networks of a linear part and one hidden layer, fitted by L-BFGS with gradients written out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragcompress import MissingExtra
from ragcompress.data import FloatArray

_START = 0.3  # spread of the first weights, times 2 / √K


@dataclass(frozen=True, slots=True)
class Options:
    """What the fit of a network can be set to.

    Attributes:
        hidden: width of each network.
        networks: how many of them, from different starts, are averaged.
        linear_penalty, hidden_penalty: L2 penalties, per unit of weight.
        listwise: weight of the listwise loss beside the log loss of each sentence.
        iterations: of the fit, at most.
        seed: of the starts.
    """

    hidden: int = 6
    networks: int = 3
    linear_penalty: float = 3e-2
    hidden_penalty: float = 3e-2
    listwise: float = 1.0
    iterations: int = 100
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """``x · linear + tanh(x · hidden_weight + hidden_bias) · weight + bias`` of K features and H units."""

    linear: FloatArray
    hidden_weight: FloatArray
    hidden_bias: FloatArray
    weight: FloatArray
    bias: float


def fit_tanh(
    rows: NDArray[np.float32],
    labels: NDArray[np.bool_],
    weights: FloatArray,
    question: NDArray[np.int64],
    options: Options,
    number: int,
) -> Network:
    """Minimise the weighted log loss of each row, plus a listwise loss of each question, plus penalties.

    The listwise loss is ListNet's with the labels as the target (Cao et al., ICML 2007): minus the mean log
    softmax of the question's rows with evidence. It ranks within a question, whatever its kind.

    Args:
        rows: (N, K), standardised.
        question: (N,) ascending.
        number: of the network; another start for each.
    """
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingExtra("training", "train") from error
    k, h = rows.shape[1], options.hidden
    loss = _Loss(rows, labels, weights, question, options)
    generator = np.random.default_rng(options.seed + number)
    start = np.concatenate(
        [
            np.zeros(k),
            generator.normal(0, 2 * _START / np.sqrt(k), k * h),
            np.zeros(h),
            generator.normal(0, 0.1, h),
            [np.log(max(1e-4, loss.base_rate))],
        ]
    )
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": options.iterations}).x
    linear, hidden_weight, hidden_bias, weight, bias = loss.split(found)
    return Network(linear, hidden_weight, hidden_bias, weight, float(bias[0]))


class _Loss:
    """Loss and gradient at the concatenated parameters."""

    def __init__(
        self,
        rows: NDArray[np.float32],
        labels: NDArray[np.bool_],
        weights: FloatArray,
        question: NDArray[np.int64],
        options: Options,
    ) -> None:
        self.rows, self.labels, self.options = rows, labels, options
        self.weights = (weights / weights.sum()).astype(np.float32)
        self.sign = np.where(labels, 1, -1).astype(np.float32)
        self.base_rate = float(self.weights[labels].sum())
        new = np.r_[True, question[1:] != question[:-1]]
        self.starts, self.of = np.flatnonzero(new), np.cumsum(new) - 1
        self.gold = labels.astype(np.float32)
        self.n_gold = np.add.reduceat(self.gold, self.starts)
        size = np.add.reduceat(np.ones(len(labels)), self.starts)
        total = np.add.reduceat(self.weights, self.starts)
        of_question = np.where(self.n_gold > 0, total, 0)
        self.of_question = (of_question / max(1e-12, float(of_question.sum()))).astype(np.float32)
        # A row that stands for several counts as several in the softmax.
        mean = np.maximum(total / size, 1e-12)
        self.offset = np.where(labels, 0, np.log(np.maximum(self.weights / mean[self.of], 1e-6)))

    def split(self, values: FloatArray) -> list[FloatArray]:
        """The parameters in their shapes."""
        k, h = self.rows.shape[1], self.options.hidden
        parts = np.split(values, np.cumsum([k, k * h, h, h]))
        parts[1] = parts[1].reshape(k, h)
        return parts

    def __call__(self, values: FloatArray) -> tuple[float, FloatArray]:
        linear, hidden_weight, hidden_bias, weight, bias = (p.astype(np.float32) for p in self.split(values))
        hidden = np.tanh(self.rows @ hidden_weight + hidden_bias)
        logits = self.rows @ linear + hidden @ weight + bias[0]
        loss, slope = self._losses(logits)
        to_hidden = (slope[:, None] * weight) * (1 - hidden * hidden)
        a, b = self.options.linear_penalty, self.options.hidden_penalty
        gradient = [
            self.rows.T @ slope + a * linear,
            (self.rows.T @ to_hidden + b * hidden_weight).ravel(),
            to_hidden.sum(0),
            hidden.T @ slope + b * weight,
            np.array([slope.sum()]),
        ]
        penalty = a * float(linear @ linear) + b * float((hidden_weight**2).sum() + weight @ weight)
        return loss + penalty / 2, np.concatenate(gradient).astype(np.float64)

    def _losses(self, logits: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        margin = self.sign * logits
        loss = float((self.weights * np.logaddexp(0, -margin)).sum())
        slope = -self.weights * self.sign / (1 + np.exp(np.clip(margin, -30, 30)))
        if self.options.listwise:
            moved = logits + self.offset
            top = np.maximum.reduceat(moved, self.starts)
            shares = np.exp(moved - top[self.of])
            total = np.add.reduceat(shares, self.starts)
            n_gold = np.maximum(self.n_gold, 1)
            mean = np.add.reduceat(self.gold * logits, self.starts) / n_gold
            loss += self.options.listwise * float((self.of_question * (np.log(total) + top - mean)).sum())
            pull = shares / total[self.of] - self.gold / n_gold[self.of]
            slope = slope + self.options.listwise * self.of_question[self.of] * pull
        return loss, slope.astype(np.float32)
