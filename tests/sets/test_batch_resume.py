"""``ragcompress batch`` in processes of its own, killed at random moments: no line lost, none doubled."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILLER = (
    "The ferry leaves at noon. The bridge is of larch. Anna Lund built it in 1902. Rain fell on the fjord. "
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    return os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home), "RAGCOMPRESS_CACHE": str(home / "cache")}


def write_requests(path: Path, n: int, *, repeat: int = 3) -> Path:
    """Requests, of which every 17th is bad and every 11th line is blank."""
    with path.open("w") as file:
        for i in range(n):
            if i % 17 == 5:
                file.write('{"question": 3}\n')
            elif i % 11 == 7:
                file.write("\n")
            else:
                documents = [{"text": f"Number {i}. {FILLER * repeat}", "id": f"d{i}"}]
                question = f"Who built bridge {i}?"
                file.write(json.dumps({"id": i, "question": question, "documents": documents}) + "\n")
    return path


def command(requests: Path, out: Path, folder: Path, *options: str) -> list[str]:
    fixed = ["--scorer", "bm25", "--proxy", str(folder), "--budget", "120"]
    return [sys.executable, "-m", "ragcompress", "batch", str(requests), "-o", str(out), *fixed, *options]


def run(arguments: list[str], environment: dict[str, str], code: int) -> str:
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def kill_after(arguments: list[str], environment: dict[str, str], partial: Path, more: int) -> None:
    """Run until there is a checkpoint and some more bytes of results, then kill -9, wherever it is."""
    goal = (partial.stat().st_size if partial.exists() else 0) + more
    state = partial.with_name("out.jsonl.state.json")
    process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    while process.poll() is None and not (state.exists() and partial.stat().st_size >= goal):
        time.sleep(0.001)
    process.kill()
    process.communicate()


def untimed(path: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": None} for line in path.read_text().splitlines()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_and_resumed_equals_undisturbed(
    workers: str, tmp_path: Path, counting_folder: Path, environment: dict[str, str]
) -> None:
    requests = write_requests(tmp_path / "in.jsonl", 1000)
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    run(command(requests, whole, counting_folder), environment, 1)
    rng = random.Random(int(workers))
    arguments = command(requests, out, counting_folder, "--workers", workers, "--resume")
    for _ in range(3):
        kill_after(arguments, environment, out.with_name("out.jsonl.partial"), rng.randrange(1, 200_000))
    said = run(arguments, environment, 1)
    assert untimed(out) == untimed(whole)
    errors = [p.with_name(p.name.replace(".jsonl", ".errors.jsonl")) for p in (out, whole)]
    assert errors[0].read_bytes() == errors[1].read_bytes()
    assert len(untimed(whole)) + len(untimed(errors[1])) == sum(
        1 for line in requests.read_text().splitlines() if line
    )
    assert said.startswith("resuming after ") and "kept" in said
    left = {"in.jsonl", "out.jsonl", "out.errors.jsonl", "whole.jsonl", "whole.errors.jsonl"}
    assert {p.name for p in tmp_path.iterdir()} == left
    assert "nothing to resume" in run(arguments, environment, 1)


def interrupted(requests: Path, out: Path, folder: Path, environment: dict[str, str]) -> None:
    """Leave a run with a checkpoint behind."""
    process = subprocess.Popen(
        command(requests, out, folder), env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    state = out.with_name(f"{out.name}.state.json")
    while process.poll() is None and not state.exists():
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert state.exists()


def test_another_input_or_setting_is_refused_and_nothing_is_lost(
    tmp_path: Path, counting_folder: Path, environment: dict[str, str]
) -> None:
    requests = write_requests(tmp_path / "in.jsonl", 2000)
    out = tmp_path / "out.jsonl"
    interrupted(requests, out, counting_folder, environment)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    resume = command(requests, out, counting_folder, "--resume")
    assert "interrupted" in run(command(requests, out, counting_folder), environment, 1)
    assert "another order" in run([*resume, "--order", "edges"], environment, 1)
    requests.write_bytes(before["in.jsonl"] + b"\n")
    assert "another input" in run(resume, environment, 1)
    requests.write_bytes(before["in.jsonl"])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    torn = out.with_name("out.jsonl.partial")
    torn.write_bytes(torn.read_bytes() + b'{"id": "torn')
    run(resume, environment, 1)
    assert [line["id"] for line in untimed(out)] == [
        json.loads(line)["id"] for line in requests.read_text().splitlines() if '"id"' in line
    ]


def test_memory_does_not_grow_with_the_number_of_requests(
    tmp_path: Path, counting_folder: Path, environment: dict[str, str]
) -> None:
    peaks = []
    for n in (100, 2000):
        requests = write_requests(tmp_path / f"{n}.jsonl", n, repeat=1)
        arguments = command(requests, tmp_path / f"{n}.out", counting_folder)
        code = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True
        )
        peaks.append(int(done.stdout) / (1 if sys.platform != "darwin" else 1024))
    assert peaks[1] - peaks[0] < 8_192, peaks  # kB; the larger output alone has 2,000
