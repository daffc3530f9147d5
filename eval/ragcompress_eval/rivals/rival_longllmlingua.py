"""LongLLMLingua (arXiv 2310.06839) as the package ``llmlingua`` does it, with the settings of its README."""

from __future__ import annotations

from functools import partial
from importlib import import_module

Contestant = partial(
    import_module("rival_llmlingua").Contestant,
    condition_in_question="after_condition",
    reorder_context="sort",
    dynamic_context_compression_ratio=0.3,
    condition_compare=True,
    context_budget="+100",
    rank_method="longllmlingua",
)
"""Compresses aware of the question."""
