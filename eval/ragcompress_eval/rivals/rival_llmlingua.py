"""LLMLingua (arXiv 2310.05736) as the package ``llmlingua`` does it."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


class _Tokens:
    """Counts with the model's tokenizer: the package's own encoding would have to be downloaded."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str, **_: Any) -> list[int]:
        """Token ids of a text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids


class Contestant:
    """``PromptCompressor.compress_prompt``, to the target in tokens.

    Args:
        options: keyword arguments of it; without any it does LLMLingua.
    """

    def __init__(self, job: dict[str, Any], **options: Any) -> None:
        """Load the model in float32 on the CPU."""
        package, transformers = import_module("llmlingua.prompt_compressor"), import_module("transformers")
        with TemporaryDirectory() as name:
            folder = _older_layout(Path(job["model_folder"]), Path(name))
            tokens = _Tokens(transformers.AutoTokenizer.from_pretrained(folder))
            package.tiktoken.encoding_for_model = lambda _: tokens
            self._compressor = package.PromptCompressor(
                folder, device_map="cpu", model_config={"trust_remote_code": False}
            )
        self._options, self.target_tokens = options, job["target_tokens"]
        names = ("llmlingua", "transformers", "torch")
        self.about = {"versions": {n: version(n) for n in names}, "precision": "float32"}

    def prepare(self, question: str, passages: list[str]) -> None:
        """Keep them."""
        self._question, self._passages = question, passages

    def run(self) -> str:
        """Compress; the text is what is left of the passages, without the question."""
        # The list is handed over as a copy: with dynamic ratios the package changes it.
        found = self._compressor.compress_prompt(
            list(self._passages),
            question=self._question,
            target_token=self.target_tokens,
            concate_question=False,
            **self._options,
        )
        return str(found["compressed_prompt"])


def _older_layout(folder: Path, target: Path) -> str:
    """The model folder with the rotary base where transformers 4 looks for it."""
    for path in folder.iterdir():
        if path.name != "config.json":
            (target / path.name).symlink_to(path.resolve())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.setdefault("rope_theta", (config.get("rope_parameters") or {}).get("rope_theta", 10_000.0))
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(target)
