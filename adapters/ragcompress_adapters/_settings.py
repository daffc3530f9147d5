"""What the adapters share: settings that can be written down, and a compressor that is loaded when needed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SkipValidation, model_validator

from ragcompress import (
    AttentionSort,
    Budget,
    CompressedContext,
    Compressor,
    Document,
    Proxy,
    RagCompressError,
    Scorer,
    Scores,
    Segmentation,
    load_proxy,
)

DEFAULT_RATIO = 0.2
_LOG = logging.getLogger("ragcompress")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Steps(Generic[_T]):
    """One call in a framework's own terms.

    Attributes:
        sources: reads the framework's documents.
        result: what is returned for a context; it counts tokens.
        passed_on: what is returned where nothing could be compressed, given the reason.
    """

    sources: Callable[[], list[Document]]
    result: Callable[[CompressedContext], _T]
    passed_on: Callable[[str], _T]


class Settings(BaseModel):
    """How to compress. The model is loaded at the first use, or by ``warm_up``.

    Everything but a ``counter``, and a ``scorer`` that is an object, can be written as JSON and read back.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    max_tokens: int | None = None
    """Ceiling in tokens of ``counter`` on all that is returned, joined with blank lines."""

    ratio: float | None = None
    """Ceiling as a share of the original, in (0, 1]; 0.2 where no ceiling is given."""

    recall: float | None = None
    """Instead of a ceiling: keep the sentences expected to hold this share of the evidence, in (0, 1]."""

    top_n: int | None = None
    """Most documents that keep anything: those with the best sentences."""

    min_per_document: int = 0
    """Sentences that each of them keeps at least."""

    max_per_document: int | None = None
    """Sentences that one document keeps at most."""

    order: str = "source"
    """``source`` (as retrieved), ``best-first``, ``best-last``, ``edges`` (the best at both ends), or
    ``attention-sort`` (what the proxy looks at most comes last; read anew in one prompt)."""

    mark_gaps: bool = False
    """Write ``[…]`` where sentences were left out."""

    title_key: str | None = "title"
    """Key of the metadata that holds a document's title, which helps to judge its sentences."""

    scorer: Annotated[str | Scorer, SkipValidation] = "passage-probe"
    """Name of what ranks the sentences, or a scorer made elsewhere, to share a loaded model."""

    scorer_settings: dict[str, Any] = Field(default_factory=dict)
    """Its settings, where it is a name."""

    proxy: str = "smollm2-135m"
    """Small language model that is probed: a known name, a local folder, a GGUF file, or a hub id."""

    backend: Literal["onnx", "torch"] | None = None
    """What runs it: ``onnx`` (the default) or ``torch``."""

    precision: Literal["float32", "int8", "int7", "bfloat16", "float16"] | None = None
    """Of its products with weights: ``float32`` or ``int8`` (onnx), ``float32``, ``bfloat16`` or ``float16``
    (torch); None: the backend's default."""

    threads: int | None = Field(default=None, ge=1)
    """Threads of one run of the onnx backend; None: one per core."""

    download: bool = True
    """Whether a proxy that is not on this machine may be fetched."""

    counter: Any = Field(default=None, exclude=True, repr=False)
    """Counts tokens: a tokenizer, or ``str -> int`` such as ``llm.get_num_tokens``; None: the proxy's."""

    timeout: float | None = None
    """Time limit of a call in seconds; loading the model does not count."""

    on_error: Literal["raise", "passthrough"] = "raise"
    """``passthrough``: when compression fails or takes too long, the documents are returned as they came,
    with a mark in their metadata and a warning in the log. A model that can't be loaded always raises."""

    _loaded: _Loaded = PrivateAttr(default_factory=lambda: _Loaded())

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not isinstance(self.scorer, str) and not hasattr(self.scorer, "score"):
            raise ValueError(f"scorer must be a name or a scorer, got {type(self.scorer).__name__}")
        if self.counter is None and not isinstance(self.scorer, str) and not hasattr(self.scorer, "proxy"):
            raise ValueError("a scorer that has no proxy does not say how to count tokens: give a counter")
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"timeout must be more than 0 seconds, got {self.timeout!r}")
        try:
            self._budget()
            Compressor(_Nothing(), counter=len if self.counter is None else self.counter, **self._layout())
        except RagCompressError as error:
            raise ValueError(str(error)) from error
        return self

    def warm_up(self) -> None:
        """Load the model now; it is fetched first if it is not on this machine.

        Raises:
            RagCompressError: says what is missing and what to do.
        """
        self._compressor()

    def count(self, text: str) -> int:
        """Tokens of a text, counted as for the budget."""
        return self._compressor().count(text)

    def _compress(self, question: str, steps: Steps[_T]) -> _T:
        budget, compressor = self._budget(), self._compressor()
        try:
            return steps.result(compressor(question, steps.sources(), budget=budget, timeout=self.timeout))
        except Exception as error:
            if self.on_error == "raise":
                raise
            return steps.passed_on(_warned(error))

    async def _acompress(self, question: str, steps: Steps[_T]) -> _T:
        budget, compressor = self._budget(), await asyncio.to_thread(self._compressor)
        try:
            sources = steps.sources()
            context = await compressor.acompress(question, sources, budget=budget, timeout=self.timeout)
            return await asyncio.to_thread(steps.result, context)
        except Exception as error:
            if self.on_error == "raise":
                raise
            return steps.passed_on(_warned(error))

    def _budget(self) -> Budget:
        ratio = self.ratio
        if self.max_tokens is None and self.recall is None and ratio is None:
            ratio = DEFAULT_RATIO
        return Budget(
            self.max_tokens, ratio, self.recall, self.top_n, self.min_per_document, self.max_per_document
        )

    def _layout(self) -> dict[str, Any]:
        """Each document's text stands together; joined with blank lines, they are the whole."""
        return {"order": self.order, "mark_gaps": self.mark_gaps, "format": "plain", "keep_together": True}

    def _compressor(self) -> Compressor:
        model = (self.proxy, self.backend, self.precision, self.threads)
        key = (self.scorer, self.scorer_settings, *model, self.counter)
        loaded: Compressor = self._loaded.get(key, self._load)
        proxy = None
        if self.order == AttentionSort.name and not hasattr(loaded.scorer, "proxy"):
            proxy = self._loaded.get(("proxy", *model), self._load_proxy)
        return Compressor(loaded.scorer, counter=loaded.count, proxy=proxy, **self._layout())

    def _load(self) -> Compressor:
        if isinstance(self.scorer, str):
            return Compressor.from_pretrained(
                self.proxy,
                scorer=self.scorer,
                scorer_settings=self.scorer_settings,
                backend=self.backend,
                precision=self.precision,
                threads=self.threads,
                download=self.download,
                counter=self.counter,
            )
        counter = self.scorer.proxy.tokenizer if self.counter is None else self.counter  # type: ignore[attr-defined]
        return Compressor(self.scorer, counter=counter)

    def _load_proxy(self) -> Proxy:
        return load_proxy(
            self.proxy,
            backend=self.backend,
            precision=self.precision,
            threads=self.threads,
            download=self.download,
        )


class _Loaded:
    """What was loaded, by what it was loaded from: each once, whichever thread asks first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: list[tuple[tuple[Any, ...], Any]] = []

    def get(self, key: tuple[Any, ...], load: Callable[[], Any]) -> Any:
        with self._lock:
            for known, loaded in self._found:
                if known == key:
                    return loaded
            self._found.append((key, loaded := load()))
            return loaded

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Loaded)  # settings are equal whatever is loaded yet

    __hash__ = None  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, Any]) -> _Loaded:
        return self  # copies of the settings share the models

    def __reduce__(self) -> tuple[type[_Loaded], tuple[()]]:
        return _Loaded, ()  # another process loads its own


class _Nothing:
    """Stands for a scorer, and for a proxy that an order may read, while settings are checked."""

    name: ClassVar[str] = "nothing"
    needs_proxy: ClassVar[bool] = False
    proxy: ClassVar[object] = object()

    def score(self, question: str, segmentation: Segmentation, **_: Any) -> Scores:
        raise NotImplementedError


def _warned(error: Exception) -> str:
    """The reason why nothing was compressed, which the log has now."""
    reason = f"{type(error).__name__}: {error}"
    _LOG.warning("the documents are passed on uncompressed: %s", reason)
    return reason
