"""``ragcompress-eval tasks``: which tasks there are, and files of questions made for them."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import InputError
from ragcompress.cli.console import note, out
from ragcompress.cli.options import check_output
from ragcompress.files import to_bytes, write_whole
from ragcompress.training.examples import parse_example, read_files

from .. import tasks
from ..bench.options import check_names
from . import converting, generating

tasks_app = typer.Typer(no_args_is_help=True, help="Tasks, and files of questions made for them.")


Name = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        callback=lambda value: check_names([value], tasks.available())[0],
        help="One of `tasks list`.",
    ),
]
Output = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="OUT", callback=check_output, help="A .jsonl or .jsonl.gz file."),
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N questions.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of whatever is drawn.")]


@tasks_app.command("list")
def list_command() -> None:
    """Show the tasks."""
    for name in tasks.available():
        task = tasks.load(name)
        out().print(f"{name:<20} v{task.version}  {task.lang}  {task.title}")


@tasks_app.command("show")
def show_command(name: Name) -> None:
    """Show where a task's raw files are, its license, and what is evidence."""
    task = tasks.load(name)
    for key in ("title", "version", "lang", "license", "paper", "evidence", "constructed"):
        out().print(f"{key:<12} {getattr(task, key) or '–'}")
    for place in task.source:
        out().print(f"{'source':<12} {place}")


@tasks_app.command("convert")
def convert_command(
    name: Name,
    files: Annotated[list[Path], typer.Argument(metavar="RAW", help="Files as published.")],
    output: Output,
    limit: Limit = None,
    seed: Seed = 0,
) -> None:
    """Turn published files into records."""
    task = tasks.load(name)
    if task.generated:
        raise typer.BadParameter(f"{name} is made here: `tasks keys` or `tasks stories`")
    records = (r for path in files for r in converting.convert(task, path, seed=seed))
    _write(output, islice(records, limit))


@tasks_app.command("keys")
def keys_command(
    output: Output,
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Questions.")] = 100,
    pairs: Annotated[int, typer.Option(min=1, metavar="N", help="Key-value pairs of each.")] = 75,
    seed: Seed = 0,
) -> None:
    """Make key-value retrieval."""
    _write(output, generating.key_values(tasks.load("kv-retrieval"), n=n, n_pairs=pairs, seed=seed))


@tasks_app.command("stories")
def stories_command(
    files: Annotated[list[Path], typer.Argument(metavar="STORIES", help="Records of bAbI.")],
    output: Output,
    book: Annotated[list[Path], typer.Option(metavar="FILE", help="Text, or JSON Lines with `paragraphs`.")],
    words: Annotated[int, typer.Option(min=1, metavar="N", help="Words of each, about.")] = 1000,
    limit: Limit = None,
    seed: Seed = 0,
) -> None:
    """Make stories hidden in book text."""
    stories = [e for f in read_files(files) for e in f.examples]
    sentences = [s for path in book for s in generating.book_sentences(path)]
    made = generating.hidden_stories(tasks.load("babilong"), stories, sentences, n_words=words, seed=seed)
    _write(output, islice(made, limit))


def _write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write records that ``data`` reads; gzip'd, without a time in it, where the name ends in ``.gz``."""
    lines = []
    for record in records:
        parse_example(record)
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    if not lines:
        raise InputError("there is no question in it")
    content = to_bytes("".join(lines))
    if path.suffix == ".gz":
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as file:
            file.write(content)
        content = packed.getvalue()
    write_whole(path, content)
    note(f"{len(lines)} questions")
