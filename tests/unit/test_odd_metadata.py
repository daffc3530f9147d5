"""Metadata hold what frameworks, data frames and users put there: no value of theirs fails a call."""

# ruff: noqa: E501

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared import QUESTION, words

from ragcompress import Budget, Compressor, Document, scorers
from ragcompress.selection.rendering import FORMATS


class Missing:
    """Neither true nor false, equal to nothing, and without words, as some libraries' missing values are."""

    def __bool__(self) -> bool:
        raise TypeError("boolean value is ambiguous")

    def __eq__(self, other: object) -> bool:
        raise TypeError("no comparison")

    __hash__ = None  # type: ignore[assignment]


class Wordless:
    """What can't be written, such as a closed connection."""

    def __str__(self) -> str:
        raise ValueError("closed")

    __repr__ = __str__


ODD: tuple[Any, ...] = (
    Missing(), Wordless(), np.array([1, 2]), np.array([]), float("nan"), float("inf"), 10**400, -1, True, b"\xff", object(), {}, [Missing()],
    Path("a"), "\ud800", None, np.datetime64("2024-05-03"), Decimal("NaN"), 1e300,
)  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_no_value_of_the_metadata_fails_a_call(format: str, value: Any) -> None:
    metadata = {"source": value, "start_index": value, "title": value, "page": value, "score": value}
    documents = [
        Document("he built it. Berit Holm built Skarn Bridge.", "T", metadata=metadata),
        Document("Ferries leave at noon. The market is on Fridays.", metadata=metadata),
    ]
    compressor = Compressor(scorers.make("bm25"), counter=words, format=format)
    context = compressor(QUESTION, documents, budget=Budget(ratio=0.9))
    assert context.pieces
    json.dumps(context.to_dict(), allow_nan=False).encode("ascii")


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (7, 7), (np.int64(7), 7), (np.uint8(7), 7), (7.0, 7), (np.float32(7), 7), (Decimal(7), 7), (Fraction(7), 7),
        (np.array(7), 7), (0, 0), (7.5, None), (-1, None), (True, None), (None, None), ("7", None), (1e300, None),
        (float("nan"), None), (Decimal("NaN"), None), (Decimal("sNaN"), None), (Fraction(10**400), None),
        (np.bool_(True), None),
    ],
)  # fmt: skip
def test_where_a_document_begins_is_known_from_any_type_of_whole_number(
    value: Any, start: int | None
) -> None:
    assert Document("a", metadata={"start_index": value}).start_index == start


def test_parts_of_a_source_stand_in_its_order_whatever_type_their_offsets_have() -> None:
    first, second = (
        Document(text, metadata={"source": "a.md", "start_index": np.int64(start)})
        for text, start in (("Berit Holm built it.", 0), ("Ferries leave at noon.", 40))
    )
    compressor = Compressor(scorers.make("bm25"), counter=words, keep_together=True, format="md")
    text = compressor(
        "Who built it, and when do ferries leave?", [second, first], budget=Budget(ratio=1.0)
    ).text
    assert text.index("Berit") < text.index("Ferries")
