"""Long YAML and XML, in files and as texts: members are kept below the keys and tags that lead to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress import Budget, Compressor, Document, read_documents, scorers
from ragcompress.text.companions import companions
from ragcompress.text.nested_markup import nested_parts
from ragcompress.text.segmentation import segment

TREES = ("oak", "larch", "pine", "birch", "alder", "maple")
NOTE = "The files are read at night and written to the store. " * 8
YAML = "metadata:\n  name: shop\nspec:\n  # all of them\n  containers:\n" + "".join(
    f"  - name: {tree}\n    image: registry.example/{tree}:1.{n}\n    limits:\n      cpu: {n + 1}\n"
    f"      memory: {n + 1} GB\n    note: |\n      {NOTE}\n      It is of {tree}.\n"
    f"    ports:\n    - {8000 + n}\n"
    for n, tree in enumerate(TREES)
)
XML = '<?xml version="1.0"?>\n<!-- all of them -->\n<shop>\n  <services>\n' + "".join(
    f'    <service name="{tree}">\n      <limits><cpu>{n + 1}</cpu><memory>{n + 1} GB</memory></limits>\n'
    f"      <note>{NOTE} It is of <b>{tree}</b>.</note>\n      <port kind='http'/>\n    </service>\n"
    for n, tree in enumerate(TREES)
)
XML += "  </services>\n</shop>\n"
VALUES = st.recursive(
    st.text("ab <&:-#\"'é", min_size=1, max_size=30),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=5)
        | st.dictionaries(st.text("abc", min_size=1, max_size=5), inner, min_size=1, max_size=5)
    ),
    max_leaves=40,
)


def kept(document: Document, question: str, tokens: int) -> str:
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    return compressor(question, [document], budget=Budget(max_tokens=tokens)).text


@pytest.mark.parametrize(("text", "suffix"), [(YAML, ".yaml"), (XML, ".xml")])
@pytest.mark.parametrize("is_file", [True, False])
def test_a_value_is_kept_below_the_keys_around_it(
    text: str, suffix: str, is_file: bool, tmp_path: Path
) -> None:
    file = tmp_path / f"shop{suffix}"
    file.write_text(text, encoding="utf-8")
    (document,) = read_documents([file]) if is_file else [Document(text)]
    found = kept(document, "How much memory may larch take?", 17)
    path = ["containers:", "- name: larch", "limits:", "memory: 2 GB"]
    if suffix == ".xml":
        path = ["<services>", '<service name="larch">', "<limits>", "<memory>2 GB"]
    places = [found.index(step) for step in path]
    assert places == sorted(places)
    assert not any(f"{n} GB" in found for n in (1, 3, 4, 5, 6))


@pytest.mark.parametrize("text", [YAML, XML])
def test_units_hold_all_of_it_and_have_their_path(text: str) -> None:
    parts = segment([Document(text)])
    found = companions(parts)
    assert "".join("".join(s.text.split()) for s in parts.sentences) == "".join(text.split())
    for i, unit in enumerate(parts.sentences):
        assert sum(f"{n + 1} GB" in unit.text for n in range(len(TREES))) < 2
        if " GB" in unit.text:
            above = [unit.text]
            while i in found.needs:
                (i,) = found.needs[i]
                above.append(parts.sentences[i].text)
            tree = TREES[int(unit.text.partition(" GB")[0][-1]) - 1]
            assert any(f"name: {tree}" in text or f'name="{tree}"' in text for text in above)
            assert above[-1].endswith(("spec:", "<shop>"))


@pytest.mark.parametrize(
    "text",
    [
        "Anna: It is so, and it was so,\n  and so it will be.\nBob: Is it so? I say\n  that it is not.\n"
        * 40,
        "Oak: 12 EUR\nLarch: 19 EUR\nPine: 7 EUR\n" * 90,
        "- It is of larch.\n- It is of oak, and of pine.\n" * 60,
        "class Mill:\n    def turn(self):\n        return 1\n\n" * 60,
        "It is so:\n  one: two\nAnd it is not.\n" * 60,
        "<p>It is of larch.</p>\n<p>It is old.</p>\n" * 60,
        "<!doctype html><html><body><div>It is of larch.</div></body></html>" * 40,
        "<mills><mill>oak</mill></mills> and more of it\n" * 60,
        "<mills>\n<mill>oak</mill>\n" * 100,
        "<a> < <b>" * 300,
    ],
)
def test_what_is_neither_is_read_as_it_was(text: str) -> None:
    assert nested_parts(text) == []


def test_what_is_never_closed_is_looked_for_once() -> None:
    for text in ("<a>" + "<!--" * 100_000, "<a>" + "<![CDATA[" * 100_000, "<a " + "\"<a '" * 50_000):
        assert nested_parts(text) == []


def _yaml(value: Any, indent: int) -> str:
    pad = " " * indent
    if isinstance(value, str):
        return f" {value!r}\n"
    if isinstance(value, list):
        return "\n" + "".join(f"{pad}-{_yaml(item, indent + 2)}" for item in value)
    return "\n" + "".join(f"{pad}{key}:{_yaml(item, indent + 2)}" for key, item in value.items())


def _xml(value: Any, name: str) -> str:
    if isinstance(value, str):
        return f"<{name} kind={quoteattr(value)}>{escape(value)}</{name}>\n"
    members = value.items() if isinstance(value, dict) else [("item", item) for item in value]
    return f"<{name}>" + "".join(_xml(item, key) for key, item in members) + f"</{name}>\n"


@tries(60)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=5), VALUES, min_size=1, max_size=6))
def test_units_hold_all_of_whatever_is_written(value: dict[str, Any]) -> None:
    filled = {"filling": {"one": "x" * 1_200, "two": "y" * 1_200}, **value}
    for text in (_yaml(filled, 0).lstrip("\n"), _xml(filled, "root")):
        assert nested_parts(text)
        parts = segment([Document(text)])
        found = companions(parts)
        assert "".join("".join(s.text.split()) for s in parts.sentences) == "".join(text.split())
        assert all(above < i for i, over in found.needs.items() for above in over)
        assert all(parts.sentences[over[0]].kind == "term" for over in found.needs.values())
