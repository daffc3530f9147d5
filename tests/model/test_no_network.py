"""R7: no socket is opened in processes that live long enough for what C code does after some seconds."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from no_sockets import MACHINES

pytestmark = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() not in MACHINES, reason="seccomp is Linux's"
    ),
]

SECONDS = 30
FILTER = Path(__file__).parents[1] / "no_sockets.py"
LIBRARY = """
from ragcompress import Budget, Compressor, Document
compressor = Compressor.from_pretrained(download=False)
context = compressor("Who built it?", [Document("Ann built it. It is old.")], budget=Budget(ratio=0.6))
assert context.text == "Ann built it.", context.text
"""
INDEX = """
from pathlib import Path
from ragcompress.index import Index, build_index
from ragcompress.models.embedding import MiniLM
folder = Path(sys.argv[1])
(folder / "docs").mkdir()
(folder / "docs" / "a.md").write_text("Ann built the bridge. It is old.")
MiniLM(download=False)
build_index(folder / "docs", folder / "index")
assert len(Index(folder / "index").search("Who built it?")) == 1
"""
COMMANDS = """
from ragcompress.cli.app import app
app(["doctor"], standalone_mode=False)
"""
TORCH = """
from ragcompress import Budget, Compressor, Document
compressor = Compressor.from_pretrained(backend="torch", download=False)
compressor("Who built it?", [Document("Ann built it. It is old.")], budget=Budget(ratio=0.6))
"""
FRAME = """
import sys, time
started = time.monotonic()
{}
time.sleep(max(0, {} - time.monotonic() + started))
"""


def start(script: str, folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir()
    (folder / "script.py").write_text(FRAME.format(script, SECONDS), encoding="utf-8")
    # What tests set so that nothing is asked of a network must not be what keeps it away here.
    free = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "ORT_DISABLE_TELEMETRY")}
    command = [sys.executable, str(FILTER), str(folder / "script.py"), str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=free)


def test_no_socket_in_half_a_minute(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    scripts = {"library": LIBRARY, "index": INDEX, "commands": COMMANDS, "torch": TORCH}
    running = {name: start(script, tmp_path / name) for name, script in scripts.items()}
    for name, process in running.items():
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, (name, said.decode()[-600:])


@pytest.mark.parametrize(
    ("given", "used"), [(None, "1"), ("", "1"), ("no", "1"), ("true", "1"), ("1", "1"), ("0", "0")]
)
def test_telemetry_is_off_unless_it_is_asked_for(given: str | None, used: str) -> None:
    """ONNX Runtime takes an empty variable for none, and looks up its host."""
    name = "ORT_DISABLE_TELEMETRY"
    env = {k: v for k, v in os.environ.items() if k != name} | ({} if given is None else {name: given})
    script = f"import os, ragcompress.models.ort; print(os.environ[{name!r}])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=env, check=True)
    assert done.stdout.decode().strip() == used


def test_the_filter_ends_who_opens_one(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import socket\nsocket.socket()\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(FILTER), str(tmp_path / "script.py")], capture_output=True)
    assert done.returncode == -signal.SIGSYS
