"""What surrounds a sentence: features of the second stage, made from the first stage's logits and the text.

A sentence is seldom evidence by itself. Its neighbors, its passage and the best sentences elsewhere say
something. So do titles that link passages: a sentence that names another document's title points to it. And
so do the rare words that it shares with good sentences of other documents.
None of this runs the proxy again.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...data import Segmentation
from ...prompts.parts import Parts

EXPERTS = ("any", "one_document", "several_documents")
"""The first stage's regressions: fitted to all questions, and to those whose evidence is so spread."""
NAMES = (
    "logit",
    "previous",
    "next",
    "best_of_passage_others",
    "mean_of_passage",
    "below_best",
    "below_best_of_document",
    "share_of_better",
    "log_tokens",
    "log_position",
    "from_end",
    "linked_from",
    "links_to",
    "is_linked",
    "has_link",
    "words_in_question",
    "title_in_question",
    "shared_with_a_best",
    "rarest_shared_with_a_best",
    "shared_with_the_best",
    *(f"{expert}_{what}" for expert in EXPERTS[1:] for what in ("logit", "best_of_passage", "below_best")),
)
# So many of the best sentences are looked at for shared words.
_BEST = 5
_SURE = 700.0  # a logit of which the exponential is still a number
# Where a sentence has no neighbor, no link and so on: a logit that says "no evidence".
_NONE = -6.0
_WORD = re.compile(r"\w+")
_BRACKET = re.compile(r"\s*\([^()]*\)\s*$")


def context_features(
    logits: NDArray[np.float64], parts: Parts, segmentation: Segmentation, question: str
) -> NDArray[np.float64]:
    """Features (N, K) of every part of every passage, K as in ``NAMES``.

    Args:
        logits: (N, E) of the first stage.
        parts: of the passages as probed.
        segmentation: the documents, for titles and words.
        question: the question, for words.
    """
    n = len(logits)
    if not n:
        return np.zeros((0, len(NAMES)))
    logits, experts = logits[:, 0], logits[:, 1:].T
    sentence, passage, document = parts.sentence, parts.passage, parts.document
    position, behind = _positions(document)
    words = [words_of(s.text) for s in segmentation.sentences]
    into, out = links(logits, sentence, document, segmentation, words)
    columns = [
        logits,
        _shift(logits, document, 1),
        _shift(logits, document, -1),
        best_of_others(logits, passage),
        np.bincount(passage, logits)[passage] / np.bincount(passage)[passage],
        logits - logits.max(),
        logits - _group_max(logits, document)[document],
        _rank(logits) / n,
        np.log(parts.n_tokens),
        np.log1p(position),
        np.log1p(behind),
        into,
        out,
        (into > _NONE).astype(np.float64),
        (out > _NONE).astype(np.float64),
        *overlap(sentence, segmentation, question, words),
        *shared_with_best(logits, sentence, document, segmentation, question, words).T,
        *(
            column
            for expert in experts
            for column in (expert, _group_max(expert, passage)[passage], expert - expert.max())
        ),
    ]
    return np.stack(columns, axis=1)


def _positions(document: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many parts of the same document come before and after each part."""
    _, first, counts = np.unique(document, return_index=True, return_counts=True)
    before = np.arange(len(document)) - np.repeat(first, counts)
    behind = np.repeat(counts, counts) - 1 - before
    return before.astype(np.float64), behind.astype(np.float64)


def _shift(logits: NDArray[np.float64], document: NDArray[np.int64], by: int) -> NDArray[np.float64]:
    """Logit of the part ``by`` before, within the document."""
    rolled = np.roll(logits, by)
    same = np.roll(document, by) == document
    same[0 if by > 0 else -1] = False
    return np.where(same, rolled, _NONE)


def _group_max(values: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    best = np.full(int(group.max()) + 1, -np.inf)
    np.maximum.at(best, group, values)
    return best


def best_of_others(values: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Largest value of the group without the element itself."""
    best = _group_max(values, group)
    is_best = values == best[group]
    second = _group_max(np.where(is_best, _NONE, values), group)
    is_single = np.bincount(group, is_best)[group] < 2  # of two equal bests each has the other
    return np.maximum(np.where(is_best & is_single, second[group], best[group]), _NONE)


def _rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many values are larger."""
    ordered = np.sort(values)
    return len(values) - np.searchsorted(ordered, values, side="right").astype(np.float64)


def words_of(text: str) -> list[str]:
    """Return the words of a text, case folded."""
    return _WORD.findall(text.casefold())


def links(
    logits: NDArray[np.float64],
    sentence: NDArray[np.int64],
    document: NDArray[np.int64],
    segmentation: Segmentation,
    words: Sequence[list[str]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each part: the best logit elsewhere that names its document's title, and of the titles it names.

    A title is named where its words (a bracket at its end left off) stand together in a sentence of another
    document. Time is linear in the text: titles are looked up by their first word.
    """
    into, out = np.full(len(segmentation.documents), _NONE), np.full(len(logits), _NONE)
    titles: dict[str, list[tuple[int, list[str]]]] = {}
    for index, d in enumerate(segmentation.documents):
        title = words_of(_BRACKET.sub("", d.title or ""))
        if title and len("".join(title)) > 3:
            titles.setdefault(title[0], []).append((index, title))
    if titles:
        best = np.full(len(segmentation.documents), _NONE)
        np.maximum.at(best, document, logits)
        named = [_find_titles(terms_of, titles) for terms_of in words]
        for part, index in enumerate(sentence):
            for target in named[index]:
                if target != document[part]:
                    into[target] = max(into[target], logits[part])
                    out[part] = max(out[part], best[target])
    return into[document], out


def _find_titles(words: list[str], titles: dict[str, list[tuple[int, list[str]]]]) -> set[int]:
    named = set()
    for start, word in enumerate(words):
        for document, title in titles.get(word, ()):
            if words[start : start + len(title)] == title:
                named.add(document)
    return named


def shared_with_best(
    logits: NDArray[np.float64],
    sentence: NDArray[np.int64],
    document: NDArray[np.int64],
    segmentation: Segmentation,
    question: str,
    words: Sequence[list[str]],
) -> NDArray[np.float64]:
    """What each part shares with the best parts of other documents, (N, 3).

    Words, titles included and the question's left out, weigh log((N + 1) / (n + 1/2)) with n the parts that
    hold them. What is shared with a best part counts as much as that part is probable. Columns: the largest
    sum of weights, the largest single weight, and all sums together.
    """
    question_terms = set(words_of(question))
    titles = [set(words_of(d.title or "")) - question_terms for d in segmentation.documents]
    of_sentence = [set(terms_of) - question_terms for terms_of in words]
    terms_of = [of_sentence[i] for i in sentence]
    held = Counter(word for part in terms_of for word in part)
    weight = {word: math.log((len(terms_of) + 1) / (n + 0.5)) for word, n in held.items()}
    unseen = math.log(len(terms_of) + 1)
    order = np.argsort(-logits, kind="stable")[:_BEST]
    best = [(part, 1 / (1 + math.exp(min(-logits[part], _SURE)))) for part in order]
    around = [part | titles[d] for part, d in zip(terms_of, document, strict=True)]
    result = np.zeros((len(terms_of), 3))
    for part, near in enumerate(around):
        for other, probability in best:
            if document[other] != document[part]:
                # Sorted: a sum of floats depends on its order, and that of a set on the run.
                shared = sorted(weight.get(word, unseen) for word in near & around[other])
                features = probability * sum(shared), probability * max(shared, default=0.0)
                result[part, :2] = np.maximum(result[part, :2], features)
                result[part, 2] += features[0]
    return result


def overlap(
    sentence: NDArray[np.int64], segmentation: Segmentation, question: str, words: Sequence[list[str]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the question's rarer words that a sentence, and its document's title, hold."""
    question_terms = set(words_of(question))
    asked_of = [question_terms.intersection(terms_of) for terms_of in words]
    frequency = Counter(word for i in sentence for word in asked_of[i])
    weight = {w: float(np.log((len(sentence) + 1) / (frequency[w] + 0.5))) for w in question_terms}
    total = sum(weight.values()) or 1.0
    titles = [set(words_of(d.title or "")) for d in segmentation.documents]
    named = [sum(weight[w] for w in question_terms & title) / total for title in titles]
    held = np.array([sum(weight[w] for w in asked_of[i]) / total for i in sentence])
    return held, np.array([named[segmentation.sentences[i].document] for i in sentence])
