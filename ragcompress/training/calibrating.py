"""``ragcompress calibrate``: from labeled questions to a calibration (``ragcompress.calibration``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ragcompress import Document, InputError, Scores, Segmentation, scorers
from ragcompress.calibration import Calibration, Case
from ragcompress.calibration.bound import smallest_n
from ragcompress.calibration.request import look_at
from ragcompress.calibration.values import bound_settings
from ragcompress.data import Sentence
from ragcompress.models.embedding import ENCODER
from ragcompress.scorers import Scorer
from ragcompress.scorers.evidence.attention_probe import KEY

from .answering import evidence_of_answer
from .calibration_answerable import fit_answerable
from .evidence_recipe import Recipe, kind_of, picked
from .examples import DataFile, Example
from .shapes import bounded, restricted, seed_of
from .versions import versions

Progress = Callable[[str, int, int], None]
Count = Callable[[Sequence[str]], list[int]]
_CONDITIONS = ("vectors", "stopped_early")
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """How questions are taken and looked at.

    Attributes:
        each: questions of each file; None: all.
        tokens: a question's other documents are left out until it has at most about so many; None: none are.
        ranked: look at each question a second time, its documents ranked by words as a retriever would.
        without: look at each question once more without the documents that hold its evidence, to learn when
            no answer is there.
        from_answers: take the sentences that an answer rests on as evidence (``answering``), whatever the
            labels say.
        recall: what shall be promised; too few questions for it are refused.
    """

    each: int | None = None
    tokens: int | None = None
    ranked: bool = True
    without: bool = True
    from_answers: bool = False
    recall: float = 0.95


def calibrate(
    files: Sequence[DataFile],
    scorer: Scorer,
    settings: Settings | None = None,
    *,
    count: Count | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Calibration:
    """Score labeled questions and keep what their evidence was worth.

    Args:
        files: questions, in the schema of the data folder. Of a file that the scorer's weights were trained
            on, those questions are taken that training takes last.
        scorer: gives probabilities.
        count: tokens of texts, for ``settings.tokens``.
        progress: called with (what, done, in all).

    Raises:
        InputError: if the scores are no probabilities, the weights were trained on these questions, or there
            are too few for the recall; says how many it takes.
    """
    settings = settings or Settings()
    chosen = {f.name: choose(f, scorer, settings) for f in files}
    examples = [e for own in chosen.values() for e in own]
    tell = partial(progress, "scoring questions")
    cases: list[Case] = []
    strongest: list[Mapping[str, float | None]] = []
    last: Scores | None = None
    seen: dict[str, set[bool]] = {name: set() for name in _CONDITIONS}
    for done, example in enumerate(examples, 1):
        for case, last in cases_of(_prepared(example, settings, count), scorer, settings):
            cases.append(case)
            strongest.append(last.strongest)
            for name in _CONDITIONS:
                if isinstance(value := last.details.get(name), bool):
                    seen[name].add(value)
        tell(done, len(examples))
    n = sum(bool(c.evidence) for c in cases if c.group.ranked == "unranked")
    _check_enough(n, settings)
    assert last is not None  # there are cases
    return Calibration(
        scorer=scorer.name,
        settings=bound_settings(last.settings),
        conditions={name: values.pop() for name, values in seen.items() if len(values) == 1},
        cases=tuple(cases),
        answerable=fit_answerable(cases, strongest),
        card=_card(files, chosen, settings, n),
    )


def choose(file: DataFile, scorer: Scorer, settings: Settings) -> list[Example]:
    """The questions of a file that the weights have not seen, in an order that depends on their ids alone.

    Raises:
        InputError: if these are fewer than are wanted.
    """
    usable = sorted(
        (e for e in file.examples if e.complete), key=lambda e: seed_of("pick", e.id), reverse=True
    )
    seen = _trained_on(file, getattr(getattr(scorer, "probe", None), "card", {}))
    free = [e for e in usable if e.id not in seen]
    if seen and (settings.each is None or len(free) < settings.each):
        raise InputError(
            f"the weights were trained on {len(usable) - len(free)} of the {len(usable)} questions of "
            f"{file.name}, and {settings.each or 'all'} were to be taken: scores are too good on those; take "
            f"at most {len(free)} of each file (--each), or other questions"
        )
    return free[: settings.each]


def _trained_on(file: DataFile, card: Mapping[str, Any]) -> set[str]:
    """Ids of the questions of a file that weights with this card have seen."""
    n = 0
    numbers = [f.get("questions") for f in card.get("trained_on", ()) if f.get("sha256") == file.sha256]
    recipe = card.get("settings", {}).get("recipe")
    seen: set[str] = set()
    if numbers and isinstance(recipe, dict):
        more = tuple((str(kind), int(n)) for kind, n in recipe.get("more", ()))
        n = Recipe(questions=int(recipe["questions"]), more=more).number_of(kind_of(file))
        seen = {e.id for e in picked(file, n)}
    elif numbers:
        seen = {e.id for e in file.examples}
    # The encoder learned from those that the evidence model leaves, so many of a file.
    for other in card.get(ENCODER, {}).get("trained_on", ()):
        if other.get("sha256") == file.sha256:
            seen.update(e.id for e in picked(file, n + int(other["questions"])))
    # The head that counts beside the evidence model's network learned from the first so many of a file.
    usable = [e.id for e in file.examples if e.gold and e.complete]
    for other in card.get(KEY, {}).get("trained_on", ()):
        if other.get("sha256") == file.sha256:
            seen.update(usable[: int(other["questions"])])
    return seen


def _prepared(example: Example, settings: Settings, count: Count | None) -> Example:
    if settings.from_answers:
        example = replace(example, gold=evidence_of_answer(example))
    if settings.tokens is not None and count is not None:
        example = bounded(example, settings.tokens, count)
    return example


def cases_of(example: Example, scorer: Scorer, settings: Settings) -> Iterator[tuple[Case, Scores]]:
    """Look at one question in the ways that the settings name, each with the scores it was given."""
    views = [(example, is_answerable(example))]
    if settings.without and (left := without_evidence(example)) is not None:
        views.append((left, False))
    for view, answerable in views:
        for ranked in (False, True) if settings.ranked else (False,):
            parts = ranked_by_words(view.question, view.segmentation) if ranked else view.segmentation
            if parts is None:
                continue
            scores = scorer.score(view.question, parts)
            yield case_of(replace(view, segmentation=parts), scores, answerable), scores


def case_of(example: Example, scores: Scores, answerable: bool | None) -> Case:
    """What a calibration keeps of a question.

    Raises:
        InputError: if the scores are no probabilities.
    """
    if not scores.calibrated:
        raise InputError(
            f"the scores of {scores.scorer!r} are no probabilities, and only those can be calibrated; take a "
            f"scorer such as {scorers.DEFAULT}"
        )
    request = look_at(example.segmentation, scores)
    gold = request.values[list(example.gold)] if answerable is not False else np.zeros(0)
    # Rounded down: what is kept at a threshold is never more here than it was.
    down = np.floor(np.sort(gold) * 10**_DIGITS) / 10**_DIGITS
    return Case(
        kind=example.dataset,
        group=request.group,
        shape=tuple(round(float(v), _DIGITS) for v in request.shape),
        words=tuple(float(v) for v in request.words),
        evidence=tuple(float(v) for v in down),
        answerable=answerable,
    )


def is_answerable(example: Example) -> bool | None:
    """Whether the documents hold an answer, as far as the labels say."""
    if example.gold:
        return True
    return None if any(a.strip() for a in example.answers) else False


def without_evidence(example: Example) -> Example | None:
    """The question without the documents that hold its evidence; None where no other is left."""
    needed = {example.segmentation.sentences[i].document for i in (*example.gold, *example.steps)}
    others = sorted({s.document for s in example.segmentation.sentences} - needed)
    return restricted(example, others) if needed and others else None


def ranked_by_words(question: str, segmentation: Segmentation) -> Segmentation | None:
    """The documents with BM25's scores, as a retriever gives them; None where it finds no difference."""
    texts = [f"{d.title or ''} {d.text}".strip() or "-" for d in segmentation.documents]
    whole = Segmentation(
        tuple(Document(t) for t in texts), tuple(Sentence(i, 0, len(t), t) for i, t in enumerate(texts))
    )
    values = scorers.make("bm25").score(question, whole).values
    if len(set(values.tolist())) < 2:
        return None
    documents = tuple(replace(d, score=float(v)) for d, v in zip(segmentation.documents, values, strict=True))
    return Segmentation(documents, segmentation.sentences)


def _check_enough(n: int, settings: Settings) -> None:
    needed = smallest_n(settings.recall)
    if n < needed:
        raise InputError(
            f"{n} questions with evidence can't promise a recall of {settings.recall:g} with less than all "
            f"sentences: it takes at least {needed}, and a few hundred to be worth it; give more questions, "
            "or a lower --recall"
        )


def _card(
    files: Sequence[DataFile], chosen: Mapping[str, Sequence[Example]], settings: Settings, n: int
) -> dict[str, Any]:
    return {
        "questions": sum(map(len, chosen.values())),
        "with_evidence": n,
        "labels": "answers" if settings.from_answers else "marks",
        "tokens": settings.tokens,
        "made_from": [{"file": f.name, "sha256": f.sha256, "questions": len(chosen[f.name])} for f in files],
        "made_with": versions(),
    }
