"""The public names: complete, sorted, and cheap to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ragcompress

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "transformers",
    "onnxruntime",
    "onnx",
    "sklearn",
    "huggingface_hub",
    "typer",
    "rich",
)


def test_all_is_sorted_and_true() -> None:
    names = ragcompress.__all__
    assert names == sorted(
        names, key=lambda name: (not name.isupper(), name)
    )  # constants first, as isort has it
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(ragcompress, name)] == []


def test_public_values_have_docstrings() -> None:
    assert [
        n
        for n in ragcompress.__all__
        if not n.isupper() and n != "__version__" and not getattr(ragcompress, n).__doc__
    ] == []


@pytest.mark.slow
def test_importing_loads_no_backend_and_nothing_else_heavy() -> None:
    code = f"import ragcompress, sys; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    code = code.replace(repr(HEAVY), repr(set(HEAVY)))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "")


@pytest.mark.slow
def test_help_loads_no_backend() -> None:
    code = (
        "import sys; sys.argv = ['ragcompress', '--help']\n"
        "from ragcompress.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(' '.join({'torch', 'transformers', 'onnxruntime', 'onnx'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_old_doors_still_open() -> None:
    from ragcompress.batch import run_request
    from ragcompress.segmentation import given, segment

    assert (given, segment) == (ragcompress.given, ragcompress.segment)
    assert run_request is ragcompress.run_request


def test_importing_waits_for_nothing_that_is_not_used() -> None:
    slow = {"numpy", "tokenizers", "ragcompress.compressor"}
    code = f"import ragcompress, sys; print(*({slow} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "")


def test_every_public_name_has_a_home_and_no_module_hides_it() -> None:
    code = (
        "import ragcompress, importlib\n"
        "for home in ragcompress._NAMES: importlib.import_module(f'ragcompress.{home}')\n"
        "print(*(n for n in ragcompress.__all__ if isinstance(getattr(ragcompress, n), type(importlib))))\n"
        "assert sorted({*ragcompress._HOMES, '__version__'}) == sorted(ragcompress.__all__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "")


def test_modules_are_reached_as_attributes_and_others_are_not() -> None:
    assert ragcompress.scorers.DEFAULT in ragcompress.scorers.available()
    with pytest.raises(AttributeError, match="has no attribute 'compres'"):
        ragcompress.compres  # noqa: B018
