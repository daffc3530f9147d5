"""The package ``trimwise`` of the Python package index: passages by words shared with the question."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any


class _Encoding:
    """The model's tokenizer in place of the package's own, which would have to be downloaded."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = import_module("tokenizers").Tokenizer.from_file(str(folder / "tokenizer.json"))

    def encode(self, text: str, **_: Any) -> list[int]:
        """Token ids of a text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


class Contestant:
    """``Trimmer.trim_context``, all passages under one limit, with its own choice of strategy."""

    def __init__(self, job: dict[str, Any]) -> None:
        """Take its settings as they come."""
        package = import_module("trimwise")
        encoding = _Encoding(Path(job["model_folder"]))
        import_module("trimwise.measurement").tiktoken.get_encoding = lambda _: encoding
        self._count = lambda text: len(encoding.encode(text))
        self._trimmer, self.target_tokens = package.Trimmer(), job["target_tokens"]
        self.about = {"versions": {"trimwise": version("trimwise")}, "strategy": "auto"}

    def prepare(self, question: str, passages: list[str]) -> None:
        """Keep them."""
        self._question, self._passages = question, passages

    def run(self) -> str:
        """Compress."""
        found = self._trimmer.trim_context(
            self._passages,
            self.target_tokens,
            query=self._question,
            token_counter=self._count,
            separator="\n\n",
        )
        return str(found.text)
