"""Turning a GGUF file into a folder in Hugging Face's layout, with neither torch nor transformers.

    model.gguf → config.json, model.safetensors (float16), tokenizer.json, tokenizer_config.json

Float16 is enough: rounding a weight to it costs at most 2**-11 of the weight, which is about a hundred times
less than what Q4_1 already took away; only a float32 GGUF loses anything, and 2**-11 at that.

Whatever the file says is checked against the shapes of its tensors, and what is not known for certain
(an architecture, a way to split text, a RoPE scaling) is refused: a guess would score sentences wrongly.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors

from .errors import ModelError
from .gguf_file import GgufFile, GgufTensor, to_float32

_WEIGHTS_AT_A_TIME = 1 << 22
_CONTROL, _USER_DEFINED = 3, 4


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


class _Metadata:
    """Typed access to a GGUF's metadata; what is missing or of another type is a ``ModelError``."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, key: str, default: str | None = None) -> str:
        return self._get(key, str, default)

    def flag(self, key: str, default: bool) -> bool:
        return self._get(key, bool, default)

    def real(self, key: str, default: float | None = None) -> float:
        value = self._get(key, (int, float), default)
        # float32 9.999999747378752e-06 was written as 1e-05.
        return float(str(np.float32(value)))

    def size(self, key: str, default: int | None = None) -> int:
        value = self._get(key, int, default)
        if isinstance(value, bool) or not 0 < value < 2**31:
            raise ModelError(f"its {key} is {value!r}")
        return value

    def token_id(self, key: str, n_tokens: int) -> int | None:
        if key not in self._values:
            return None
        value = self._get(key, int, None)
        if not 0 <= value < n_tokens:
            raise ModelError(f"its {key} is {value}, but it has {n_tokens} tokens")
        return value

    def texts(self, key: str) -> list[str]:
        value: list[str] = self._get(key, list, None)
        return value

    def vector(self, key: str) -> NDArray[Any]:
        value: NDArray[Any] = self._get(key, np.ndarray, None)
        return value

    def _get(self, key: str, kind: Any, default: Any) -> Any:
        value = self._values.get(key, default)
        if value is None:
            raise ModelError(f"it has no {key}")
        if not isinstance(value, kind):
            raise ModelError(f"its {key} is of the wrong type ({type(value).__name__})")
        return value


def convert(gguf: Path, folder: Path) -> None:
    """Write the folder for a GGUF file.

    About 2 s and 100 MB of memory for a model of 135 million weights; one tensor is held at a time.

    Args:
        gguf: the file; nothing in it is trusted.
        folder: an existing folder. What a failed conversion leaves in it is the caller's to remove.

    Raises:
        ModelError: if the file is broken or not of a supported kind; one line that says which.
        OSError: if the folder can't be written, for instance because the disk is full.
    """
    with GgufFile(gguf) as file:
        try:
            metadata = _Metadata(file.metadata)
            name, architecture = _architecture(metadata)
            sizes = _sizes(file, metadata, name)
            sources = _sources(file, architecture, sizes)
            tokenizer = _tokenizer(metadata, sizes.vocabulary)
            config = _config(metadata, name, architecture, sizes, tied="lm_head.weight" not in sources)
            _write_json(folder / "config.json", config)
            _write_json(folder / "tokenizer_config.json", _tokenizer_config(metadata, config))
            (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
            _write_weights(folder / "model.safetensors", file, sources)
        except ModelError as error:
            raise ModelError(f"{gguf} can't be converted: {error}") from None


def _architecture(metadata: _Metadata) -> tuple[str, _Architecture]:
    name = metadata.text("general.architecture")
    if name not in _ARCHITECTURES:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise ModelError(f"the architecture {name[:80]!r} is not supported; supported are: {known}")
    scaling = metadata.text(f"{name}.rope.scaling.type", "none")
    if scaling != "none":
        raise ModelError(f"RoPE scaling ({scaling[:80]!r}) is not supported")
    return name, _ARCHITECTURES[name]


def _sizes(file: GgufFile, metadata: _Metadata, name: str) -> _Sizes:
    embedding = file.tensors.get("token_embd.weight")
    if embedding is None or len(embedding.shape) != 2:
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
    return _Sizes(layers, hidden, inner, heads, kv_heads, head, embedding.shape[0])


def _sources(file: GgufFile, architecture: _Architecture, sizes: _Sizes) -> dict[str, _Source]:
    """Map Hugging Face names to tensors; every tensor of the file must be accounted for."""
    wanted = {gguf_name: (hf_name, shape) for gguf_name, (hf_name, shape) in _TOP.items()}
    if "output.weight" in file.tensors:
        wanted["output.weight"] = _HEAD
    per_layer = {**_LAYER, **architecture.extra}
    for layer in range(sizes.layers):
        for part, (hf_part, shape) in per_layer.items():
            wanted[f"blk.{layer}.{part}"] = (f"model.layers.{layer}.{hf_part}", shape)
    unknown = sorted(file.tensors.keys() - wanted.keys())
    if unknown:
        raise ModelError(f"it has a tensor that this architecture should not have: {unknown[0][:80]!r}")
    interleaved = {"q_proj.weight": sizes.heads, "k_proj.weight": sizes.kv_heads}
    sources = {}
    for gguf_name, (hf_name, dimensions) in wanted.items():
        tensor = file.tensors.get(gguf_name)
        shape = tuple(int(getattr(sizes, dimension)) for dimension in dimensions)
        if tensor is None or tensor.shape != shape:
            found = "missing" if tensor is None else f"of shape {tensor.shape}"
            raise ModelError(f"its tensor {gguf_name!r} should be of shape {shape} but is {found}")
        heads = interleaved.get(hf_name.rpartition("self_attn.")[2], 0) if architecture.permuted else 0
        sources[hf_name] = _Source(tensor, heads)
    return sources


def _config(
    metadata: _Metadata, name: str, architecture: _Architecture, sizes: _Sizes, *, tied: bool
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
        "rms_norm_eps": metadata.real(f"{name}.attention.layer_norm_rms_epsilon"),
        "rope_parameters": {
            "rope_theta": metadata.real(f"{name}.rope.freq_base", 10000.0),
            "rope_type": "default",
        },
        "tie_word_embeddings": tied,
        **architecture.config,
    }
    for key, gguf_key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding")):
        config[f"{key}_token_id"] = metadata.token_id(f"tokenizer.ggml.{gguf_key}_token_id", sizes.vocabulary)
    return config


def _tokenizer(metadata: _Metadata, n_tokens: int) -> tokenizers.Tokenizer:
    """Build the tokenizer as the model's authors published it.

    Not as transformers rebuilds it from a GGUF: for ``smollm`` it leaves out that every digit stands alone
    (``"a  12"`` then gets another split of its spaces), for ``qwen2`` the NFC normalisation.
    """
    tokens, vocabulary = _vocabulary(metadata, n_tokens)
    tokenizer = tokenizers.Tokenizer(_bpe(vocabulary, metadata.texts("tokenizer.ggml.merges")))
    _set_splitting(tokenizer, metadata.text("tokenizer.ggml.pre", "default"))
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata.vector("tokenizer.ggml.token_type")
    if kinds.shape != (n_tokens,):
        raise ModelError(f"it has {n_tokens} tokens but {kinds.size} token types")
    control = [tokens[i] for i in np.flatnonzero(kinds == _CONTROL)]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in control])
    defined = [tokens[i] for i in np.flatnonzero(kinds == _USER_DEFINED)]
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in defined])
    if metadata.flag("tokenizer.ggml.add_bos_token", False):
        bos = metadata.token_id("tokenizer.ggml.bos_token_id", n_tokens)
        if bos is None:
            raise ModelError("it wants a first token (add_bos_token) but does not say which")
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$bos $A", pair="$bos $A $bos:1 $B:1", special_tokens=[("$bos", bos)]
        )
    return tokenizer


def _vocabulary(metadata: _Metadata, n_tokens: int) -> tuple[list[str], dict[str, int]]:
    kind = metadata.text("tokenizer.ggml.model")
    if kind != "gpt2":
        raise ModelError(f"the tokenizer {kind[:80]!r} is not supported; supported is: gpt2 (byte-level BPE)")
    tokens = metadata.texts("tokenizer.ggml.tokens")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if len(tokens) != n_tokens or len(vocabulary) != n_tokens or "" in vocabulary:
        raise ModelError(f"its {len(tokens)} tokens are not {n_tokens} different texts, one per embedding")
    return tokens, vocabulary


def _bpe(vocabulary: dict[str, int], merges: list[str]) -> models.BPE:
    pairs = []
    for merge in merges:
        left, _, right = merge.partition(" ")
        # The library would report a bad pair as a Rust panic in some versions.
        if left not in vocabulary or right not in vocabulary or left + right not in vocabulary:
            raise ModelError(f"its merge {merge[:80]!r} is not of tokens it has")
        pairs.append((left, right))
    return models.BPE(vocab=vocabulary, merges=pairs, fuse_unk=False, byte_fallback=False)


def _set_splitting(tokenizer: tokenizers.Tokenizer, name: str) -> None:
    """Set how text is split before merging, by llama.cpp's name for it; refuse a name that is not known."""
    if name == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    elif name == "qwen2":
        pattern = tokenizers.Regex(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+"
        )
        tokenizer.normalizer = normalizers.NFC()
        split = pre_tokenizers.Split(pattern, behavior="isolated")
        to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    else:
        raise ModelError(
            f"the way to split text {name[:80]!r} is not supported; supported are: qwen2, smollm"
        )


def _tokenizer_config(metadata: _Metadata, config: Mapping[str, Any]) -> dict[str, Any]:
    tokens = metadata.texts("tokenizer.ggml.tokens")
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": config["max_position_embeddings"],
    }
    for key in ("bos", "eos", "pad"):
        if config[f"{key}_token_id"] is not None:
            settings[f"{key}_token"] = tokens[config[f"{key}_token_id"]]
    template = metadata.text("tokenizer.chat_template", "")
    return {**settings, "chat_template": template} if template else settings


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
    """Dequantise a tensor some rows at a time, rows in Hugging Face's order."""
    rows = file.raw(source.tensor)
    if source.interleaved_heads:
        # Rows are quantised one by one, so they can change places while they still are.
        order = np.arange(len(rows)).reshape(source.interleaved_heads, -1, 2)
        rows = rows[order.swapaxes(1, 2).ravel()]
    step = max(1, _WEIGHTS_AT_A_TIME // source.tensor.shape[-1])
    for start in range(0, len(rows), step):
        yield to_float32(rows[start : start + step], source.tensor.kind)
