"""Options that several commands share, and their checks. What is wrong with them is wrong usage (exit 2).

The options of a plan come from ``ragcompress.plan.OPTIONS``: a command has them by taking a ``plan``.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, get_args, get_origin

import typer

from .. import scorers
from ..documents.reading import STDIN, SUFFIXES, suffix_of
from ..errors import InputError, UnknownName, did_you_mean
from ..files import is_stream
from ..options import DEFAULT_RATIO as DEFAULT_RATIO
from ..options import Option
from ..plan import OPTIONS, Plan
from ..proxy.loading import Backend as BackendName
from ..proxy.loading import Precision as PrecisionName
from .console import byte_bar

if TYPE_CHECKING:
    from ..compressor import Compressor
    from ..proxy.reuse import KeyValueStore

CONVERTING = "unpacking and converting it (once)"


class ResultFormat(StrEnum):
    """How a result is written."""

    text = "text"
    json = "json"
    md = "md"
    xml = "xml"
    plain = "plain"


class ReportFormat(StrEnum):
    """How an explanation or a support is written."""

    text = "text"
    json = "json"


class Engine(StrEnum):
    """Where the workers of a batch are."""

    local = "local"
    ray = "ray"


def check_output(value: Path | None) -> Path | None:
    """Refuse a file that can't be written to, before any work is done.

    Raises:
        typer.BadParameter: for a folder, or a file in one that doesn't exist.
    """
    if value is not None and (value.is_dir() or not value.absolute().parent.is_dir()):
        raise typer.BadParameter(f"{value} is not a file in a folder that exists")
    return value


def _check_report(value: Path | None) -> Path | None:
    """As ``check_output``; a report needs a file of its own."""
    if value is not None and str(value) == STDIN:
        raise typer.BadParameter("a report can't go to standard output: name a file")
    return check_output(value)


def _or_stdout(value: Path | None) -> Path | None:
    """As ``check_output``; ``-`` is standard output, as for ``batch``, and no file of that name."""
    return None if value is not None and str(value) == STDIN else check_output(value)


def check_apart(paths: Iterable[str | Path], outputs: Mapping[str, Path | None]) -> None:
    """Refuse to write over what is read, or two results into one file.

    Args:
        paths: files and folders that are read.
        outputs: what is written, by the option that names it. Streams take as much as comes.

    Raises:
        typer.BadParameter: says which file it is.
    """
    read = {os.path.realpath(path) for path in paths if str(path) != STDIN}
    written: dict[str, str] = {}
    for flag, path in outputs.items():
        if path is None or is_stream(path):
            continue
        place = os.path.realpath(path)
        if place in written:
            raise typer.BadParameter(f"{written[place]} and {flag} name the same file, {path}: give two")
        if place in read or (path.is_file() and _is_read_in(read, place)):
            raise typer.BadParameter(
                f"{flag} {path} would be written over a document that is read: write elsewhere, "
                "or give other documents"
            )
        written[place] = flag


def _is_read_in(folders: Collection[str], place: str) -> bool:
    """Whether a file is one of those that are read from one of the folders."""
    known = suffix_of(place) in ("", *SUFFIXES)
    above = [str(folder) for folder in Path(place).parents]
    return known and not Path(place).name.startswith(".") and any(folder in folders for folder in above)


def check_name(value: str, known: Collection[str]) -> None:
    """Refuse a name that is none of those known.

    Raises:
        typer.BadParameter: with those that are, and the one that was probably meant.
    """
    if value not in known:
        hint = did_you_mean(value, known)
        raise typer.BadParameter(f"{value!r} is none of: {', '.join(known)}. {hint}".strip())


def _one_of(choices: Callable[[], tuple[str, ...]]) -> Callable[[str | None], str | None]:
    """A check that a value is among those allowed."""

    def check(value: str | None) -> str | None:
        if value is not None:
            check_name(value, choices())
        return value

    return check


def plan_option(name: str) -> Any:
    """The option of a plan as typer has it."""
    option = OPTIONS[name]
    return typer.Option(
        option.flag,
        metavar=option.metavar or None,
        min=option.minimum,
        callback=_one_of(option.choices) if option.choices and option.type is str else None,
        help=option.describe(),
    )


def _type_of(option: Option) -> Any:
    """What typer reads the option as; of several types that one that can be written in a word."""
    if get_origin(option.type) is Mapping:
        return Optional[list[str]]  # noqa: UP045 - a value, no type
    members = (
        (option.type,) if get_origin(option.type) is Literal else get_args(option.type) or (option.type,)
    )
    word = next(t for t in members if get_origin(t) is Literal or t in (bool, int, float, str))
    return Optional[word] if type(None) in members else word  # noqa: UP045 - a value, no type


def plan_options(*, only: tuple[str, ...] | None = None) -> Callable[[Callable[..., None]], Any]:
    """Give a command the options of a plan in place of its parameter ``plan``.

    A parameter of the command's own takes the place of the option that has its name.

    Args:
        only: the options it has; None: all.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        names = [n for n in OPTIONS if n not in signature.parameters and (only is None or n in only)]
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            if parameter.name == "plan":
                parameters += [_parameter(name) for name in names]
            else:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

        @wraps(command)
        def run(**values: Any) -> None:
            command(plan=make_plan({n: values.pop(n) for n in names if n in values}), **values)

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _parameter(name: str) -> inspect.Parameter:
    option = OPTIONS[name]
    annotated: Any = Annotated  # a type checker takes no type that is made while the program runs
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=annotated[_type_of(option), plan_option(name)],
    )


def make_plan(options: Mapping[str, Any]) -> Plan:
    """The plan that the options name.

    Raises:
        typer.BadParameter: if a value makes no sense.
    """
    given = [name for name in ("max_tokens", "ratio", "recall") if options.get(name) is not None]
    if len(given) > 1 and given != ["max_tokens", "recall"]:
        flags = [OPTIONS[name].flag for name in ("max_tokens", "ratio", "recall")]
        raise typer.BadParameter(
            f"give one of {', '.join(flags[:-1])} and {flags[-1]}; only a recall may have a ceiling in tokens"
        )
    settings: dict[str, Any] = {}
    for text in options.get("scorer_settings") or ():
        name, value = parse_setting(text)
        if name in settings:
            raise typer.BadParameter(
                f"--scorer-setting {name} is given twice, as {settings[name]!r} and {value!r}: give one"
            )
        settings[name] = value
    try:
        return Plan.from_options({**options, "scorer_settings": settings})
    except (InputError, UnknownName) as error:
        raise typer.BadParameter(str(error)) from None


def parse_setting(text: str) -> tuple[str, Any]:
    """``NAME=VALUE``; a value that is not JSON is a text.

    Raises:
        typer.BadParameter: for anything else.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise typer.BadParameter(f"{text!r} is no setting; write it as NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


ScorerName = Annotated[str, plan_option("scorer")]
ProxyName = Annotated[str, plan_option("proxy")]
Backend = Annotated[BackendName | None, plan_option("backend")]
Precision = Annotated[PrecisionName | None, plan_option("precision")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", callback=_or_stdout, help="Write here, not to stdout."),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", callback=_check_report, help="Write a report too: what was kept, and why."
    ),
]
Compare = Annotated[
    str | None,
    typer.Option(
        "--compare",
        metavar="NAME",
        callback=_one_of(lambda: tuple(scorers.available())),
        help="Scorer to compare with in --html.",
    ),
]
IndexPath = Annotated[
    Path | None,
    typer.Option("--index", metavar="IDX", help="Search this index, made by `index build`, for passages."),
]
DEFAULT_TOP_K = 50
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k",
        metavar="K",
        min=1,
        help=f"Passages to take from the index ({DEFAULT_TOP_K} if not given).",
    ),
]
OutputFormat = Annotated[
    ResultFormat,
    typer.Option(
        "--format",
        help="Text with titles, JSON with source offsets and scores, Markdown with citations, XML, or plain: "
        "text without titles.",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", metavar="N", min=1, help="Processes, each with the model and its share of the cores."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Resume an interrupted run, if there is one.")]
EngineName = Annotated[
    Engine, typer.Option("--engine", help="Workers on this machine, or on a Ray cluster (extra `ray`).")
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="ADDRESS", help="Ray: the cluster's (without: one on this machine)."),
]
Cpus = Annotated[
    float, typer.Option("--cpus", metavar="N", min=0.1, help="Ray: cores that each worker takes.")
]
Gpus = Annotated[float, typer.Option("--gpus", metavar="N", min=0, help="Ray: GPUs that each worker takes.")]
DEFAULT_MAX_FILE_SIZE = 100
MaxFileSize = Annotated[
    int | None,
    typer.Option(
        "--max-file-size",
        metavar="MB",
        min=1,
        help=f"Leave larger files out, packed or unpacked ({DEFAULT_MAX_FILE_SIZE} if not given).",
    ),
]


def load_compressor(plan: Plan, *, store: KeyValueStore | None = None) -> Compressor:
    """Build the compressor of a plan; a model that is not on this machine is fetched, with a bar."""
    from ..compressor import Compressor

    with byte_bar(f"downloading {plan.proxy}", CONVERTING) as progress:
        return Compressor.from_plan(plan, progress=progress, store=store)


def check_question(question: str) -> None:
    """Refuse a blank question.

    Raises:
        typer.BadParameter: if it is one.
    """
    if not question.strip():
        raise typer.BadParameter("the question is empty")
