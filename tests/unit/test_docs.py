"""The documents say what the program does: code blocks run, help texts and tables are compared."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import typer
from cogapp import Cog
from doc_blocks import FRAMEWORKS, blocks_of

import ragcompress
from ragcompress import errors, models, scorers
from ragcompress.testing import check_scorer
from ragcompress_eval.cli import app as eval_app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


def pages(with_model: bool) -> list[Path]:
    """Pages with code that needs the real model, or none; those of the frameworks run in tests/adapters."""
    code = {p: "".join(code for code, _ in blocks_of(p)) for p in DOCUMENTS if p.stem not in FRAMEWORKS}
    return [p for p in code if code[p] and needs_model(code[p]) is with_model]


def needs_model(code: str) -> bool:
    return any(name in code for name in ("from_pretrained", "load_proxy()", "RagCompressRetriever"))


def run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page reads from top to bottom like one program."""
    namespace: dict[str, object] = {}
    for code, output in blocks_of(page):
        exec(compile(code, page.name, "exec"), namespace)
        assert capsys.readouterr().out == output
        if "class Scorer" in code:
            scorer = namespace["Scorer"]
            assert isinstance(scorer, type)
            check_scorer(scorer())


@pytest.mark.parametrize("page", pages(with_model=False), ids=lambda p: p.stem)
def test_code_blocks_run(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    run(page, capsys)


@pytest.mark.model
@pytest.mark.parametrize("page", pages(with_model=True), ids=lambda p: p.stem)
def test_code_blocks_that_need_the_model_run(
    page: Path,
    default_folder: models.ModelFolder,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    run(page, capsys)


def test_docs_cli_is_what_the_commands_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    status = Cog().main(["cog", "--check", "--diff", "-I", "docs", "docs/cli.md"])
    assert status == 0, f"docs/cli.md is out of date; run `make docs`\n{capsys.readouterr().out}"


def test_docs_cli_has_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    shown = re.findall(r"help_texts\.show\(\"([a-z ]*)\"\)", text)
    assert sorted(shown) == sorted(importlib.import_module("help_texts").commands())


def test_every_scorer_is_in_the_table() -> None:
    text = (ROOT / "docs" / "scorers.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)) == scorers.available()


def test_every_public_name_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^::: ragcompress\.(?:\w+\.)*(\w+)$", text, re.MULTILINE)) | set(errors.__dict__)
    assert [
        n for n in ragcompress.__all__ if n not in told | {"OPTIONS", "Option", "PlanOptions", "__version__"}
    ] == []


def test_every_command_of_the_evaluation_is_in_its_table() -> None:
    table = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8").split("\n\n")[1]
    names = typer.main.get_command(eval_app).commands  # type: ignore[attr-defined]
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == sorted(names)


def test_every_room_is_in_the_tree() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = [p for p in (ROOT / "ragcompress").iterdir() if not p.name.startswith(("_", "."))]
    rooms = [f"{p.name}/" if p.is_dir() else p.name for p in paths if p.is_dir() or p.suffix == ".py"]
    assert [room for room in rooms if not re.search(rf"[`/]{re.escape(room)}`", text)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_nobody_is_told_to_install_a_strangers_package(path: Path) -> None:
    assert not re.search(r"pip install (-U )?['\"]?ragcompress\b(?!-)", path.read_text(encoding="utf-8"))
