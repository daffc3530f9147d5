"""``Plan``: how to compress, as one frozen value that checks itself.

The command line, the workers of a batch, a cluster, the adapters and a server all take this value and show
it. A new option is a field of ``Plan`` here, with its help; those who take plans get it from ``OPTIONS``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, TypedDict, get_args, get_type_hints

from . import scorers
from .data import Budget, RecallOf
from .errors import InputError, UnknownName
from .proxy.loading import BACKENDS, DEFAULT_PROXY, PRECISIONS, Backend, Precision
from .selection.attention_sort import AttentionSort
from .selection.layout import Layout
from .selection.ordering import ATTENTION_SORT, ORDERS, Order
from .selection.rendering import FORMATS, Format
from .stopping import ON_ERROR, OnError, check_on_error, check_seconds
from .text.tokenizing import Counter

DEFAULT_RATIO = 0.2
"""Share of the tokens that is kept where nobody names a budget."""
DEFAULT_MIN_TOKENS = 150
"""What that share is at least: less is not worth compressing, and may hold no sentence that answers."""

Group = Literal["budget", "model", "layout", "call"]
_OPTION = "option"
# Fields that hold a text, and whether they may be None.
_TEXTS = (
    ("scorer", False), ("proxy", False), ("probe", True), ("language", True), ("calibration", True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """How an option is shown where a person sets it.

    Attributes:
        help: one or two sentences.
        group: what it is about: the budget, the models, the text that comes out, or the call.
        type: its type, as a field of ``Plan`` or ``Budget``.
        default: its value where it is not set.
        flag: its name on the command line.
        metavar: what stands for its value there.
        choices: the values that are allowed; None: see ``help``.
        minimum: the least number that is allowed.
    """

    help: str
    group: Group
    type: Any = str
    default: Any = None
    flag: str = ""
    metavar: str = ""
    choices: Callable[[], tuple[str, ...]] | None = None
    minimum: int | None = None

    def describe(self) -> str:
        """The help, with the values that are allowed."""
        return self.help if self.choices is None else f"{self.help}: {', '.join(self.choices())}."


def _shown(help: str, group: Group, **more: Any) -> dict[str, Option]:
    """Metadata of a field: how it is shown."""
    return {_OPTION: Option(help, group, **more)}


class BudgetOptions(TypedDict, total=False):
    """The fields of ``Budget``, as keyword arguments."""

    max_tokens: int | None
    ratio: float | None
    recall: float | None
    max_documents: int | None
    min_per_document: int
    max_per_document: int | None
    min_tokens: int
    recall_of: RecallOf


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
        format: ``text``, ``md`` (Markdown with citations) or ``plain`` (without titles).
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
        metadata=_shown(
            "What ranks the sentences", "model", metavar="NAME", choices=lambda: tuple(scorers.available())
        ),
    )
    scorer_settings: Mapping[str, Any] = field(
        default_factory=dict,
        hash=False,
        metadata=_shown(
            "A setting of the scorer; its value is JSON or plain text. Repeatable.",
            "model",
            flag="--scorer-setting",
            metavar="NAME=VALUE",
        ),
    )
    probe: str | None = field(
        default=None,
        metadata=_shown(
            "Trained weights for the scorer (without: those that ship).", "model", metavar="PROBE"
        ),
    )
    proxy: str = field(
        default=DEFAULT_PROXY,
        metadata=_shown(
            "Small language model: a name of `models list`, a local folder, a .gguf file, or a hub id. Its "
            "tokenizer counts.",
            "model",
            metavar="NAME",
        ),
    )
    backend: Backend | None = field(
        default=None,
        metadata=_shown("What runs the proxy", "model", metavar="NAME", choices=lambda: BACKENDS),
    )
    precision: Precision | None = field(
        default=None,
        metadata=_shown(
            f"Of the proxy's products with weights: {', '.join(PRECISIONS['onnx'])} (onnx), "
            f"{', '.join(PRECISIONS['torch'])} (torch).",
            "model",
            metavar="NAME",
        ),
    )
    order: Order | AttentionSort = field(
        default="source",
        metadata=_shown("Order of the kept sentences", "layout", metavar="NAME", choices=lambda: ORDERS),
    )
    keep_together: bool = field(
        default=False, metadata=_shown("Put whole documents in order, not single sentences.", "layout")
    )
    format: Format = field(
        default="text",
        metadata=_shown("Layout of the kept text", "layout", metavar="NAME", choices=lambda: FORMATS),
    )
    mark_gaps: bool = field(
        default=False, metadata=_shown("Write […] where sentences were left out.", "layout")
    )
    headings: bool = field(
        default=False, metadata=_shown("Keep the heading above a kept sentence, too.", "layout")
    )
    near_repeats: float = field(
        default=0.0,
        metadata=_shown(
            "Share of its worth that a sentence loses which says the same as a kept one, 0 <= W <= 1; above "
            "0 it needs the scorer evidence or minilm.",
            "layout",
            metavar="W",
        ),
    )
    whole_documents: bool = field(
        default=False,
        metadata=_shown("Keep or drop each document as a whole, such as worked examples.", "layout"),
    )
    language: str | None = field(
        default=None,
        metadata=_shown(
            "Language of the documents, such as en or es; it decides where sentences end.",
            "layout",
            metavar="CODE",
        ),
    )
    timeout: float | None = field(
        default=None, metadata=_shown("Time limit of one question.", "call", metavar="SECONDS")
    )
    deadline: float | None = field(
        default=None,
        metadata=_shown(
            "Read no more after this time; cheap signals score the rest.", "call", metavar="SECONDS"
        ),
    )
    on_error: OnError = field(
        default="raise",
        metadata=_shown(
            "With passthrough, documents that can't be compressed come back whole",
            "call",
            metavar="NAME",
            choices=lambda: ON_ERROR,
        ),
    )
    calibration: str | None = field(
        default=None,
        metadata=_shown(
            "What a recall is promised by: a file of `calibrate`, or none (without: the one that ships).",
            "model",
            metavar="FILE",
        ),
    )
    abstain_below: float | None = field(
        default=None,
        metadata=_shown(
            "Mark the result where the probability that the documents hold an answer is below this.",
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
        self._check_near_repeats()
        check_seconds("timeout", self.timeout)
        check_seconds("deadline", self.deadline)
        if self.abstain_below is not None and not 0 < self.abstain_below <= 1:
            raise InputError(f"abstain_below must lie in (0, 1], got {self.abstain_below!r}")
        if not isinstance(self.scorer_settings, Mapping):
            raise InputError(
                f"scorer_settings must be a mapping of names to values, got {self.scorer_settings!r}"
            )
        if self.order == AttentionSort.name:
            object.__setattr__(self, "order", AttentionSort())
        object.__setattr__(self, "scorer_settings", MappingProxyType(dict(self.scorer_settings)))

    def _check_near_repeats(self) -> None:
        value = self.near_repeats
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InputError(f"near_repeats must be a number in [0, 1], got {value!r}")

    def _check_texts(self) -> None:
        for name, optional in _TEXTS:
            value = getattr(self, name)
            if not (isinstance(value, str) and value.strip()) and not (optional and value is None):
                raise InputError(f"{name} must be a text that is not blank, got {value!r}")

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
        _check_keys(options, list(OPTIONS))
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
        _check_keys(values, [f.name for f in fields(cls)])
        read = dict(values)
        if isinstance(budget := read.get("budget"), Mapping):
            _check_keys(budget, [f.name for f in fields(Budget)], "budget")
            read["budget"] = Budget(**budget)
        if isinstance(order := read.get("order"), Mapping):
            settings = {k: v for k, v in order.items() if k != "name"}
            _check_keys(settings, [f.name for f in fields(AttentionSort)], "order")
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
        _check_keys(options, [f.name for f in fields(self)])
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


def _check_keys(given: Mapping[str, Any], known: list[str], where: str = "plan") -> None:
    unknown = [key for key in given if key not in known]
    if not unknown:
        return
    close = get_close_matches(str(unknown[0]), known, 1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(f"a {where} has no option {unknown[0]!r}; {hint}It has: {', '.join(known)}")


_BUDGET_OPTIONS = {
    "max_tokens": Option(
        "Keep at most N tokens of rendered text.", "budget", flag="--budget", metavar="N", minimum=1
    ),
    "ratio": Option(
        f"Keep at most this share of the tokens, 0 < R <= 1 (if no budget is given: {DEFAULT_RATIO}).",
        "budget",
        metavar="R",
    ),
    "recall": Option(
        "Keep as few sentences as hold this share of what is needed, 0 < P <= 1; with a calibration that is "
        "promised. --budget may be its ceiling.",
        "budget",
        metavar="P",
    ),
    "recall_of": Option(
        "What --recall is about: the share of the evidence, or the chance that all of it is kept",
        "budget",
        metavar="NAME",
        choices=lambda: get_args(RecallOf),
    ),
    "max_documents": Option("Most documents that keep anything: the best.", "budget", metavar="N", minimum=1),
    "min_per_document": Option(
        "Sentences that each of these documents keeps at least.", "budget", metavar="N", minimum=0
    ),
    "max_per_document": Option(
        "Sentences that one document keeps at most.", "budget", metavar="N", minimum=1
    ),
    "min_tokens": Option(
        "A ratio allows at least N tokens, so that short originals stay whole (if no budget is given: "
        f"{DEFAULT_MIN_TOKENS}).",
        "budget",
        metavar="N",
        minimum=0,
    ),
}


def _complete(cls: type[Budget] | type[Plan], options: Mapping[str, Option]) -> Iterator[tuple[str, Option]]:
    """Options with the type, default and flag of their fields."""
    hints = get_type_hints(cls)
    for f in fields(cls):
        if f.name in options:
            flag = options[f.name].flag or f"--{f.name.replace('_', '-')}"
            default = None if f.default is MISSING else f.default
            yield f.name, replace(options[f.name], type=hints[f.name], default=default, flag=flag)


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        **dict(_complete(Budget, _BUDGET_OPTIONS)),
        **dict(_complete(Plan, {f.name: f.metadata[_OPTION] for f in fields(Plan) if f.metadata})),
    }
)
"""Every option of a plan by its flat name, those of the budget first."""
