"""For those who write scorers: the contract that every scorer holds, and a proxy without a model.

``check_scorer(MyScorer(proxy=FakeProxy()))`` in a test says what a scorer still lacks.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from .data import Document, Scores, Segmentation
from .proxy.fake import FakeProxy
from .scorers import Scorer
from .text.segmentation import given

__all__ = ["FakeProxy", "check_scorer"]

_Case = tuple[str, Segmentation]


def check_scorer(scorer: Scorer) -> None:
    """Check that a scorer holds the contract.

    - S sentences get S finite scores, also for S = 0 and S = 1.
    - The same call gives the same scores, whatever was scored in between.
    - The inputs stay as they were.
    - The constructor's arguments are keyword-only and stored under their own names, so that a scorer can be
      built again from them.
    - Odd Unicode, repeated documents, repeated ids and a long sentence do no harm.

    Raises:
        AssertionError: says which promise is broken, and how.
    """
    _check_class(scorer)
    first = {label: _check_case(scorer, label, case) for label, case in _CASES.items()}
    for label, case in _CASES.items():
        _check_again(scorer, label, case, first[label])
    _check_rebuilt(scorer, first["several sentences"])


def _check_class(scorer: Scorer) -> None:
    cls = type(scorer)
    who = f"{cls.__module__}.{cls.__qualname__}"
    name, needs_proxy = getattr(cls, "name", None), getattr(cls, "needs_proxy", None)
    assert isinstance(name, str), f"{who}.name must be a string on the class, got {name!r}"
    assert name, f"{who}.name is empty"
    assert isinstance(needs_proxy, bool), f"{who}.needs_proxy must be True or False, got {needs_proxy!r}"
    parameters = inspect.signature(cls).parameters
    for p in parameters.values():
        assert p.kind is p.KEYWORD_ONLY, f"{who}: argument {p.name!r} of the constructor must be keyword-only"
        assert hasattr(scorer, p.name), f"{who}: setting {p.name!r} can't be read back as an attribute"
    takes = "proxy" in parameters
    assert takes == needs_proxy, f"{who}: needs_proxy is {needs_proxy}, but 'proxy' an argument: {takes}"


def _check_case(scorer: Scorer, label: str, case: Callable[[], _Case]) -> Scores:
    question, segmentation = case()
    scores = scorer.score(question, segmentation)
    got = type(scores).__name__
    assert isinstance(scores, Scores), f"case {label!r}: score() must return Scores, got {got}"
    assert (question, segmentation) == case(), f"case {label!r}: the inputs were changed"
    n_sentences = len(segmentation.sentences)
    shape = scores.values.shape
    assert shape == (n_sentences,), f"case {label!r}: {n_sentences} sentences got scores of shape {shape}"
    assert np.isfinite(scores.values).all(), f"case {label!r}: not all scores are finite"
    if scores.calibrated:
        inside = (scores.values >= 0) & (scores.values <= 1)
        assert inside.all(), f"case {label!r}: calibrated scores must lie in [0, 1]"
    says = getattr(scorer, "makes_vectors", False)
    assert says or scores.vectors is None, f"case {label!r}: scores have vectors, makes_vectors must be True"
    assert scores.scorer == scorer.name, f"Scores.scorer is {scores.scorer!r}, the scorer is {scorer.name!r}"
    _check_json(scores.settings)
    return scores


def _check_again(scorer: Scorer, label: str, case: Callable[[], _Case], first: Scores) -> None:
    """Other questions were scored in between; this time the progress is watched."""
    calls: list[tuple[int, int]] = []
    again = scorer.score(*case(), progress=lambda done, total: calls.append((done, total)))
    _check_same(first, again, f"case {label!r}: scored twice, the scores differ")
    for done, total in calls:
        assert 0 <= done <= total, f"case {label!r}: progress was called with {done} of {total}"


def _check_json(settings: Mapping[str, Any]) -> None:
    try:
        json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"Scores.settings can't be written as JSON: {error}") from error


def _check_rebuilt(scorer: Scorer, first: Scores) -> None:
    """A scorer built from the attributes of another scores as it does."""
    cls = type(scorer)
    rebuilt = cls(**{name: getattr(scorer, name) for name in inspect.signature(cls).parameters})
    _check_same(
        first, rebuilt.score(*_several()), "a scorer built from this one's attributes gives other scores"
    )


def _check_same(one: Scores, other: Scores, message: str) -> None:
    assert np.array_equal(one.values, other.values), message
    assert (one.settings, one.calibrated) == (other.settings, other.calibrated), f"{message} (settings)"


def _empty() -> _Case:
    return "Who built the bridge?", given([])


def _blank() -> _Case:
    blank = Segmentation((Document(""), Document(" \n\t", title="Blank")), ())
    return "Who built the bridge?", blank


def _one() -> _Case:
    return "Who built the bridge?", given([["Anna Lund built it in 1902."]], titles=["Bridge"])


def _several() -> _Case:
    documents = [
        ["The bridge stands in Oslo.", "Anna Lund built it in 1902.", "It is red."],
        ["Ferries cross the fjord.", "They leave at noon."],
    ]
    return "Who built the bridge?", given(documents, titles=["Bridge", None])


def _repeats() -> _Case:
    texts = ("A bridge. A bridge.", "A bridge. A bridge.", "Something else.")
    documents = tuple(Document(t, id="same", metadata={"tags": ["a", {"b": 1}]}) for t in texts)
    cut = given([["A bridge.", "A bridge."], ["A bridge.", "A bridge."], ["Something else."]])
    return "bridge bridge?", Segmentation(documents, cut.sentences)


def _unicode() -> _Case:
    family = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}\N{VARIATION SELECTOR-16}"
    documents = [
        ["Ваня построил мост.", "桥是谁建的？", "橋はアンナが作った。", "بنت آنا الجسر."],
        ["e\u0301\u0323 ﬁ ß İ ı", family, "a\u200b\u200d\u2028b\x00\x85c\ufeff"],
        ["𝔘𝔫𝔦 {title} {0} %s \\", "<|im_end|><|endoftext|></s>[SEP]", "?!…", "…"],
    ]
    return "谁 built the мост {question} <|im_end|>?", given(documents, titles=["{x}", "日本", "\u202eRTL"])


def _wordless_question() -> _Case:
    return "?!", _several()[1]


def _long() -> _Case:
    return "Who built the bridge?", given([["word " * 600, "Anna Lund built it."], ["x" * 3000]])


_CASES: Mapping[str, Callable[[], _Case]] = MappingProxyType(
    {
        "no document": _empty,
        "blank documents": _blank,
        "one sentence": _one,
        "several sentences": _several,
        "repeated documents and ids": _repeats,
        "odd Unicode": _unicode,
        "a question without words": _wordless_question,
        "long sentences": _long,
    }
)
