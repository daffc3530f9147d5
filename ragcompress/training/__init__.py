"""Labeled questions become a probe with its card."""
