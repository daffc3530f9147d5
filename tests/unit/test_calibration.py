"""Promises about recall: the bound against an oracle and simulated questions, files, contexts, refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from fake_probe import fake_evidence
from hypothesis import given as drawn
from hypothesis import strategies as st

from ragcompress import (
    Budget,
    Compressor,
    DataError,
    Document,
    InputError,
    ProbeMismatch,
    Scores,
    Segmentation,
    given,
    probes,
)
from ragcompress.budget import RecallOf
from ragcompress.calibration import Calibration, load, save, shipped_for
from ragcompress.calibration.answerable import USED
from ragcompress.calibration.bound import bounded_recall, smallest_n, threshold
from ragcompress.calibration.request import look_at, values_of
from ragcompress.data import Progress
from ragcompress.scorers.evidence import Scorer as Evidence
from ragcompress.testing import FakeProxy
from ragcompress.training.answering import evidence_of_answer
from ragcompress.training.calibrating import Settings, calibrate, choose
from ragcompress.training.evidence_recipe import picked
from ragcompress.training.examples import DataFile, Example
from ragcompress.training.keeping import KeptProxy

QUESTION = "What is known?"
ALL: tuple[RecallOf, ...] = ("share", "all")
questions = st.lists(st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=4), min_size=0, max_size=40)


class Spoken:
    """A scorer that reads each sentence's probability from its text: ``holds .25``."""

    name: ClassVar[str] = "spoken"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, **details: object) -> None:
        self.details = details

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        values = np.array([float(s.text.split()[-1].rstrip(".") or 0) for s in segmentation.sentences])
        settings = {"probe": "one"}
        strongest = {"best": float(values.max(initial=0)), "other": None}
        return Scores(
            values, self.name, calibrated=True, settings=settings, details=self.details, strongest=strongest
        )


def parts(probabilities: Sequence[float], *, documents: int = 4, word: str = "holds") -> Segmentation:
    """A request whose sentences have these probabilities, dealt out to documents."""
    texts: list[list[str]] = [[] for _ in range(documents)]
    for i, p in enumerate(probabilities):
        texts[i % documents].append(f"Sentence {word} {i} with {p:.4f}")
    return given([t for t in texts if t])


def example(number: int, generator: np.random.Generator, *, word: str = "holds") -> Example:
    """A question: its evidence is drawn with chances that only follow its probabilities."""
    p = np.clip(generator.beta(0.4, 4, size=24), 0.0001, 0.9999)
    segmentation = parts([float(v) for v in p], word=word)
    shown = Spoken().score(QUESTION, segmentation).values
    gold = np.flatnonzero(generator.random(len(shown)) < shown)
    gold = gold if len(gold) else np.array([int(shown.argmax())])
    return Example(f"q{number}", "made", QUESTION, ("x",), segmentation, tuple(int(i) for i in gold))


def data(n: int, seed: int = 0, *, word: str = "holds", name: str = "made.train.jsonl") -> DataFile:
    generator = np.random.default_rng(seed)
    examples = tuple(
        replace(e, id=f"{name}-{seed}-{e.id}") for e in (example(i, generator, word=word) for i in range(n))
    )
    return DataFile(name, f"sha-{seed}", n, examples, ())


@pytest.fixture(scope="module")
def made() -> Calibration:
    return calibrate([data(150)], Spoken(), Settings())


def compressor(calibration: Calibration | None, tmp_path: Path, **options: Any) -> Compressor:
    path = tmp_path / "calibration.json"
    if calibration is not None:
        save(calibration, path)
    name = "none" if calibration is None else str(path)
    scorer = options.pop("scorer", Spoken())
    return Compressor(scorer, counter=len, calibration=name, **options)


# The bound.


def slow_threshold(evidence: list[list[float]], recall: float, of: RecallOf) -> float | None:
    """Try every value that a threshold could have, and count."""
    best = None
    for at in sorted({v for own in evidence for v in own}):
        lost = [sum(v < at for v in own) / len(own) for own in evidence]
        losses = [float(share > 0) for share in lost] if of == "all" else lost
        if (sum(losses) + 1) / (len(evidence) + 1) <= 1 - recall + 1e-9:
            best = at
    return best


@drawn(questions, st.sampled_from([0.5, 0.75, 0.8, 0.9, 0.95, 0.98]), st.sampled_from(ALL))
def test_the_threshold_is_the_one_that_trying_them_all_finds(
    evidence: list[list[float]], recall: float, of: RecallOf
) -> None:
    found = threshold(evidence, recall, of)
    assert found == slow_threshold(evidence, recall, of)
    if found is not None:
        assert bounded_recall(evidence, found, of) >= recall - 1e-6


@drawn(st.floats(0.01, 0.995))
def test_with_the_smallest_n_something_can_be_promised_and_with_one_fewer_nothing(recall: float) -> None:
    n = smallest_n(recall)
    assert threshold([[1.0]] * n, recall) == 1.0
    assert n == 0 or threshold([[1.0]] * (n - 1), recall) is None


@pytest.mark.parametrize("recall", [0.0, 1.0, -1.0, 2.0])
def test_no_number_of_questions_promises_all_or_nothing(recall: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        smallest_n(recall)


@pytest.mark.parametrize("of", ALL)
@pytest.mark.parametrize(("recall", "n"), [(0.8, 9), (0.9, 40), (0.95, 60)])
def test_exchangeable_questions_get_what_was_promised_and_not_much_more(
    recall: float, n: int, of: RecallOf
) -> None:
    generator = np.random.default_rng(n)
    reached = []
    for _ in range(600):
        level = generator.normal(size=n + 1)  # questions differ, sentences of one are alike
        drawn_values = [list(generator.normal(v, 1, size=generator.integers(1, 4))) for v in level]
        at = threshold(drawn_values[:n], recall, of)
        kept = np.array(drawn_values[n]) >= (-np.inf if at is None else at)
        reached.append(kept.all() if of == "all" else kept.mean())
    error = np.std(reached) / len(reached) ** 0.5
    assert np.mean(reached) >= recall - 3 * error
    assert np.mean(reached) <= recall + 2 / (n + 1) + 3 * error


# Contexts.


@pytest.mark.slow
@pytest.mark.parametrize("of", ALL)
def test_new_questions_keep_the_share_that_was_promised(
    made: Calibration, tmp_path: Path, of: RecallOf
) -> None:
    compress = compressor(made, tmp_path)
    reached, promised = [], []
    for e in data(120, seed=1).examples:
        context = compress(QUESTION, e.segmentation, budget=Budget(recall=0.9, recall_of=of))
        share = np.isin(e.gold, context.selection.kept)
        reached.append(share.all() if of == "all" else share.mean())
        assert context.promise is not None
        promised.append(context.promise.holds)
    assert np.mean(reached) >= 0.9 - 3 * np.std(reached) / len(reached) ** 0.5
    assert np.mean(promised) >= 0.85  # one in twenty looks odd by chance


def test_a_promise_says_what_it_rests_on(made: Calibration, tmp_path: Path) -> None:
    context = compressor(made, tmp_path)(
        QUESTION, data(1, seed=2).examples[0].segmentation, budget=Budget(recall=0.9)
    )
    promise = context.to_dict()["promise"]
    assert promise["holds"] and promise["withdrawn"] is None
    assert promise["recall"] == promise["least"] == 0.9
    assert promise["questions"] == 150 and promise["kinds"] == {"made": 150}
    assert "unranked" in promise["group"]
    assert 0 < context.to_dict()["shift"] <= 1
    assert json.loads(json.dumps(context.to_dict()))["promise"] == promise


def test_easy_questions_take_fewer_tokens_than_hard_ones(made: Calibration, tmp_path: Path) -> None:
    compress = compressor(made, tmp_path)
    easy = compress(QUESTION, parts([0.9, *[0.002] * 23]), budget=Budget(recall=0.9))
    hard = compress(QUESTION, parts([0.2] * 24), budget=Budget(recall=0.9))
    assert easy.tokens_after < hard.tokens_after / 4


def test_a_ceiling_breaks_the_promise_in_the_open(made: Calibration, tmp_path: Path) -> None:
    compress = compressor(made, tmp_path)
    segmentation = data(1, seed=3).examples[0].segmentation
    free = compress(QUESTION, segmentation, budget=Budget(recall=0.9))
    held = compress(QUESTION, segmentation, budget=Budget(recall=0.9, max_tokens=free.tokens_after))
    cut = compress(QUESTION, segmentation, budget=Budget(recall=0.9, max_tokens=free.tokens_after // 2))
    assert held.promise == free.promise and held.text == free.text
    assert cut.promise is not None and not cut.promise.holds
    assert "ceiling" in str(cut.promise.withdrawn)
    assert cut.promise.least is not None and cut.promise.least < 0.9
    assert cut.tokens_after <= free.tokens_after // 2


def test_a_rule_about_documents_breaks_it_too(made: Calibration, tmp_path: Path) -> None:
    budget = Budget(recall=0.95, max_documents=1)
    context = compressor(made, tmp_path)(QUESTION, data(1, seed=3).examples[0].segmentation, budget=budget)
    assert context.promise is not None and "rule about documents" in str(context.promise.withdrawn)


def test_all_of_it_is_promised_without_any_question(made: Calibration, tmp_path: Path) -> None:
    segmentation = parts([0.5, 0.1, 0.001])
    context = compressor(made, tmp_path)(QUESTION, segmentation, budget=Budget(recall=1.0))
    assert context.selection.kept == (0, 1, 2)


def test_without_a_calibration_a_recall_is_what_it_was_and_promises_nothing(tmp_path: Path) -> None:
    segmentation = parts([0.6, 0.3, 0.1, 0.0001])
    context = compressor(None, tmp_path)(QUESTION, segmentation, budget=Budget(recall=0.85))
    assert len(context.selection.kept) == 2
    assert context.promise is not None and not context.promise.holds
    assert "no calibration" in str(context.promise.withdrawn)
    assert context.shift is None


def test_no_recall_no_promise(made: Calibration, tmp_path: Path) -> None:
    context = compressor(made, tmp_path)(QUESTION, parts([0.6, 0.3, 0.1]), budget=Budget(ratio=0.5))
    assert context.promise is None and context.shift is not None


def test_what_is_unlike_the_calibration_questions_is_promised_nothing(
    made: Calibration, tmp_path: Path
) -> None:
    odd = parts([0.9999] * 24, word="бруталь")
    context = compressor(made, tmp_path)(QUESTION, odd, budget=Budget(recall=0.9))
    assert context.shift is not None and context.shift < 0.05
    assert context.promise is not None and "unlike" in str(context.promise.withdrawn)


def test_requests_under_other_conditions_are_promised_nothing(tmp_path: Path) -> None:
    calibration = calibrate([data(60)], Spoken(vectors=True), Settings(ranked=False))
    assert calibration.conditions == {"vectors": True}
    segmentation = data(1, seed=4).examples[0].segmentation
    compress = compressor(calibration, tmp_path, scorer=Spoken(vectors=False))
    context = compress(QUESTION, segmentation, budget=Budget(recall=0.9))
    assert "vectors = True" in str(context.promise and context.promise.withdrawn)
    ranked = tuple(replace(d, score=float(i)) for i, d in enumerate(segmentation.documents))
    compress = compressor(calibration, tmp_path, scorer=Spoken(vectors=True))
    context = compress(QUESTION, Segmentation(ranked, segmentation.sentences), budget=Budget(recall=0.9))
    assert "ranked" in str(context.promise and context.promise.withdrawn)


def test_passed_on_whole_means_nothing_was_lost(made: Calibration, tmp_path: Path) -> None:
    compress = compressor(made, tmp_path, timeout=1e-9, on_error="passthrough")
    context = compress(QUESTION, parts([0.5, 0.1]), budget=Budget(recall=0.9))
    assert context.passthrough and context.promise is not None and context.promise.holds


def test_a_best_effort_is_marked(made: Calibration, tmp_path: Path) -> None:
    assert made.answerable is not None and made.answerable.auc is None  # one kind: none could be left out
    segmentation = data(1, seed=5).examples[0].segmentation
    asked = Budget(recall=0.9)
    sure = compressor(made, tmp_path, abstain_below=1e-9)(QUESTION, segmentation, budget=asked)
    unsure = compressor(made, tmp_path, abstain_below=1.0)(QUESTION, segmentation, budget=asked)
    assert sure.best_effort is None and sure.sufficiency is not None and 0 < sure.sufficiency < 1
    assert unsure.text == sure.text and "no answer" in str(unsure.to_dict()["best_effort"])


def test_the_strongest_signals_tell_whether_an_answer_is_there(made: Calibration) -> None:
    known = made.answerable
    assert known is not None and known.signals == ("best",)  # the other is missing everywhere
    assert len(known.weights) == USED + 1
    shape = made.cases[0].shape
    chances = [known.probability(shape, {"best": value}) for value in (0.1, 0.5, 0.9)]
    assert len(set(chances)) == 3 and chances in (sorted(chances), sorted(chances)[::-1])
    # One that is missing counts as its mean.
    assert known.probability(shape, {}) == known.probability(shape, {"best": known.means[0]})
    assert known.probability(shape, {"best": None}) == known.probability(shape, {})


def test_a_best_effort_needs_probabilities() -> None:
    from ragcompress import scorers

    compress = Compressor(scorers.make("bm25"), counter=len, abstain_below=0.5)
    with pytest.raises(InputError, match="abstain_below needs probabilities"):
        compress(QUESTION, [Document("One thing is known. Another is not.")], budget=Budget(ratio=0.6))


# Files.


def test_a_calibration_is_read_as_it_was_written(made: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    save(made, path)
    found = load(path)
    assert found == made
    assert json.loads(path.read_text(encoding="utf-8"))["format"] == 2
    assert QUESTION not in path.read_text(encoding="utf-8")


def test_weights_without_their_signals_are_refused(made: Calibration, tmp_path: Path) -> None:
    assert made.answerable is not None
    save(replace(made, answerable=replace(made.answerable, signals=())), tmp_path / "made.json")
    with pytest.raises(DataError, match="is damaged: .*8 weights for 0 signals"):
        load(tmp_path / "made.json")


def test_what_is_no_calibration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    for content in (b"\xff", b"[" * 100_000, b"{", b"[]"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"made\.json"):
            load(path)


def test_a_file_that_was_changed_is_refused(made: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    save(made, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cases"][0]["evidence"] = [5.0]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="checksum"):
        load(path)
    path.write_text(json.dumps({**content, "format": 99}), encoding="utf-8")
    with pytest.raises(DataError, match="format 99"):
        load(path)
    with pytest.raises(DataError, match="can't be read"):
        load(tmp_path / "none.json")


def test_another_scorer_or_other_weights_are_refused_before_anything_is_read(
    made: Calibration, tmp_path: Path
) -> None:
    with pytest.raises(ProbeMismatch, match="not for 'evidence'"):
        compressor(made, tmp_path, scorer=Evidence(proxy=FakeProxy(), probe=fake_evidence(), embedder="none"))
    weights = fake_evidence()
    other = replace(made, scorer="evidence", settings={**made.settings, "probe": "0123"})
    with pytest.raises(ProbeMismatch, match="probe = '0123'"):
        compressor(other, tmp_path, scorer=Evidence(proxy=FakeProxy(), probe=weights, embedder="none"))


def test_scores_with_other_settings_are_refused(made: Calibration, tmp_path: Path) -> None:
    compress = compressor(made, tmp_path)
    scores = Scores(np.full(3, 0.5), "spoken", calibrated=True, settings={"probe": "two"})
    with pytest.raises(ProbeMismatch, match="probe = 'one'"):
        compress(QUESTION, parts([0.5] * 3), budget=Budget(recall=0.9), scores=scores)


# Making one.


def test_too_few_questions_are_refused_with_the_number_that_would_do() -> None:
    with pytest.raises(InputError, match="18 questions .* at least 19"):
        calibrate([data(18)], Spoken())
    with pytest.raises(InputError, match="at least 99"):
        calibrate([data(50)], Spoken(), Settings(recall=0.99))
    assert len(calibrate([data(19)], Spoken()).cases) > 19


def test_questions_that_were_trained_on_are_refused() -> None:
    weights = fake_evidence()
    card = {
        **weights.card,
        "trained_on": [{"file": "made.train.jsonl", "sha256": "sha-0", "questions": 36}],
        "settings": {"recipe": {"questions": 36, "more": []}},
    }
    scorer = Evidence(proxy=FakeProxy(), probe=replace(weights, card=card), embedder="none")
    with pytest.raises(InputError, match="trained on 36 of the 60"):
        calibrate([data(60)], scorer, Settings(each=30))
    assert calibrate([data(60)], scorer, Settings(each=20)).card["questions"] == 20


def test_questions_that_the_head_beside_the_network_learned_from_are_passed_over() -> None:
    weights, file = fake_evidence(), data(60)
    sources = [{"file": file.name, "sha256": file.sha256, "questions": 25}]
    opinion = {**weights.card["attention_probe"], "trained_on": sources}
    scorer = Evidence(
        proxy=FakeProxy(),
        probe=replace(weights, card={**weights.card, "attention_probe": opinion}),
        embedder="none",
    )
    taken = choose(file, scorer, Settings(each=30))
    usable = [e.id for e in file.examples if e.gold and e.complete]
    assert len(taken) == 30 and not {e.id for e in taken} & set(usable[:25])
    with pytest.raises(InputError, match="trained on 25 of the 60"):
        choose(file, scorer, Settings(each=40))


def test_questions_that_the_encoder_learned_from_are_passed_over() -> None:
    weights, file = fake_evidence(), data(60)
    card = {
        **weights.card,
        "trained_on": [{"file": file.name, "sha256": file.sha256, "questions": 20}],
        "settings": {"recipe": {"questions": 20, "more": []}},
        "encoder": {"trained_on": [{"file": file.name, "sha256": file.sha256, "questions": 15}]},
    }
    scorer = Evidence(proxy=FakeProxy(), probe=replace(weights, card=card), embedder="none")
    taken = choose(file, scorer, Settings(each=25))
    assert not {e.id for e in taken} & {e.id for e in picked(file, 35)}
    with pytest.raises(InputError, match="trained on 35 of the 60"):
        choose(file, scorer, Settings(each=26))


def test_each_question_is_seen_ranked_and_without_its_evidence(made: Calibration) -> None:
    ranked = [c for c in made.cases if c.group.ranked == "ranked"]
    without = [c for c in made.cases if c.answerable is False]
    assert without and all(not c.evidence for c in without)
    assert len([c for c in made.cases if c.answerable and c.group.ranked == "unranked"]) == 150
    assert not ranked or all(c.evidence or c.answerable is False for c in ranked)


@drawn(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=12))
def test_values_go_up_with_probabilities_and_down_with_size(p: list[float]) -> None:
    values = values_of(np.array(p), np.full(len(p), 80.0))
    order = np.argsort(p, kind="stable")
    assert np.isfinite(values).all() and (np.diff(values[order]) >= 0).all()
    assert (values_of(np.array(p), np.full(len(p), 160.0)) < values).all()


def test_a_request_of_one_sentence_has_a_shape() -> None:
    segmentation = parts([0.3])
    request = look_at(segmentation, Spoken().score(QUESTION, segmentation))
    assert np.isfinite(request.shape).all() and np.isclose((request.words**2).sum(), 1, atol=0.02)


def test_an_answer_rests_on_the_sentences_that_hold_it_or_its_words() -> None:
    segmentation = given([["Anna Lund built the bridge.", "It is red."], ["Ferries leave at noon."]])
    asked = Example("a", "d", "Who?", ("Anna Lund",), segmentation, ())
    assert evidence_of_answer(asked) == (0,)
    told = "The red bridge was built by Lund, and it is still there."
    assert 0 in evidence_of_answer(replace(asked, answers=(told,)))
    assert evidence_of_answer(replace(asked, answers=("Nobody knows whether penguins sing",))) == ()
    assert evidence_of_answer(replace(asked, answers=("",))) == ()


def test_nothing_is_read_twice(tmp_path: Path) -> None:
    segmentation = given([["Anna Lund built the bridge.", "It is red."], ["Ferries leave at noon."]])
    first = Evidence(proxy=KeptProxy(FakeProxy(), tmp_path), probe=fake_evidence(), embedder="none")
    scores = first.score(QUESTION, segmentation)

    class Blind(FakeProxy):
        def probe(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("it was read before")

    again = Evidence(proxy=KeptProxy(Blind(), tmp_path), probe=fake_evidence(), embedder="none")
    assert np.array_equal(again.score(QUESTION, segmentation).values, scores.values)
    next(tmp_path.rglob("*.safetensors")).write_bytes(b"damaged")
    with pytest.raises(DataError, match="damaged"):
        again.score(QUESTION, segmentation)


@pytest.mark.parametrize("name", ["smollm2-135m.evidence", "smollm2-135m.evidence-multilingual"])
def test_a_calibration_ships_for_the_weights_that_ship(name: str) -> None:
    """Weights that are fitted anew need a calibration anew."""
    weights = probes.load(Path(f"{Path(probes.__file__).parent / name}.json"))
    shipped = shipped_for("evidence", weights)
    assert shipped is not None and shipped.settings["second_look"] is True
    unranked = [c for c in shipped.cases if c.evidence and c.group.ranked == "unranked"]
    assert len(unranked) >= smallest_n(0.98)
