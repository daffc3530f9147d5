"""Commands that the docs print exist with their options; files of the repository that they name are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from ragcompress.cli.app import app
from ragcompress_eval.cli import app as eval_app
from studies.cli import app as studies_app

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "eval/README.md", "eval/data/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
CONSOLE = re.compile(r"^```(?:console|bash|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
APPS = {"ragcompress": app, "ragcompress-eval": eval_app, "studies": studies_app}
OURS = {p.name for p in ROOT.iterdir() if p.is_dir()}
# How a command is run in the folder of an older commit (docs/results/index.md).
OLDER = "PYTHONPATH=.:adapters:eval"
# Files that a command reads, of questions or results.
READ = re.compile(r"[^-]\S*\.(?:jsonl(?:\.gz)?|json|idx)(?::\d+)?")
WRITES = re.compile(r"(?:-o|--output|--json|--html|--plot|--show) (\S+)|> (\S+)")
MAKE = re.compile(r"^([a-z-]+):", re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command, without comments, redirections and what a pipe or loop adds."""
    for block in CONSOLE.findall(page.read_text(encoding="utf-8")):
        text = block.replace("\\\n", " ")
        for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
            for part in re.split(r"\s*(?:\||&&|;)\s", line):
                words = shlex.split(part, comments=True)
                if OLDER in words:
                    continue
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words.pop(0)
                if words[:2] == ["python", "-m"]:
                    words = words[2:]
                if words:
                    yield words


def all_commands() -> list[tuple[str, str]]:
    return [(str(p.relative_to(ROOT)), shlex.join(words)) for p in PAGES for words in commands(p)]


@cache
def command_of(name: str) -> Any:
    return typer.main.get_command(APPS[name])


@pytest.mark.parametrize(("page", "line"), all_commands())
def test_a_command_exists_with_its_options(page: str, line: str) -> None:
    name, *words = shlex.split(line)
    if name == "make":
        targets = MAKE.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
        assert [w for w in words if w not in targets and "=" not in w] == []
    if name not in APPS or "--help" in words or "--version" in words:
        return
    command = command_of(name)
    while hasattr(command, "commands"):
        assert words and words[0] in command.commands, f"{name} has no command {words[:1]}"
        command, words = command.commands[words[0]], words[1:]
    context = command.make_context(name, [], resilient_parsing=True)
    context.resilient_parsing = False
    command.make_parser(context).parse_args(words)


@pytest.mark.parametrize(("page", "line"), all_commands())
def test_files_of_the_repository_that_a_command_names_are_there(page: str, line: str) -> None:
    for word in shlex.split(line)[1:]:
        path = word.partition("=")[2] if word.startswith("--") else word
        if path.split("/")[0] not in OURS or "/" not in path:
            continue
        braces = re.fullmatch(r"(.*)\{(.*)\}(.*)", path)
        names = [f"{braces[1]}{n}{braces[3]}" for n in braces[2].split(",")] if braces else [path]
        assert [n for n in names if not list(ROOT.glob(n.rstrip("/")))] == []


def unknown_files(text: str) -> list[str]:
    """Files that commands read without a place: not in the repository, nor written by a command above, nor
    the reader's own (in ``DATA``, or a word in capitals)."""
    written: set[str] = set()
    unknown = []
    for block in CONSOLE.findall(text):
        for line in re.findall(r"^\$ (.*)$", block.replace("\\\n", " "), re.MULTILINE):
            reads = [word for word in line.split() if READ.fullmatch(word)]
            written |= {a or b for a, b in WRITES.findall(line)}
            for word in reads:
                path = re.sub(r"^\.\./|^\w+=|:\d+$", "", word)
                shipped = "/" in path and path.split("/")[0] in OURS
                own = path.startswith("DATA/") or re.fullmatch(r"[A-Z_]+\.\w+", path)
                if not (shipped or own or path in written or "*" in path):
                    unknown.append(word)
    return unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_command_reads_is_shipped_or_made_by_one_above_or_the_readers_own(page: Path) -> None:
    assert unknown_files(page.read_text(encoding="utf-8")) == []


def test_commands_can_be_pasted_whole() -> None:
    assert [(page, line) for page, line in all_commands() if "…" in line] == []


def test_the_rules_can_fail(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ X=1 ragcompress compress Q a/ \\\n    --bugdet 5 | less  # why\n$ make tset\n```\n"
    )
    first, pipe, second = commands(page)
    assert (first, pipe, second) == (
        ["ragcompress", "compress", "Q", "a/", "--bugdet", "5"], ["less"], ["make", "tset"]
    )  # fmt: skip
    with pytest.raises(Exception, match="bugdet"):
        test_a_command_exists_with_its_options("README.md", shlex.join(first))
    with pytest.raises(AssertionError):
        test_a_command_exists_with_its_options("README.md", shlex.join(second))
    with pytest.raises(AssertionError):
        test_files_of_the_repository_that_a_command_names_are_there(
            "README.md", "ragcompress compress Q docs/x"
        )
    lines = "$ ragcompress batch a.jsonl -o b.jsonl\n$ ragcompress batch b.jsonl DATA/c.jsonl"
    assert unknown_files(f"```console\n{lines}\n```\n") == ["a.jsonl"]
