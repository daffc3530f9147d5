"""Readers of the shapes of well-known models with random weights, and readers behind HTTP.

How long a forward pass takes depends on shapes and precision, not on what the weights are. So nothing is
downloaded, and what a reader of 1.5B would take can be measured on any machine that has room for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ragcompress import InputError, MissingExtra

from ..quality.readers import EndpointReader
from ..rivals.run import free_bytes

_BYTES = {"float32": 4, "bfloat16": 2}
PRECISIONS = tuple(_BYTES)
_LARGEST_WEIGHT = 0.02
_PATIENCE = 3600.0  # seconds for one prompt: a large reader on a CPU takes minutes
# Each is one token of most vocabularies, with the blank before it.
_WORDS = (
    "time year people way day man thing woman life child world school state family student group country "
    "problem hand part place case week company system program question work government number night point "
    "home water room mother area money story fact month lot right study book eye job word business issue "
    "side kind head house service friend father power hour game line end member law car city name team"
).split()


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape of a Qwen2.5 model (arXiv 2412.15115, table 1); the head shares the embedding's weights."""

    hidden: int
    n_layers: int
    n_heads: int
    n_key_heads: int
    inner: int
    vocabulary: int

    @property
    def parameters(self) -> int:
        """Weights in all, norms and biases left out."""
        head = self.hidden // self.n_heads
        attention = 2 * self.hidden * head * (self.n_heads + self.n_key_heads)
        return self.n_layers * (attention + 3 * self.hidden * self.inner) + self.vocabulary * self.hidden


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "0.5B": Shape(896, 24, 14, 2, 4864, 151_936),
        "1.5B": Shape(1536, 28, 12, 2, 8960, 151_936),
        "7B": Shape(3584, 28, 28, 4, 18_944, 152_064),
    }
)


class RandomReader:
    """A reader in transformers, on the CPU.

    Args:
        shape: of the model.
        precision: ``float32`` or ``bfloat16``.

    Raises:
        MissingExtra: without torch and transformers.
        InputError: if the weights do not fit into the memory that is free.
    """

    def __init__(self, shape: Shape, precision: str) -> None:
        try:
            import torch
            from transformers import AutoModelForCausalLM, Qwen2Config
        except ImportError as error:
            raise MissingExtra("a reader", "torch") from error
        needed = shape.parameters * _BYTES[precision]
        if (free := free_bytes()) is not None and needed > free:
            sizes = f"its weights take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of memory are free"
            raise InputError(f"{sizes}; take a smaller reader, or bfloat16")
        config = Qwen2Config(
            hidden_size=shape.hidden,
            num_hidden_layers=shape.n_layers,
            num_attention_heads=shape.n_heads,
            num_key_value_heads=shape.n_key_heads,
            intermediate_size=shape.inner,
            vocab_size=shape.vocabulary,
            tie_word_embeddings=True,
        )
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, precision))
        self._torch, self._vocabulary = torch, shape.vocabulary
        self._model: Any = _fill(torch, model)

    def first_token(self, n_tokens: int) -> int:
        """Read so many tokens, keys and values kept as for an answer, and return the first token of one."""
        ids = np.random.default_rng(n_tokens).integers(0, self._vocabulary, (1, n_tokens))
        with self._torch.inference_mode():
            made = self._model(self._torch.from_numpy(ids), use_cache=True, logits_to_keep=1)
        return int(made.logits[0, -1].argmax())


class ServedReader:
    """A reader behind any server that speaks OpenAI's chat completions, on this machine or elsewhere.

    Args:
        url: up to and without ``/chat/completions``, such as ``http://localhost:8080/v1``.
        model: name of the model, as the server calls it.

    Raises:
        MissingExtra: without the package ``openai``.
    """

    def __init__(self, url: str, model: str) -> None:
        self._reader = EndpointReader(url, model, max_answer_tokens=1, timeout=_PATIENCE, patience=0)
        self._draw = np.random.default_rng(0)

    def first_token(self, n_tokens: int) -> None:
        """Ask with about so many tokens for an answer of one.

        Words are drawn anew each time, or else the server would know the prompt's beginning.

        Raises:
            RagCompressError: if the server can't be asked.
        """
        self._reader.answer("Why?", " ".join(self._draw.choice(_WORDS, n_tokens)))


def _fill(torch: Any, model: Any) -> Any:
    """Give a model without storage random weights, and the rotary embedding that it needs."""
    made = model.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for weight in made.parameters():
        weight.data.uniform_(-_LARGEST_WEIGHT, _LARGEST_WEIGHT, generator=generator)
    for module in made.modules():
        if hasattr(module, "inv_freq"):
            half = module.inv_freq.shape[0]
            module.inv_freq.copy_(1e6 ** (-torch.arange(half, dtype=torch.float32) / half))
    return made
