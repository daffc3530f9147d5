"""``Plan``: how to compress, as one frozen value that checks itself.

The command line, the workers of a batch, a cluster, the adapters and a server all take this value and show
it. A new option is a field of ``Plan`` here, with its help; those who take plans get it from ``OPTIONS``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypedDict

from . import scorers
from .budget import Budget, as_share
from .errors import InputError, UnknownName
from .options import (
    BUDGET_OPTIONS,
    DEFAULT_MIN_TOKENS,
    DEFAULT_RATIO,
    OPTION,
    BudgetOptions,
    Option,
    as_option,
    check_keys,
    complete,
)
from .proxy.loading import BACKENDS, DEFAULT_PROXY, PRECISIONS, Backend, Precision
from .selection.attention_sort import AttentionSort
from .selection.layout import Layout
from .selection.ordering import ATTENTION_SORT, ORDERS, Order
from .selection.rendering import FORMATS, Format
from .stopping import ON_ERROR, OnError, as_seconds, check_on_error
from .text.languages import check_language
from .text.tokenizing import Counter

# Fields that hold a text, and whether they may be None.
_TEXTS = (
    ("scorer", False), ("proxy", False), ("probe", True), ("language", True), ("calibration", True),
)  # fmt: skip


class LayoutOptions(TypedDict, total=False):
    """The fields of ``Plan`` that a loaded scorer does not depend on, as keyword arguments."""

    order: Order | AttentionSort
    keep_together: bool
    format: Format
    mark_gaps: bool
    headings: bool
    near_repeats: float
    whole_documents: bool
    language: str | None
    timeout: float | None
    deadline: float | None
    on_error: OnError
    calibration: str | None
    abstain_below: float | None


class ModelOptions(LayoutOptions, total=False):
    """Those that a scorer is loaded with, too; ``proxy`` stands apart."""

    scorer: str
    scorer_settings: Mapping[str, Any]
    probe: str | None
    backend: Backend | None
    precision: Precision | None


class PlanOptions(BudgetOptions, ModelOptions, total=False):
    """Everything that ``Plan.from_options`` takes."""

    proxy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to compress.

    Attributes:
        budget: how much may be kept; None: every call says so itself.
        scorer: a name of ``ragcompress.scorers.available()``.
        scorer_settings: keyword arguments of the scorer's constructor.
        probe: file of trained weights for the scorer; None: those that ship.
        proxy: a known model, a local folder, a GGUF file, or a hub id.
        backend: what runs the proxy; None: ``onnx``.
        precision: of the proxy's products with weights; None: the backend's default.
        order: of the kept sentences; ``attention-sort`` is held as an ``AttentionSort``, which has settings.
        keep_together: put whole documents in order, each as good as its best sentence.
        format: ``text``, ``md`` (Markdown with citations), ``xml`` or ``plain`` (without titles).
        mark_gaps: write ``[…]`` where sentences were left out.
        headings: keep the heading above a kept sentence, too.
        near_repeats: share of its worth that a sentence loses which says the same as a kept one, in [0, 1];
            one that says nearly the same loses less. Above 0 it needs a scorer that makes vectors
            (``evidence``, ``minilm``).
        whole_documents: keep or drop each document as a whole, such as worked examples of a task; each is one
            unit, scored as one. With ``near_repeats`` the next is chosen beside those that are kept.
        language: ISO 639-1 code of the documents' prose; None: what ``ragcompress.segment`` takes by itself.
        timeout: seconds of one call, above 0; None: as long as it takes.
        deadline: seconds of one call after which a scorer that can do without reads no more.
        on_error: ``raise``, or ``passthrough``: the documents come back uncompressed.
        calibration: file of ``ragcompress calibrate``, on which promises about recall rest; ``none``:
            there are none; None: the one that ships for the scorer's weights, if one does.
        abstain_below: a sufficiency below this, in (0, 1], marks the result as a best effort; None: none.

    Raises:
        UnknownName: for a scorer, backend, precision, order, format or ``on_error`` that does not exist.
        InputError: for another value that can't be used.
    """

    budget: Budget | None = None
    scorer: str = field(
        default=scorers.DEFAULT,
        metadata=as_option(
            "What ranks the sentences", "model", metavar="NAME", choices=lambda: tuple(scorers.available())
        ),
    )
    scorer_settings: Mapping[str, Any] = field(
        default_factory=dict,
        hash=False,
        metadata=as_option(
            "A setting of the scorer; its value is JSON or plain text. Repeatable.",
            "model",
            flag="--scorer-setting",
            metavar="NAME=VALUE",
        ),
    )
    probe: str | None = field(
        default=None,
        metadata=as_option(
            "Trained weights for the scorer (without: those that ship).", "model", metavar="PROBE"
        ),
    )
    proxy: str = field(
        default=DEFAULT_PROXY,
        metadata=as_option(
            "Small language model: a name of `models list`, a local folder, a .gguf file, or a hub id. Its "
            "tokenizer counts.",
            "model",
            metavar="NAME",
        ),
    )
    backend: Backend | None = field(
        default=None,
        metadata=as_option("What runs the proxy", "model", metavar="NAME", choices=lambda: BACKENDS),
    )
    precision: Precision | None = field(
        default=None,
        metadata=as_option(
            f"Precision of the proxy's matrix products: {', '.join(PRECISIONS['onnx'])} (onnx), "
            f"{', '.join(PRECISIONS['torch'])} (torch).",
            "model",
            metavar="NAME",
        ),
    )
    order: Order | AttentionSort = field(
        default="source",
        metadata=as_option("Order of the kept sentences", "layout", metavar="NAME", choices=lambda: ORDERS),
    )
    keep_together: bool = field(
        default=False, metadata=as_option("Put whole documents in order, not single sentences.", "layout")
    )
    format: Format = field(
        default="text",
        metadata=as_option("Layout of the kept text", "layout", metavar="NAME", choices=lambda: FORMATS),
    )
    mark_gaps: bool = field(
        default=False, metadata=as_option("Write […] where sentences were left out.", "layout")
    )
    headings: bool = field(
        default=False, metadata=as_option("Keep the heading above a kept sentence, too.", "layout")
    )
    near_repeats: float = field(
        default=0.0,
        metadata=as_option(
            "Share of its worth that a sentence loses if a kept one says the same, 0 <= W <= 1; above 0 it "
            "needs the scorer evidence or minilm.",
            "layout",
            metavar="W",
        ),
    )
    whole_documents: bool = field(
        default=False,
        metadata=as_option("Keep or drop each document as a whole, such as worked examples.", "layout"),
    )
    language: str | None = field(
        default=None,
        metadata=as_option(
            "Language of the documents, such as en or es; it decides where sentences end.",
            "layout",
            metavar="CODE",
        ),
    )
    timeout: float | None = field(
        default=None, metadata=as_option("Time limit of one question.", "call", metavar="SECONDS")
    )
    deadline: float | None = field(
        default=None,
        metadata=as_option(
            "Read no more after this time; cheap signals score the rest.", "call", metavar="SECONDS"
        ),
    )
    on_error: OnError = field(
        default="raise",
        metadata=as_option(
            "With passthrough, documents that can't be compressed come back whole",
            "call",
            metavar="NAME",
            choices=lambda: ON_ERROR,
        ),
    )
    calibration: str | None = field(
        default=None,
        metadata=as_option(
            "What a promised recall rests on: a file of `calibrate`, or none (without: the one that ships).",
            "model",
            metavar="FILE",
        ),
    )
    abstain_below: float | None = field(
        default=None,
        metadata=as_option(
            "Mark the result if the probability that the documents hold an answer is below this.",
            "call",
            metavar="P",
        ),
    )

    def __post_init__(self) -> None:
        if not (self.budget is None or isinstance(self.budget, Budget)):
            raise InputError(f"budget must be a Budget or None, got {type(self.budget).__name__}")
        self._check_texts()
        self._check_names()
        for name in ("keep_together", "mark_gaps", "headings", "whole_documents"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} must be true or false, got {getattr(self, name)!r}")
        self._keep("near_repeats", as_share("near_repeats", self.near_repeats, may_be_zero=True))
        if self.abstain_below is not None:
            self._keep("abstain_below", as_share("abstain_below", self.abstain_below))
        for name in ("timeout", "deadline"):
            self._keep(name, as_seconds(name, getattr(self, name)))
        if not isinstance(self.scorer_settings, Mapping):
            raise InputError(
                f"scorer_settings must be a mapping of names to values, got {self.scorer_settings!r}"
            )
        self._check_setting_names()
        if self.order == AttentionSort.name:
            self._keep("order", AttentionSort())
        self._keep("scorer_settings", MappingProxyType(dict(self.scorer_settings)))

    def _keep(self, name: str, value: object) -> None:
        """Set a field while the plan is made, to the form in which it is kept."""
        object.__setattr__(self, name, value)

    def _check_texts(self) -> None:
        for name, optional in _TEXTS:
            value = getattr(self, name)
            if not (isinstance(value, str) and value.strip()) and not (optional and value is None):
                raise InputError(f"{name} must be a text that is not blank, got {value!r}")
        check_language(self.language)

    def _check_setting_names(self) -> None:
        for name in self.scorer_settings:
            if not isinstance(name, str):
                raise InputError(f"a name in scorer_settings must be a text, got {name!r}")
            if name == "proxy" or (name == "probe" and self.probe is not None):
                raise InputError(
                    f"{name} is an option of its own: leave it out of the scorer's settings, "
                    f"got {name}={self.scorer_settings[name]!r}"
                )

    def _check_names(self) -> None:
        if not scorers.is_available(self.scorer):
            raise UnknownName("scorer", self.scorer, scorers.available())
        if self.backend not in (None, *BACKENDS):
            raise UnknownName("backend", str(self.backend), list(BACKENDS))
        backend = self.backend or "onnx"
        if self.precision not in (None, *PRECISIONS[backend]):
            raise UnknownName(
                f"precision of the {backend} backend", str(self.precision), list(PRECISIONS[backend])
            )
        if not isinstance(self.order, AttentionSort) and self.order not in ORDERS:
            raise UnknownName("order", str(self.order), list(ORDERS))
        if self.format not in FORMATS:
            raise UnknownName("format", str(self.format), list(FORMATS))
        check_on_error(self.on_error)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Plan:
        """Build a plan from flat options: fields of ``Plan``, and those of ``Budget`` in place of ``budget``.

        Where none of ``max_tokens``, ``ratio`` and ``recall`` is set, the ratio is ``DEFAULT_RATIO``, of at
        least ``DEFAULT_MIN_TOKENS``.

        Raises:
            InputError: for an option that does not exist; names the closest one.
            UnknownName: as the constructor.
        """
        check_keys(options, list(OPTIONS))
        limits = {f.name: options[f.name] for f in fields(Budget) if f.name in options}
        if all(limits.get(name) is None for name in ("max_tokens", "ratio", "recall")):
            limits["ratio"] = DEFAULT_RATIO
            limits["min_tokens"] = limits.get("min_tokens") or DEFAULT_MIN_TOKENS
        return cls(budget=Budget(**limits), **{k: v for k, v in options.items() if k not in limits})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """Build the plan that ``to_dict`` wrote; what is missing has its default.

        Raises:
            InputError: for a key that does not exist; names the closest one.
            UnknownName: as the constructor.
        """
        check_keys(values, [f.name for f in fields(cls)])
        read = dict(values)
        if isinstance(budget := read.get("budget"), Mapping):
            check_keys(budget, [f.name for f in fields(Budget)], "budget")
            read["budget"] = Budget(**budget)
        if isinstance(order := read.get("order"), Mapping):
            settings = {k: v for k, v in order.items() if k != "name"}
            check_keys(settings, [f.name for f in fields(AttentionSort)], "order")
            read["order"] = AttentionSort(**settings)
        return cls(**read)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values, one for each field.

        Raises:
            InputError: if a setting of the scorer has no form in JSON.
        """
        result = self._values() | self.layout_settings()
        result["budget"] = None if self.budget is None else asdict(self.budget)
        try:
            json.dumps(result)
        except (TypeError, ValueError) as error:
            raise InputError(f"scorer_settings can't be written as JSON: {error}") from None
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process; a read-only mapping can't be pickled as it is."""
        return partial(Plan, **self._values()), ()

    def _values(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**values, "scorer_settings": dict(self.scorer_settings)}

    def with_options(self, options: Mapping[str, Any]) -> Plan:
        """Return the plan with other values in some of its fields.

        Raises:
            InputError, UnknownName: as ``from_dict``.
        """
        check_keys(options, [f.name for f in fields(self)])
        return replace(self, **options) if options else self

    @property
    def attention_sort(self) -> AttentionSort | None:
        """The order that reads a proxy, if that is the plan's."""
        return self.order if isinstance(self.order, AttentionSort) else None

    def layout(self, count: Counter) -> Layout:
        """How kept sentences become a text, with this counter."""
        return Layout(
            count,
            order=ATTENTION_SORT if isinstance(self.order, AttentionSort) else self.order,
            format=self.format,
            mark_gaps=self.mark_gaps,
            keep_together=self.keep_together,
            headings=self.headings,
            near_repeats=self.near_repeats,
        )

    def layout_settings(self) -> dict[str, Any]:
        """The part of ``to_dict`` that decides what the text looks like."""
        names = [name for name, option in OPTIONS.items() if option.group == "layout"]
        settings = {name: getattr(self, name) for name in names}
        if sort := self.attention_sort:
            settings["order"] = {"name": sort.name, **sort.settings()}
        return settings

    def scorer_arguments(self) -> dict[str, Any]:
        """Keyword arguments of the scorer's constructor, the probe among them."""
        probe = {} if self.probe is None else {"probe": self.probe}
        return {**self.scorer_settings, **probe}


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        **dict(complete(Budget, BUDGET_OPTIONS)),
        **dict(complete(Plan, {f.name: f.metadata[OPTION] for f in fields(Plan) if f.metadata})),
    }
)
"""Every option of a plan by its flat name, those of the budget first."""
