"""Tiny random GGUF files of the supported architectures, and the Hugging Face tensors they were made from."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

LAYERS, HIDDEN, INNER, HEADS, KV_HEADS = 2, 64, 96, 4, 2
# Of qwen3, heads × head is not the hidden size; 128, as transformers ignores what a qwen3 GGUF says about it.
HEAD = {"llama": 16, "qwen2": 16, "qwen3": 128}
MERGES = ["Ġ Ġ", "Ġ t", "h e", "Ġt he", "i n", "Ġ 1", "1 2", "Ċ Ċ", "Ã ©", "ĠĠ ĠĠ"]
SPECIAL, DEFINED = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<think>"]
PRE = {"llama": "smollm", "qwen2": "qwen2", "qwen3": "qwen2"}
_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "embed_tokens": "token_embd",
    "norm": "output_norm",
}


def vocabulary() -> list[str]:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return SPECIAL + alphabet + [merge.replace(" ", "") for merge in MERGES] + DEFINED


def metadata(architecture: str) -> dict[str, Any]:
    tokens = vocabulary()
    kinds = [3 if t in SPECIAL else 4 if t in DEFINED else 1 for t in tokens]
    return {
        f"{architecture}.block_count": LAYERS,
        f"{architecture}.context_length": 256,
        f"{architecture}.embedding_length": HIDDEN,
        f"{architecture}.feed_forward_length": INNER,
        f"{architecture}.attention.head_count": HEADS,
        f"{architecture}.attention.head_count_kv": KV_HEADS,
        f"{architecture}.attention.key_length": HEAD[architecture],
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{architecture}.rope.freq_base": 50000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": PRE[architecture],
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}",
    }


def tensors(architecture: str, *, tied: bool = True) -> dict[str, NDArray[np.float32]]:
    """Random weights by Hugging Face name, whose attention is far from uniform."""
    generator = np.random.default_rng(5)
    queries, keys = HEADS * HEAD[architecture], KV_HEADS * HEAD[architecture]
    n_tokens = len(vocabulary())
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (n_tokens, HIDDEN)}
    for layer in range(LAYERS):
        parts: dict[str, tuple[int, ...]] = {
            "input_layernorm.weight": (HIDDEN,),
            "self_attn.q_proj.weight": (queries, HIDDEN),
            "self_attn.k_proj.weight": (keys, HIDDEN),
            "self_attn.v_proj.weight": (keys, HIDDEN),
            "self_attn.o_proj.weight": (HIDDEN, queries),
            "post_attention_layernorm.weight": (HIDDEN,),
            "mlp.gate_proj.weight": (INNER, HIDDEN),
            "mlp.up_proj.weight": (INNER, HIDDEN),
            "mlp.down_proj.weight": (HIDDEN, INNER),
        }
        if architecture == "qwen2":
            parts |= {"self_attn.q_proj.bias": (queries,)}
            parts |= {f"self_attn.{p}_proj.bias": (keys,) for p in "kv"}
        if architecture == "qwen3":
            parts |= {f"self_attn.{p}_norm.weight": (HEAD[architecture],) for p in "qk"}
        shapes |= {f"model.layers.{layer}.{part}": shape for part, shape in parts.items()}
    shapes["model.norm.weight"] = (HIDDEN,)
    if not tied:
        shapes["lm_head.weight"] = (n_tokens, HIDDEN)
    made = {name: generator.normal(0.0, 0.3, shape) for name, shape in shapes.items()}
    for name in made:
        if "norm" in name:
            made[name] = 1.0 + 0.1 * made[name]
    # Through float16, so that a conversion can be compared bit by bit.
    return {name: array.astype(np.float16).astype(np.float32) for name, array in made.items()}


def write_gguf(
    path: Path,
    architecture: str = "llama",
    *,
    tied: bool = True,
    kind: GGMLQuantizationType = GGMLQuantizationType.F32,
    change: dict[str, Any] | None = None,
    extra: dict[str, NDArray[np.float32]] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Write the file as llama.cpp's converter does.

    Args:
        kind: how the matrices are quantized.
        change: metadata to set, or with None to leave out.
        extra: tensors to add or, with a zero size, to leave out, by GGUF name.

    Returns:
        What a faithful conversion has: name → float32, after quantization.
    """
    writer = GGUFWriter(path, architecture)
    for key, value in (metadata(architecture) | (change or {})).items():
        _add(writer, key, value)
    faithful, extra = {}, extra or {}
    for name, array in tensors(architecture, tied=tied).items():
        matrix_kind = kind if array.ndim == 2 else GGMLQuantizationType.F32
        stored = gguf.quants.quantize(array, matrix_kind)
        faithful[name] = gguf.quants.dequantize(stored, matrix_kind)
        if architecture == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = HEADS if "q_proj" in name else KV_HEADS
            half = stored.shape[0] // heads // 2
            # llama.cpp pairs neighboring dimensions in its RoPE, Hugging Face those half a head apart.
            stored = stored.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(stored.shape)
        if gguf_name(name) not in extra:
            writer.add_tensor(gguf_name(name), stored, raw_dtype=matrix_kind)
    for name, array in extra.items():
        if array.size:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return faithful


def gguf_name(name: str) -> str:
    if name == "lm_head.weight":
        return "output.weight"
    parts = name.split(".")
    if parts[1] != "layers":
        return f"{_NAMES[parts[1]]}.{parts[-1]}"
    return f"blk.{parts[2]}.{_NAMES['.'.join(parts[3:-1])]}.{parts[-1]}"


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    if value is None:
        return
    kinds = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    kinds.get(type(value), writer.add_array)(key, value)
