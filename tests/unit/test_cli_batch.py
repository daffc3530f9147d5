"""``ragcompress batch``: results in order, failures set aside, nothing of the user's destroyed."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from shared import QUESTION
from typer.testing import Result

from ragcompress.batch.journal import Checkpoint, errors_path
from ragcompress.batch.source import open_requests

TEXT = (
    "The bridge stands in Oslo. Anna Lund built it in 1902. Ferries cross the fjord at noon. It is of larch."
)


def write_requests(path: Path, *requests: object) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in requests))
    return path


def test_batch_answers_in_order_and_sets_failures_aside(
    invoke: Callable[..., Result], tmp_path: Path
) -> None:
    documents = [{"text": TEXT, "id": "x", "metadata": {"source": "x.txt"}}]
    requests = write_requests(
        tmp_path / "in.jsonl",
        {"id": 3, "question": QUESTION, "documents": documents},
        "{",
        {"id": "b", "question": "", "documents": documents},
        "",
        {"id": "c", "question": "Ferries?", "documents": documents},
        {"question": QUESTION},
    )
    out = tmp_path / "out.jsonl"
    result = invoke("batch", requests, "-o", out, "--budget", 60)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.sub(r"\d:\d\d:\d\d", "TIME", result.stderr) == (
        f"2 done, 3 failed: see {tmp_path / 'out.errors.jsonl'}\n"
        "kept 113 of 206 tokens (55%), 93 saved, in TIME\n"
    )
    done = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(d["id"], d["pieces"][0]["source"]) for d in done] == [(3, "x.txt"), ("c", "x.txt")]
    failed = [json.loads(line) for line in (tmp_path / "out.errors.jsonl").read_text().splitlines()]
    assert [(f["line"], f.get("id")) for f in failed] == [(2, None), (3, "b"), (6, None)]
    assert "the question is empty" in failed[1]["reason"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.errors.jsonl", "out.jsonl"]


def test_batch_equals_compress_and_clears_old_errors(invoke: Callable[..., Result], tmp_path: Path) -> None:
    documents = [{"text": TEXT, "id": "x"}]
    (tmp_path / "d.json").write_text(json.dumps(documents))
    one = json.loads(
        invoke("compress", QUESTION, tmp_path / "d.json", "--ratio", 0.6, "--format", "json").stdout
    )
    out = tmp_path / "out"
    errors_path(out).write_text("of an earlier run")
    line = json.dumps({"id": None, "question": QUESTION, "documents": documents}).encode()
    result = invoke("batch", "-", "-o", out, "--ratio", 0.6, stdin=line + b"\n")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (0, "1 done, 0 failed")
    many = json.loads(out.read_text())
    assert many.pop("id") is None
    assert {**one, "seconds": None} == {**many, "seconds": None}
    assert not errors_path(out).exists()


def test_batch_refuses_what_it_would_destroy_or_not_find(
    invoke: Callable[..., Result], tmp_path: Path
) -> None:
    requests = write_requests(tmp_path / "in.jsonl", {"question": QUESTION, "documents": [{"text": TEXT}]})
    assert invoke("batch", requests, "-o", requests).exit_code == 2
    assert invoke("batch", requests, "-o", tmp_path / "no" / "out.jsonl").exit_code == 2
    missing = invoke("batch", tmp_path / "missing.jsonl", "-o", tmp_path / "out.jsonl")
    assert (missing.exit_code, missing.stderr.count("\n")) == (1, 1)
    assert [p.name for p in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    good = {"question": QUESTION, "documents": [{"text": TEXT}]}
    return write_requests(tmp_path / "in.jsonl", good, {"question": 3}, good)


def ids_of(data: bytes) -> list[int]:
    return [len(json.loads(line)["pieces"]) for line in data.splitlines()]


def test_a_pipe_gets_the_lines_and_stays_a_pipe(
    invoke: Callable[..., Result], three: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as beside:
        read = beside.submit(pipe.read_bytes)
        result = invoke("batch", three, "-o", pipe, "--ratio", 0.6)
        lines = read.result(timeout=60)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert (result.exit_code, len(ids_of(lines))) == (1, 2)
    assert '"line": 2' in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "pipe"]


def test_results_go_to_standard_output(invoke: Callable[..., Result], three: Path) -> None:
    result = invoke("batch", three, "-o", "-", "--ratio", 0.6)
    assert (result.exit_code, len(ids_of(result.stdout_bytes))) == (1, 2)


def test_a_stream_can_not_be_gone_on_with(invoke: Callable[..., Result], three: Path) -> None:
    result = invoke("batch", three, "-o", "-", "--resume")
    assert (result.exit_code, "--resume" in result.stderr) == (2, True)


def test_a_link_is_followed_and_stays_a_link(
    invoke: Callable[..., Result], three: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(real)
    assert invoke("batch", three, "-o", link, "--ratio", 0.6).exit_code == 1
    assert link.is_symlink()
    assert len(ids_of(real.read_bytes())) == 2


def test_a_full_device_is_a_failure(invoke: Callable[..., Result], three: Path) -> None:
    result = invoke("batch", three, "-o", "/dev/full", "--ratio", 0.6)
    assert (result.exit_code, "No space" in result.stderr) == (1, True)


def test_batch_reads_gzip_and_utf_16_as_compress_does(invoke: Callable[..., Result], tmp_path: Path) -> None:
    requests = [
        {"id": i, "question": f"Ünder {i}\u2028?", "documents": [{"text": f"{TEXT} {i}."}]} for i in range(5)
    ]
    lines = [json.dumps(request, ensure_ascii=False) for request in requests]
    plain = ("\n".join([*lines[:2], "", *lines[2:]]) + "\n").encode()
    wide = plain.decode().encode("utf-16")
    results = []
    for name, data in {
        "a.jsonl": plain,
        "b.jsonl.gz": gzip.compress(plain),
        "c.jsonl": wide,
        "d.gz": gzip.compress(wide),
    }.items():
        (tmp_path / name).write_bytes(data)
        out = tmp_path / f"{name}.out"
        done = invoke("batch", tmp_path / name, "-o", out, "--budget", 60)
        assert done.exit_code == 0, done.stderr
        written = out.read_text(encoding="utf-8").rstrip("\n").split("\n")
        results.append([{**json.loads(line), "seconds": None} for line in written])
    assert [r["id"] for r in results[0]] == list(range(5))
    assert results[1:] == results[:1] * 3


def test_a_broken_gzip_file_is_one_clear_failure(invoke: Callable[..., Result], tmp_path: Path) -> None:
    requests = tmp_path / "in.jsonl.gz"
    request = json.dumps({"question": QUESTION, "documents": [{"text": TEXT}]}).encode()
    requests.write_bytes(gzip.compress(request * 50)[:60])
    done = invoke("batch", requests, "-o", tmp_path / "out.jsonl")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "is a broken gzip file" in done.stderr


def test_a_packed_file_is_read_on_from_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "in.gz"
    path.write_bytes(gzip.compress(b"one\n\ntwo\nthree\n"))
    with open_requests(str(path), lambda: pytest.fail("stdin was read")) as requests:
        before = requests.digest()
        assert [(line.number, line.request) for line in requests.lines(Checkpoint(lines=2))] == [
            (3, b"two\n"),
            (4, b"three\n"),
        ]
        assert not requests.is_plain
    assert before == hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_a_whole_result_of_these_requests_is_complete(
    invoke: Callable[..., Result], three: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    assert invoke("batch", three, "-o", out, "--budget", 60).exit_code == 1
    whole, again = out.read_bytes(), ["batch", three, "-o", out, "--resume"]
    done = invoke(*again, "--budget", 60)
    assert (done.exit_code, "already complete" in done.stderr) == (1, True)
    for options, why in [(["--budget", 61], "another budget"), (["--ratio", 0.5], "another budget")]:
        refused = invoke(*again, *options)
        assert (refused.exit_code, why in refused.stderr) == (1, True), refused.stderr
    refused = invoke(*again, "--budget", 60, "--order", "edges")
    assert (refused.exit_code, "another order: source" in refused.stderr) == (1, True)
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda whole: b"", "no result"),
        (lambda whole: b"My notes, which nobody may lose.\n", "no result of the request of line 1"),
        (lambda whole: whole.splitlines(keepends=True)[0], "the request of line 3 has no result"),
        (lambda whole: whole + whole, "more results than requests"),
        (lambda whole: whole.replace(b'"question": "', b'"question": "Not '), "of line 1"),
    ],
)
def test_what_is_no_result_is_not_resumed_nor_lost(
    invoke: Callable[..., Result], three: Path, tmp_path: Path, content: Callable[[bytes], bytes], why: str
) -> None:
    out = tmp_path / "out.jsonl"
    invoke("batch", three, "-o", out, "--budget", 60)
    found = content(out.read_bytes())
    out.write_bytes(found)
    refused = invoke("batch", three, "-o", out, "--budget", 60, "--resume")
    assert (refused.exit_code, why in refused.stderr, refused.stderr.count("\n")) == (1, True, 1), (
        refused.stderr
    )
    assert out.read_bytes() == found


def test_where_no_file_can_be_made_the_reason_is_the_systems(
    invoke: Callable[..., Result], three: Path
) -> None:
    refused = invoke("batch", three, "-o", "/proc/self/results.jsonl", "--budget", 60)
    assert (refused.exit_code, "another run" in refused.stderr) == (1, False)
    assert "can't be written" in refused.stderr


def test_an_input_that_can_be_read_only_once_is_not_resumed(
    invoke: Callable[..., Result], three: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    for content in (None, b"My notes, which nobody may lose.\n"):
        if content is not None:
            out.write_bytes(content)
        refused = invoke("batch", "-", "-o", out, "--budget", 60, "--resume", stdin=three.read_bytes())
        assert refused.exit_code == 2
        assert "can't be read again: --resume and --engine ray need a file" in refused.stderr
        assert (out.read_bytes() if out.exists() else None) == content
