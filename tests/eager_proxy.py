"""The oracle: the same reading, done slowly and plainly from full attention matrices.

It asks transformers for every matrix (``output_attentions``), runs one prompt at a time, and sums in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel

from ragcompress import Attention
from ragcompress.data import Progress
from ragcompress.prompts.passages import Prompt


class EagerProxy:
    """Reads rows from full attention matrices in float32."""

    def __init__(self, folder: Path, *, fingerprint: str = "") -> None:
        """Load a model folder with transformers' own eager attention."""
        self._model = AutoModel.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
        ).eval()
        self._fingerprint = fingerprint

    def probe(
        self, prompts: Sequence[Prompt], *, n_layers: int, progress: Progress | None = None
    ) -> list[Attention]:
        """See ``Proxy.probe``."""
        return [self._one(p, n_layers) for p in prompts]

    @torch.inference_mode()
    def _one(self, prompt: Prompt, n_layers: int) -> Attention:
        ids = torch.tensor([prompt.prefix + prompt.tail])
        maps = [a[0].numpy() for a in self._model(ids, output_attentions=True).attentions[:n_layers]]
        mass = np.zeros((len(prompt.rows), n_layers, maps[0].shape[0], len(prompt.spans)), dtype=np.float32)
        for r, (first, stop) in enumerate(prompt.rows):
            tokens = range(len(prompt.prefix) + first, len(prompt.prefix) + stop)
            for layer, full in enumerate(maps):  # (H, T, T)
                for s, (start, end) in enumerate(prompt.spans):
                    mass[r, layer, :, s] = np.mean([full[:, t, start:end].sum(-1) for t in tokens], axis=0)
        n_tokens = np.array([end - start for start, end in prompt.spans], dtype=np.int64)
        return Attention(mass, n_tokens, prompt.row_names, self._fingerprint)
