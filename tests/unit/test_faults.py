"""What others bring may be broken: titles, counters, probes, ids, stores. It is said, and kept apart."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_probe import fake_probe
from promises import by_words

from ragcompress import (
    Budget,
    BudgetTooSmall,
    Compressor,
    DataError,
    Document,
    InputError,
    RagCompressError,
    run_request,
)
from ragcompress.array_files import checksum, read_arrays, write_arrays
from ragcompress.files import AppendOnly
from ragcompress.probes import ProbeWeights
from ragcompress.prompts.passages import TITLE_TOKENS
from ragcompress.proxy.reuse import DiskStore
from ragcompress.scorers import bm25
from ragcompress.scorers.passage_probe.scorer import Scorer
from ragcompress.testing import FakeProxy

BUDGET = Budget(max_tokens=9)
TEXT = "Ann built the bridge. It is old."


def words_only(**options: Any) -> Compressor:
    return Compressor(bm25.Scorer(), counter=by_words, **options)


def test_a_title_that_is_none_does_not_hurt_the_others(caplog: pytest.LogCaptureFixture) -> None:
    proxy = FakeProxy(max_tokens=8192)
    compressor = Compressor(Scorer(proxy=proxy, probe=fake_probe()), counter=by_words)
    hostile = Document("Spam. More of it.", title="evil " * 8200)
    with caplog.at_level(logging.WARNING, "ragcompress"):
        context = compressor("Who built it?", [Document(TEXT, title="Bridge"), hostile], budget=BUDGET)
    assert context.text.startswith("Bridge\n")
    assert max(map(len, proxy.prompts)) < 2000, "the title's cost is bounded"
    assert f"document 1 has 41000 tokens; the model reads the first {TITLE_TOKENS}" in caplog.text


def down(text: str) -> int:
    raise RuntimeError("tokenizer service down")


@pytest.mark.parametrize(
    ("counter", "message"),
    [
        (down, "the token counter failed: RuntimeError: tokenizer service down"),
        (lambda text: -1, "returned -1"),
        (lambda text: True, "returned True"),
        (lambda text: 2.5, "returned 2.5"),
        (lambda text: "7", "returned '7'"),
    ],
)
def test_a_broken_counter_is_the_callers_and_does_not_stop_a_passthrough(counter: Any, message: str) -> None:
    compressor = Compressor(bm25.Scorer(), counter=counter)
    with pytest.raises(InputError, match=message):
        compressor("Who?", [Document(TEXT)], budget=BUDGET)
    context = compressor("Who?", [Document(TEXT)], budget=BUDGET, on_error="passthrough")
    assert context.text == TEXT
    assert context.passthrough is not None
    assert message in context.passthrough
    assert "tokens are estimated, 4 bytes each" in context.passthrough
    assert context.tokens_after == len(TEXT) // 4


def test_any_integral_number_counts() -> None:
    compressor = Compressor(bm25.Scorer(), counter=lambda text: np.int64(len(text.split())))
    context = compressor("Who built the bridge?", [Document(TEXT)], budget=Budget(max_tokens=4))
    assert (context.text, type(context.tokens_after)) == ("Ann built the bridge.", int)


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (Path("a.md"), "a.md"),
        (date(2026, 1, 2), "2026-01-02"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("a\udcff", "a\\udcff"),
        ("a.md", "a.md"),
        (7, 7),
        (None, None),
    ],
)
def test_any_source_becomes_json(source: object, written: object) -> None:
    context = words_only()("Who?", [Document(TEXT, metadata={"source": source})], budget=BUDGET)
    line = json.dumps(context.to_dict(), allow_nan=False, ensure_ascii=False).encode("utf-8")
    assert {p["source"] for p in json.loads(line)["pieces"]} == {written}


def strict(line: bytes) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    found: dict[str, Any] = json.loads(line, parse_constant=refuse)
    return found


@pytest.mark.parametrize("name", ["NaN", "Infinity", '{"a": [NaN]}', '"\\ud800"'])
@pytest.mark.parametrize("question", ['"Who built it?"', "3"])
def test_lines_are_json_whatever_the_id(name: str, question: str) -> None:
    document = '{"text": "Ann built it.", "id": NaN, "title": NaN, "metadata": {"source": -Infinity}}'
    request = f'{{"id": {name}, "question": {question}, "documents": [{document}]}}'
    outcome = run_request(words_only(budget=BUDGET), None, 1, request.encode())
    assert outcome.failed is (question == "3")
    assert "id" in strict(outcome.line) or outcome.failed


def test_one_bad_document_of_a_request_is_left_out_and_named() -> None:
    bad = ["no object", {"title": "no text"}, {"text": "\ud800"}, {"text": 3}]
    request = {"question": "Who built the bridge?", "documents": [*bad, {"text": TEXT, "id": "good"}]}
    outcome = run_request(words_only(budget=BUDGET), None, 1, json.dumps(request).encode())
    found = strict(outcome.line)
    assert {p["document"] for p in found["pieces"]} == {4}
    assert [left["document"] for left in found["left_out"]] == [0, 1, 2, 3]
    assert all(f"document {left['document']}" in left["reason"] for left in found["left_out"])


def test_a_request_without_one_good_document_fails() -> None:
    outcome = run_request(words_only(budget=BUDGET), None, 1, b'{"question": "Who?", "documents": [3]}')
    assert outcome.failed
    assert "document 0 must be an object" in strict(outcome.line)["reason"]


@pytest.mark.parametrize(
    "key", ["proxy", "template", "n_layers", "passage_tokens", "second_look", "rows", "scorer"]
)
@pytest.mark.parametrize("value", [..., None, "x", {}, [1], {"x": 1}, {"facts": "y"}, -1, 2.5, True])
def test_a_broken_probe_card_is_told_from_a_bug(key: str, value: object, tmp_path: Path) -> None:
    fake_probe().save(tmp_path / "p")
    card = json.loads((tmp_path / "p.json").read_text())
    if value is ...:
        card.pop(key, None)
    else:
        card[key] = value
    (tmp_path / "p.json").write_text(json.dumps(card))
    harmless = (key, value) in [
        ("second_look", ...),
        ("second_look", None),
        ("second_look", {}),
        ("scorer", ...),
    ]
    try:
        scorer = Scorer(proxy=FakeProxy(), probe=tmp_path / "p")
        assert scorer.probe.passage_tokens >= 1
    except RagCompressError as error:
        assert not harmless, error
    else:
        assert harmless or key == "n_layers"


def test_a_probe_without_its_numbers_is_told_from_a_bug(tmp_path: Path) -> None:
    probe = fake_probe()
    whole = dict(probe.arrays)
    whole.pop("look.weight")
    type(probe)(whole, probe.card).save(tmp_path / "p")
    with pytest.raises(RagCompressError, match=r"no numbers named 'look\.weight'"):
        Scorer(proxy=FakeProxy(), probe=tmp_path / "p")


def test_a_store_on_a_volume_that_can_only_be_read_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.arange(24, dtype=np.float32).reshape(3, 2, 2, 2)
    DiskStore(tmp_path / "kv", precision="float32").put("ab" * 16, array)
    (path,) = (tmp_path / "kv").glob("*/*")
    assert path.stat().st_mode & 0o077 == 0, "keys and values tell of the texts"

    def refuse(*arguments: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.utime", refuse)
    found = DiskStore(tmp_path / "kv").get("ab" * 16)
    assert found is not None
    assert (found == array).all()


def test_the_sum_of_keys_and_values_covers_types_shapes_and_names() -> None:
    numbers = np.arange(12, dtype=np.float16).reshape(3, 4)
    sums = {
        checksum(packed)
        for packed in (
            {"numbers": numbers},
            {"numbers": numbers.reshape(4, 3)},
            {"numbers": numbers.view(np.uint16)},
            {"scales": numbers},
        )
    }
    assert len(sums) == 4


def test_arrays_in_any_layout_come_back_as_they_were(tmp_path: Path) -> None:
    square = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_arrays(tmp_path / "a", {"turned": square.T, "every_other": square[:, ::2]}, {"format": "1"})
    arrays, _ = read_arrays(tmp_path / "a", "1")
    assert np.array_equal(arrays["turned"], square.T) and np.array_equal(
        arrays["every_other"], square[:, ::2]
    )
    with pytest.raises(DataError, match="another format version"):
        read_arrays(tmp_path / "a", "2")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-1] + b"\xff")
    with pytest.raises(DataError, match="damaged"):
        read_arrays(tmp_path / "a", "1")


def test_a_file_that_only_grows_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first = AppendOnly(path)
    first.append(b"one\ntw")
    with pytest.raises(DataError, match="another run is writing"):
        AppendOnly(path)
    first.close()
    second = AppendOnly(path, 4)
    second.append(b"two\n")
    second.close()
    assert path.read_bytes() == b"one\ntwo\n"
    assert [p.name for p in tmp_path.iterdir()] == ["log"], "no lock stays behind"
    with pytest.raises(DataError, match="shorter than"):
        AppendOnly(path, 100)
    with pytest.raises(DataError, match="can't be written"):
        AppendOnly(tmp_path / "none" / "log")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["look.weight", "context.mean", "context.weight", "second.look.bias"])
@pytest.mark.parametrize("change", [lambda a: a[..., :-1], lambda a: a[None], lambda a: None])
def test_a_probe_of_other_shapes_is_told_from_a_bug(name: str, change: Any) -> None:
    whole = fake_probe()
    arrays = {**whole.arrays, name: change(whole.arrays[name])}
    probe = ProbeWeights({k: a for k, a in arrays.items() if a is not None}, whole.card)
    with pytest.raises(DataError, match=name):
        Scorer(proxy=FakeProxy(), probe=probe)


@pytest.mark.parametrize(
    "metadata",
    [{"lock": threading.Lock()}, {"source": object}, {"at": float("nan")}, {1: 2}, {"a": {"b": {3}}}],
)
def test_metadata_of_any_kind_hurts_nobody(metadata: dict[Any, Any]) -> None:
    documents = [Document("A light. It is old. It is red.", metadata=metadata), Document("Another light.")]
    context = words_only()("Which light?", documents, budget=Budget(max_tokens=4))
    assert context.segmentation.documents[0].metadata == metadata
    json.loads(json.dumps(context.to_dict(), allow_nan=False))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "JSON"),
        (b"[]", "object"),
        (b'{"question": 1, "documents": []}', "question"),
        (b'{"question": "q", "documents": {}}', "documents"),
        (b'{"question": "q", "documents": [null]}', "document 0"),
        (b'{"question": "q", "docs": []}', "docs"),
        (b'\xff\xfe{"question"', "binary"),
        (b'{"question": "q", "documents": [{"text": "a", "score": "x"}]}', "score"),
        (b'{"question": "q", "documents": [{"text": "a", "metadata": []}]}', "metadata"),
        (b'{"question": ' + b"[" * 100_000, "JSON"),
    ],
)
def test_a_line_that_is_no_request_says_what_is_wrong(line: bytes, says: str) -> None:
    found = json.loads(run_request(words_only(), Budget(max_tokens=9), 1, line).line)
    assert says in found["reason"]


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("order", ["source", "best-first", "best-last", "edges"])
@pytest.mark.parametrize(
    "rules", [{}, {"min_per_document": 2}, {"max_documents": 1}, {"max_per_document": 1}]
)
def test_a_budget_that_is_named_works(budget: int, order: Any, rules: dict[str, int]) -> None:
    table = "| name | year |\n|---|---|\n| red light of the harbour | 1902 |"
    text = f"## Lights\n\n{table}\n\nThe light is old. It is red."
    documents = [Document(text, title="Harbour"), Document("name,year\nold,1902\nnew,1931\n", syntax="csv")]
    compressor = words_only(order=order, headings=True)
    try:
        context = compressor("Which light?", documents, budget=Budget(max_tokens=budget, **rules))
    except BudgetTooSmall as error:
        assert error.smallest > budget
        context = compressor("Which light?", documents, budget=Budget(max_tokens=error.smallest, **rules))
    assert context.tokens_after <= context.limit


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits on the size of files are those of Unix")
def test_what_can_be_written_in_part_only_has_the_reason_of_the_system(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path; from ragcompress.files import AppendOnly\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))\n"
        "try: AppendOnly(Path(sys.argv[1])).append(b'x' * 2_000)\n"
        "except Exception as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code, tmp_path / "out"], capture_output=True, text=True)
    assert f"can't be written: {os.strerror(errno.EFBIG)}" in told.stdout, told.stderr
