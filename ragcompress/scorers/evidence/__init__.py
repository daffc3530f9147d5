"""The evidence model: a probe on the proxy's attention beside signals that are nearly free."""

from .scorer import Scorer

__all__ = ["Scorer"]
