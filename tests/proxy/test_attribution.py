"""Support for an answer equals a slow reading of the whole model, text by text, in both backends."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models as tiny
import torch
import transformers
from typer.testing import CliRunner

from ragcompress import Budget, CompressedContext, Compressor, Document
from ragcompress.cli.app import app
from ragcompress.prompts.passages import Prompt
from ragcompress.proxy.hf import TorchProxy
from ragcompress.proxy.onnx.session import OnnxProxy
from ragcompress.scorers.lead import Scorer as Lead
from ragcompress.supporting import jensen_shannon, support

QUESTION, ANSWER = "Who built it?", "Anna Lund"
HEAD = "Answer the question with the help of the documents.\n\n"
TAIL = f"\n\nQuestion: {QUESTION}\nAnswer:"
DOCUMENTS = [
    Document("The bridge is of larch.  Anna Lund built it. It is red.", title="The bridge"),
    Document("Ferries leave at noon."),
]
# Each kept sentence, and the text of the documents as it is read without it.
TEXTS = {
    None: "The bridge\nThe bridge is of larch.  Anna Lund built it. It is red.\n\nFerries leave at noon.",
    0: "The bridge\n  Anna Lund built it. It is red.\n\nFerries leave at noon.",
    1: "The bridge\nThe bridge is of larch. It is red.\n\nFerries leave at noon.",
    2: "The bridge\nThe bridge is of larch.  Anna Lund built it.\n\nFerries leave at noon.",
    3: "The bridge\nThe bridge is of larch.  Anna Lund built it. It is red.",
}


@pytest.fixture(params=["onnx", "torch"])
def proxy(request: pytest.FixtureRequest, tiny_llama: Path) -> OnnxProxy | TorchProxy:
    if request.param == "torch":
        return TorchProxy(tiny_llama, name="tiny", fingerprint="f", device="cpu", precision="float32")
    about = {"name": "tiny", "fingerprint": "f", "precision": "float32"}
    return OnnxProxy(tiny_llama, tiny_llama / "onnx", **about, threads=1, batch_tokens=500)


@pytest.fixture(scope="module")
def context() -> CompressedContext:
    return Compressor(Lead(), counter=len)(QUESTION, DOCUMENTS, budget=Budget(ratio=1.0))


def ids(text: str) -> list[int]:
    found: list[int] = tiny.byte_tokenizer().encode(text).ids
    return found


@torch.inference_mode()
def expectations(tiny_llama: Path, text: str) -> list[list[float]]:
    """Probabilities of the next token at each token of the answer that a text ends with."""
    model = transformers.AutoModel.from_pretrained(
        tiny_llama, dtype=torch.float32, attn_implementation="eager"
    )
    hidden = model(torch.tensor([ids(text)])).last_hidden_state[0, -len(ANSWER) - 2 : -1]
    logits = (hidden @ model.get_input_embeddings().weight.T).double()
    return [[math.exp(x) / sum(map(math.exp, row)) for x in row] for row in logits.tolist()]


def divergence(p: list[float], q: list[float]) -> float:
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]

    def kullback_leibler(x: list[float]) -> float:
        return sum(a * math.log(a / m) for a, m in zip(x, middle, strict=True) if a)

    return (kullback_leibler(p) + kullback_leibler(q)) / 2


def test_arc_jsd_is_leaving_one_sentence_out(
    proxy: OnnxProxy | TorchProxy, tiny_llama: Path, context: CompressedContext
) -> None:
    read = {
        left_out: expectations(tiny_llama, f"{HEAD}{text}{TAIL} {ANSWER}") for left_out, text in TEXTS.items()
    }
    expected = [
        sum(divergence(p, q) for p, q in zip(read[None], read[i], strict=True)) for i in range(len(TEXTS) - 1)
    ]
    told: list[tuple[int, int]] = []
    found = support(
        context,
        ANSWER,
        proxy=proxy,
        method="arc-jsd",
        progress=lambda done, total: told.append((done, total)),
    )
    assert min(expected) > 1e-3, "the random model must mind what is left out"
    assert found.values == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert found.sentences == (0, 1, 2, 3)
    assert found.ranking() == tuple(sorted(range(4), key=lambda i: -expected[i]))
    assert told == [(n, 4) for n in range(1, 5)]
    assert (found.values <= math.log(2) * (len(ANSWER) + 1)).all()


def test_attention_is_that_of_the_upper_layers_per_token(
    proxy: OnnxProxy | TorchProxy, tiny_llama: Path, context: CompressedContext
) -> None:
    text = f"{HEAD}{TEXTS[None]}{TAIL} {ANSWER}"
    model = transformers.AutoModel.from_pretrained(
        tiny_llama, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.inference_mode():
        maps = [a[0].numpy() for a in model(torch.tensor([ids(text)]), output_attentions=True).attentions]
    rows = range(len(text) - len(ANSWER) - 2, len(text) - 1)
    expected = []
    for sentence in (
        "The bridge is of larch.",
        "  Anna Lund built it.",
        " It is red.",
        "Ferries leave at noon.",
    ):
        start = text.index(sentence)
        place = range(start, start + len(sentence))
        looked = [maps[layer][:, row, t].mean() for layer in (2, 3) for row in rows for t in place]
        expected.append(float(np.mean(looked)))
    found = support(context, ANSWER, proxy=proxy, method="attention")
    assert found.values == pytest.approx(expected, rel=1e-4)


def test_of_one_sentence_nothing_is_left(proxy: OnnxProxy | TorchProxy, tiny_llama: Path) -> None:
    alone = Compressor(Lead(), counter=len)(QUESTION, DOCUMENTS[1:], budget=Budget(ratio=1.0))
    pair = [expectations(tiny_llama, f"{HEAD}{text}{TAIL} {ANSWER}") for text in (DOCUMENTS[1].text, "")]
    expected = sum(divergence(p, q) for p, q in zip(*pair, strict=True))
    assert support(alone, ANSWER, proxy=proxy).values == pytest.approx([expected], rel=1e-3)


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_log_probabilities_are_those_of_the_whole_model(
    tmp_path: Path, architecture: str, precision: str
) -> None:
    tiny_llama = tiny.save_model(architecture, tmp_path)
    model = transformers.AutoModel.from_pretrained(tiny_llama, dtype=torch.float32)
    draw = np.random.default_rng(0)
    rows = [tuple(draw.integers(0, 256, size=n).tolist()) for n in (9, 40, 40, 17)]
    prompts = [Prompt(row[:5], row[5:], (), (), ((1, 3),), ("some",)) for row in rows]
    proxies: list[OnnxProxy | TorchProxy] = [
        OnnxProxy(tiny_llama, tiny_llama / "onnx", name="t", fingerprint="f", threads=1, precision=precision)
    ]
    if precision == "float32":
        proxies.append(TorchProxy(tiny_llama, name="t", fingerprint="f", device="cpu", precision=precision))
    for proxy in proxies:
        found = dict(proxy.log_probabilities(prompts))
        assert sorted(found) == [0, 1, 2, 3]
        for i, row in enumerate(rows):
            with torch.inference_mode():
                hidden = model(torch.tensor([row])).last_hidden_state[0, 6:8]
                expected = (hidden @ model.get_input_embeddings().weight.T).log_softmax(-1).numpy()
            assert found[i].shape == (2, 300)
            assert np.exp(found[i]).sum(-1) == pytest.approx(1, abs=1e-5)
            assert found[i] == pytest.approx(expected, abs=1e-3 if precision == "float32" else 0.5)
        assert list(proxy.log_probabilities([])) == []


def test_divergence_is_bounded_and_symmetric() -> None:
    draw = np.random.default_rng(0)
    p, q = np.log(draw.dirichlet(np.full(7, 0.5), size=(2, 5)))
    found = jensen_shannon(p, q)
    assert found == pytest.approx(
        [divergence(list(np.exp(a)), list(np.exp(b))) for a, b in zip(p, q, strict=True)]
    )
    assert found == pytest.approx(jensen_shannon(q, p))
    assert jensen_shannon(p, p) == pytest.approx(0, abs=1e-12)
    apart = jensen_shannon(np.log([1.0, 1e-300]), np.log([1e-300, 1.0]))
    assert apart == pytest.approx(math.log(2))


def test_the_command(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGCOMPRESS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "bridge.md"
    path.write_text(DOCUMENTS[0].text, encoding="utf-8")
    command = ["support", QUESTION, str(path), "--answer", ANSWER, "--proxy", str(tiny_llama), "--ratio", "1"]
    plain = CliRunner().invoke(app, [*command, "--scorer", "bm25", "--method", "attention"])
    assert plain.exit_code == 0
    lines = plain.stdout.splitlines()
    assert len(lines) == 3 and all("bridge.md:1 [" in line for line in lines)
    values = [float(line.split()[0]) for line in lines]
    assert values == sorted(values, reverse=True)
    told = CliRunner().invoke(app, [*command, "--scorer", "raw-attention", "--format", "json"])
    found = json.loads(told.stdout)
    assert (found["support"]["method"], found["support"]["answer"]) == ("arc-jsd", ANSWER)
    assert len(found["support"]["values"]) == len(found["pieces"]) == 3
