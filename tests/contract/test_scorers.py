"""Every scorer that can be found holds the contract; a scorer that is dropped in is tested by itself."""

from __future__ import annotations

import inspect
from typing import ClassVar

import numpy as np
import pytest
from fake_probe import FAKE_PROBES

from ragcompress import scorers
from ragcompress.data import Progress, Scores, Segmentation
from ragcompress.errors import InputError, UnknownName
from ragcompress.scorers import Scorer
from ragcompress.testing import FakeProxy, check_scorer
from ragcompress.text.segmentation import given

# Their library takes ten seconds to import: they hold the contract in tests/proxy/test_text_models.py.
TEXT_MODELS = ("cross-encoder", "minilm")


def make(name: str) -> Scorer:
    """The scorer, with the fake proxy and a probe for it where it takes them."""
    takes_probe = "probe" in inspect.signature(scorers.load(name)).parameters
    return scorers.make(name, proxy=FakeProxy, **({"probe": FAKE_PROBES[name]()} if takes_probe else {}))


@pytest.mark.parametrize("name", [name for name in scorers.available() if name not in TEXT_MODELS])
def test_holds_the_contract(name: str) -> None:
    check_scorer(make(name))


@pytest.mark.parametrize("name", scorers.available())
def test_is_found_by_its_own_name(name: str) -> None:
    assert scorers.load(name).name == name


@pytest.mark.parametrize("name", scorers.available())
def test_refuses_a_setting_that_it_does_not_have(name: str) -> None:
    with pytest.raises(InputError, match="nonsense"):
        scorers.make(name, proxy=FakeProxy, nonsense=1)


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match="bm25"):
        scorers.make("bm52")


class Good:
    name: ClassVar[str] = "good"
    needs_proxy: ClassVar[bool] = False

    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale

    def values(self, question: str, segmentation: Segmentation) -> np.ndarray:
        return np.array([self.scale * len(s.text) for s in segmentation.sentences])

    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        return Scores(self.values(question, segmentation), self.name, settings={"scale": self.scale})


class TooFew(Good):
    def values(self, question: str, segmentation: Segmentation) -> np.ndarray:
        return super().values(question, segmentation)[:1]


class Hidden(Good):
    def __init__(self, *, size: float = 1.0) -> None:
        super().__init__(scale=size)


class Drifting(Good):
    def values(self, question: str, segmentation: Segmentation) -> np.ndarray:
        self.scale_now = getattr(self, "scale_now", 0) + 1
        return super().values(question, segmentation) * self.scale_now


class Meddling(Good):
    def values(self, question: str, segmentation: Segmentation) -> np.ndarray:
        for document in segmentation.documents:
            document.metadata.get("tags", []).append("seen")
        return super().values(question, segmentation)


class Misnamed(Good):
    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        return Scores(self.values(question, segmentation), "other")


class Positional(Good):
    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(scale=scale)


class Overconfident(Good):
    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        return Scores(self.values(question, segmentation), self.name, calibrated=True)


class Unwritable(Good):
    def score(self, question: str, segmentation: Segmentation, *, progress: Progress | None = None) -> Scores:
        return Scores(self.values(question, segmentation), self.name, settings={"me": self})


def test_a_good_scorer_passes() -> None:
    check_scorer(Good())


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (TooFew(), r"3 sentences got scores of shape|5 sentences got scores"),
        (Hidden(), "'size' can't be read back"),
        (Drifting(), "scored twice"),
        (Meddling(), "inputs were changed"),
        (Misnamed(), "Scores.scorer is 'other'"),
        (Positional(), "'scale' of the constructor must be keyword-only"),
        (Overconfident(), r"must lie in \[0, 1\]"),
        (Unwritable(), "can't be written as JSON"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_broken_scorer_is_told_what_is_wrong(scorer: Good, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_scorer(scorer)


def test_the_contract_sees_scores_for_nothing() -> None:
    class Padding(Good):
        def values(self, question: str, segmentation: Segmentation) -> np.ndarray:
            return np.zeros(max(1, len(segmentation.sentences)))

    with pytest.raises(AssertionError, match="0 sentences"):
        check_scorer(Padding())


def test_fake_proxy_prefers_shared_words_and_keeps_its_prompts() -> None:
    proxy = FakeProxy()
    found = scorers.make("raw-attention", proxy=lambda: proxy).score(
        "Who built the bridge?", given([["Ferries leave at noon.", "Anna built the bridge."]])
    )
    assert found.ranking() == (1, 0)
    assert len(proxy.prompts) == 1
    assert b"Ferries leave at noon. Anna built the bridge.\n" in bytes(
        i for i in proxy.prompts[0].prefix if i < 256
    )


@pytest.mark.parametrize("value", ["x", None, [1], float("nan")])
def test_a_setting_of_another_type_is_refused_by_name(value: object) -> None:
    with pytest.raises(InputError, match="k1"):
        scorers.make("bm25", k1=value)
