"""Values of JSON, YAML and XML stand below the keys that lead to them, and never beside another object's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import tries

from ragcompress import Budget, Compressor, Document, scorers
from ragcompress.text.companions import companions
from ragcompress.text.segmentation import segment

TREES = ("oak", "larch", "pine", "birch", "alder", "maple", "willow", "aspen", "elm", "ash", "yew", "fir")
SERVICES = {
    tree: {
        "image": f"{tree}:1.{n}",
        "limits": {"memory": f"{n + 1} GB", "disk": {"size": f"{n + 20} GB", "kind": "fast"}},
        "note": f"Reads the files of the {tree} team, writes them to the store at night, and says so. " * 4,
    }
    for n, tree in enumerate(TREES)
}
DATA: dict[str, Any] = {"version": 3, "services": SERVICES, "regions": [{"name": n} for n in TREES]}
YAML = "services:\n" + "".join(
    f"  {tree}:\n    image: {tree}:1\n    limits:\n      memory: {n + 1} GB\n      cpus: {n + 1}\n"
    for n, tree in enumerate(TREES)
)
XML = "<services>\n" + "".join(
    f'  <service name="{tree}">\n    <limits>\n'
    f"      <memory>{n + 1} GB</memory>\n    </limits>\n  </service>\n"
    for n, tree in enumerate(TREES)
)
VALUES = st.recursive(
    st.one_of(st.integers(), st.text(max_size=30), st.booleans(), st.none()),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=60,
)


def kept(text: str, question: str, tokens: int) -> str:
    compressor = Compressor(scorers.make("bm25"), counter=lambda text: len(text.split()))
    return compressor(question, [Document(text)], budget=Budget(max_tokens=tokens)).text


@pytest.mark.parametrize("indent", [None, 2])
def test_a_value_of_json_is_kept_with_all_its_keys(indent: int | None) -> None:
    text = kept(json.dumps(DATA, indent=indent), "How much memory may larch take?", 30)
    assert '"services": {' in text.partition('"larch"')[0]
    larch = text.partition('"larch": {')[2]
    assert '"memory": "2 GB"' in larch.partition('"limits": {')[2]
    assert "pine" not in text


def test_every_unit_of_json_has_its_path_and_is_of_one_object() -> None:
    parts = segment([Document(json.dumps(DATA, indent=2))])
    found = companions(parts)
    for i, unit in enumerate(parts.sentences):
        path, at = [unit.text], i
        while at in found.needs:
            (at,) = found.needs[at]
            path.append(parts.sentences[at].text)
        assert path[-1].startswith("{")
        if '"memory"' in unit.text:
            assert [key.split('"')[1] for key in path[1:-1]][-1] == "services"
            assert len(path) > 3
        assert unit.text.count('"memory"') < 2


def test_short_json_is_one_unit_and_lines_of_it_are_cut_each_by_itself() -> None:
    short = json.dumps({"a": 1, "b": [1, 2]})
    assert [s.text for s in segment([Document(short)]).sentences] == [short]
    long = json.dumps(DATA)
    parts = segment([Document(f"{short}\n{long}\n{short}")])
    assert [parts.sentences[i].text for i in (0, -1)] == [short, short]
    found = companions(parts)
    assert 0 not in found.needs
    assert len(parts.sentences) - 1 not in found.needs


@tries(40)
@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, min_size=1), st.sampled_from([None, 1]))
def test_units_of_json_hold_all_of_it(value: dict[str, Any], indent: int | None) -> None:
    text = json.dumps({"filling": "x" * 2_000, "value": value}, indent=indent, ensure_ascii=False)
    units = segment([Document(text)]).sentences
    assert "".join("".join(s.text.split()) for s in units) == "".join(text.split())
    assert all(text[s.start_char : s.end_char] == s.text for s in units)
    found = companions(segment([Document(text)]))
    assert set(found.needs) == set(range(1, len(units))) - {
        i for i in range(len(units)) if units[i - 1].cut and i
    }


@pytest.mark.parametrize(("text", "mark"), [(YAML, "{}:"), (XML, 'name="{}">')])
def test_values_of_yaml_and_xml_are_kept_with_their_keys(text: str, mark: str) -> None:
    found = kept(text, "memory of larch", 20)
    values = [f"{n + 1} GB" in found for n in range(len(TREES))]
    assert values[1]
    assert "limits" in found.partition(mark.format("larch"))[2].partition("2 GB")[0]
    assert [mark.format(tree) in found for tree, value in zip(TREES, values, strict=True) if value] == [
        True
    ] * sum(values)
