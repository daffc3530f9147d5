"""What the adapters share: settings that can be written down, and a compressor that is loaded when needed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Self, Unpack

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SkipValidation, create_model, model_validator

from ragcompress import (
    OPTIONS,
    CompressedContext,
    Compressor,
    Document,
    InputError,
    Plan,
    PlanOptions,
    Proxy,
    RagCompressError,
    Scorer,
    load_proxy,
)

from ._documents import Kept, Source, Syntax, kept_of, to_documents

_LOG = logging.getLogger("ragcompress")
_NAMES = {"max_documents": "top_n"}
"""Options that frameworks have another name for."""
_OTHER_NAMES = {
    "budget": "max_tokens",
    "max_documents": "top_n",
    "top_k": "top_n",
    "compression_ratio": "ratio",
    "target_ratio": "ratio",
}
"""What the command line, the core and other compressors call a setting."""
_NO_LEAST = "a score compares sentences of one question only: use recall, ratio or max_tokens instead"
_MISSING = dict.fromkeys(("min_score", "score_threshold", "similarity_threshold", "threshold"), _NO_LEAST)
"""Why there is no such setting."""
_FIXED = ("format",)
"""Options that an adapter sets itself: what it returns are documents, not a text."""
_ONE_BY_ONE = "plain"
"""The format of a context whose documents come back one by one."""


class SettingsOptions(PlanOptions, total=False):
    """Keyword arguments of ``Settings``."""

    top_n: int | None
    title_key: str | None
    ranked: bool
    syntax: Syntax
    threads: int | None
    download: bool
    counter: Any


def _plan_fields() -> dict[str, Any]:
    """Every option of a plan as a field of pydantic."""
    names = [name for name in OPTIONS if name not in _FIXED]
    return {_NAMES.get(name, name): _plan_field(name) for name in names}


def _plan_field(name: str) -> tuple[Any, Any]:
    option = OPTIONS[name]
    if option.type == Mapping[str, Any]:
        return option.type, Field(default_factory=dict, description=option.describe())
    return option.type, Field(default=option.default, description=option.describe())


if TYPE_CHECKING:
    _PlanFields = BaseModel
else:
    _PlanFields = create_model("_PlanFields", **_plan_fields())


@dataclass(frozen=True, slots=True)
class Compressed:
    """What became of a framework's documents.

    Attributes:
        kept: by those that keep something, in the order of the context; empty if they come back as one.
        context: where ``kept`` comes from; None if nothing was compressed.
        passthrough: why nothing was compressed, else None.
    """

    kept: Sequence[Kept] = ()
    context: CompressedContext | None = None
    passthrough: str | None = None


class Settings(_PlanFields):
    """How to compress: the options of ``ragcompress.Plan``, and those below. ``top_n`` is ``max_documents``.

    The model is loaded at the first use, or by ``warm_up``; a model that can't be loaded always raises. With
    ``on_error="passthrough"`` documents that can't be compressed come back as they came, with a mark in their
    metadata and a warning in the log. Where documents come back one by one, they stay together whatever
    ``keep_together`` says. The budget holds for all that is returned, joined with blank lines.

    Everything but a ``counter``, and a ``scorer`` that is an object, can be written as JSON and read back.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    if TYPE_CHECKING:

        def __init__(self, **settings: Unpack[SettingsOptions]) -> None: ...

    scorer: Annotated[str | Scorer, SkipValidation] = OPTIONS["scorer"].default
    """Name of what ranks the sentences, or a scorer made elsewhere, to share a loaded model."""

    title_key: str | None = "title"
    """Key of the metadata that holds a document's title, which helps to judge its sentences."""

    ranked: bool = True
    """Whether documents come in the retriever's order, the best first; asked where scores are missing."""

    syntax: Syntax = "markdown"
    """What blocks of the texts are found by: ``markdown`` (most plain text, too), ``text``, ``code`` or
    ``csv``."""

    threads: int | None = Field(default=None, ge=1)
    """Threads of one run of the onnx backend; None: one per core."""

    download: bool = True
    """Whether a proxy that is not on this machine may be fetched."""

    counter: Any = Field(default=None, exclude=True, repr=False)
    """Counts tokens: a tokenizer, or ``str -> int`` such as ``llm.get_num_tokens``; None: the proxy's."""

    _loaded: _Loaded = PrivateAttr(default_factory=lambda: _Loaded())

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            for name in given:
                if name not in cls.model_fields:
                    raise ValueError(f"there is no setting {name!r}; {_hint(str(name), cls.model_fields)}")
        return given

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not isinstance(self.scorer, str) and not hasattr(self.scorer, "score"):
            raise ValueError(f"scorer must be a name or a scorer, got {type(self.scorer).__name__}")
        if self.counter is None and not isinstance(self.scorer, str) and not hasattr(self.scorer, "proxy"):
            raise ValueError("a scorer that has no proxy does not say how to count tokens: give a counter")
        if self.counter is not None and not (callable(self.counter) or hasattr(self.counter, "encode")):
            raise ValueError(
                f"a counter must be a tokenizer or a callable str -> int, got {type(self.counter).__name__}"
            )
        try:
            self.plan()
        except RagCompressError as error:
            raise ValueError(str(error)) from error
        return self

    def plan(self) -> Plan:
        """How to compress, as the core says it. Of a scorer that is an object it says nothing."""
        options = {name: getattr(self, _NAMES.get(name, name)) for name in OPTIONS if name not in _FIXED}
        if not isinstance(self.scorer, str):
            del options["scorer"]
        return Plan.from_options(options).with_options(self._layout())

    def warm_up(self) -> None:
        """Load the model now; it is fetched first if it is not on this machine.

        Raises:
            RagCompressError: says what is missing and what to do.
        """
        self._compressor()

    def count(self, text: str) -> int:
        """Tokens of a text, counted as for the budget."""
        return self._compressor().count(text)

    def _documents(self, sources: Sequence[Source]) -> Sequence[Document]:
        return to_documents(sources, self.title_key, ranked=self.ranked, syntax=self.syntax)

    def _compress(self, question: str, sources: Sequence[Source]) -> Compressed:
        compressor = self._compressor()
        try:
            documents = self._documents(sources)
        except InputError as error:
            return self._handle_invalid(compressor.plan, error)
        return self._result(compressor(question, documents), sources)

    async def _acompress(self, question: str, sources: Sequence[Source]) -> Compressed:
        compressor = await asyncio.to_thread(self._compressor)
        try:
            documents = self._documents(sources)
        except InputError as error:
            return self._handle_invalid(compressor.plan, error)
        context = await compressor.acompress(question, documents)
        return await asyncio.to_thread(self._result, context, sources)  # it counts tokens

    def _handle_invalid(self, plan: Plan, error: InputError) -> Compressed:
        """What the core does with an error, for documents that can't become the core's.

        Raises:
            InputError: unless the plan passes documents on.
        """
        if plan.on_error == "raise":
            raise error
        reason = f"{type(error).__name__}: {error}"
        _LOG.warning("the documents are passed on uncompressed: %s", reason)
        return Compressed(passthrough=reason)

    def _result(self, context: CompressedContext, sources: Sequence[Source]) -> Compressed:
        if context.passthrough is not None:
            return Compressed(passthrough=context.passthrough)
        is_one_by_one = context.layout is not None and context.layout.format == _ONE_BY_ONE
        return Compressed(kept_of(context, sources) if is_one_by_one else (), context)

    def _layout(self) -> dict[str, Any]:
        """Each document's text stands together; joined with blank lines, they are the whole."""
        return {"format": _ONE_BY_ONE, "keep_together": True}

    def _compressor(self) -> Compressor:
        plan = self.plan()
        model = (plan.proxy, plan.backend, plan.precision, self.threads)
        scorer = (self.scorer, plan.scorer_arguments(), *model, self.counter)
        loaded: Compressor = self._loaded.get(scorer, lambda: self._load(plan))
        proxy = None
        if plan.attention_sort and loaded.proxy is None:
            proxy = self._loaded.get(("proxy", *model), lambda: self._load_proxy(plan))
        return Compressor(loaded.scorer, counter=loaded.count, plan=plan, proxy=proxy)

    def _load(self, plan: Plan) -> Compressor:
        if isinstance(self.scorer, str):
            return Compressor.from_plan(
                plan.with_options({"order": "source"}),  # another order shares what is loaded
                counter=self.counter,
                threads=self.threads,
                download=self.download,
            )
        counter = self.scorer.proxy.tokenizer if self.counter is None else self.counter  # type: ignore[attr-defined]
        return Compressor(self.scorer, counter=counter)

    def _load_proxy(self, plan: Plan) -> Proxy:
        return load_proxy(
            plan.proxy,
            backend=plan.backend,
            precision=plan.precision,
            threads=self.threads,
            download=self.download,
        )


def _hint(name: str, known: Iterable[str]) -> str:
    """What somebody may have meant who gave a name that is none."""
    if name in _MISSING:
        return _MISSING[name]
    if name in _OTHER_NAMES:
        return f"it is called {_OTHER_NAMES[name]!r} here"
    close = get_close_matches(name, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(known)}"


class _Loaded:
    """What was loaded, by what it was loaded from: each once, whichever thread asks first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[tuple[tuple[Any, ...], Any]] = []

    def get(self, key: tuple[Any, ...], load: Callable[[], Any]) -> Any:
        with self._lock:
            for known, loaded in self._entries:
                if known == key:
                    return loaded
            self._entries.append((key, loaded := load()))
            return loaded

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Loaded)  # settings are equal whatever is loaded yet

    __hash__ = None  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, Any]) -> _Loaded:
        return self  # copies of the settings share the models

    def __reduce__(self) -> tuple[type[_Loaded], tuple[()]]:
        return _Loaded, ()  # another process loads its own
