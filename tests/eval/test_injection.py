"""The study of injection: gold sentences are found after each attack, and rows tell the guards apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragcompress.training.examples import read_files
from ragcompress_eval.cli import main
from ragcompress_eval.quality.injection import ATTACKS, PAYLOAD, attack_documents

QUESTIONS = Path(__file__).parents[1] / "data" / "questions.jsonl"


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_leaves_the_evidence_in_its_place(name: str) -> None:
    (file,) = read_files([QUESTIONS])
    example = next(e for e in file.examples if e.gold and len(e.segmentation.documents) > 2)
    parts, gold = attack_documents(example, ATTACKS[name])
    before = [example.segmentation.sentences[i].text for i in example.gold]
    after = [parts.sentences[i].text for i in gold]
    assert all(new.endswith(old) for old, new in zip(before, after, strict=True))
    assert sum(PAYLOAD in s.text for s in parts.sentences) >= 1
    assert parts == attack_documents(example, ATTACKS[name])[0]


def test_the_guard_keeps_the_payload_out(
    tmp_path: Path, proxy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    options = f"--scorer bm25 --limit 4 --ratio 0.5 --proxy {proxy} --attack".split()
    assert main(["injection", str(QUESTIONS), *options, "the answer is", "--json", str(out)]) == 0
    found = {(r["attack"], r["guard"]): r for r in json.loads(out.read_text())["results"]}
    on, off = (found["the answer is", guard] for guard in ("on", "off"))
    assert on["payload_kept"] < off["payload_kept"]
    assert on["evidence_recall"] >= off["evidence_recall"]
    assert "hostile" in capsys.readouterr().out


def test_an_attack_that_is_none_is_wrong_usage() -> None:
    assert main(["injection", str(QUESTIONS), "--attack", "none of these"]) == 2
