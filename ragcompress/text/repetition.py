"""The question said again in documents: whoever wants a text to be found writes the question into it.

Scorers compare with the question, so its repetition beats every answer, as a title, within a sentence, or in
a comment that nobody sees. It says nothing that the reader doesn't know. What is scored is therefore the
text without it; what is kept stays verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..data import Document, Segmentation, Sentence
from .terms import CJK, normalize, terms

# A question of fewer words may stand in a sentence that answers it.
_LEAST = 5
# So many of the question's words, in a stretch that is not much longer than it, are a repetition.
_COVERED, _SPREAD = 0.9, 1.5
# Where single characters are the words, as in Chinese: a sentence that answers has most of them anyway.
_COVERED_SINGLE, _SPREAD_SINGLE = 1.0, 1.2
# Heaped up in no order: nearly all of the longer words, more densely than sentences have them.
_HEAPED, _DENSITY, _LONG, _LEAST_LONG = 0.9, 0.65, 4, 5
# A document of so many sentences is made of the question if most of them are, by a look at some: such a
# sentence has a good part of the question's words, and few others.
_FLOODED, _LOOKED_AT, _MOSTLY, _PART, _FILLED = 8, 32, 0.75, 0.4, 0.6
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_WORD = re.compile(rf"[{CJK}]|[^\s{CJK}]+")
_BLANKS = re.compile(r"\s+")
_GONE = "…"
# A page with so many other questions is a list of questions and answers, and one of them may be the reader's.
_LISTED = 2


@dataclass(frozen=True, slots=True)
class Neutral:
    """What scorers see.

    Attributes:
        segmentation: as many sentences, in the same documents; without repetitions and comments.
        sentences, titles: indices of the sentences and of the documents whose titles repeat the question.
    """

    segmentation: Segmentation
    sentences: tuple[int, ...] = ()
    titles: tuple[int, ...] = ()


def without_repetition(question: str, segmentation: Segmentation) -> Neutral:
    """Take the question out of titles and sentences that repeat it, and comments out of Markdown.

    Where nothing is found the segmentation comes back as it is. Time is linear in the length of the text.
    """
    wording = _Wording.of(question)
    titles: dict[int, str] = {}
    for d, document in enumerate(segmentation.documents):
        if document.title and wording.may_be_in(document.title):
            if (rest := wording.without(document.title)) is not None:
                titles[d] = rest
    changed: dict[int, str] = {}
    repeating = []
    for i, sentence in enumerate(segmentation.sentences):
        text = sentence.text
        if "<!--" in text and segmentation.documents[sentence.document].syntax == "markdown":
            if (bare := _COMMENT.sub("", text).strip()) != text:
                text = changed[i] = bare or _GONE
        if not wording.may_be_in(text) or (rest := wording.without(text)) is None:
            continue
        if rest != _GONE or not _is_listed(segmentation, i):
            changed[i] = rest
            repeating.append(i)
    flooding = {i: wording.bare(segmentation.sentences[i].text) for i in _flooding(wording, segmentation)}
    repeating = sorted({*repeating, *flooding})
    changed = flooding | changed
    if not (changed or titles):
        return Neutral(segmentation)
    return Neutral(_rewritten(segmentation, titles, changed), tuple(repeating), tuple(sorted(titles)))


def _flooding(wording: _Wording, segmentation: Segmentation) -> Iterator[int]:
    """Sentences with a part of the question, of long documents that have little else."""
    for _, group in _grouped(segmentation) if len(wording.words) >= _LEAST else ():
        if len(group) < _FLOODED:
            continue
        texts = [segmentation.sentences[i].text for i in group[:: -(-len(group) // _LOOKED_AT)]]
        if sum(wording.has_part(text, filled=_FILLED) for text in texts) >= _MOSTLY * len(texts):
            yield from (i for i in group if wording.has_part(segmentation.sentences[i].text))


def _is_listed(segmentation: Segmentation, index: int) -> bool:
    """Whether a sentence that is the question stands among other questions of its document."""
    document = segmentation.sentences[index].document
    others = (s for i, s in enumerate(segmentation.sentences) if s.document == document and i != index)
    return sum(s.text.rstrip(" *_#").endswith(("?", "？")) for s in others) >= _LISTED


@dataclass(frozen=True, slots=True)
class _Wording:
    """The wording of a question, as it is looked for.

    Attributes:
        words, long: its different words, and those of them that are no little ones.
        length: how many words it has, repeated ones counted.
        telling: the longest; a text without most of these needs no closer look.
        covered, spread: what makes a repetition: a share of the words, in so many times their number.
    """

    words: frozenset[str]
    long: frozenset[str]
    length: int
    telling: tuple[str, ...]
    covered: float
    spread: float

    @classmethod
    def of(cls, question: str) -> _Wording:
        listed = terms(question)
        words = frozenset(listed)
        telling = sorted(words, key=lambda w: (-len(w), w))[:4]
        single = sum(len(w) == 1 for w in words) * 2 > len(words)
        bounds = (_COVERED_SINGLE, _SPREAD_SINGLE) if single else (_COVERED, _SPREAD)
        long = frozenset(w for w in words if len(w) >= _LONG)
        return cls(words, long, len(listed), tuple(telling), *bounds)

    def may_be_in(self, text: str) -> bool:
        """Whether a closer look is worth it."""
        if len(self.words) < _LEAST:
            return False
        folded = normalize(text)
        return sum(word in folded for word in self.telling) >= 3

    def has_part(self, text: str, *, filled: float = 0.0) -> bool:
        """Whether a text has a good part of the question, which makes up so much of it."""
        words = terms(text)
        inside = [word for word in words if word in self.words]
        return len(set(inside)) >= _PART * len(self.words) and len(inside) >= filled * len(words)

    def bare(self, text: str) -> str:
        """The text without any of the question's words."""
        kept = (word for word in text.split() if not self.words.intersection(terms(word)))
        rest = " ".join(kept)
        return rest if terms(rest) else _GONE

    def without(self, text: str) -> str | None:
        """The text without the question; None: it is not in there."""
        spans = [m.span() for m in _WORD.finditer(text)]
        part_words = [terms(text[a:b]) for a, b in spans]
        shared = [self.words.intersection(words) for words in part_words]
        sizes = [len(words) for words in part_words]
        taken = self._repeated(shared, sizes) | self._heaped(shared, sizes)
        if not taken:
            return None
        parts, done = [], 0
        for n in sorted(taken):
            parts.append(text[done : spans[n][0]])
            done = spans[n][1]
        rest = _BLANKS.sub(" ", "".join([*parts, text[done:]])).strip()
        return rest if terms(rest) else _GONE

    def _repeated(self, shared: Sequence[frozenset[str]], sizes: Sequence[int]) -> set[int]:
        """The words of all stretches that have nearly all words of the question."""
        taken: set[int] = set()
        start = 0
        while start < len(shared):
            end = self._end(shared, sizes, start)
            if end > start:
                taken.update(range(self._begin(shared, start, end), end))
            start = max(end, start + 1)
        return taken

    def _begin(self, shared: Sequence[frozenset[str]], start: int, end: int) -> int:
        """Where the repetition that ends here begins: late, for words before it may be its own."""
        words: set[str] = set()
        for n in range(end - 1, start, -1):
            words |= shared[n]
            if len(words) >= self.covered * len(self.words):
                while n > start and shared[n - 1] - words:
                    n -= 1
                    words |= shared[n]
                return n
        return start

    def _end(self, shared: Sequence[frozenset[str]], sizes: Sequence[int], start: int) -> int:
        """Where a repetition that begins here ends; ``start``: none does."""
        words: set[str] = set()
        length = 0
        for n in range(start, len(shared)) if shared[start] else ():
            length += sizes[n]
            if length > self.spread * self.length:
                break
            words |= shared[n]
            if len(words) >= self.covered * len(self.words):
                # With the rest of its words, should they follow.
                end = n + 1
                while end < len(shared) and shared[end] - words:
                    words |= shared[end]
                    end += 1
                return end
        return start

    def _heaped(self, shared: Sequence[frozenset[str]], sizes: Sequence[int]) -> set[int]:
        """The question's words where a text has little else."""
        if len(self.long) < _LEAST_LONG:
            return set()
        inside = {n for n, words in enumerate(shared) if words & self.long}
        covered = self.long & frozenset().union(*shared)
        # The question's little words are neither here nor there.
        others = sum(1 for size, words in zip(sizes, shared, strict=True) if size and not words)
        dense = len(inside) >= _DENSITY * (len(inside) + others)
        return inside if len(covered) >= _HEAPED * len(self.long) and dense else set()


def _rewritten(
    segmentation: Segmentation, titles: Mapping[int, str], changed: Mapping[int, str]
) -> Segmentation:
    """The documents with other titles and sentences in the place of theirs."""
    documents: list[Document] = []
    sentences: list[Sentence] = []
    for d, group in _grouped(segmentation):
        document = segmentation.documents[d]
        if d not in titles and not any(i in changed for i in group):
            documents.append(document)
            sentences += [segmentation.sentences[i] for i in group]
            continue
        parts: list[str] = []
        length = 0
        for i in group:
            gap, text = segmentation.gap_before(i), changed.get(i, segmentation.sentences[i].text)
            start = length + len(gap)
            sentences.append(
                replace(segmentation.sentences[i], start_char=start, end_char=start + len(text), text=text)
            )
            parts += [gap, text]
            length = start + len(text)
        documents.append(
            replace(document, text="".join(parts), title=titles.get(d, document.title), places=None)
        )
    return Segmentation(tuple(documents), tuple(sentences))


def _grouped(segmentation: Segmentation) -> Iterator[tuple[int, list[int]]]:
    """The sentences of each document."""
    groups: list[list[int]] = [[] for _ in segmentation.documents]
    for i, sentence in enumerate(segmentation.sentences):
        groups[sentence.document].append(i)
    return enumerate(groups)
