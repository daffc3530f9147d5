"""Documents that are stretches of one text: chunks of a text splitter, which overlap or follow each other.

What a chunk begins with is understood by what stands at the end of the one before it: the name of an option,
a heading, the first half of a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..data import Document, Segmentation

# Splitters strip chunks: so much white space may have stood between two of them; more where the next line was
# indented as others are. A chunk that was not retrieved may hide a name in a gap that is wider.
_GAP, _INDENTED_GAP = 12, 32
# So many characters on both sides say how lines are indented.
_NEAR = 2_000
# So many characters at the end of one document and the start of another are no chance; nobody overlaps more.
_SURE, _LONGEST = 20, 1_000
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One or more documents that are one text together.

    Attributes:
        documents: their positions, as they follow each other.
        text: theirs, what two of them share only once; white space between them is as it must have been, by
            how other lines are indented, or else line ends.
        starts: where in it each begins, ascending.
    """

    documents: tuple[int, ...]
    text: str
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stretches:
    """How the documents of one question hang together.

    Attributes:
        all: every document is in one of them; by their first documents.
        ranks: for each document that is not alone, the least position of those with it, and its place among
            them.
    """

    all: tuple[Stretch, ...]
    ranks: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def in_order(self, units: Iterable[int], parts: Segmentation) -> list[int]:
        """Units as they stand in the documents, those of a stretch together and as they follow each other."""
        if not self.ranks:
            return sorted(units)
        documents = {i: parts.sentences[i].document for i in units}
        return sorted(documents, key=lambda i: (*self.ranks.get(documents[i], (documents[i], 0)), i))

    def together(self, sequence: Sequence[int], parts: Segmentation) -> tuple[int, ...]:
        """Units in a given order, but all of a stretch where its first one stands, as they follow each other.

        Args:
            sequence: numbers of units, those of a document together.
        """
        if not self.ranks:
            return tuple(sequence)
        members: dict[int, list[int]] = {}
        for index in sequence:
            document = parts.sentences[index].document
            members.setdefault(self.ranks.get(document, (document, 0))[0], []).append(index)
        return tuple(i for units in members.values() for i in self.in_order(units, parts))

    def goes_on(self, before: int, document: int) -> bool:
        """Whether a document follows another one in the text that both are of."""
        first, second = self.ranks.get(before), self.ranks.get(document)
        return bool(first and second and first[0] == second[0] and first[1] < second[1])


def find_stretches(documents: Sequence[Document]) -> Stretches:
    """Find out which documents are stretches of one text.

    They have one source and title. By their ``start_index`` they overlap, and say the same there, or have
    nothing but white space between them. Without it one begins as another one ends.
    """
    groups: dict[_Key, list[int]] = {}
    for position, document in enumerate(documents):
        if document.text and document.syntax in ("markdown", "text"):
            key = (document.origin, document.title or "")
            groups.setdefault(key, []).append(position)
    chains: list[list[tuple[int, int]]] = []
    for (source, _), members in groups.items():
        starts = {p: start for p in members if (start := documents[p].start_index) is not None}
        if source and len(starts) == len(members):
            chains += _by_place(documents, sorted(members, key=lambda p: (starts[p], p)), starts)
        else:
            chains += _by_text(documents, members)
    chains += [[(p, 0)] for p in set(range(len(documents))).difference(p for c in chains for p, _ in c)]
    chains.sort(key=lambda chain: min(p for p, _ in chain))
    stretches = tuple(_joined(documents, chain) for chain in chains)
    ranks = {
        d: (min(s.documents), place)
        for s in stretches
        if len(s.documents) > 1
        for place, d in enumerate(s.documents)
    }
    return Stretches(stretches, ranks)


def _by_place(
    documents: Sequence[Document], members: Sequence[int], starts: Mapping[int, int]
) -> Iterable[list[tuple[int, int]]]:
    """Chains of documents, each with where it starts behind the first; by the offsets that are known."""
    chain: list[tuple[int, int]] = []
    for p in members:
        if chain:
            before, at = chain[-1]
            by = starts[p] - starts[before]
            overlap = documents[before].text[by:]
            gap = by - len(documents[before].text)
            touches = gap <= _GAP or (
                gap <= _INDENTED_GAP
                and _ends(gap, (documents[before].text[-_NEAR:], documents[p].text[:_NEAR])) < gap
            )
            if by > 0 and touches and documents[p].text.startswith(overlap[: len(documents[p].text)]):
                chain.append((p, at + by))
                continue
            yield chain
        chain = [(p, 0)]
    if chain:
        yield chain


def _by_text(documents: Sequence[Document], members: Sequence[int]) -> Iterable[list[tuple[int, int]]]:
    """Chains of documents of which each begins as the one before it ends, by so much that it is no chance."""
    heads: dict[str, list[int]] = {}
    for p in members if len(members) > 1 else ():
        if len(documents[p].text) > _SURE:
            heads.setdefault(documents[p].text[:_SURE], []).append(p)
    following: dict[int, tuple[int, int]] = {}
    taken: set[int] = set()
    for p in members if heads else ():
        text = documents[p].text
        for at in range(max(1, len(text) - _LONGEST), len(text) - _SURE + 1):
            alike = heads.get(text[at : at + _SURE])
            if alike is None:  # nearly always
                continue
            ahead = [
                q
                for q in alike
                if q != p
                and q not in taken
                and len(documents[q].text) > len(text) - at
                and documents[q].text.startswith(text[at:])
            ]
            if ahead:
                following[p] = ahead[0], at
                taken.add(ahead[0])
                break
    for p in members:
        if p in taken:
            continue
        chain = [(p, 0)]
        while (ahead_of := following.get(chain[-1][0])) is not None:
            chain.append((ahead_of[0], chain[-1][1] + ahead_of[1]))
        yield chain


def _joined(documents: Sequence[Document], chain: Sequence[tuple[int, int]]) -> Stretch:
    text = ""
    for p, at in chain:
        if at > len(text):
            text += _blanks(at - len(text), (text[-_NEAR:], documents[p].text[:_NEAR]))
        text += documents[p].text[len(text) - at :]
    return Stretch(tuple(p for p, _ in chain), text, tuple(at for _, at in chain))


def _blanks(number: int, around: tuple[str, str]) -> str:
    """White space that a splitter has stripped: line ends, and what other lines are indented by."""
    ends = _ends(number, around)
    return "\n" * ends + " " * (number - ends)


def _ends(number: int, around: tuple[str, str]) -> int:
    """How much of some white space is line ends: one or two where the rest is as other lines are indented.

    Where one of them is not indented, as in text of HTML, it is all of it. First lines are stripped.
    """
    lines = [line for text in around for line in text.split("\n")[1:] if line.strip()]
    indents = {len(line) - len(line.lstrip(" ")) for line in lines}
    return next((n for n in (1, 2) if number - n in indents), number) if 0 not in indents else number
