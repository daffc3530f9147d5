"""The contestants that run in our own environment, by name; each is built and run in a process of its own.

``python -m ragcompress_eval.speed.contestants`` is such a process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, cast

import numpy as np

from ragcompress import (
    Attention,
    Budget,
    Compressor,
    Document,
    InputError,
    Proxy,
    RagCompressError,
    Scores,
    Segmentation,
    Tokenizer,
    load_proxy,
    models,
    scorers,
    segment,
)
from ragcompress.data import Progress
from ragcompress.prompts.passages import Prompt, Template, cut_passages, join, make_tail
from ragcompress.proxy.base import Encoder
from ragcompress.proxy.batching import batches
from ragcompress.proxy.loading import REUSE_BYTES, Backend, Precision
from ragcompress.proxy.reuse import KeyValueStore, MemoryStore
from ragcompress.scorers import evidence

from ..rivals.run import Contestant, serve

_ENDLESS = 1 << 40


@dataclass(frozen=True, slots=True)
class Setting:
    """What a contestant is built for.

    Attributes:
        model: name or folder of the proxy; it is on this machine.
        scorer: one that reads the proxy.
        target_tokens: budget, in tokens of the proxy's tokenizer.
        other_question: asked before the timed one, where something is to be reused.
        further_questions: asked right after the timed one, about the same passages, in the same run.
    """

    model: str
    scorer: str
    target_tokens: int
    other_question: str
    further_questions: tuple[str, ...] = ()

    @property
    def budget(self) -> Budget:
        """The same for all."""
        return Budget(max_tokens=self.target_tokens)


class Whole:
    """The whole call of ``Compressor``, as users make it.

    Args:
        reuse: whether the passages' keys and values are there from another question.
        store: where they are kept; without ``reuse`` it is emptied before each run.
    """

    def __init__(
        self,
        setting: Setting,
        compressor: Compressor,
        about: dict[str, Any],
        *,
        reuse: bool = False,
        store: MemoryStore | None = None,
    ) -> None:
        self._setting, self.compressor, self.about = setting, compressor, about
        self._scorer, self._reuse, self._store = compressor.scorer, reuse, store

    def prepare(self, question: str, passages: list[str]) -> None:
        """Ask the other question, where something is to be reused."""
        self._questions = (question, *self._setting.further_questions)
        self._documents = [Document(text) for text in passages]
        if self._reuse:
            self._ask(self._setting.other_question)

    def run(self) -> None:
        """Compress, for each question."""
        if self._store is not None and not self._reuse:
            self._store.clear()
            if isinstance(self._scorer, evidence.Scorer):
                self._scorer.forget()
        for question in self._questions:
            self._ask(question)

    def _ask(self, question: str) -> None:
        self.compressor(question, self._documents, budget=self._setting.budget)


class Joint(Whole):
    """All passages in one prompt, last row only, all layers (Sentinel, arXiv 2505.23277, section 3)."""

    def __init__(self, setting: Setting) -> None:
        proxy = _proxy(setting, "onnx", precision="float32")
        super().__init__(setting, Compressor(_LastRow(proxy), counter=proxy.tokenizer), _about(proxy))

    def prepare(self, question: str, passages: list[str]) -> None:
        """Join the passages."""
        super().prepare(question, ["\n\n".join(passages)])


class ForwardOnnx:
    """The limit: the scorer's prompts through the same layers in ONNX Runtime, in its batches, unread."""

    def __init__(self, setting: Setting, *, precision: str | None = None) -> None:
        self._setting = setting
        proxy = _proxy(setting, "onnx", precision=precision)
        if not isinstance(proxy, Encoder):
            raise InputError("the onnx backend has no encode")
        self._proxy, self._encoder, self.about = proxy, proxy, _about(proxy)

    def prepare(self, question: str, passages: list[str]) -> None:
        """Make the prompts."""
        prompts, self._n_layers = record_prompts(self._setting, self._proxy, question, passages)
        self._rows = [p.prefix + p.tail for p in prompts]
        self.about["n_layers"] = self._n_layers

    def run(self) -> None:
        """Run the layers."""
        for _ in self._encoder.encode(self._rows, n_layers=self._n_layers):
            pass


class ForwardTorch:
    """The limit: the scorer's prompts through the same layers in transformers, in its batches, unread."""

    def __init__(self, setting: Setting) -> None:
        proxy = _proxy(setting, "torch")
        from ragcompress.proxy.hf import TorchProxy

        if not isinstance(proxy, TorchProxy):
            raise InputError("the torch backend is not what it was: ForwardTorch must follow")
        self._setting, self._proxy, self.about = setting, proxy, _about(proxy)

    def prepare(self, question: str, passages: list[str]) -> None:
        """Batch the prompts as the proxy does, and cut off the layers that it does not run."""
        prompts, n_layers = record_prompts(self._setting, self._proxy, question, passages)
        rows = [p.prefix + p.tail for p in prompts]
        self._batches = [[rows[i] for i in batch] for batch in batches(prompts, self._proxy.limits)]
        self._model: Any = self._proxy.model
        self._model.set_attn_implementation("sdpa")
        self._model.layers = self._model.layers[:n_layers]
        self.about["n_layers"] = n_layers

    def run(self) -> None:
        """Run the layers."""
        import torch

        with torch.inference_mode():
            for batch in self._batches:
                ids = torch.zeros((len(batch), max(map(len, batch))), dtype=torch.long)
                for row, prompt in enumerate(batch):
                    ids[row, : len(prompt)] = torch.tensor(prompt)
                output = self._model(ids.to(self._model.device), use_cache=False)
                output.last_hidden_state.cpu()  # a GPU has finished only when its result is here


def whole(
    setting: Setting,
    *,
    backend: str,
    reuse: bool = False,
    precision: str | None = None,
    scorer: str | None = None,
    **settings: Any,
) -> Whole:
    """Our own scorer on a backend.

    Args:
        scorer: a scorer's name; None: the setting's.
        settings: of the scorer, where they are not its defaults.
        precision: of the proxy; None: the backend's default.
        reuse: whether the passages' keys and values are there from another question.
    """
    store = MemoryStore(_ENDLESS if reuse else REUSE_BYTES)
    proxy = _proxy(setting, backend, store=store, precision=precision)
    if reuse and _about(proxy).get("device", "cpu") != "cpu":
        raise InputError("keys and values are kept on the CPU only, and this proxy runs on a GPU")
    made = scorers.make(scorer or setting.scorer, proxy=lambda: proxy, **settings)
    compressor = Compressor(made, counter=proxy.tokenizer)
    return Whole(setting, compressor, _about(proxy), reuse=reuse, store=store)


def without_proxy(setting: Setting, *, scorer: str) -> Whole:
    """A scorer that reads no proxy."""
    folder = models.resolve(setting.model, download=False)
    counter = Tokenizer.from_folder(folder.path)
    return Whole(setting, Compressor(scorers.make(scorer), counter=counter), {})


CONTESTANTS: Mapping[str, Callable[[Setting], Contestant]] = {
    "onnx": partial(whole, backend="onnx"),
    "onnx-reuse": partial(whole, backend="onnx", reuse=True),
    "onnx-one-look": partial(whole, backend="onnx", scorer="passage-probe", second_look=False),
    "onnx-one-look-reuse": partial(
        whole, backend="onnx", reuse=True, scorer="passage-probe", second_look=False
    ),
    "forward-onnx": ForwardOnnx,
    "onnx-float32": partial(whole, backend="onnx", precision="float32"),
    "onnx-float32-reuse": partial(whole, backend="onnx", precision="float32", reuse=True),
    "forward-onnx-float32": partial(ForwardOnnx, precision="float32"),
    "torch": partial(whole, backend="torch"),
    "torch-reuse": partial(whole, backend="torch", reuse=True),
    "forward-torch": ForwardTorch,
    "torch-float32": partial(whole, backend="torch", precision="float32"),
    "minilm": partial(without_proxy, scorer="minilm"),
    "joint-last-row": Joint,
}
"""Builders by name; the first is what the others are compared with, where nothing else is asked for."""


def record_prompts(
    setting: Setting, proxy: Proxy, question: str, passages: Sequence[str]
) -> tuple[list[Prompt], int]:
    """Return the prompts, and the number of layers, that the scorer wants read first; nothing is read."""
    scorer = scorers.make(setting.scorer, proxy=lambda: _Noting(proxy))
    try:
        scorer.score(question, segment([Document(text) for text in passages]))
    except _Noted as noted:
        return noted.prompts, noted.n_layers
    raise InputError(f"the scorer {setting.scorer!r} asked nothing of its proxy")


class _Noted(Exception):
    """Carries what a scorer asked of its proxy."""

    def __init__(self, prompts: Sequence[Prompt], n_layers: int) -> None:
        self.prompts, self.n_layers = list(prompts), n_layers
        super().__init__()


class _Noting:
    """A proxy that notes what it is asked to read, and stops there."""

    def __init__(self, proxy: Proxy) -> None:
        self.info, self.tokenizer = proxy.info, proxy.tokenizer

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        raise _Noted(prompts, n_layers)


class _LastRow:
    """Mean attention of the prompt's last token on a sentence's tokens, over all layers and heads."""

    name: ClassVar[str] = "joint-last-row"
    needs_proxy: ClassVar[bool] = True

    def __init__(self, proxy: Proxy) -> None:
        self._proxy, self._template = proxy, Template()

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        tokenizer = self._proxy.tokenizer
        tail = make_tail(tokenizer, self._template, question)
        (passage,) = cut_passages(tokenizer, self._template, segmentation, _ENDLESS)
        prompt = join(passage, tail)
        last = replace(prompt, rows=prompt.rows[:1], row_names=prompt.row_names[:1])
        (attention,) = self._proxy.probe([last], n_layers=self._proxy.info.n_layers)
        values = attention.mass[0].mean((0, 1)) / attention.n_tokens
        return Scores(values.astype(np.float64), self.name)


def _proxy(
    setting: Setting, backend: str, *, precision: str | None = None, store: KeyValueStore | None = None
) -> Proxy:
    return load_proxy(
        setting.model,
        backend=cast(Backend, backend),
        download=False,
        precision=cast(Precision | None, precision),
        reuse_bytes=0,
        store=store,
    )


def _about(proxy: Proxy) -> dict[str, Any]:
    about = {"backend": proxy.info.backend, "precision": proxy.info.precision}
    if proxy.info.backend == "torch":
        from ragcompress.proxy.hf import choose_device

        about["device"] = choose_device()
    return about


def make(job: dict[str, Any]) -> Contestant:
    """Build the contestant that the job names."""
    further = tuple(job["further_questions"])
    setting = Setting(job["model"], job["scorer"], job["target_tokens"], job["other_question"], further)
    made = CONTESTANTS[job["contestant"]](setting)
    if further and not isinstance(made, Whole):
        raise InputError(f"{job['contestant']} asks one question a run")
    return made


if __name__ == "__main__":
    serve(make, (RagCompressError,))
