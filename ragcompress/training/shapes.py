"""Questions and documents changed into the shapes that applications make."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ragcompress import Document, MissingExtra, Segmentation
from ragcompress.data import Sentence

from .augment import joined
from .examples import Example

_FUNCTION_WORDS = frozenset(
    "a about an and are as at be been by can could did do does for from had has have he her his how i if in "
    "into is it its may me my of on or our she should so some such than that the their them there these they "
    "this those to us was we were what when where which who whom whose why will with would you your".split()
)
_FILES = ("notes", "guide", "report", "manual", "page", "document", "export", "part")
_ENDINGS = (".md", ".txt", ".html", ".pdf", ".rst", ".docx")
_INSTRUCTIONS = (
    "Use the context to answer the question. If you don't know, say so.\n\nQuestion: {}",
    "You are a helpful assistant. {} Answer briefly.",
    "{}\n\nPlease answer from the documents above and cite them.",
    "I need some help. {} Thanks!",
)
_DIALOGUES = (
    "user: Hello, I have a question.\nagent: Of course, how can I help you?\nuser: {}",
    "Human: Thanks, that was clear.\nAI: You are welcome. Is there anything else?\nHuman: {}",
    "user: Can you look something up for me?\nassistant: Sure. What would you like to know?\nuser: {}",
)


def seed_of(*parts: object) -> int:
    """A number that depends on nothing but the parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big")


def untitled(example: Example) -> Example:
    """No document has a title, as in plain files."""
    return _retitled(example, [None] * len(example.segmentation.documents))


def file_named(example: Example) -> Example:
    """The name of a file is the title; documents of one title are parts of one file."""
    titles = [d.title or "" for d in example.segmentation.documents]
    names = []
    for title in titles:
        n = seed_of(example.id, title)
        names.append(f"{_FILES[n % len(_FILES)]}-{n // 8 % 900 + 100}{_ENDINGS[n // 7200 % len(_ENDINGS)]}")
    return _retitled(example, names)


def _retitled(example: Example, titles: Sequence[str | None]) -> Example:
    s = example.segmentation
    documents = tuple(replace(d, title=t) for d, t in zip(s.documents, titles, strict=True))
    return replace(example, segmentation=Segmentation(documents, s.sentences))


def chunked(example: Example, size: int, overlap: int) -> Example:
    """Documents cut by LangChain's recursive splitter, in mid-sentence where it does so.

    A part of a sentence is evidence if at least half of the sentence, without blanks, lies in it.

    Raises:
        MissingExtra: without langchain-text-splitters.
    """
    try:
        from langchain_text_splitters import RecursiveCharacterTextSplitter
    except ImportError as error:
        raise MissingExtra("training on chunks", "dev") from error
    splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=overlap, add_start_index=True)
    s = example.segmentation
    needed, steps = set(example.gold), set(example.steps)
    documents: list[Document] = []
    sentences: list[Sentence] = []
    gold: list[int] = []
    stepped: list[int] = []
    for number, document in enumerate(s.documents):
        own = [(i, t) for i, t in enumerate(s.sentences) if t.document == number]
        for chunk in splitter.create_documents([document.text]):
            start = int(chunk.metadata["start_index"])
            text, end = chunk.page_content, start + len(chunk.page_content)
            place = len(documents)
            documents.append(Document(text, document.title))
            for i, t in own:
                a, b = max(t.start_char, start), min(t.end_char, end)
                if a >= b or not document.text[a:b].strip():
                    continue
                piece = document.text[a:b]
                a += len(piece) - len(piece.lstrip())
                piece = piece.strip()
                half = 2 * len(piece) >= len(t.text)
                if i in needed and half:
                    gold.append(len(sentences))
                if i in steps and half:
                    stepped.append(len(sentences))
                sentences.append(Sentence(place, a - start, a - start + len(piece), piece, t.kind))
    return replace(
        example,
        segmentation=Segmentation(tuple(documents), tuple(sentences)),
        gold=tuple(gold),
        steps=tuple(stepped),
    )


def as_key_words(question: str) -> str:
    """The question's content words."""
    words = question.rstrip(" ?？.").split()
    kept = [w for w in words if w.lower().strip(",;:'\"()") not in _FUNCTION_WORDS]
    return " ".join(kept) if len(kept) > 1 else question


def without_mark(question: str) -> str:
    """In lower case, without the question mark."""
    return question.rstrip(" ?？").lower() or question


def in_capitals(question: str) -> str:
    """In capitals."""
    return question.upper()


def instructed(question: str) -> str:
    """With an instruction around it."""
    return _INSTRUCTIONS[seed_of(question) % len(_INSTRUCTIONS)].format(question)


def last_turn(question: str) -> str:
    """As the last turn of a dialogue."""
    return _DIALOGUES[seed_of(question) % len(_DIALOGUES)].format(question)


def asked(change: Callable[[str], str]) -> Callable[[Example], Example]:
    """The example with its question changed."""

    def changed(example: Example) -> Example:
        return replace(example, question=change(example.question))

    return changed


SHAPES: dict[str, Callable[[Example], Example]] = {
    "untitled": untitled,
    "chunks of 1000": lambda e: chunked(joined(e, 3), 1000, 200),
    "key words": asked(as_key_words),
    "file named": file_named,
    "no question mark": asked(without_mark),
    "chunks of 500": lambda e: chunked(untitled(e), 500, 0),
    "joined": lambda e: joined(e, 2 + seed_of(e.id) % 4),
    "untitled key words": lambda e: untitled(asked(as_key_words)(e)),
    "last turn": asked(last_turn),
    "instruction": asked(instructed),
    "capitals": asked(in_capitals),
}


def shaped(example: Example, shape: str) -> Example:
    """The example in one of ``SHAPES``."""
    return SHAPES[shape](example)


def bounded(example: Example, most: int, count: Callable[[Sequence[str]], list[int]]) -> Example:
    """The example with some of its other documents left out, so that it has at most about ``most`` tokens."""
    s = example.segmentation
    sizes = count([d.text for d in s.documents])
    needed = {s.sentences[i].document for i in (*example.gold, *example.steps)}
    left = most - sum(sizes[d] for d in needed)
    order = np.random.default_rng(seed_of("bounded", example.id)).permutation(len(sizes))
    kept = set(needed)
    for d in order:
        if int(d) not in needed and (sizes[d] <= left or len(kept) < len(needed) + 2):
            kept.add(int(d))
            left -= sizes[d]
    return restricted(example, sorted(kept))


def restricted(example: Example, documents: Sequence[int]) -> Example:
    """The example with some of its documents only."""
    s = example.segmentation
    place = {d: n for n, d in enumerate(documents)}
    chosen = [i for i, t in enumerate(s.sentences) if t.document in place]
    new = {i: n for n, i in enumerate(chosen)}
    return replace(
        example,
        segmentation=Segmentation(
            tuple(s.documents[d] for d in documents),
            tuple(replace(s.sentences[i], document=place[s.sentences[i].document]) for i in chosen),
        ),
        gold=tuple(new[i] for i in example.gold if i in new),
        steps=tuple(new[i] for i in example.steps if i in new),
    )
