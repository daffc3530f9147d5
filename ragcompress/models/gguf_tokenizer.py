"""Building a tokenizer from a GGUF file's metadata, as the model's authors published it.

Not as transformers rebuilds it from a GGUF. For ``smollm`` that leaves out that every digit stands by
itself, so that the spaces of ``"a  12"`` are split otherwise than in the model's training. For ``qwen2`` it
leaves out the NFC normalization. Only byte-level BPE is read, and only the ways to split text that are known
for certain; for all others a folder with the published ``tokenizer.json`` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors

from ..errors import ModelError
from .gguf_file import Metadata

# llama.cpp's numbers for kinds of tokens.
_CONTROL, _USER_DEFINED = 3, 4
_QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def build_tokenizer(metadata: Metadata, n_tokens: int) -> tokenizers.Tokenizer:
    """Build the tokenizer; special tokens are added tokens, a first token is set if the file wants one.

    Args:
        metadata: nothing in it is trusted.
        n_tokens: rows of the embedding, which the vocabulary must have as many of.

    Raises:
        ModelError: if something is missing, contradicts itself or is not supported.
    """
    tokens, ids = _vocabulary(metadata, n_tokens)
    tokenizer = tokenizers.Tokenizer(_bpe(ids, metadata.texts("tokenizer.ggml.merges")))
    set_splitting = _SPLITTING.get(metadata.text("tokenizer.ggml.pre", "default"))
    if set_splitting is None:
        name, known = metadata.text("tokenizer.ggml.pre", "default"), ", ".join(_SPLITTING)
        raise ModelError(f"the way to split text {name[:80]!r} is not supported; supported are: {known}")
    set_splitting(tokenizer)
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata.vector("tokenizer.ggml.token_type")
    if kinds.shape != (n_tokens,):
        raise ModelError(f"it has {n_tokens} tokens but {kinds.size} token types")
    for kind, special in ((_CONTROL, True), (_USER_DEFINED, False)):
        chosen = [tokens[i] for i in np.flatnonzero(kinds == kind)]
        tokenizer.add_tokens([AddedToken(token, normalized=False, special=special) for token in chosen])
    if metadata.flag("tokenizer.ggml.add_bos_token", False):
        _start_with_bos(tokenizer, metadata, n_tokens)
    return tokenizer


def tokenizer_config(metadata: Metadata, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of tokenizer_config.json, chat template included, to go with a config.json."""
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


def _vocabulary(metadata: Metadata, n_tokens: int) -> tuple[list[str], dict[str, int]]:
    kind = metadata.text("tokenizer.ggml.model")
    if kind != "gpt2":
        raise ModelError(f"the tokenizer {kind[:80]!r} is not supported; supported is: gpt2 (byte-level BPE)")
    tokens = metadata.texts("tokenizer.ggml.tokens")
    ids = {token: index for index, token in enumerate(tokens)}
    if len(tokens) != n_tokens or len(ids) != n_tokens or "" in ids:
        raise ModelError(f"its {len(tokens)} tokens are not {n_tokens} different texts, one per embedding")
    return tokens, ids


def _bpe(ids: dict[str, int], merges: list[str]) -> models.BPE:
    pairs = []
    for merge in merges:
        left, _, right = merge.partition(" ")
        # Checked here because the library reports it as a bare Exception, or a Rust panic.
        if left not in ids or right not in ids or left + right not in ids:
            raise ModelError(f"its merge {merge[:80]!r} is not of tokens it has")
        pairs.append((left, right))
    return models.BPE(vocab=ids, merges=pairs, fuse_unk=False, byte_fallback=False)


def _split_like_smollm(tokenizer: tokenizers.Tokenizer) -> None:
    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])


def _split_like_qwen2(tokenizer: tokenizers.Tokenizer) -> None:
    tokenizer.normalizer = normalizers.NFC()
    words = pre_tokenizers.Split(tokenizers.Regex(_QWEN2_WORDS), behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, to_bytes])


_SPLITTING: Mapping[str, Callable[[tokenizers.Tokenizer], None]] = MappingProxyType(
    {"qwen2": _split_like_qwen2, "smollm": _split_like_smollm}
)


def _start_with_bos(tokenizer: tokenizers.Tokenizer, metadata: Metadata, n_tokens: int) -> None:
    bos = metadata.token_id("tokenizer.ggml.bos_token_id", n_tokens)
    if bos is None:
        raise ModelError("it wants a first token (add_bos_token) but does not say which")
    # A name of our own: the token's text may hold characters that mean something in a template.
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[BOS] $A", pair="[BOS] $A [BOS]:1 $B:1", special_tokens=[("[BOS]", bos)]
    )
