"""Source code, as it is, cut by block later on; places are lines."""

from __future__ import annotations

from dataclasses import replace

from . import Loaded, text


def load(data: bytes, name: str) -> Loaded:
    """Read source code."""
    return replace(text.load(data, name), syntax="code")
