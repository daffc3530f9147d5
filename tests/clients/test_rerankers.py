"""Rerankers of frameworks, by URL, in an environment of their own: their pins are not ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_parts import BRIDGE, post, serving
from shared import QUESTION

from ragcompress.serving.app import Service
from ragcompress.serving.limits import Keys, Limits

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("RAGCOMPRESS_CLIENTS") or ROOT / ".venv-clients" / "bin" / "python")
SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
TEXTS = ["Ferries leave at noon.", BRIDGE, "Who bakes? Bread is baked at night."]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.is_file(), reason="the clients are not there: make clients"),
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(service=Service(limits=Limits(deadline=100))) as found:
        yield found


def ask(script: Path, url: str) -> list[tuple[str, float]]:
    ended = subprocess.run(
        [str(PYTHON), str(script), url], input=json.dumps([QUESTION, *TEXTS]), capture_output=True, text=True,
        timeout=500, check=False, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return [(text, score) for text, score in json.loads(ended.stdout.splitlines()[-1])]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_frameworks_reranker_has_our_order_and_scores(url: str, script: Path) -> None:
    results = post(url, "/rerank", {"query": QUESTION, "documents": TEXTS, "top_n": 2}).json()["results"]
    expected = [(TEXTS[r["index"]], pytest.approx(r["relevance_score"], abs=1e-6)) for r in results]
    assert ask(script, url) == expected


def test_a_frameworks_reranker_sends_the_key() -> None:
    with serving(service=Service(limits=Limits(deadline=100), keys=Keys(("any-key-that-is-long",)))) as url:
        script = SCRIPTS[0]
        with pytest.raises(AssertionError, match="401"):
            ask(script, url)
