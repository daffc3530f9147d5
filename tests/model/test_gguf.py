"""The real default model: fetched, converted, and compared with what transformers reads from its GGUF."""

import json
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel

from ragcompress import models
from ragcompress.files import file_sha256
from ragcompress.models.gguf_file import GgufFile
from ragcompress.text.tokenizing import Tokenizer

pytestmark = pytest.mark.model

HOSTILE = [
    "",
    " ",
    "Plain words, and don't they're I'LL.",
    "in 1984, 12345678901234567890; 3.14 and -7e10, ½ ² Ⅷ ٣ 九",
    "a  12   34    5\t6 \n7",
    "spaces   in    runs     \t\t\ttabs \u00a0\u2003\u3000 and trailing   ",
    "line\r\nline\r\n\r\nline\rline\n\n\n  indented",
    "nul\0nul \x01\x1b[31m \ufeff \ufffd \u2028",
    "<|im_start|>user\nhi<|im_end|><|endoftext|><repo_name><|im_end|",
    "日本語の文。中文，标点！한국어 คนไทย العربية עברית हिन्दी",
    "e\u0301 a\u0308\u0323 Z\u0351\u036b\u0343\u036a\u0302 \u1e9b\u0323",
    "😀👩‍👩‍👧‍👦🏳️‍🌈🇩🇪 ☃️ 𝔘𝔫𝔦",
    "def f(x):\n    return x**2  # 2\n\n\n\tif x:\n",
    "https://example.org/a?b=c&d=%20#e user@example.org $100,000.00",
    "ﬁ ﬀ Ǆ İ ẞ ſ K",
    "x" * 3000,
    "0" * 500,
]


@pytest.fixture(scope="module")
def model() -> models.ModelFolder:
    return models.resolve("smollm2-135m")


@pytest.fixture(scope="module")
def published(model: models.ModelFolder) -> tokenizers.Tokenizer:
    """transformers' reading of the GGUF, with the splitting that SmolLM2's authors published.

    transformers (5.23) leaves the first of the two steps out; it has no entry for llama.cpp's "smollm".
    """
    tokenizer: tokenizers.Tokenizer
    tokenizer = AutoTokenizer.from_pretrained(model.path, gguf_file="model.gguf").backend_tokenizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
        ]
    )
    return tokenizer


@pytest.fixture(scope="module")
def ours(model: models.ModelFolder) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_file(str(model.path / "tokenizer.json"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_same_tokens(text: str, ours: tokenizers.Tokenizer, published: tokenizers.Tokenizer) -> None:
    assert ours.encode(text).ids == published.encode(text).ids
    assert ours.decode(ours.encode(text).ids, skip_special_tokens=False) == text


def test_same_tokens_of_any_text(ours: tokenizers.Tokenizer, published: tokenizers.Tokenizer) -> None:
    odd = st.sampled_from(
        [" ", "  ", "1", "٣", "½", "\r\n", "\0", "'s", "<|im_end|>", "\u0301", "a", "é", "😀"]
    )

    @settings(max_examples=300, deadline=None, database=None)
    @given(st.text() | st.lists(odd).map("".join))
    def check(text: str) -> None:
        assert ours.encode(text).ids == published.encode(text).ids

    check()


def test_special_tokens_in_documents_are_plain_text(model: models.ModelFolder) -> None:
    tokenizer = Tokenizer.from_folder(model.path)
    assert tokenizer.prefix_ids == ()
    for text in HOSTILE:
        ids = tokenizer.encode([text])[0]
        assert min(ids, default=17) >= 17, "ids 0 to 16 are the special tokens"


def test_special_tokens(ours: tokenizers.Tokenizer, published: tokenizers.Tokenizer) -> None:
    added = {i: (t.content, t.special) for i, t in ours.get_added_tokens_decoder().items()}
    assert added == {i: (t.content, t.special) for i, t in published.get_added_tokens_decoder().items()}
    assert len(added) == 17
    assert ours.get_vocab() == published.get_vocab()


@pytest.fixture(scope="module")
def theirs(model: models.ModelFolder) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(
        model.path,
        gguf_file="model.gguf",
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    ).eval()


def test_same_weights_and_settings(model: models.ModelFolder, theirs: PreTrainedModel) -> None:
    expected = {n: p for n, p in theirs.state_dict().items() if n != "lm_head.weight"}
    with safe_open(model.path / "model.safetensors", "np") as file:
        assert set(file.keys()) == expected.keys()
        for name, tensor in expected.items():
            # Half a unit in the last of float16's 11 bits; below 6e-5 float16's steps stay the same.
            np.testing.assert_allclose(
                file.get_tensor(name).astype(np.float32),
                tensor.numpy(),
                rtol=2**-11,
                atol=2**-25,
                err_msg=name,
            )
    config = json.loads((model.path / "config.json").read_text())
    same = {key: value for key, value in theirs.config.to_dict().items() if key in config}
    # What the file's float32 was before it was one; and transformers leaves the class empty.
    same |= {"dtype": "float16", "rms_norm_eps": 1e-5, "architectures": ["LlamaForCausalLM"]}
    assert config == same


def test_same_next_words(model: models.ModelFolder, theirs: PreTrainedModel) -> None:
    ours = AutoModelForCausalLM.from_pretrained(model.path, dtype=torch.float32).eval()
    ids = AutoTokenizer.from_pretrained(model.path)("The capital of France is", return_tensors="pt")[
        "input_ids"
    ]
    with torch.inference_mode():
        a, b = ours(ids).logits[0, -1], theirs(ids).logits[0, -1]
    torch.testing.assert_close(a, b, rtol=0, atol=0.05)
    assert AutoTokenizer.from_pretrained(model.path).decode(a.argmax()) == " Paris"


def test_fingerprint_and_raw_blocks(model: models.ModelFolder) -> None:
    gguf: Path = model.path / "model.gguf"
    assert file_sha256(gguf) == model.fingerprint
    with GgufFile(gguf) as file:
        kinds = [tensor.kind.name for tensor in file.tensors.values()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"F32": 61, "Q8_0": 1, "Q4_1": 210}
