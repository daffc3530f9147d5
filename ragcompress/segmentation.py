"""Where ``segment`` was before 0.2.0; import it from ``ragcompress``."""

from .text.segmentation import given, segment

__all__ = ["given", "segment"]
