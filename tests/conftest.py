"""What all tests share: no network, a home of their own, the real model only where a test is marked so."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

# Before anything imports the hub's client or Haystack, which read them once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import hypothesis
import pytest
from shared import save_tokenizer_only, tries
from typer.testing import CliRunner, Result

from ragcompress import models
from ragcompress.cli.app import app
from ragcompress.proxy.loading import DEFAULT_PROXY

hypothesis.settings.register_profile("same every time", parent=tries(100))
hypothesis.settings.load_profile("same every time")

_COUNT = itertools.count()
_REAL_CACHE = models.cache_folder()


@pytest.fixture(autouse=True)
def _own_home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that is empty, and no model is fetched; marked tests keep the real model cache."""
    home = tmp_path_factory.getbasetemp() / f"home-{next(_COUNT)}"  # mktemp lists all its folders each time
    home.mkdir()
    marked = request.node.get_closest_marker("model") is not None
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(_REAL_CACHE if marked else home / "cache"))
    if not marked:  # the model comes through pip
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(home))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one closing line for each reason what was skipped: no browser, say, or no GPU."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.items():
        terminalreporter.write_line(f"skipped: {count} ({reason})")


@pytest.fixture(scope="session")
def default_folder() -> models.ModelFolder:
    """The default proxy on this machine, fetched if need be."""
    return models.fetch(DEFAULT_PROXY)


@pytest.fixture(scope="session")
def counting_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of which only the tokenizer is real, a token a byte: for scorers that read none."""
    return save_tokenizer_only(tmp_path_factory.mktemp("models") / "counting")


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few random weights, for both backends; needs torch."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import tiny_models

    return tiny_models.save_model("llama", tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def invoke(counting_folder: Path) -> Callable[..., Result]:
    """Run a command with the scorer that reads no model, counting bytes."""

    def run(command: str, *arguments: object, stdin: bytes = b"") -> Result:
        free = ["--scorer", "bm25", "--proxy", str(counting_folder)]
        result = CliRunner().invoke(app, [command, *map(str, arguments), *free], input=stdin)
        assert "Traceback" not in result.output
        return result

    return run
