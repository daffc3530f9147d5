"""What the evidence model is fitted to: every passage is read, and labels don't tell which look promising."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from damage import FUZZ
from hypothesis import given as given_
from hypothesis import strategies as st
from shared import QUESTION, Letters

from ragcompress import DataError, given
from ragcompress.data import Attention, Progress
from ragcompress.models.embedding import Vectors as Rows
from ragcompress.prompts.passages import Prompt
from ragcompress.testing import FakeProxy
from ragcompress.training.evidence_cases import case_of, full_view
from ragcompress.training.evidence_reading import Reader, Task
from ragcompress.training.examples import Example

TEXTS = [[f"Document {i} tells of a ferry.", f"It has {i} bridges."] for i in range(8)]


class Counting(FakeProxy):
    """Counts the prompts that it reads."""

    n_read = 0

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        self.n_read += len(prompts)
        return super().probe(prompts, n_layers=n_layers, progress=progress)


def task(gold: tuple[int, ...] = (3,), **more: object) -> Task:
    example = Example("one", "set", QUESTION, ("two",), given(TEXTS), gold)
    return replace(Task(example, "set", "natural"), **more)  # type: ignore[arg-type]


def reader(store: Path | None = None) -> Reader:
    return Reader(Counting(), Letters(), n_layers=2, passage_tokens=64, store=store)


def test_every_passage_is_read_whatever_looks_promising() -> None:
    made = reader()
    found = made(task(read=0.4))
    assert made.proxy.n_read == len(found.passages) == len(found.attentions) == 8  # type: ignore[attr-defined]
    assert len(found.chosen) == 3
    assert made(task(read=1.0)).chosen == tuple(range(8))


def test_labels_do_not_tell_what_looks_promising() -> None:
    made = reader()
    assert made(task(gold=(3,), read=0.4)).chosen == made(task(gold=(14,), read=0.4)).chosen


def test_ranks_tell_what_looks_promising() -> None:
    chosen = reader()(task(read=0.4, ranks=(7, 6, 5, 4, 3, 2, 1, 0))).chosen
    assert 7 in chosen


def test_what_was_read_is_read_from_the_store(tmp_path: Path) -> None:
    first, again = reader(tmp_path), reader(tmp_path)
    before, after = first(task(read=0.4)), again(task(gold=(14,), read=0.9))
    assert again.proxy.n_read == 0  # type: ignore[attr-defined]
    embedder = again.embedder
    assert isinstance(embedder, Letters) and not embedder.read
    for a, b in zip(before.attentions, after.attentions, strict=True):
        np.testing.assert_allclose(a.mass, b.mass, rtol=1e-3)
    rows: Rows = after.vectors.matches
    np.testing.assert_allclose(before.vectors.matches, rows, atol=1e-3)


def test_a_damaged_store_is_told_of(tmp_path: Path) -> None:
    reader(tmp_path)(task())
    (kept,) = (tmp_path / "attention").iterdir()
    kept.write_bytes(b"no arrays")
    with pytest.raises(DataError, match="damaged"):
        reader(tmp_path)(task())


@FUZZ
@given_(
    place=st.integers(0, 10**6), length=st.integers(0, 40), what=st.sampled_from(("attention", "vectors"))
)
def test_a_store_with_any_damage_is_told_of_or_gives_what_was_read(
    place: int, length: int, what: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("store")
    first = reader(folder)(task())
    (kept,) = (folder / what).iterdir()
    whole = kept.read_bytes()
    place %= len(whole)
    kept.write_bytes(whole[:place] + bytes(length) + whole[place + length :])
    try:
        again = reader(folder)(task())
    except DataError as error:
        assert "damaged" in str(error)
        return
    np.testing.assert_allclose(again.vectors.matches, first.vectors.matches, atol=1e-3)
    for a, b in zip(first.attentions, again.attentions, strict=True):
        np.testing.assert_allclose(a.mass, b.mass, rtol=1e-3)


def test_a_store_with_the_arrays_of_another_file_is_told_of(tmp_path: Path) -> None:
    reader(tmp_path)(task())
    (attention,), (vectors,) = ((tmp_path / name).iterdir() for name in ("attention", "vectors"))
    attention.write_bytes(vectors.read_bytes())
    with pytest.raises(DataError, match="damaged"):
        reader(tmp_path)(task())


def test_what_was_read_of_people_s_texts_is_for_their_owner_only(tmp_path: Path) -> None:
    reader(tmp_path)(task())
    assert {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.glob("*/*")} == {0o600}
    (tmp_path / "attention").rename(tmp_path / "elsewhere")
    (tmp_path / "attention").write_text("a file in the folder's place")
    with pytest.raises(DataError, match="can't be written"):
        reader(tmp_path)(task())


def test_a_view_has_the_attention_of_the_passages_it_is_given() -> None:
    case = case_of(reader()(task()))
    assert full_view(case).read.all()
    of_two = {i for p in (1, 4) for i in case.reading.passages[p].sentences}
    assert set(np.flatnonzero(full_view(case, (1, 4)).read)) == of_two
    assert not full_view(case, ()).read.any()
