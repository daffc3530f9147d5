"""GGUF → Hugging Face folder, on tiny files; tests/proxy and tests/model compare with transformers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_gguf
import tokenizers
from gguf import GGMLQuantizationType as Kind
from safetensors.numpy import load_file

from ragcompress.errors import ModelError
from ragcompress.models.gguf_file import GgufFile
from ragcompress.models.gguf_folder import convert
from ragcompress.text.tokenizing import Tokenizer

ARCHITECTURES = ["llama", "qwen2", "qwen3"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_come_back_bit_by_bit(architecture: str, tied: bool, tmp_path: Path, out: Path) -> None:
    expected = tiny_gguf.write_gguf(tmp_path / "m.gguf", architecture, tied=tied)
    convert(tmp_path / "m.gguf", out)
    found = load_file(out / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == np.float16
        np.testing.assert_array_equal(found[name].astype(np.float32), array, err_msg=name)
    config = json.loads((out / "config.json").read_text())
    assert config["tie_word_embeddings"] is tied
    assert config["rms_norm_eps"] == 1e-5
    assert config["rope_parameters"] == {"rope_theta": 50000.0, "rope_type": "default"}


@pytest.mark.parametrize("kind", [Kind.Q4_0, Kind.Q4_1, Kind.Q8_0, Kind.BF16, Kind.F16])
def test_quantized_rows(kind: Kind, tmp_path: Path, out: Path) -> None:
    expected = tiny_gguf.write_gguf(tmp_path / "m.gguf", kind=kind)
    convert(tmp_path / "m.gguf", out)
    found = load_file(out / "model.safetensors")
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array.astype(np.float16), err_msg=name)


def convert_with(tmp_path: Path, out: Path, architecture: str = "llama", **options: Any) -> Tokenizer:
    tiny_gguf.write_gguf(tmp_path / "m.gguf", architecture, **options)
    convert(tmp_path / "m.gguf", out)
    return Tokenizer.from_folder(out)


def split(tokenizer: Tokenizer, text: str) -> list[str]:
    tokens = tiny_gguf.vocabulary()
    return [tokens[i] for i in tokenizer.encode([text])[0]]


def test_smollm_splits_every_digit_off(tmp_path: Path, out: Path) -> None:
    """Without it, "a  12" would be a, Ġ, Ġ1, 2, which the model never saw."""
    tokenizer = convert_with(tmp_path, out)
    assert split(tokenizer, "a  12") == ["a", "ĠĠ", "1", "2"]
    assert split(tokenizer, "the  ½") == ["t", "he", "ĠĠ", "Â", "½"]


def test_qwen2_normalizes_and_splits_by_its_own_rule(tmp_path: Path, out: Path) -> None:
    tokenizer = convert_with(tmp_path, out, "qwen2")
    assert split(tokenizer, "e\u0301") == ["Ã©"]
    assert split(tokenizer, " the\n\n12") == ["Ġthe", "ĊĊ", "1", "2"]


def test_special_tokens_are_added_tokens(tmp_path: Path, out: Path) -> None:
    plain = convert_with(tmp_path, out)
    raw = tokenizers.Tokenizer.from_file(str(out / "tokenizer.json"))
    marked = {t.content: t.special for t in raw.get_added_tokens_decoder().values()}
    assert marked == dict.fromkeys(tiny_gguf.SPECIAL, True) | dict.fromkeys(tiny_gguf.DEFINED, False)
    assert raw.encode("a<|im_end|>").tokens == ["a", "<|im_end|>"]
    assert "<|im_end|>" not in split(plain, "a<|im_end|>")
    assert raw.decode(raw.encode("hé  12\n").ids) == "hé  12\n"


def test_first_token_where_the_file_wants_one(tmp_path: Path, out: Path) -> None:
    assert convert_with(tmp_path, out).prefix_ids == ()
    assert convert_with(tmp_path, out, change={"tokenizer.ggml.add_bos_token": True}).prefix_ids == (1,)


def test_tokenizer_config_has_the_chat_template(tmp_path: Path, out: Path) -> None:
    convert_with(tmp_path, out)
    config = json.loads((out / "tokenizer_config.json").read_text())
    assert config["chat_template"].startswith("{% for")
    assert (config["bos_token"], config["eos_token"]) == ("<|im_start|>", "<|im_end|>")


HUGE = 2**31 - 1
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"llama.block_count": HUGE}, "layers but has only"),
    ({"llama.block_count": 1}, "should not have: 'blk.1."),
    ({"llama.block_count": 3}, "'blk.2.attn_norm.weight' should be of shape"),
    ({"llama.block_count": None}, "no llama.block_count"),
    ({"llama.block_count": "2"}, "llama.block_count is of the wrong type"),
    ({"llama.block_count": True}, "llama.block_count is of the wrong type"),
    ({"llama.embedding_length": 0}, "llama.embedding_length is 0"),
    ({"llama.embedding_length": HUGE}, "should be of shape"),
    ({"llama.attention.head_count": 3}, "not supported"),
    ({"llama.attention.head_count": HUGE}, "not supported"),
    ({"llama.attention.layer_norm_rms_epsilon": float("nan")}, "epsilon is nan"),
    ({"llama.rope.freq_base": -1.0}, "freq_base is -1.0"),
    ({"llama.rope.dimension_count": 8}, "8 of them rotated"),
    ({"llama.rope.scaling.type": "yarn"}, "rope.scaling.type"),
    ({"llama.rope.scaling.factor": 4.0}, "rope.scaling.factor"),
    ({"llama.attention.sliding_window": 64}, "sliding_window"),
    ({"general.alignment": 24}, "alignment, 24, is not a power of two"),
    ({"general.alignment": 0}, "alignment is 0"),
    ({"tokenizer.ggml.model": "llama"}, "tokenizer 'llama' is not supported"),
    (
        {"tokenizer.ggml.pre": "default"},
        "split text 'default' is not supported; supported are: qwen2, smollm",
    ),
    ({"tokenizer.ggml.pre": None}, "split text 'default' is not supported"),
    ({"tokenizer.ggml.tokens": ["a", "b"]}, "2 tokens are not 270 different texts"),
    ({"tokenizer.ggml.tokens": ["a"] * 270}, "not 270 different texts"),
    ({"tokenizer.ggml.token_type": [1, 1]}, "2 token types"),
    ({"tokenizer.ggml.merges": ["a nothing"]}, "merge 'a nothing'"),
    ({"tokenizer.ggml.merges": [1, 2]}, "merges is of the wrong type"),
    ({"tokenizer.ggml.eos_token_id": 270}, "eos_token_id is 270"),
    ({"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.bos_token_id": None}, "does not say which"),
    ({"tokenizer.chat_template": 7}, "chat_template is of the wrong type"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_is_not_known_for_certain_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path, out: Path
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        convert_with(tmp_path, out, change=change)
    assert "\n" not in str(caught.value)


def test_other_architectures_are_refused(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "m.gguf"
    tiny_gguf.write_gguf(path)
    path.write_bytes(path.read_bytes().replace(b"llama", b"mamba", 1))
    with pytest.raises(ModelError, match="'mamba' is not supported; supported are: llama, qwen2, qwen3"):
        convert(path, out)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("rope_freqs.weight", np.ones(8, np.float32), "should not have: 'rope_freqs.weight'"),
        ("output_norm.weight", np.ones(8, np.float32), r"shape \(64,\) but is of shape \(8,\)"),
        ("output_norm.weight", np.ones(0, np.float32), "but is missing"),
        ("token_embd.weight", np.ones(0, np.float32), "no token_embd.weight"),
        ("output_norm.weight", np.full(64, np.nan, np.float32), "not a finite number"),
        ("output_norm.weight", np.full(64, 1e6, np.float32), "too large for float16"),
        ("output_norm.weight", np.ones(64, np.int32), "I32 are not supported"),
    ],
)
def test_odd_tensors_are_refused(name: str, array: Any, message: str, tmp_path: Path, out: Path) -> None:
    with pytest.raises(ModelError, match=message):
        convert_with(tmp_path, out, extra={name: array})


def test_broken_files_are_refused(tmp_path: Path, out: Path) -> None:
    """Truncated, overwritten and random files: a ModelError or a model, never anything else, and no hang."""
    path = tmp_path / "m.gguf"
    tiny_gguf.write_gguf(path)
    data, random = path.read_bytes(), np.random.default_rng(3)
    broken = [b"", b"GGUF", random.bytes(4096), b"GGUF" + random.bytes(4096)]
    broken += [data[:n] for n in random.integers(0, len(data), 10)]
    for at in random.integers(4, 8500, 30):
        broken.append(data[:at] + b"\xff" * 8 + data[at + 8 :])
        broken.append(data[:at] + random.bytes(3) + data[at + 3 :])
    refused = 0
    for content in broken:
        path.write_bytes(content)
        try:
            convert(path, out)
        except ModelError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > len(broken) / 2


def test_array_that_claims_more_than_the_file_has(tmp_path: Path) -> None:
    """The gguf package's reader would loop over 2**60 elements here."""
    key, uint8, array = b"\x01\0\0\0\0\0\0\0k", b"\0\0\0\0", b"\x09\0\0\0"
    header = b"GGUF\x03\0\0\0" + bytes(8) + (1).to_bytes(8, "little")
    (tmp_path / "m.gguf").write_bytes(header + key + array + uint8 + (2**60).to_bytes(8, "little"))
    with pytest.raises(ModelError, match="truncated or damaged: 1152921504606846976 bytes expected"):
        GgufFile(tmp_path / "m.gguf")


def test_raw_rows_are_as_stored(tmp_path: Path) -> None:
    tiny_gguf.write_gguf(tmp_path / "m.gguf", kind=Kind.Q4_1)
    with GgufFile(tmp_path / "m.gguf") as file:
        tensor = file.tensors["blk.0.ffn_up.weight"]
        assert tensor.kind == Kind.Q4_1
        assert tensor.shape == (tiny_gguf.INNER, tiny_gguf.HIDDEN)
        assert file.raw(tensor).shape == (tiny_gguf.INNER, tiny_gguf.HIDDEN // 32 * 20)


def test_neither_torch_nor_transformers_is_imported() -> None:
    code = "import sys, ragcompress.models; sys.exit(bool({'torch', 'transformers'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
