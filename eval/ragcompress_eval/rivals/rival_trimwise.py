"""The package ``trimwise`` of the Python package index: passages by words shared with the question."""

from __future__ import annotations

from importlib import import_module
from typing import Any

run = import_module("run")


class Contestant(run.Rival):  # type: ignore[misc, name-defined]
    """``Trimmer.trim_context``, all passages under one limit, with its own choice of strategy."""

    packages = ("trimwise",)

    def __init__(self, job: dict[str, Any]) -> None:
        """Take its settings as they come."""
        super().__init__(job)
        self._tokens = run.Tokens(job["model_folder"])
        import_module("trimwise.measurement").tiktoken.get_encoding = lambda _: self._tokens
        self._trimmer = import_module("trimwise").Trimmer()
        self.settings["strategy"] = "auto"

    def run(self) -> str:
        """Compress."""
        trimmed = self._trimmer.trim_context(
            self.passages,
            self.target_tokens,
            query=self.question,
            token_counter=self._tokens.count,
            separator="\n\n",
        )
        return str(trimmed.text)
