"""Labelled questions become a probe with its card."""
