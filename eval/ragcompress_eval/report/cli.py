"""``ragcompress-eval report``: results of any command as one page of Markdown with pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import DataError, InputError
from ragcompress.cli.console import out
from ragcompress.files import to_bytes, write_whole

from ..bench.plots import figure_class, save
from ..bench.results import Result, read_results
from ..bench.summary import cells
from . import plots

PAGE = "report.md"

Files = Annotated[list[Path], typer.Argument(metavar="RESULTS", help="What --json wrote.")]
Folder = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR", help="Where the page and pictures go.")
]


def report_command(files: Files, output: Folder) -> None:
    """Render results as Markdown and plots; results of one command stand together."""
    contents = [(path, read_results(path)) for path in files]
    _check_once(contents)
    figure_class()  # Without matplotlib, nothing is half written.
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{output} can't be made: {error.strerror or error}") from error
    studies = {content["study"]["name"]: content["study"] for _, content in contents}
    page = ["# Results\n"]
    for name, study in studies.items():
        page += _section(
            study, [r for _, c in contents if c["study"]["name"] == name for r in c["results"]], output
        )
    page.append("## What they rest on\n")
    for path, content in contents:
        page += _basis(path.name, content["provenance"])
    write_whole(output / PAGE, to_bytes("\n".join(page)))
    out().print(str(output / PAGE))


def _check_once(contents: Sequence[tuple[Path, Mapping[str, Any]]]) -> None:
    """Refuse files that give the same thing twice: a line would join what doesn't belong together.

    Raises:
        InputError: says which.
    """
    first_file: dict[tuple[object, ...], Path] = {}
    for path, content in contents:
        study = content["study"]
        for result in content["results"]:
            what = [str(result[k]) for k in study["labels"] if result.get(k) is not None]
            key = (study["name"], *what)
            if first_file.setdefault(key, path) is not path:
                raise InputError(
                    f"{first_file[key]} and {path} both hold {', '.join(what)}: report on them one by one"
                )


def _section(study: Mapping[str, Any], results: Sequence[Result], folder: Path) -> list[str]:
    """A study: for each data set its table, and pictures where there are some for such results."""
    page = [f"## {study['question']}\n"]
    for dataset in dict.fromkeys(r.get("dataset") for r in results):
        members = [r for r in results if r.get("dataset") == dataset]
        page += [f"### {dataset}\n"] if dataset else []
        labels = [name for name in study["labels"] if name != "dataset"]
        headings, rows = cells({**study, "labels": labels}, members)
        lines = [headings, ["---"] * len(headings), *rows]
        page += [" | ".join(["", *(c.replace("|", r"\|") for c in line), ""]).strip() for line in lines]
        page.append("")
        for name, label, figure in plots.PICTURES.get(study["name"], lambda results: ())(members):
            stem = f"{name}-{dataset}" if dataset else name
            file = "".join(c if c.isalnum() or c in "-_." else "-" for c in stem) + ".png"
            save(figure, folder / file)
            page.append(f"![{label}]({file})\n")
    return page


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
