"""``ragcompress-eval savings``: sums, tables, readers that run. Never how fast."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models
from http_server import said, serving

from ragcompress import DataError, InputError, load_proxy
from ragcompress_eval import cli
from ragcompress_eval.savings import cli as savings_cli
from ragcompress_eval.savings import measure
from ragcompress_eval.savings.prices import EXAMPLES, Price, Prices, bills, load_prices
from ragcompress_eval.savings.readers import SHAPES, RandomReader, Shape
from studies.random_reader import write

SAMPLE = Path(__file__).parents[1] / "data" / "questions.jsonl"
TINY = Shape(32, 2, 4, 2, 64, 500)
SIZE = {"tokens": 1000, "tokens_after": 200, "seconds_compress": 0.5, "core_seconds": 0.9}


def test_shapes_have_as_many_weights_as_their_names_say() -> None:
    for name, billions in (("0.5B", 0.49), ("1.5B", 1.54), ("7B", 7.1)):
        assert SHAPES[name].parameters / 1e9 == pytest.approx(billions, rel=0.03)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_reader_begins_an_answer(precision: str) -> None:
    reader = RandomReader(TINY, precision)
    first = reader.first_token(20)
    assert 0 <= first < TINY.vocabulary
    assert reader.first_token(20) == first


@pytest.mark.parametrize("kind", ["Q4_0", "F16"])
def test_a_file_for_llama_cpp_is_a_model_of_its_shape(tmp_path: Path, kind: str) -> None:
    tokenizer = json.loads(tiny_models.byte_tokenizer().to_str())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["Tr"] = len(vocabulary) + len(tokenizer["added_tokens"])
    tokenizer["model"]["merges"] = [["T", "r"]]
    write(TINY, tmp_path / "reader.gguf", kind, tokenizer)
    model = load_proxy(str(tmp_path / "reader.gguf"))
    assert (model.info.n_layers, model.info.n_heads) == (TINY.n_layers, TINY.n_heads)
    assert model.tokenizer.count("Tromvik") == 6
    with pytest.raises(InputError, match="must be one of Q4_0"):
        write(TINY, tmp_path / "other.gguf", "Q9", tokenizer)


def test_a_reader_too_large_for_the_memory_is_refused() -> None:
    with pytest.raises(InputError, match="take a smaller reader"):
        RandomReader(Shape(1 << 20, 100, 8, 8, 1 << 22, 1000), "float32")


def test_compression_pays_below_the_speed_at_which_it_breaks_even() -> None:
    (row,) = measure.break_even_speed([SIZE])
    speed = row["tokens_per_second"]
    assert speed == 1600
    for slower, pays in ((0.9, True), (1.1, False)):
        read = speed * slower
        assert (1000 / read > 200 / read + 0.5) is pays


def test_a_bill_counts_tokens_and_cores() -> None:
    prices = Prices("today", 3.6, (Price("m", 2.0, 100.0),))
    (row,) = bills(prices, [SIZE])
    assert row["dollars_full"] == pytest.approx(2.0)  # 1,000 questions of 1,000 tokens, 2 dollars a million
    assert row["dollars_cores"] == pytest.approx(0.9)  # 900 core seconds
    assert row["dollars_compressed"] == pytest.approx(0.4 + 0.9)
    assert (row["milliseconds_full"], row["milliseconds_compressed"]) == pytest.approx((100, 20 + 500))


def test_prices_of_your_own(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    models = [{"name": "m", "dollars": 1, "milliseconds": 50}]
    path.write_text(json.dumps({"date": "2026-11-28", "core_hour": 0.05, "models": models}))
    assert load_prices(path) == Prices("2026-11-28", 0.05, (Price("m", 1.0, 50.0),))
    path.write_text('{"date": "2026"}')
    with pytest.raises(InputError, match="no table of prices"):
        load_prices(path)
    with pytest.raises(DataError, match="can't be read"):
        load_prices(tmp_path / "none.json")


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = tiny_models.save_model("llama", tmp_path / "tiny")
    monkeypatch.setattr(savings_cli, "SHAPES", {"tiny": TINY})
    target = tmp_path / "out.json"
    options = ["--scorer", "raw-attention", "--reader", "tiny:bfloat16", "--tokens", "200", "--runs", "1"]
    options += ["--passage-tokens", "60", "--ratio", "0.5", "--json", str(target)]
    assert cli.main(["savings", str(SAMPLE), "--proxy", str(proxy), *options]) == 0
    found = json.loads(target.read_text())
    (row,) = found["results"]
    assert row["reader"] == "tiny:bfloat16"
    assert row["tokens_after"] <= row["tokens"] / 2 + 1
    spent = row["seconds_left"] + row["seconds_compress"]
    assert row["times_faster"] == pytest.approx(row["seconds_full"] / spent)
    assert [r["name"] for r in found["prices"]] == [m.name for m in EXAMPLES.models]
    assert "tokens/s" in capsys.readouterr().out


def test_a_reader_behind_http_reads_another_prompt_each_time(tmp_path: Path) -> None:
    proxy, target = tiny_models.save_model("llama", tmp_path / "tiny"), tmp_path / "out.json"
    with serving(*[said("a")] * 8) as server:
        options = ["--scorer", "raw-attention", "--reader", server.url, "--model", "mine", "--tokens", "200"]
        options += ["--passage-tokens", "60", "--ratio", "0.5", "--runs", "2", "--json", str(target)]
        assert cli.main(["savings", str(SAMPLE), "--proxy", str(proxy), *options]) == 0
        bodies = [body for _, body, _ in server.requests]
    (row,) = json.loads(target.read_text())["results"]
    prompts = [body["messages"][0]["content"] for body in bodies]
    assert len(prompts) == len(set(prompts)) == 5
    assert {(body["model"], body["max_tokens"]) for body in bodies} == {("mine", 1)}
    long, short = max(map(len, prompts)), min(map(len, prompts))
    assert short < long and row["times_faster"] > 0


def test_an_unknown_reader_is_refused() -> None:
    assert cli.main(["savings", "--reader", "9B"]) == 2
    assert cli.main(["savings", "--reader", "0.5B:float8"]) == 2
