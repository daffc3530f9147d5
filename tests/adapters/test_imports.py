"""What each adapter asks for when its framework is missing, and what it leaves alone when it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATHS = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'adapters')!r}]\n"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", PATHS + code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_missing_framework_is_named_with_its_extra() -> None:
    code = """
import importlib
for name in ("langchain_core", "llama_index", "haystack"):
    sys.modules[name] = None
import ragcompress
for adapter in ("langchain", "llama_index", "haystack"):
    try:
        importlib.import_module(f"ragcompress_adapters.{adapter}")
    except ragcompress.MissingExtra as error:
        print(error.extra)
"""
    assert run(code).split() == ["langchain", "llama-index", "haystack"]


def test_messages_need_nothing_but_the_base_install() -> None:
    code = """
for name in ("pydantic", "langchain_core", "openai", "anthropic"):
    sys.modules[name] = None
import ragcompress_adapters.messages
print("fine")
"""
    assert run(code) == "fine"


def test_langchain_alone_is_enough_and_no_backend_is_loaded() -> None:
    heavy = ("torch", "transformers", "onnxruntime", "langchain_classic", "langchain_community")
    code = f"""
import ragcompress_adapters.langchain as ours
ours.RagCompressor(max_tokens=3)
print(*sorted(set({heavy!r}) & sys.modules.keys()))
"""
    assert run(code) == ""
