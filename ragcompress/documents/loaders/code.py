"""Source code, as it is, cut by block later on; places are lines."""

from __future__ import annotations

from dataclasses import replace

from . import Loaded, text
from ._clock import Clock


def load(data: bytes, name: str, clock: Clock) -> Loaded:
    """Read source code."""
    return replace(text.load(data, name, clock), syntax="code")
