"""Turning a GGUF file into a folder in Hugging Face's layout, with neither torch nor transformers.

    model.gguf → config.json, model.safetensors (float16), tokenizer.json, tokenizer_config.json

Float16 is enough: rounding to it costs at most 2**-11 of a weight, measured on the default model about 400
times less than Q4_1 took away already (root mean square, per tensor).

Whatever the file says is checked against the shapes of its tensors. What is not known for certain (an
architecture, a way to split text, a RoPE scaling) is refused: a guess would score sentences wrongly.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .gguf_file import GgufFile, GgufTensor, Metadata, to_float32
from .gguf_tokenizer import build_tokenizer, tokenizer_config

_WEIGHTS_AT_A_TIME = 1 << 22


@dataclass(frozen=True, slots=True)
class _Architecture:
    """What differs between the supported architectures.

    Attributes:
        hf_class: the transformers class.
        permuted: llama.cpp stores the rows of q and k of this architecture interleaved for its RoPE.
        extra: tensors of a layer beyond the common ones, GGUF name → (HF name, its shape in ``_Sizes``).
        config: additions to config.json.
    """

    hf_class: str
    permuted: bool
    extra: Mapping[str, tuple[str, tuple[str, ...]]]
    config: Mapping[str, Any]


_ARCHITECTURES: Mapping[str, _Architecture] = {
    "llama": _Architecture("LlamaForCausalLM", True, {}, {"attention_bias": False, "mlp_bias": False}),
    "qwen2": _Architecture(
        "Qwen2ForCausalLM",
        False,
        {
            "attn_q.bias": ("self_attn.q_proj.bias", ("queries",)),
            "attn_k.bias": ("self_attn.k_proj.bias", ("keys",)),
            "attn_v.bias": ("self_attn.v_proj.bias", ("keys",)),
        },
        {"use_sliding_window": False},
    ),
    "qwen3": _Architecture(
        "Qwen3ForCausalLM",
        False,
        {
            "attn_q_norm.weight": ("self_attn.q_norm.weight", ("head",)),
            "attn_k_norm.weight": ("self_attn.k_norm.weight", ("head",)),
        },
        {"attention_bias": False, "use_sliding_window": False},
    ),
}

_LAYER: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "attn_norm.weight": ("input_layernorm.weight", ("hidden",)),
    "attn_q.weight": ("self_attn.q_proj.weight", ("queries", "hidden")),
    "attn_k.weight": ("self_attn.k_proj.weight", ("keys", "hidden")),
    "attn_v.weight": ("self_attn.v_proj.weight", ("keys", "hidden")),
    "attn_output.weight": ("self_attn.o_proj.weight", ("hidden", "queries")),
    "ffn_norm.weight": ("post_attention_layernorm.weight", ("hidden",)),
    "ffn_gate.weight": ("mlp.gate_proj.weight", ("inner", "hidden")),
    "ffn_up.weight": ("mlp.up_proj.weight", ("inner", "hidden")),
    "ffn_down.weight": ("mlp.down_proj.weight", ("hidden", "inner")),
}
_TOP: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "token_embd.weight": ("model.embed_tokens.weight", ("vocabulary", "hidden")),
    "output_norm.weight": ("model.norm.weight", ("hidden",)),
}
_HEAD = ("lm_head.weight", ("vocabulary", "hidden"))


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The model's dimensions, and its tensors by their Hugging Face names."""

    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int

    @property
    def queries(self) -> int:
        return self.heads * self.head

    @property
    def keys(self) -> int:
        return self.kv_heads * self.head


@dataclass(frozen=True, slots=True)
class _Source:
    """One tensor to be written: where it comes from, and how many heads' rows are interleaved (0: none)."""

    tensor: GgufTensor
    interleaved_heads: int


def convert(gguf: Path, folder: Path) -> None:
    """Write the folder for a GGUF file.

    About 3 s for a model of 135 million weights on two slow cores; one tensor, as quantized, is in memory at
    a time.

    Args:
        gguf: the file; nothing in it is trusted.
        folder: an existing folder. What a failed conversion leaves in it is the caller's to remove.

    Raises:
        ModelError: if the file is broken or not of a supported kind; one line that says which.
        OSError: if the folder can't be written, for instance because the disk is full.
    """
    with GgufFile(gguf) as file:
        try:
            _convert(file, folder)
        except ModelError as error:
            raise ModelError(f"{gguf} can't be converted: {error}") from None


def _convert(file: GgufFile, folder: Path) -> None:
    metadata = file.metadata
    name, architecture = _architecture(metadata)
    sizes = _sizes(file, name)
    sources = _sources(file, architecture, sizes)
    tokenizer = build_tokenizer(metadata, sizes.vocabulary)
    config = _config(metadata, name, architecture, sizes, tied="lm_head.weight" not in sources)
    _write_json(folder / "config.json", config)
    _write_json(folder / "tokenizer_config.json", tokenizer_config(metadata, config))
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    _write_weights(folder / "model.safetensors", file, sources)


def _architecture(metadata: Metadata) -> tuple[str, _Architecture]:
    name = metadata.text("general.architecture")
    if name not in _ARCHITECTURES:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise ModelError(f"the architecture {name[:80]!r} is not supported; supported are: {known}")
    for key in metadata.keys():
        unscaled = key == f"{name}.rope.scaling.type" and metadata.text(key) == "none"
        if key.startswith((f"{name}.rope.scal", f"{name}.attention.sliding_window")) and not unscaled:
            raise ModelError(f"it changes how far the model sees ({key[:80]}), which is not supported")
    return name, _ARCHITECTURES[name]


def _sizes(file: GgufFile, name: str) -> _Sizes:
    metadata = file.metadata
    embedding = file.tensors.get("token_embd.weight")
    if embedding is None or len(embedding.shape) != 2 or not embedding.shape[0]:
        raise ModelError("it has no token_embd.weight")
    layers = metadata.size(f"{name}.block_count")
    # Bounds the loops over layers before they start.
    if layers > len(file.tensors):
        raise ModelError(f"it says {layers} layers but has only {len(file.tensors)} tensors")
    hidden = metadata.size(f"{name}.embedding_length")
    heads = metadata.size(f"{name}.attention.head_count")
    kv_heads = metadata.size(f"{name}.attention.head_count_kv", heads)
    head = metadata.size(f"{name}.attention.key_length", max(1, hidden // heads))
    rotated = metadata.size(f"{name}.rope.dimension_count", head)
    if rotated != head or head % 2 or heads % kv_heads:
        raise ModelError(
            f"{heads} query heads over {kv_heads} key heads of {head} dimensions, {rotated} of them rotated, "
            "is not supported"
        )
    inner = metadata.size(f"{name}.feed_forward_length")
    return _Sizes(
        layers=layers,
        hidden=hidden,
        inner=inner,
        heads=heads,
        kv_heads=kv_heads,
        head=head,
        vocabulary=embedding.shape[0],
    )


def _sources(file: GgufFile, architecture: _Architecture, sizes: _Sizes) -> dict[str, _Source]:
    """Map Hugging Face names to tensors; every tensor of the file must be accounted for."""
    names = {gguf_name: (hf_name, shape) for gguf_name, (hf_name, shape) in _TOP.items()}
    if "output.weight" in file.tensors:
        names["output.weight"] = _HEAD
    per_layer = {**_LAYER, **architecture.extra}
    for layer in range(sizes.layers):
        for part, (hf_part, shape) in per_layer.items():
            names[f"blk.{layer}.{part}"] = (f"model.layers.{layer}.{hf_part}", shape)
    unknown = sorted(file.tensors.keys() - names.keys())
    if unknown:
        raise ModelError(f"it has a tensor that this architecture should not have: {unknown[0][:80]!r}")
    interleaved = {"q_proj.weight": sizes.heads, "k_proj.weight": sizes.kv_heads}
    sources = {}
    for gguf_name, (hf_name, dimensions) in names.items():
        tensor = file.tensors.get(gguf_name)
        expected = tuple(int(getattr(sizes, dimension)) for dimension in dimensions)
        if tensor is None or tensor.shape != expected:
            fault = "missing" if tensor is None else f"of shape {tensor.shape}"
            raise ModelError(f"its tensor {gguf_name!r} should be of shape {expected} but is {fault}")
        heads = interleaved.get(hf_name.rpartition("self_attn.")[2], 0) if architecture.permuted else 0
        sources[hf_name] = _Source(tensor, heads)
    return sources


def _config(
    metadata: Metadata, name: str, architecture: _Architecture, sizes: _Sizes, *, tied: bool
) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architectures": [architecture.hf_class],
        "model_type": name,
        "dtype": "float16",
        "vocab_size": sizes.vocabulary,
        "hidden_size": sizes.hidden,
        "intermediate_size": sizes.inner,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.kv_heads,
        "head_dim": sizes.head,
        "hidden_act": "silu",
        "max_position_embeddings": metadata.size(f"{name}.context_length"),
        "rms_norm_eps": metadata.positive(f"{name}.attention.layer_norm_rms_epsilon"),
        "rope_parameters": {
            "rope_theta": metadata.positive(f"{name}.rope.freq_base", 10000.0),
            "rope_type": "default",
        },
        "tie_word_embeddings": tied,
        **architecture.config,
    }
    for key, gguf_key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding")):
        config[f"{key}_token_id"] = metadata.token_id(f"tokenizer.ggml.{gguf_key}_token_id", sizes.vocabulary)
    return config


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_weights(path: Path, file: GgufFile, sources: Mapping[str, _Source]) -> None:
    """Write a safetensors file piece by piece; the library's own writer wants all tensors in memory."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, source in sources.items():
        start, end = end, end + 2 * source.tensor.n_rows * source.tensor.shape[-1]
        header[name] = {"dtype": "F16", "shape": source.tensor.shape, "data_offsets": [start, end]}
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as out:
        out.write(len(encoded).to_bytes(8, "little") + encoded)
        for name, source in sources.items():
            _write_tensor(out, name, file, source)
        out.flush()
        # Otherwise a crash of the machine may leave a file of the right size with nothing in it.
        os.fsync(out.fileno())


def _write_tensor(out: BinaryIO, name: str, file: GgufFile, source: _Source) -> None:
    for values in _pieces(file, source):
        with np.errstate(over="ignore"):
            rounded = values.astype("<f2")
        if not np.isfinite(rounded).all():
            raise ModelError(f"a weight of {name!r} is too large for float16")
        out.write(rounded.tobytes())


def _pieces(file: GgufFile, source: _Source) -> Iterator[NDArray[np.float32]]:
    """Dequantize a tensor some rows at a time, rows in Hugging Face's order."""
    rows = file.raw(source.tensor)
    if source.interleaved_heads:
        # Rows are quantized one by one, so they can change places while they still are.
        order = np.arange(len(rows)).reshape(source.interleaved_heads, -1, 2)
        rows = rows[order.swapaxes(1, 2).ravel()]
    step = max(1, _WEIGHTS_AT_A_TIME // source.tensor.shape[-1])
    for start in range(0, len(rows), step):
        yield to_float32(rows[start : start + step], source.tensor.kind)
