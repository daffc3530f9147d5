"""The real default proxy and its shipped probe: promises, both backends, reuse, threads, offline."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import promises
import pytest
from eager_proxy import EagerProxy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragcompress import Budget, CompressionTimeout, Compressor, Document, models, segment
from ragcompress.prompts.passages import Template, cut_passages, join, make_tail
from ragcompress.proxy.hf import TorchProxy
from ragcompress.proxy.onnx.session import OnnxProxy
from ragcompress.proxy.reuse import DiskStore, MemoryStore

pytestmark = pytest.mark.model
QUESTION = "Who kept the light on Skerrow?"
DOCUMENTS = [
    Document("Skerrow is an island. Its light was kept by Ann Moe for nine years.", title="Skerrow"),
    Document("Varde has a harbour. Boats leave at noon. The inn is full.", title="Varde"),
    Document("In 1881 the price of oil rose. Nobody was pleased. A letter came.", title="The board"),
]


@pytest.fixture(scope="module")
def onnx(default_folder: models.ModelFolder) -> OnnxProxy:
    cache = default_folder.path.parents[1] / "onnx" / "tests"
    return OnnxProxy(
        default_folder.path, cache, name="d", fingerprint=default_folder.fingerprint, precision="float32"
    )


@pytest.fixture(scope="module")
def compressor(default_folder: models.ModelFolder) -> Compressor:
    return Compressor.from_pretrained(download=False)


def test_the_evidence_is_kept(compressor: Compressor) -> None:
    context = compressor(QUESTION, DOCUMENTS, budget=Budget(ratio=0.4))
    assert "Ann Moe" in context.text
    assert int(np.argmax(context.scores.values)) == 1


@given(documents=promises.documents, budget=promises.budgets, question=st.sampled_from([QUESTION, "文？"]))
@settings(deadline=None, derandomize=True, max_examples=12, suppress_health_check=list(HealthCheck))
def test_every_promise_holds(
    compressor: Compressor, documents: list[Document], budget: Budget, question: str
) -> None:
    count = compressor.scorer.proxy.tokenizer.count  # type: ignore[attr-defined]
    promises.check(compressor, count, question, documents, budget)


def test_threads_give_the_serial_result(compressor: Compressor) -> None:
    questions = [QUESTION, "Where is the harbour?", "When did oil rise?", "What is full?"]
    serial = [compressor(q, DOCUMENTS, budget=Budget(ratio=0.5)).text for q in questions]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda q: compressor(q, DOCUMENTS, budget=Budget(ratio=0.5)).text, questions))
    assert found == serial


def test_no_network_is_used(monkeypatch: pytest.MonkeyPatch, default_folder: models.ModelFolder) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    fresh = Compressor.from_pretrained()
    assert fresh(QUESTION, DOCUMENTS, budget=Budget(ratio=0.5)).text


def test_both_backends_equal_the_oracle(onnx: OnnxProxy, default_folder: models.ModelFolder) -> None:
    passages = cut_passages(onnx.tokenizer, Template(), segment(DOCUMENTS), 256)
    tail = make_tail(onnx.tokenizer, Template(), QUESTION)
    prompts = [join(p, tail) for p in passages]
    expected = EagerProxy(default_folder.path).probe(prompts, n_layers=5)
    torch = TorchProxy(default_folder.path, name="d", fingerprint="d", device="cpu", precision="float32")
    for proxy in (onnx, torch):
        for found, wanted in zip(proxy.probe(prompts, n_layers=5), expected, strict=True):
            assert np.abs(found.mass - wanted.mass).max() <= 1e-5


def test_reused_keys_and_values_change_nothing(
    default_folder: models.ModelFolder, onnx: OnnxProxy, tmp_path: Path
) -> None:
    passages = cut_passages(onnx.tokenizer, Template(), segment(DOCUMENTS), 256)
    asked = [
        [join(p, make_tail(onnx.tokenizer, Template(), question)) for p in passages]
        for question in (QUESTION, "Where is the harbour?")
    ]
    cache = default_folder.path.parents[1] / "onnx" / "tests"
    for store, tolerance in ((MemoryStore(), 1e-5), (DiskStore(tmp_path, precision="float32"), 1e-5)):
        reusing = OnnxProxy(
            default_folder.path,
            cache,
            name="d",
            fingerprint=default_folder.fingerprint,
            precision="float32",
            store=store,
        )
        for prompts in (*asked, asked[0]):
            plain = onnx.probe(prompts, n_layers=6)
            for found, wanted in zip(reusing.probe(prompts, n_layers=6), plain, strict=True):
                assert np.abs(found.mass - wanted.mass).max() <= tolerance


def test_the_time_limit_ends_the_reading(compressor: Compressor) -> None:
    documents = [Document(f"Boat {n} has a mast. It sails at noon. " * 20) for n in range(12)]
    calls: list[tuple[int, int]] = []

    def slow(done: int, total: int) -> None:
        calls.append((done, total))
        time.sleep(0.06)

    with pytest.raises(CompressionTimeout):
        compressor("Which boat?", documents, budget=Budget(ratio=0.3), timeout=0.05, progress=slow)
    assert len(calls) <= 1, "the batches after the time limit were read all the same"


def test_calls_at_once_give_the_serial_result(compressor: Compressor) -> None:
    questions = [QUESTION, "Where is the harbour?", "When did oil rise?", "What is full?"]

    async def together() -> list[str]:
        calls = [compressor.acompress(q, DOCUMENTS, budget=Budget(ratio=0.5)) for q in questions * 4]
        return [context.text for context in await asyncio.gather(*calls)]

    serial = [compressor(q, DOCUMENTS, budget=Budget(ratio=0.5)).text for q in questions]
    assert asyncio.run(together()) == serial * 4


def test_memory_of_a_long_prompt_is_given_back(default_folder: models.ModelFolder) -> None:
    script = """
import os
from ragcompress import load_proxy
from ragcompress.prompts.passages import Prompt

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

proxy = load_proxy(reuse_bytes=0)
ids = proxy.tokenizer.encode(["The ferry leaves at noon. " * 600])[0][:3000]
before = held()
proxy.probe([Prompt(tuple(ids), (0,), ((0, 3000),), (0,), ((0, 1),), ("last",))], n_layers=2)
print(held() - before)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 400e6, "the scores of one layer alone take 300 MB, and the arena doubles"
