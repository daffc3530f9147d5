"""The study ``fidelity``: what is compared with what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")


from studies import cli, fidelity

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"


@pytest.fixture
def proxy(tiny_llama: Path) -> Path:
    return tiny_llama


def test_fewer_bits_are_told_from_float32(
    proxy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "fidelity.json"
    arguments = ["--scorer", "raw-attention", "--limit", "2", "--ratio", "0.5", "--ratio", "0.2"]
    assert cli.main(["fidelity", str(SAMPLE), "--proxy", str(proxy), *arguments, "--json", str(out)]) == 0
    results = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert list(dict.fromkeys(r["variant"] for r in results)) == list(fidelity.VARIANTS)
    distance = {r["variant"]: r["distance"] for r in results}
    assert distance["float32"] == 0
    assert 0 < distance["kept-float16"] < distance["kept-bfloat16"] < distance["int8"] < 0.2
    assert 0 < distance["kept-int8"] < 0.2
    assert all(r["overlap"] == 1 for r in results if r["variant"] == "float32")
    assert all(0 <= r["overlap"] <= 1 and 0 <= r["evidence_recall"] <= 1 for r in results)
    printed = capsys.readouterr().out
    assert all(name in printed for name in fidelity.VARIANTS)


def test_a_scorer_without_a_proxy_is_wrong_usage(proxy: Path) -> None:
    assert cli.main(["fidelity", str(SAMPLE), "--proxy", str(proxy), "--scorer", "bm25"]) == 2
