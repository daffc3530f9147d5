"""How an option is shown where a person sets it, and what a budget's options say.

Those of a plan are its fields, in ``plan.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Literal, TypedDict, get_args, get_type_hints

from .budget import RecallOf
from .errors import InputError, did_you_mean

DEFAULT_RATIO = 0.2
"""Share of the tokens that is kept where nobody names a budget."""
DEFAULT_MIN_TOKENS = 150
"""What that share is at least: less is not worth compressing, and may hold no sentence that answers."""

Group = Literal["budget", "model", "layout", "call"]
OPTION = "option"
"""Where the metadata of a field hold its ``Option``."""


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


def as_option(help: str, group: Group, **more: Any) -> dict[str, Option]:
    """Metadata of a field: how it is shown."""
    return {OPTION: Option(help, group, **more)}


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


BUDGET_OPTIONS = {
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
    "max_documents": Option("Keep text of at most N documents: the best.", "budget", metavar="N", minimum=1),
    "min_per_document": Option(
        "Keep at least N sentences of each of these documents.", "budget", metavar="N", minimum=0
    ),
    "max_per_document": Option("Keep at most N sentences of one document.", "budget", metavar="N", minimum=1),
    "min_tokens": Option(
        "A ratio allows at least N tokens, so that short originals stay whole (if no budget is given: "
        f"{DEFAULT_MIN_TOKENS}).",
        "budget",
        metavar="N",
        minimum=0,
    ),
}


def complete(cls: type, options: Mapping[str, Option]) -> Iterator[tuple[str, Option]]:
    """Options with the type, default and flag of their fields."""
    hints = get_type_hints(cls)
    for f in fields(cls):
        if f.name in options:
            flag = options[f.name].flag or f"--{f.name.replace('_', '-')}"
            default = None if f.default is MISSING else f.default
            yield f.name, replace(options[f.name], type=hints[f.name], default=default, flag=flag)


def check_keys(given: Mapping[str, Any], known: list[str], where: str = "plan") -> None:
    """Check the names of options that somebody wrote.

    Raises:
        InputError: for one that is not known; names the closest.
    """
    unknown = [key for key in given if key not in known]
    if not unknown:
        return
    name = str(unknown[0])
    if name in BUDGET_OPTIONS:
        hint = f"it is the budget's, as in budget=Budget({name}=…)"
    else:
        hint = f"{did_you_mean(name, known)}there are: {', '.join(known)}"
    raise InputError(f"a {where} has no option {name!r}; {hint}")
