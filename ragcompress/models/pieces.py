"""SentencePiece's unigram model (Kudo, arXiv 1804.10959), as XLM-R's tokenizer cuts text with it.

Its vocabulary has 250,000 pieces. The package ``sentencepiece`` holds them in an eighth of the memory that
``tokenizers`` takes, and cuts four times as fast.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import sentencepiece

from ..errors import ModelError
from .protobuf import message

_MODEL, _CHARACTERS = "pieces.model", "characters.json"
_BLANKS = re.compile(" {2,}")
_UNKNOWN, _PLAIN, _CONTROL = 2, 1, 3  # kinds of pieces


class Pieces:
    """Cuts texts to pieces; special tokens are plain text. Safe to share between threads.

    Args:
        model: as ``packed`` writes it.
        characters: what single ones become before anything else; an empty text: they go.
    """

    def __init__(self, model: bytes, characters: Mapping[str, str]) -> None:
        self._processor = sentencepiece.SentencePieceProcessor()
        self._processor.LoadFromSerializedProto(model)
        self._characters = str.maketrans(dict(characters))

    @classmethod
    def from_folder(cls, folder: Path) -> Pieces:
        """Read the files of ``packed`` from a folder.

        Raises:
            ModelError: if one is missing, or damaged.
        """
        try:
            characters = json.loads((folder / _CHARACTERS).read_text(encoding="utf-8"))
            return cls((folder / _MODEL).read_bytes(), characters)
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"{folder} has no pieces that can be read: {error}") from error

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's pieces."""
        found: list[list[int]] = self._processor.encode([self._normalized(text) for text in texts])
        return found

    def count_all(self, texts: Sequence[str]) -> list[int]:
        """Return the number of pieces of each text."""
        return [len(ids) for ids in self.encode(texts)]

    def _normalized(self, text: str) -> str:
        """NFKC with one blank between words; the model puts another before the text."""
        plain = unicodedata.normalize("NFKC", text.translate(self._characters))
        return _BLANKS.sub(" ", plain).removeprefix(" ")


def packed(
    pieces: Sequence[str], scores: Iterable[float], *, control: frozenset[str], unknown: int,
    characters: Mapping[str, str],
) -> dict[str, bytes]:  # fmt: skip
    """The files that ``Pieces`` reads, by name.

    Args:
        pieces: the vocabulary.
        scores: their logarithmic probabilities.
        control: pieces that no text has, such as what begins it.
        unknown: the id of what has no piece.
        characters: see ``Pieces``.
    """

    def kind(place: int, piece: str) -> int:
        return _UNKNOWN if place == unknown else _CONTROL if piece in control else _PLAIN

    # The numbers are those of https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
    rows = [
        (1, message([(1, piece), (2, float(score)), (3, kind(i, piece))]))
        for i, (piece, score) in enumerate(zip(pieces, scores, strict=True))
    ]
    trainer = message([(3, 1), (40, unknown)])  # a unigram model
    normalizer = message([(1, "identity"), (3, 1), (4, 0), (5, 1)])
    return {
        _MODEL: message([*rows, (2, trainer), (3, normalizer)]),
        _CHARACTERS: json.dumps(characters, sort_keys=True).encode(),
    }
