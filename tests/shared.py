"""What many tests ask, count and load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers

QUESTION = "Who built the bridge?"


def words(text: str) -> int:
    """A counter: tokens are words."""
    return len(text.split())


def written(path: Path) -> dict[str, Any]:
    """What a command wrote as JSON."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def save_tokenizer_only(folder: Path) -> Path:
    """A model folder of which only the tokenizer is real, a token a byte: for scorers that read none."""
    folder.mkdir()
    alphabet = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(alphabet, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"no weights")
    return folder
