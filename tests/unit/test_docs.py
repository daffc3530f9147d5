"""The documents say what the program does: code blocks run, help texts and tables are compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_blocks import FRAMEWORKS, blocks_of
from typer.testing import CliRunner

from ragcompress import models, scorers
from ragcompress.cli.app import app
from ragcompress.testing import check_scorer

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = (
    (), ("compress",), ("batch",), ("explain",), ("support",), ("demo",), ("doctor",),
    ("index",), ("index", "build"), ("index", "compress"),
    ("models",), ("models", "list"), ("models", "fetch"), ("train",),
)  # fmt: skip
HELP = re.compile(
    r"^```console\n\$ ragcompress(?P<command>[ a-z]*) --help\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


def blocks() -> list[tuple[str, str, str]]:
    return [
        (path.name, code, output)
        for path in DOCUMENTS
        if path.stem not in FRAMEWORKS  # run in tests/adapters
        for code, output in blocks_of(path)
    ]


def needs_model(code: str) -> bool:
    return "from_pretrained" in code or "RagCompressRetriever" in code


@pytest.mark.parametrize(("name", "code", "output"), [b for b in blocks() if not needs_model(b[1])])
def test_code_blocks_run(name: str, code: str, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, object] = {}
    exec(compile(code, name, "exec"), found)
    assert capsys.readouterr().out == output
    if "Scorer" in found and isinstance(found["Scorer"], type) and "class Scorer" in code:
        check_scorer(found["Scorer"]())


@pytest.mark.model
@pytest.mark.parametrize(("name", "code", "output"), [b for b in blocks() if needs_model(b[1])])
def test_code_blocks_that_need_the_model_run(
    name: str, code: str, output: str, default_folder: models.ModelFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code, name, "exec"), {})
    assert capsys.readouterr().out == output


def help_text(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, [*command, "--help"], prog_name="ragcompress")
    assert result.exit_code == 0
    return result.stdout


def test_docs_cli_has_every_help_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    written = {tuple(m["command"].split()): m["text"] for m in HELP.finditer(text)}
    assert list(written) == list(COMMANDS)
    for command in COMMANDS:
        assert written[command] == help_text(command, monkeypatch), f"docs/cli.md, {' '.join(command)}"


def test_every_command_is_among_those_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    for group in ((), ("index",), ("models",)):
        listed = re.findall(
            r"^  ([a-z]+)  ", help_text(group, monkeypatch).partition("Commands:")[2], re.MULTILINE
        )
        assert {(*group, name) for name in listed} == {c for c in COMMANDS if c[:-1] == group and c}


def test_every_scorer_is_in_the_table() -> None:
    text = (ROOT / "docs" / "scorers.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)) == scorers.available()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_nobody_is_told_to_install_a_strangers_package(path: Path) -> None:
    assert not re.search(r"pip install (-U )?['\"]?ragcompress\b(?!-)", path.read_text(encoding="utf-8"))
