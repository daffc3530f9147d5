"""A converted folder, loaded by transformers, is the model that transformers reads from the GGUF itself."""

import logging
from pathlib import Path

import numpy as np
import pytest
import tiny_gguf
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, GgufConfig, Qwen2Tokenizer

from ragcompress.models.gguf_folder import convert

HOSTILE = [
    "a  12 34",
    "the\r\n\r\nend",
    "<|im_end|>x",
    "e\u0301 é",
    "日本語 ½ \0",
    "'S 'll",
    " \t\u00a0 ",
    "🏳️‍🌈",
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
def test_same_logits(
    architecture: str, tied: bool, tmp_path: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tiny_gguf.write_gguf(tmp_path / "m.gguf", architecture, tied=tied)
    convert(tmp_path / "m.gguf", out)
    with caplog.at_level(logging.WARNING):
        ours = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
        if tied:  # otherwise it says, rightly, that it has no use for the head
            AutoModel.from_pretrained(out)
    assert caplog.messages == []
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="m.gguf", quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
    ).eval()
    ids = torch.from_numpy(np.random.default_rng(1).integers(0, 270, (2, 40)))
    with torch.inference_mode():
        torch.testing.assert_close(ours(ids).logits, theirs(ids).logits, rtol=1e-5, atol=1e-4)


def test_qwen2_tokenizer_is_the_published_one(tmp_path: Path, out: Path) -> None:
    """Compared with the class that Qwen publishes: read from a GGUF, transformers leaves out NFC."""
    tiny_gguf.write_gguf(tmp_path / "m.gguf", "qwen2")
    convert(tmp_path / "m.gguf", out)
    ids = {token: index for index, token in enumerate(tiny_gguf.vocabulary())}
    merges = [tuple(merge.split(" ")) for merge in tiny_gguf.MERGES]
    theirs = Qwen2Tokenizer(vocab=ids, merges=merges, extra_special_tokens=["<|im_end|>"])
    ours = AutoTokenizer.from_pretrained(out)
    for text in HOSTILE:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"], text


def test_first_token_and_chat_template_reach_transformers(tmp_path: Path, out: Path) -> None:
    tiny_gguf.write_gguf(tmp_path / "m.gguf", change={"tokenizer.ggml.add_bos_token": True})
    convert(tmp_path / "m.gguf", out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id == 1
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False) == "hi"
