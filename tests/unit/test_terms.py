"""Words as readers see them: what looks the same is one term, what doesn't is not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress import Budget, Compressor, Document, scorers
from ragcompress.text.terms import normalize, terms

PROPERTY = tries(100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Bridge-builder's 2nd", ["the", "bridge", "builder", "s", "2nd"]),
        ("青石桥 in Oslo", ["青", "石", "桥", "in", "oslo"]),
        ("Tokyo東京タワーx1", ["tokyo", "東", "京", "タ", "ワ", "ー", "x1"]),
        ("ÉTÉ Дом 서울 집", ["été", "дом", "서울", "집"]),
        ("?! …", []),
        ("İstanbul istanbul ISTANBUL", ["istanbul", "istanbul", "istanbul"]),
        ("infor\u00admation of\u00adfice", ["information", "office"]),
        ("zero\u200bwidth \ufeffjoin\u2060er", ["zerowidth", "joiner"]),
        ("ﬁrst ﬂoor", ["first", "floor"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("10⁶ m² 1½", ["10", "6", "m2", "1", "1", "2"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("தமிழ் మొ", ["தமிழ்", "మొ"]),
        ("שָׁלוֹם مُحَمَّد مـحـمد", ["שלום", "محمد", "محمد"]),
        ("ที่นี่ ເດັກ", ["ที่", "นี่", "ເດັ", "ກ"]),
        ("ខ្មែរ\u200bទេ", ["ខ្", "មែ", "រ", "ទេ"]),
        ("٢٠٢٤ २०२४ ۲۰۲۴", ["2024", "2024", "2024"]),
        ("كتاب کتاب على علی", ["کتاب", "کتاب", "علی", "علی"]),
        ("ти́хий й ё", ["тихий", "й", "ё"]),
        ("infor\u00ad\nmation", ["information"]),
        ("ｶﾀｶﾅ ＡＢＣ", ["カ", "タ", "カ", "ナ", "abc"]),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


WORDS = st.text(st.characters(categories=("L", "M", "N", "Z", "P")), max_size=30)


@PROPERTY
@given(WORDS)
def test_the_form_of_unicode_makes_no_difference(text: str) -> None:
    assert terms(unicodedata.normalize("NFD", text)) == terms(unicodedata.normalize("NFC", text))


@PROPERTY
@given(st.text())
def test_normalizing_again_changes_nothing_and_no_letter_is_lost(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)
    assert terms(normalize(text)) == terms(text)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_invisible_hyphens_do_not_hide_a_word_and_the_sentence_stays_as_it_is(form: str) -> None:
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    text = unicodedata.normalize(
        form, "Die Fähre fährt mittags. Die Brü\u00adcke baute Holm. Der Markt ist groß."
    )
    assert compressor("Brücke", [Document(text)], budget=Budget(max_tokens=5)).text in text
    assert "Holm" in compressor("Brücke", [Document(text)], budget=Budget(max_tokens=4)).text
