"""A trained probe on the proxy's attention, one passage per prompt."""

from .scorer import Scorer

__all__ = ["Scorer"]
