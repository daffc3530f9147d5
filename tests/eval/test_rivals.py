"""Other people's packages as methods: real processes, with small contestants of our own in them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shared import words

from ragcompress import Budget, InputError
from ragcompress.models import ModelFolder
from ragcompress.training.examples import Example, read_files
from ragcompress_eval import cli
from ragcompress_eval.bench.methods import Target, full_text
from ragcompress_eval.bench.runner import measure_all
from ragcompress_eval.bench.summary import summarize
from ragcompress_eval.quality import evidence
from ragcompress_eval.rivals import methods as rival_methods
from ragcompress_eval.rivals.methods import RivalMethod
from ragcompress_eval.rivals.processes import CannotRun

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "data" / "questions.jsonl"
FOLDERS = str(ROOT / "eval" / "ragcompress_eval" / "rivals")
EXAMPLES = read_files([SAMPLE])[0].examples[:4]


Make = Callable[[str], RivalMethod]


@pytest.fixture
def rival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a rival whose ``run`` has the given body; ``words`` are those of all its passages."""

    def make(body: str) -> RivalMethod:
        script = tmp_path / "rival.py"
        script.write_text(
            f"import sys; sys.path.insert(0, {FOLDERS!r})\n"
            "import run\n"
            "class Contestant:\n"
            "    def __init__(self, job): self.about = {'versions': {'toy': '1'}}\n"
            "    def prepare(self, question, passages):\n"
            "        self.question, self.words = question, ' '.join(passages).split()\n"
            f"    def run(self): {body}\n"
            "run.serve(Contestant)\n",
            encoding="utf-8",
        )
        monkeypatch.setattr(rival_methods, "command", lambda *_: [sys.executable, str(script)])
        folder = ModelFolder("tiny", tmp_path, "f")
        return RivalMethod("trimwise", Path(sys.executable), folder=folder, counter=words)

    return make


def compress(method: RivalMethod, example: Example, ratio: float) -> tuple[str, float, bool]:
    (context,) = method.compress(example, [Target(Budget(ratio=ratio))]).contexts
    assert context is not None
    assert context.kept is None
    return context.text, context.ratio, context.fits


@pytest.mark.parametrize("factor", [1, 2, 0.4])
def test_whatever_a_rival_counts_the_tokens_are_equal(rival: Make, factor: float) -> None:
    with rival(f"return ' '.join(self.words[:int(self.target_tokens * {factor})])") as method:
        for example in EXAMPLES:
            text, ratio, fits = compress(method, example, 0.5)
            assert fits
            assert full_text(example).split()[: words(text)] == text.split()
            assert 0.7 * 0.5 <= ratio <= 0.5


def test_one_that_never_fits_is_marked(rival: Make) -> None:
    with rival("return ' '.join(self.words)") as method:
        text, ratio, fits = compress(method, EXAMPLES[0], 0.3)
    assert (words(text), ratio, fits) == (words(full_text(EXAMPLES[0])), 1.0, False)


def test_a_failure_is_that_questions_alone(rival: Make) -> None:
    body = "return ' '.join(self.words[:self.target_tokens]) if 'born' in self.question else 1 / 0"
    with rival(body) as method:
        study = evidence.study({"toy": method}, [Budget(ratio=0.5)])
        rows = measure_all(study, EXAMPLES, on_bad="skip")
        with pytest.raises(CannotRun, match="ZeroDivisionError"):
            method.compress(EXAMPLES[1], [Target(Budget(ratio=0.5))])
    (result,) = summarize(study, EXAMPLES, rows, seed=0)
    (own,) = rows.values()
    refused = ["ZeroDivisionError" in str(r and r.refused) for r in own]
    assert refused == ["born" not in e.question for e in EXAMPLES]
    assert result["n_refused"] == sum(refused)
    assert result["auc"] is None


def test_evidence_of_a_rival_is_what_stands_in_its_text(rival: Make) -> None:
    with rival("return ' '.join(w for w in self.words if w != 'the')") as method:
        study = evidence.study({"toy": method}, [Budget(ratio=1.0)])
        ((row,),) = measure_all(study, EXAMPLES[:1]).values()
    assert row is not None
    found = row.values
    gold = [EXAMPLES[0].segmentation.sentences[i].text.split() for i in EXAMPLES[0].gold]
    assert found["evidence_recall"] == sum("the" not in g for g in gold) / len(gold)
    assert 0 < found["evidence_words"]
    assert found["ratio_kept"] < 1


def test_wrong_rivals_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for value, message in (("nobody=/bin/sh", "'nobody=/bin/sh'"), ("trimwise=/none/x", "is not a program")):
        assert cli.main(["evidence", str(SAMPLE), "--rival", value]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(InputError, match="given twice"):
        rival_methods.parse(["trimwise=/a", "trimwise=/b"])
