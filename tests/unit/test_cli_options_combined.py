"""Options of the command line that meet: each does right together, or one clear line refuses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from shared import QUESTION
from typer.testing import CliRunner, Result

from ragcompress.cli.app import app

TEXT = (
    "The bridge stands in Oslo. Anna Lund built it in 1902. Ferries cross the fjord at noon. Larch was used."
)
KEPT = "The bridge stands in Oslo. Anna Lund built it in 1902.\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "docs" / "bridge.txt"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("proxy=x",), "proxy is an option of its own: leave it out of the scorer's settings, got proxy='x'"),
        (("k1=nan",), "k1 must be a number, got 'nan'"),
        (("k1=null",), "k1 must be a number, got None"),
        (("b=[1]",), "b must be a number, got [1]"),
        (("name=x",), "scorer 'bm25' has no setting 'name'; it has: b, k1"),
        (("k1=1", "k1=2"), "--scorer-setting k1 is given twice, as 1 and 2: give one"),
    ],
)
def test_settings_with_names_of_other_things_are_refused(
    invoke: Callable[..., Result], text: Path, settings: tuple[str, ...], said: str
) -> None:
    given = [part for setting in settings for part in ("--scorer-setting", setting)]
    result = invoke("compress", QUESTION, text, *given)
    assert (result.exit_code in (1, 2), result.stdout) == (True, "")
    assert said in result.stderr


def test_a_probe_is_named_once(invoke: Callable[..., Result], text: Path) -> None:
    result = invoke("compress", QUESTION, text, "--probe", "a", "--scorer-setting", "probe=b")
    assert (result.exit_code, "probe is an option of its own" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", ["compress", "explain"])
def test_a_dash_as_output_is_standard_output(
    invoke: Callable[..., Result], text: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(text.parent)
    arguments = (QUESTION, text, "--budget", 60, "--format", "json")
    result = invoke(command, *arguments, "-o", "-")
    assert (result.exit_code, json.loads(result.stdout)["text"]) == (0, KEPT.strip())
    assert [p.name for p in text.parent.iterdir()] == [text.name]


def test_a_report_does_not_go_to_standard_output(
    invoke: Callable[..., Result], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(text.parent)
    result = invoke("compress", QUESTION, text, "--html", "-")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "a report can't go to standard output: name a file" in result.stderr
    assert [p.name for p in text.parent.iterdir()] == [text.name]


@pytest.mark.parametrize("other", ["out", "./out", "link"])
def test_result_and_report_need_a_file_each(
    invoke: Callable[..., Result], text: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.chdir(text.parent)
    Path("link").symlink_to("out")
    result = invoke("compress", QUESTION, text, "-o", "out", "--html", other)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"--output and --html name the same file, {Path(other)}: give two" in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize("flag", ["-o", "--html"])
@pytest.mark.parametrize("given", ["bridge.txt", "../docs"])
def test_no_document_that_is_read_is_written_over(
    invoke: Callable[..., Result], text: Path, monkeypatch: pytest.MonkeyPatch, flag: str, given: str
) -> None:
    monkeypatch.chdir(text.parent)
    result = invoke("compress", QUESTION, given, flag, "bridge.txt")
    assert (result.exit_code, result.stdout, text.read_text()) == (2, "", TEXT)
    assert "bridge.txt would be written over a document that is read: write elsewhere" in result.stderr


def test_explain_writes_over_no_document(invoke: Callable[..., Result], text: Path) -> None:
    result = invoke("explain", QUESTION, text, "--format", "json", "-o", text)
    assert (result.exit_code, text.read_text()) == (2, TEXT)


def test_what_a_folder_does_not_give_may_be_written_in_it(invoke: Callable[..., Result], text: Path) -> None:
    out = text.parent / "result.out"  # no ending of documents: a second run does not read it
    for _ in range(2):
        result = invoke("compress", QUESTION, text.parent, "--budget", 60, "-o", out)
        assert (result.exit_code, out.read_text()) == (0, KEPT)
    hidden = text.parent / ".result.txt"
    for _ in range(2):
        assert invoke("compress", QUESTION, text.parent, "--budget", 60, "-o", hidden).exit_code == 0


def test_one_stream_takes_result_and_report(invoke: Callable[..., Result], text: Path) -> None:
    result = invoke("compress", QUESTION, text, "--budget", 60, "-o", "/dev/null", "--html", "/dev/null")
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_path_without_a_name_is_shown(
    invoke: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("compress", QUESTION, "")
    assert (result.exit_code, result.stderr) == (1, "error: '': there is no such file or folder\n")
    result = invoke("batch", "", "-o", "out")
    assert (result.exit_code, result.stderr) == (1, "error: '': No such file or directory\n")


def test_two_options_that_rule_each_other_out_are_both_named(
    invoke: Callable[..., Result], text: Path
) -> None:
    result = invoke("compress", QUESTION, text, "--min-per-document", 3, "--max-per-document", 2)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "max_per_document must be at least min_per_document, got 2 and 3" in result.stderr


@pytest.mark.parametrize("name", ["out.errors.jsonl", "out.jsonl.partial"])
def test_a_batch_writes_over_its_input_under_no_name(
    invoke: Callable[..., Result], tmp_path: Path, name: str
) -> None:
    requests = tmp_path / name
    line = json.dumps({"question": QUESTION, "documents": [{"text": TEXT}]}) + "\n"
    requests.write_text(line)
    result = invoke("batch", requests, "-o", tmp_path / "out.jsonl", "--budget", 60)
    assert (result.exit_code, requests.read_text()) == (2, line)
    assert "is a file that the run writes beside out.jsonl: choose another output" in result.stderr
    assert list(tmp_path.iterdir()) == [requests]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((".", "--store-keys", "nan"), 2, "--store-keys must be more than 0 GiB and finite, got nan"),
        ((".", "--store-keys", "inf"), 2, "--store-keys must be more than 0 GiB and finite, got inf"),
        (("",), 1, "there is no folder ''"),  # as of a variable that is not set; not the current folder
    ],
)
def test_no_index_is_begun_that_can_not_be_ended(
    text: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.chdir(text.parent)
    result = CliRunner().invoke(app, ["index", "build", *arguments, "-o", "idx"])
    assert (result.exit_code, said in result.stderr, Path("idx").exists()) == (code, True, False)


@pytest.mark.parametrize(
    ("name", "said"), [("none/p", "in a folder that exists"), ("/", "has no name"), ("p", "p.json")]
)
def test_no_training_begins_that_can_not_be_written(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "p.json").mkdir()
    result = CliRunner().invoke(app, ["train", "none.jsonl", "-o", str(tmp_path / name)])
    assert (result.exit_code, "none.jsonl" in result.output) == (2, False)
    assert said in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--budget 0", " 0"),
        ("--budget abc", " abc"),
        ("--min-per-document -1", " -1"),
        ("--max-documents 0", " 0"),
        ("--ratio 2", "(0, 1], got 2.0"),
        ("--near-repeats 7", "[0, 1], got 7.0"),
        ("--timeout nan", "above 0, or None, got nan"),
        ("--format pdf", "--format: pdf is not one of"),
        ("--order up", "--order: up is not one of"),
    ],
)
def test_a_value_that_is_none_is_shown_with_what_is_allowed(text: Path, arguments: str, said: str) -> None:
    result = CliRunner().invoke(app, ["compress", "q", str(text), *arguments.split()])
    assert result.exit_code == 2
    # Versions of typer differ in what they say, and in what they put into quotes.
    assert said in result.output.splitlines()[-1].replace("'", "")


@pytest.mark.parametrize(
    "arguments", ["compress q a.txt --budget", "batch a.jsonl -o", "train a.jsonl -o", "serve --port"]
)
def test_an_option_without_its_value_is_one_line(arguments: str) -> None:
    result = CliRunner().invoke(app, arguments.split())
    option = arguments.split()[-1]
    assert (result.exit_code, result.output) == (2, f"Error: Option '{option}' requires an argument.\n")
