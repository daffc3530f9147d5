"""The papers' scorers against their definitions, written out in plain loops over full attention matrices.

The oracle knows nothing of windows, prompts or spans: it writes the prompt as a text of ASCII characters, of
which the tiny models' tokenizer makes one token each, and remembers where each sentence stands.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models as tiny
import torch
import transformers

from ragcompress import AttentionSort, given
from ragcompress.probes import FORMAT, ProbeWeights
from ragcompress.prompts.passages import Prompt
from ragcompress.proxy.base import Proxy
from ragcompress.proxy.hf import TorchProxy
from ragcompress.proxy.onnx.graph import GraphBuilder, Shape
from ragcompress.proxy.onnx.session import OnnxProxy
from ragcompress.proxy.reuse import MemoryStore
from ragcompress.scorers import (
    _icr,
    attentionrag,
    calibrated,
    in_context_reranking,
    retrieval_heads,
    sentinel,
)

QUESTION = "who built it?"
DOCUMENTS = [["It is old.", "Ann Lund built it."], ["Boats go.", "Often.", "At noon."], ["Red."]]
TITLES = ["Bridge", None, "Colour"]
SEGMENTATION = given(DOCUMENTS, titles=TITLES)
SIZES = [len(d) for d in DOCUMENTS]


@pytest.fixture(params=["onnx", "torch", "onnx with a store"])
def proxy(request: pytest.FixtureRequest, tiny_llama: Path) -> Proxy:
    if request.param == "torch":
        return TorchProxy(tiny_llama, name="tiny", fingerprint="f", device="cpu", precision="float32")
    store = MemoryStore() if "store" in request.param else None
    return OnnxProxy(
        tiny_llama,
        tiny_llama / "onnx",
        name="tiny",
        fingerprint="f",
        threads=1,
        store=store,
        precision="float32",
    )


def ids(text: str) -> list[int]:
    found: list[int] = tiny.byte_tokenizer().encode(text).ids
    assert len(found) == len(text)
    return found


@cache
def eager(tiny_llama: Path) -> Any:
    return transformers.AutoModel.from_pretrained(
        tiny_llama, dtype=torch.float32, attn_implementation="eager"
    ).eval()


@cache
@torch.inference_mode()
def attention(tiny_llama: Path, text: str, *more: int) -> NDArray[np.float64]:
    """(L, H, T, T) of a text, and ids behind it, by transformers alone."""
    maps = eager(tiny_llama)(torch.tensor([[*ids(text), *more]]), output_attentions=True).attentions
    return np.stack([m[0].double().numpy() for m in maps])


@torch.inference_mode()
def next_id(tiny_llama: Path, text: str) -> int:
    hidden = eager(tiny_llama)(torch.tensor([ids(text)])).last_hidden_state[0, -1]
    return int((eager(tiny_llama).embed_tokens.weight @ hidden).argmax())


@dataclass
class Page:
    """A prompt that is being written: its text, and where documents and sentences stand."""

    text: str = ""
    sentences: list[range] = field(default_factory=list)
    documents: list[range] = field(default_factory=list)

    def write(self, documents: list[int], mark: str = "") -> None:
        for number, d in enumerate(documents):
            self.text += ("\n\n" if number else "") + mark.format(d + 1)
            start = len(self.text)
            self.text += f"{TITLES[d]}\n" if TITLES[d] else ""
            for s, sentence in enumerate(DOCUMENTS[d]):
                self.sentences.append(range(len(self.text), len(self.text) + len(sentence) + bool(s)))
                self.text += (" " if s else "") + sentence
            self.documents.append(range(start, len(self.text)))


def weights(scorer: str, template: str, **arrays: NDArray[np.float32]) -> ProbeWeights:
    card = {"format": FORMAT, "scorer": scorer, "template": template}
    return ProbeWeights(arrays, card | {"proxy": {"name": "tiny", "fingerprint": "f"}})


@pytest.mark.parametrize("length_invariant", [False, True])
def test_sentinel(proxy: Proxy, tiny_llama: Path, length_invariant: bool) -> None:
    page = Page("Given the following information: ")
    page.write([0, 1, 2])
    page.text += (
        "\nAnswer the following question based on the given information with one or few words:"
        f" {QUESTION}\nAnswer:"
    )
    last = attention(tiny_llama, page.text)[:, :, -1]  # (L, H, T)
    draw = np.random.default_rng(0)
    arrays = {
        name: draw.normal(size=n).astype(np.float32)
        for name, n in (
            ("plain.weight", 24),
            ("plain.bias", 1),
            ("invariant.weight", 24),
            ("invariant.bias", 1),
        )
    }
    kind = "invariant" if length_invariant else "plain"
    n_context = sum(map(len, page.sentences))
    expected = []
    for sentence in page.sentences:
        logit = float(arrays[f"{kind}.bias"][0])
        for layer in range(4):
            for head in range(6):
                row = last[layer, head]
                context = sum(row[t] for s in page.sentences for t in s)
                share = sum(row[t] / context for t in sentence) / len(sentence)
                scale = n_context if length_invariant else 1
                logit += arrays[f"{kind}.weight"][layer * 6 + head] * share * scale
        expected.append(1 / (1 + math.exp(-logit)))
    probe = weights("sentinel", sentinel.TEMPLATE.fingerprint(), **arrays)
    scorer = sentinel.Scorer(proxy=proxy, probe=probe, length_invariant=length_invariant)
    assert scorer.score(QUESTION, SEGMENTATION).values == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("dummies", ["each", "all"])
@pytest.mark.parametrize("level", ["sentence", "document"])
def test_calibrated(proxy: Proxy, tiny_llama: Path, level: str, dummies: str) -> None:
    page = Page(f"Question: {QUESTION}\n\n")
    page.write([0, 1, 2], "[{}] ")
    page.text += f"\n\nQuestion: {QUESTION}\nAnswer:"

    def looked_at(text: str, place: range) -> float:
        last = attention(tiny_llama, text)[:, :, -1].mean((0, 1))
        return float(np.mean([last[t] for t in place]))

    def without(documents: list[int]) -> str:
        letters = list(page.text)
        for d in documents:
            for number, t in enumerate(page.documents[d]):
                letters[t] = " N/A"[number % 4]
        return "".join(letters)

    expected = []
    for sentence, d in zip(page.sentences, np.repeat([0, 1, 2], SIZES), strict=True):
        place = sentence if level == "sentence" else page.documents[d]
        dummy = without([d] if dummies == "each" else [0, 1, 2])
        expected.append(looked_at(page.text, place) - looked_at(dummy, place))
    scorer = calibrated.Scorer(proxy=proxy, level=level, dummies=dummies)  # type: ignore[arg-type]
    assert scorer.score(QUESTION, SEGMENTATION).values == pytest.approx(expected, abs=1e-6)


def re_ranked(tiny_llama: Path, heads: NDArray[np.float32], pool: str) -> list[float]:
    """In-Context Re-ranking, token by token."""
    seen = []
    for query in (QUESTION, "N/A"):
        page = Page("Here are some paragraphs:\n\n")
        page.write([0, 1, 2], "[{}] ")
        start = len(page.text)
        page.text += (
            "\n\nPlease answer the following question with the information in the paragraphs above."
            f"\n\nQuestion: {query}\nAnswer:"
        )
        full = attention(tiny_llama, page.text)
        rows = full[:, :, start:].mean(2)  # (L, H, T)
        seen.append([sum(rows[layer, head, t] for layer, head in np.argwhere(heads)) for t in range(start)])
    difference = np.array(seen[0]) - np.array(seen[1])
    expected = []
    for sentence, d in zip(page.sentences, np.repeat([0, 1, 2], SIZES), strict=True):
        own = [difference[t] for s in sentences_of(page, d) for t in s]
        kept = [difference[t] for t in sentence if difference[t] >= np.mean(own) - 2 * np.std(own)]
        expected.append(sum(kept) / (len(kept) if pool == "mean" else 1))
    return expected


def sentences_of(page: Page, document: int) -> list[range]:
    first = sum(SIZES[:document])
    return page.sentences[first : first + SIZES[document]]


@pytest.mark.parametrize("pool", ["mean", "sum"])
def test_in_context_reranking(proxy: Proxy, tiny_llama: Path, pool: str) -> None:
    expected = re_ranked(tiny_llama, np.ones((4, 6), dtype=np.float32), pool)
    scorer = in_context_reranking.Scorer(proxy=proxy, pool=pool)  # type: ignore[arg-type]
    assert scorer.score(QUESTION, SEGMENTATION).values == pytest.approx(expected, abs=1e-5)


def test_retrieval_heads(proxy: Proxy, tiny_llama: Path) -> None:
    heads = np.zeros((4, 6), dtype=np.float32)
    heads[[0, 2, 2], [5, 1, 3]] = 1
    probe = weights("retrieval-heads", _icr.TEMPLATE.fingerprint(), heads=heads)
    scores = retrieval_heads.Scorer(proxy=proxy, probe=probe).score(QUESTION, SEGMENTATION)
    assert scores.values == pytest.approx(re_ranked(tiny_llama, heads, "mean"), abs=1e-5)
    assert (scores.settings["n_heads"], scores.settings["n_layers"]) == (3, 3)


def test_attentionrag(proxy: Proxy, tiny_llama: Path) -> None:
    hint = "The person is"
    scorer = attentionrag.Scorer(proxy=proxy, chunk_tokens=40, top_k=5)
    expected, chosen = [], set()
    for chunk, first in (([0], 0), ([1, 2], 2)):  # 36 characters, and 25 + 2 + 7 + 4
        page = Page("Read the context, then answer the question.\nContext: ")
        page.write(chunk)
        page.text += (
            f'\nHint: begin the answer with "{hint}"; if the context says nothing about the question and you '
            f'do not know, answer "{hint} none".\nQuestion: {QUESTION}\nAnswer: {hint}'
        )
        anchor = next_id(tiny_llama, page.text)
        row = attention(tiny_llama, page.text, anchor)[:, :, -1].mean(1).sum(0)  # Eq. 2, heads averaged
        tokens = [t for s in page.sentences for t in s]
        top = sorted(tokens, key=lambda t: -row[t])[:5]
        for number, sentence in enumerate(page.sentences):
            holds = any(t in sentence for t in top)  # Eq. 3
            if holds:
                chosen.add(first + number)
            expected.append(1 + holds + max(row[t] for t in sentence) / 4)
    assert scorer.score(QUESTION, SEGMENTATION).values == pytest.approx(expected, abs=1e-5)
    assert scorer.kept(QUESTION, SEGMENTATION) == tuple(sorted(chosen))
    assert 0 < len(chosen) < 6


@pytest.mark.parametrize("pool", ["sum", "mean"])
@pytest.mark.parametrize("repeats", [1, 4])
def test_attention_sort(proxy: Proxy, tiny_llama: Path, pool: str, repeats: int) -> None:
    expected = [0, 1, 2]
    for _ in range(repeats):
        page = Page("Answer the question with the help of the documents.\n\n")
        page.write(expected, "DOCUMENT: ")
        page.text += f"\n\nQuestion: {QUESTION}\nAnswer:"
        last = attention(tiny_llama, page.text)[:, :, -1].mean((0, 1))
        found = [last[list(place)].sum() / (len(place) if pool == "mean" else 1) for place in page.documents]
        expected = [d for _, d in sorted(zip(found, expected, strict=True))]
    sort = AttentionSort(repeats=repeats, pool=pool)  # type: ignore[arg-type]
    assert sort.documents(proxy, QUESTION, SEGMENTATION, range(6)) == tuple(expected)


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
def test_next_tokens_are_those_of_the_whole_model(tmp_path: Path, architecture: str, tied: bool) -> None:
    config = transformers.AutoConfig.for_model(
        **(tiny.CONFIGS[architecture].to_dict() | {"tie_word_embeddings": tied})
    )
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.15 + (parameter.ndim == 1))
    model.save_pretrained(tmp_path)
    tiny.byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    draw = np.random.default_rng(0)
    rows = [tuple(draw.integers(0, 256, size=n).tolist()) for n in (5, 40, 40, 17)]
    with torch.inference_mode():
        expected = [int(model(torch.tensor([row])).logits[0, -1].argmax()) for row in rows]
    assert len(set(expected)) > 1
    prompts = [Prompt(row[:3], row[3:], (), (), (), ()) for row in rows]
    onnx = OnnxProxy(tmp_path, tmp_path / "onnx", name="t", fingerprint="f", threads=1, precision="float32")
    torch_proxy = TorchProxy(tmp_path, name="t", fingerprint="f", device="cpu", precision="float32")
    for proxy in (onnx, torch_proxy):
        assert proxy.next_tokens(prompts) == expected
    assert onnx.next_tokens([]) == []
    coarse = OnnxProxy(tmp_path, tmp_path / "onnx", name="t", fingerprint="f", threads=1, precision="int8")
    assert sum(a == b for a, b in zip(coarse.next_tokens(prompts), expected, strict=True)) >= 3


def test_the_graph_that_probes_has_no_head_and_ends_with_the_last_attention(tiny_llama: Path) -> None:
    shape = Shape.from_config(json.loads((tiny_llama / "config.json").read_text()))
    unread = {"3.v", "3.o", "3.gate", "3.up", "3.down"}
    for whole in (False, True):
        builder = GraphBuilder(shape, 4, biased=False, whole=whole)
        builder.build()
        assert unread & set(builder.weights) == (unread if whole else set())
        assert not any("head" in name for name in builder.weights)
