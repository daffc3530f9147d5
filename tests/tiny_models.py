"""Tiny random models of real architectures, saved as Hugging Face folders, with a byte-level tokenizer."""

from pathlib import Path
from typing import Any

import tokenizers
import torch
from transformers import AutoModel, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

COMMON: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
CONFIGS = {
    "llama": LlamaConfig(**COMMON),
    "llama-plain-heads": LlamaConfig(**(COMMON | {"num_key_value_heads": 6})),
    "llama3-rope": LlamaConfig(
        **COMMON,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
        },
    ),
    "mistral": MistralConfig(**COMMON, head_dim=16, sliding_window=None),
    "qwen2": Qwen2Config(**COMMON),
    "qwen3": Qwen3Config(**COMMON, head_dim=16),
}  # fmt: skip


def byte_tokenizer() -> tokenizers.Tokenizer:
    """One token per byte, plus one special token."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    model = tokenizers.models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[])
    result = tokenizers.Tokenizer(model)
    result.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    result.add_special_tokens(["<|im_end|>"])
    return result


def save_model(name: str, folder: Path) -> Path:
    """Write a random model whose attention is far from uniform."""
    generator = torch.Generator().manual_seed(7)
    model = AutoModel.from_config(CONFIGS[name], dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.15 + (parameter.ndim == 1))
    model.save_pretrained(folder)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder
