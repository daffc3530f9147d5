"""``ragcompress-eval report``: results of any command as one page of Markdown with pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import DataError, InputError
from ragcompress.cli.console import out
from ragcompress.files import to_bytes, write_whole

from ..speed import report as speed_report
from . import plots

PAGE = "report.md"
_TYPICAL_RATIO = 0.2
# A key that only the results of one command have; those of positions have the keys of answers too.
_TOLD_BY = {"evidence_recall": "evidence", "position": "positions", "f1": "answers", "contestant": "speed"}
_TOLD_APART_BY = (
    "dataset", "position", "context", "scorer", "ratio", "recall", "order", "contestant",
    "passages", "tokens",
)  # fmt: skip

Files = Annotated[list[Path], typer.Argument(metavar="RESULTS", help="What --json wrote.")]
Folder = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR", help="Where the page and pictures go.")
]

Result = Mapping[str, Any]
Column = tuple[str, Callable[[Result], str]]


def report_command(files: Files, output: Folder) -> None:
    """Render results as Markdown and plots; the command that made them is told by what they hold."""
    contents = [(path, _read(path)) for path in files]
    _check_once(contents)
    speed_report.figure_class()  # Without matplotlib, nothing is half written.
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{output} can't be made: {error.strerror or error}") from error
    page = ["# Results\n"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for _, content in contents:
        for result in content["results"]:
            groups.setdefault(_kind(result), []).append(result)
    for kind, results in groups.items():
        page += _SECTIONS[kind](results, output)
    page.append("## What they rest on\n")
    for path, content in contents:
        page += _basis(path.name, content["provenance"])
    write_whole(output / PAGE, to_bytes("\n".join(page)))
    out().print(str(output / PAGE))


def _read(path: Path) -> dict[str, Any]:
    """A result file.

    Raises:
        DataError: if it is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kinds = {_kind(r) for r in content["results"]}
        found: dict[str, Any] = content
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError):
        raise DataError(f"{path} holds no results of ragcompress-eval") from None
    if not kinds or not isinstance(found.get("provenance"), dict):
        raise DataError(f"{path} holds no results of ragcompress-eval")
    return found


def _check_once(contents: Sequence[tuple[Path, Mapping[str, Any]]]) -> None:
    """Refuse files that give the same thing twice: a line would join what doesn't belong together.

    Raises:
        InputError: says which.
    """
    seen: dict[tuple[object, ...], Path] = {}
    for path, content in contents:
        for result in content["results"]:
            key = (_kind(result), *(str(result.get(k)) for k in _TOLD_APART_BY))
            if seen.setdefault(key, path) is not path:
                what = ", ".join(str(result[k]) for k in _TOLD_APART_BY if result.get(k) is not None)
                raise InputError(f"{seen[key]} and {path} both hold {what}: report on them one by one")


def _kind(result: Result) -> str:
    """The command that made a result."""
    for key, kind in _TOLD_BY.items():
        if key in result:
            return kind
    raise LookupError(result)


def _evidence(results: Sequence[Result], folder: Path) -> list[str]:
    page = ["## Does the evidence survive?\n"]
    columns: list[Column] = [
        ("scorer", lambda r: r["scorer"]),
        ("budget", lambda r: f"recall {r['recall']:g}" if r["ratio"] is None else f"{r['ratio']:g}"),
        ("kept", _number("ratio_kept")),
        ("n", lambda r: str(r["n"])),
        ("evidence recall", _interval("evidence_recall")),
        ("all evidence", _interval("evidence_all")),
        ("evidence words", _interval("evidence_words")),
        ("answer kept", _interval("answer_kept")),
        ("AUC", _interval("auc")),
        ("ms/question", lambda r: f"{1000 * r['seconds']:.0f}"),
    ]
    for dataset, own in _by(results, "dataset"):
        page += [f"### {dataset}\n", *_table(own, columns)]
        at_ratios = [r for r in own if r["ratio"] is not None and r["evidence_recall"] is not None]
        if not at_ratios:
            continue
        page.append(
            _picture(plots.recall_by_ratio(at_ratios), folder, f"recall-{dataset}", "recall by ratio")
        )
        nearest = min((r["ratio"] for r in at_ratios), key=lambda ratio: abs(ratio - _TYPICAL_RATIO))
        timed = [r for r in at_ratios if r["ratio"] == nearest]
        page.append(_picture(plots.recall_by_time(timed), folder, f"time-{dataset}", "recall by time"))
    return page


def _answers(results: Sequence[Result], folder: Path) -> list[str]:
    page = ["## Does the answer survive?\n"]
    for dataset, own in _by(results, "dataset"):
        page += [f"### {dataset}\n", *_table(own, _ANSWER_COLUMNS)]
        if any(r["n"] for r in own):
            page.append(_picture(plots.answers(own), folder, f"answers-{dataset}", "answers"))
    return page


def _positions(results: Sequence[Result], folder: Path) -> list[str]:
    page = ["## Is it lost in the middle?\n"]
    columns: list[Column] = [("position", lambda r: f"{r['position']:.2f}"), *_ANSWER_COLUMNS]
    for dataset, own in _by(results, "dataset"):
        page += [f"### {dataset}\n", *_table(own, columns)]
        for metric, label in (("answer_in_output", "answer in output"), ("f1", "F1")):
            figure = plots.by_position(own, metric, label)
            page.append(_picture(figure, folder, f"positions-{metric}-{dataset}", f"{label} by position"))
    return page


def _speed(results: Sequence[Result], folder: Path) -> list[str]:
    speed_report.plot(results, folder / "speed.png")
    columns: list[Column] = [
        ("size", lambda r: f"{r['passages']} × {r['tokens']}"),
        ("contestant", lambda r: r["contestant"]),
        ("n", lambda r: str(r["n"])),
        ("seconds", _number("seconds")),
        ("× first", _number("versus_reference")),
        ("skipped", lambda r: r["skipped"] or ""),
    ]
    return ["## What does it cost?\n", *_table(results, columns), "![seconds by tokens](speed.png)\n"]


def _number(key: str) -> Callable[[Result], str]:
    return lambda r: "–" if r[key] is None else f"{r[key]:.3f}"


def _interval(key: str) -> Callable[[Result], str]:
    def show(result: Result) -> str:
        if result.get(key) is None:
            return "–"
        low, high = result["ci"][key]
        return f"{result[key]:.3f} [{low:.2f}, {high:.2f}]"

    return show


def _versus_full(result: Result) -> str:
    difference = result["versus"].get("full", {}).get("f1")
    if difference is None:
        return "–"
    return f"{difference['difference']:+.3f} [{difference['ci'][0]:+.2f}, {difference['ci'][1]:+.2f}]"


_ANSWER_COLUMNS: list[Column] = [
    ("context", plots.condition),
    ("kept", _number("ratio_kept")),
    ("n", lambda r: str(r["n"])),
    ("refused", lambda r: str(r["n_refused"])),
    ("F1", _interval("f1")),
    ("F1, difference from full", _versus_full),
    ("EM", _interval("em")),
    ("answer in output", _interval("answer_in_output")),
    ("evidence", _number("evidence")),
]

_SECTIONS = {"evidence": _evidence, "answers": _answers, "positions": _positions, "speed": _speed}


def _by(results: Iterable[Result], key: str) -> list[tuple[str, list[Result]]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result[key], []).append(result)
    return list(groups.items())


def _table(results: Sequence[Result], columns: Sequence[Column]) -> list[str]:
    lines = [" | ".join(name for name, _ in columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(show(r).replace("|", "\\|") for _, show in columns) for r in results]
    return [*(f"| {line} |" for line in lines), ""]


def _picture(figure: Any, folder: Path, name: str, label: str) -> str:
    file = "".join(c if c.isalnum() or c in "-_." else "-" for c in name) + ".png"
    plots.save(figure, folder / file)
    return f"![{label}]({file})\n"


def _basis(name: str, about: Mapping[str, Any]) -> list[str]:
    """What one result file rests on."""
    files = [
        f"`{f['name']}` (SHA-256 `{f['sha256'][:16]}…`, {f['n_used']} used)" for f in about.get("files", [])
    ]
    versions = ", ".join(f"{k} {v}" for k, v in about.get("versions", {}).items())
    commit = about.get("code", {}).get("commit")
    changed = ", with changes" if about.get("code", {}).get("changed_since") else ""
    settings = json.dumps(about.get("settings", {}), ensure_ascii=False)
    lines = [f"### {name}\n", f"- files: {', '.join(files) or 'none'}", f"- versions: {versions}"]
    return [*lines, f"- code: {commit or 'no checkout'}{changed}", f"- settings: `{settings}`", ""]
