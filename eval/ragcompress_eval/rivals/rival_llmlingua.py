"""LLMLingua (arXiv 2310.05736) as the package ``llmlingua`` does it."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

run = import_module("run")


class Contestant(run.Rival):  # type: ignore[misc, name-defined]
    """``PromptCompressor.compress_prompt``, to the target in tokens.

    Args:
        options: keyword arguments of it; without any it does LLMLingua.
    """

    packages = ("llmlingua", "transformers", "torch")

    def __init__(self, job: dict[str, Any], **options: Any) -> None:
        """Load the model in float32 on the CPU."""
        super().__init__(job)
        self.settings["precision"], self._options = "float32", options
        package = import_module("llmlingua.prompt_compressor")
        with TemporaryDirectory() as name:
            folder = _older_layout(Path(job["model_folder"]), Path(name))
            tokens = run.Tokens(folder)
            package.tiktoken.encoding_for_model = lambda _: tokens
            self._compressor = package.PromptCompressor(
                folder, device_map="cpu", model_config={"trust_remote_code": False}
            )

    def run(self) -> str:
        """Compress; the text is what is left of the passages, without the question."""
        # The list is handed over as a copy: with dynamic ratios the package changes it.
        compressed = self._compressor.compress_prompt(
            list(self.passages),
            question=self.question,
            target_token=self.target_tokens,
            concate_question=False,
            **self._options,
        )
        return str(compressed["compressed_prompt"])


def _older_layout(folder: Path, target: Path) -> str:
    """The model folder with the rotary base where transformers 4 looks for it."""
    for path in folder.iterdir():
        if path.name != "config.json":
            (target / path.name).symlink_to(path.resolve())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.setdefault("rope_theta", (config.get("rope_parameters") or {}).get("rope_theta", 10_000.0))
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(target)
