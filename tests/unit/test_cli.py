"""The command line from end to end: what goes to stdout and stderr, and how it ends."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shared import QUESTION
from typer.testing import CliRunner, Result

from ragcompress import Compressor, models
from ragcompress.cli.app import app

ROOT = Path(__file__).parents[2]
TEXT = (
    "The bridge stands in Oslo. Anna Lund built it in 1902. Ferries cross the fjord at noon. Larch was used."
)


def in_process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "ragcompress", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {})
    return subprocess.run(command, capture_output=True, env=environment, timeout=120, **options)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.txt"
    path.write_text(TEXT)
    return path


def test_text_goes_to_stdout_and_the_rest_to_stderr(invoke: Callable[..., Result], text: Path) -> None:
    result = invoke("compress", QUESTION, text, "--budget", 60)
    assert (result.exit_code, result.stdout) == (
        0,
        "The bridge stands in Oslo. Anna Lund built it in 1902.\n",
    )
    assert result.stderr == "kept 54 of 103 tokens (52%)\n"


def test_without_a_budget_a_fifth_is_kept(invoke: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT * 10)
    result = invoke("compress", QUESTION, tmp_path, "--format", "json")
    found = json.loads(result.stdout)
    assert found["settings"]["budget"]["ratio"] == 0.2
    assert found["limit"] == 206


def test_json_points_into_the_files(invoke: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Brücke\r\n\r\nAnna 𝔏und built it. Ferries leave.\r\n", newline="")
    (tmp_path / "b.txt").write_text(TEXT)
    found = json.loads(
        invoke("compress", "Who built it?", tmp_path, "--ratio", 0.5, "--format", "json").stdout
    )
    assert {p["source"] for p in found["pieces"]} == {str(tmp_path / "a.md"), str(tmp_path / "b.txt")}
    assert all(d["reason"] for d in found["dropped"])
    for piece in found["pieces"]:
        source = Path(piece["source"]).read_bytes().decode("utf-8")
        assert source[piece["start_char"] : piece["end_char"]] == found["text"][piece["start"] : piece["end"]]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("--format", "md"), "### [1] "),
        (("--format", "xml"), '<documents>\n<document index="1">\n'),
        (("--order", "edges"), "1902.\n\nThe bridge"),
        (("--order", "edges", "--keep-together"), "Oslo. Anna Lund"),
        (("--mark-gaps",), "1902. […] Larch was used."),
    ],
)
def test_options_shape_the_text(
    invoke: Callable[..., Result], text: Path, options: tuple[str, ...], shown: str
) -> None:
    result = invoke("compress", "Who built it? Oslo, larch?", text, "--ratio", "0.99", *options)
    assert (result.exit_code, shown in result.stdout) == (0, True), result.stdout


def test_documents_come_from_json_json_lines_and_stdin(invoke: Callable[..., Result], tmp_path: Path) -> None:
    documents = [{"text": TEXT, "id": "x", "title": "Bridge"}, {"text": "Nothing."}]
    (tmp_path / "d.json").write_text(json.dumps(documents))
    lines = "".join(json.dumps(d) + "\n" for d in documents)
    (tmp_path / "d.jsonl").write_text(lines)
    arguments = (QUESTION, "--budget", 70)
    outcomes = [
        invoke("compress", *arguments, tmp_path / "d.json"),
        invoke("compress", *arguments, tmp_path / "d.jsonl"),
        invoke("compress", *arguments, "-", stdin=lines.encode()),
    ]
    assert {r.stdout for r in outcomes} == {
        "Bridge\nThe bridge stands in Oslo. Anna Lund built it in 1902.\n"
    }


def test_a_file_takes_the_result_whole(invoke: Callable[..., Result], text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "context.txt"
    out.parent.mkdir()
    out.write_text("old")
    out.chmod(0o640)
    result = invoke("compress", QUESTION, text, "--budget", 60, "-o", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert out.read_text() == "The bridge stands in Oslo. Anna Lund built it in 1902.\n"
    assert out.stat().st_mode & 0o777 == 0o640
    assert list(out.parent.iterdir()) == [out]


def test_markup_in_user_text_stays_text(invoke: Callable[..., Result], tmp_path: Path) -> None:
    hostile = "[bold]The bridge[/bold] [/] :smile: \x1b[31mwas built\x1b[0m by [link=x]Anna[/link]."
    (tmp_path / "a.txt").write_text(hostile)
    assert invoke("compress", QUESTION, tmp_path / "a.txt", "--ratio", 1).stdout == hostile + "\n"
    missing = invoke("compress", QUESTION, tmp_path / "[bold]\x1b[31m\nx[/].txt")
    assert missing.stderr.endswith("[bold] [31m x[/].txt: there is no such file or folder\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("  ", "TEXT"), "the question is empty"),
        ((QUESTION,), "give PATH or --index"),
        ((QUESTION, "TEXT", "--budget", "0"), "Invalid value for '--budget'"),
        ((QUESTION, "TEXT", "--budget", "many"), "Invalid value for '--budget'"),
        ((QUESTION, "TEXT", "--ratio", "0"), "ratio must lie in (0, 1], got 0.0"),
        ((QUESTION, "TEXT", "--ratio", "nan"), "ratio must lie in (0, 1], got nan"),
        ((QUESTION, "TEXT", "--budget", "5", "--ratio", "0.5"), "give one of --budget, --ratio and --recall"),
        ((QUESTION, "TEXT", "--scorer", "bm52"), "'bm52' is none of: attentionrag, bm25"),
        ((QUESTION, "TEXT", "--scorer", "bm52"), "did you mean 'bm25'?"),
        ((QUESTION, "TEXT", "--order", "best"), "'best' is not one of 'source', 'best-first'"),
        ((QUESTION, "TEXT", "--backend", "jax"), "'jax' is not one of 'onnx', 'torch'"),
        ((QUESTION, "TEXT", "--format", "html"), "html"),
        ((QUESTION, "TEXT", "-o", "/no/such/folder/x"), "is not a file in a folder that exists"),
        ((QUESTION, "TEXT", "--colour"), "No such option"),
    ],
)
def test_wrong_usage_ends_with_2(text: Path, arguments: tuple[str, ...], message: str) -> None:
    given = [str(text) if a == "TEXT" else a for a in arguments]
    result = CliRunner().invoke(app, ["compress", *given])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("content", "budget", "message"),
    [
        (b"", 50, "there is no text to compress in"),
        (b" \n ", 50, "there is no text to compress in"),
        (os.urandom(500) + b"\0", 50, "is binary data, not text"),
        (b"caf\xe9 au lait", 50, "is not UTF-8 text (byte 3)"),
        (None, 50, "there is no such file or folder"),
        (b"word " * 50_000 + b"end.", 50, "no sentence fits into 50 tokens; the smallest budget that works"),
        (TEXT.encode(), 3, "no sentence fits into 3 tokens; the smallest budget that works here is 15"),
    ],
    ids=["empty", "blank", "binary", "latin-1", "missing", "one long sentence", "small budget"],
)
def test_bad_input_ends_with_1_and_one_line(
    invoke: Callable[..., Result], tmp_path: Path, content: bytes | None, budget: int, message: str
) -> None:
    path = tmp_path / "input.txt"
    if content is not None:
        path.write_bytes(content)
    result = invoke("compress", QUESTION, path, "--budget", budget)
    assert (result.exit_code, result.stdout) == (1, "")
    *notes, last = result.stderr.splitlines()
    assert last.startswith("error: ")
    assert message in last
    assert all("empty, left out" in line for line in notes)


@pytest.mark.parametrize("stdin", [b"[]", b'{"documents": []}', b'[{"text": ""}]'])
def test_no_documents_and_empty_documents_end_with_1(invoke: Callable[..., Result], stdin: bytes) -> None:
    result = invoke("compress", QUESTION, "-", stdin=stdin)
    assert result.exit_code == (1 if stdin == b'[{"text": ""}]' else result.exit_code)


def test_one_sentence_of_50_000_words_is_kept_where_it_fits(
    invoke: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("bridge " * 50_000 + "end.")
    result = invoke("compress", QUESTION, tmp_path / "a.txt", "--ratio", 1)
    assert (result.exit_code, len(result.stdout)) == (0, 350_005)


@pytest.mark.parametrize("scorer", ["raw-attention", "passage-probe"])
def test_a_broken_model_ends_with_1_and_one_line(text: Path, counting_folder: Path, scorer: str) -> None:
    arguments = ["compress", QUESTION, str(text), "--scorer", scorer, "--proxy", str(counting_folder)]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("model", ["no-such-model", "./missing", "missing.gguf"])
def test_an_unknown_model_ends_with_1_and_one_line(text: Path, model: str) -> None:
    result = CliRunner().invoke(app, ["compress", QUESTION, str(text), "--scorer", "bm25", "--proxy", model])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert model in result.stderr


def test_a_setting_that_the_scorer_does_not_have_is_refused(
    invoke: Callable[..., Result], text: Path
) -> None:
    result = invoke("compress", QUESTION, text, "--probe", "some-probe")
    assert (result.exit_code, "'bm25' has no setting 'probe'" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 1, "error: out of memory; give fewer or shorter documents at a time\n"),
        (OSError(28, "No space left on device", "x.bin"), 1, "error: x.bin: No space left on device\n"),
        (
            RuntimeError("odd\nthing"),
            1,
            "error: RuntimeError: odd thing (a bug in ragcompress; set RAGCOMPRESS",
        ),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_failure_shows_a_traceback(
    invoke: Callable[..., Result], text: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException,
    code: int, said: str,
) -> None:  # fmt: skip
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Compressor, "__call__", fail)
    result = invoke("compress", QUESTION, text)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(said)


def test_an_interrupt_during_the_import_is_one_line_too() -> None:
    script = """
import sys
import ragcompress.cli
class Interrupting:
    def find_spec(self, name, *_):
        if name == "ragcompress.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
ragcompress.cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_the_entry_point_imports_nothing_before_it_catches_interrupts() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
before = set(sys.modules)
import ragcompress.cli
print(*sorted(set(sys.modules) - before))
"""
    command = [sys.executable, "-I", "-S", "-c", script]  # nothing of the site
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("ragcompress ragcompress.cli\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals end a process at once there")
def test_an_interrupt_right_behind_the_import_is_one_line_too() -> None:
    script = """
import signal, sys
import ragcompress.cli
def hit(frame, event, argument):
    if event == "call" and frame.f_code.co_name == "occupy":
        sys.setprofile(None)
        signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.setprofile(hit)
ragcompress.cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize(
    ("name", "code", "said"), [("SIGINT", 130, "interrupted\n"), ("SIGTERM", 143, "terminated\n")]
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals end a process at once there")
def test_a_signal_before_the_command_begins_is_one_line_too(name: str, code: int, said: str) -> None:
    script = f"""
import signal
from ragcompress.cli import app
class Hit(app._Group):
    def parse_args(self, *given):
        signal.raise_signal(signal.{name})
app.app.info.cls = Hit
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it
app.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)


def test_models_and_doctor_work_without_a_model(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["models", "list"])
    assert listed.exit_code == 0
    assert all(name in listed.stdout for name in models.KNOWN)
    examined = CliRunner().invoke(app, ["doctor"])
    assert (examined.exit_code, examined.stderr) == (0, "")
    assert "-> ragcompress models fetch smollm2-135m" in examined.stdout


def test_doctor_finds_a_cache_that_can_not_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(tmp_path / "file" / "cache"))
    result = CliRunner().invoke(app, ["doctor"])
    assert (result.exit_code, "set RAGCOMPRESS_CACHE to a folder that can" in result.stdout) == (1, True)


def test_the_demo_shows_what_was_lost(counting_folder: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--scorer", "bm25", "--proxy", str(counting_folder)])
    assert result.exit_code == 1
    assert "+ In 1874 it was the brig Halcyon, total loss, crew saved." in result.stdout
    assert "- The water is cold" in result.stdout
    assert "Answer    lost, dropped: " in result.stdout


def test_the_demo_shows_that_the_answer_survived(counting_folder: Path) -> None:
    arguments = ["demo", "--scorer", "lead", "--ratio", "1", "--proxy", str(counting_folder)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "Answer    Ostrey survived" in result.stdout


@pytest.mark.slow
def test_output_is_utf8_whatever_the_locale(tmp_path: Path, counting_folder: Path) -> None:
    (tmp_path / "a.txt").write_text("Die Brücke 𝔘 steht.", encoding="utf-8")
    arguments = ("compress", "where?", tmp_path / "a.txt", "--ratio", 1, "--scorer", "lead")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = in_process(*arguments, "--proxy", counting_folder, env=locale)
    assert (done.returncode, done.stdout.decode()) == (0, "Die Brücke 𝔘 steht.\n")


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_failure_to_talk_about(
    tmp_path: Path, counting_folder: Path
) -> None:
    (tmp_path / "a.txt").write_text("A line of some length.\n" * 100)
    reader, writer = os.pipe()
    os.close(reader)
    command = [
        sys.executable,
        "-m",
        "ragcompress",
        "compress",
        "line?",
        str(tmp_path / "a.txt"),
        "--ratio",
        "1",
    ]
    command += ["--scorer", "lead", "--proxy", str(counting_folder)]
    with os.fdopen(writer, "wb") as pipe:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, env=environment, timeout=120)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
def test_the_module_can_be_run() -> None:
    done = in_process("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, b"ragcompress")


@pytest.mark.model
def test_a_full_disk_while_caching_leaves_nothing_behind(
    tmp_path: Path, default_folder: models.ModelFolder
) -> None:
    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    cache = tmp_path / "cache"
    gguf = default_folder.path / "model.gguf"
    done = in_process(
        "models", "fetch", gguf, env={"RAGCOMPRESS_CACHE": str(cache)}, preexec_fn=small_files_only
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1
    assert [p for p in cache.rglob("*") if p.is_file() and p.stat().st_size] == []


@pytest.mark.model
def test_the_demo_keeps_the_answer(default_folder: models.ModelFolder) -> None:
    done = in_process("demo")
    assert done.returncode == 0, done.stdout.decode()
    assert b"\x1b" not in done.stdout
    assert b"Ostrey survived" in done.stdout


@pytest.mark.model
def test_the_doctor_finds_nothing_wrong(default_folder: models.ModelFolder) -> None:
    done = in_process("doctor")
    assert (done.returncode, b"broken" in done.stdout) == (0, False), done.stdout.decode()
