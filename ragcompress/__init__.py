"""ragcompress: a small language model's attention picks the sentences that a question needs.

>>> from ragcompress import Budget, Compressor, Document
>>> compressor = Compressor.from_pretrained()                                      # doctest: +SKIP
>>> context = compressor("who …?", [Document(text="…")], budget=Budget(max_tokens=800))   # doctest: +SKIP
"""

# Nothing is imported here, not even of the standard library: an interrupt meanwhile would show a traceback of
# the command, whose entry point can catch it only from when this package is there.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .batch.request import Outcome, run_request
    from .budget import Budget
    from .compressor import Compressor
    from .context import CompressedContext
    from .data import Attention, Document, Piece, Scores, Segmentation, Selection, Sentence, score_by_rank
    from .documents.reading import read_documents
    from .errors import (
        BudgetTooSmall,
        CompressionTimeout,
        DataError,
        InputError,
        MissingExtra,
        ModelError,
        ModelNotFound,
        ProbeMismatch,
        RagCompressError,
        UnknownName,
        UnreadableFile,
    )
    from .options import Option
    from .places import Place, Places
    from .plan import OPTIONS, Plan, PlanOptions
    from .proxy.base import Proxy, ProxyInfo
    from .proxy.loading import load_proxy
    from .scorers import Scorer
    from .selection.attention_sort import AttentionSort
    from .selection.ordering import reorder
    from .supporting import Support, support
    from .text.segmentation import given, segment
    from .text.tokenizing import Tokenizer
    from .text.tool_results import segment_tool_result
    from .tool_results import ToolResult, compress_tool_result

__version__ = "0.2.0"

__all__ = [
    "OPTIONS",
    "Attention",
    "AttentionSort",
    "Budget",
    "BudgetTooSmall",
    "CompressedContext",
    "CompressionTimeout",
    "Compressor",
    "DataError",
    "Document",
    "InputError",
    "MissingExtra",
    "ModelError",
    "ModelNotFound",
    "Option",
    "Outcome",
    "Piece",
    "Place",
    "Places",
    "Plan",
    "PlanOptions",
    "ProbeMismatch",
    "Proxy",
    "ProxyInfo",
    "RagCompressError",
    "Scorer",
    "Scores",
    "Segmentation",
    "Selection",
    "Sentence",
    "Support",
    "Tokenizer",
    "ToolResult",
    "UnknownName",
    "UnreadableFile",
    "__version__",
    "compress_tool_result",
    "given",
    "load_proxy",
    "read_documents",
    "reorder",
    "run_request",
    "score_by_rank",
    "segment",
    "segment_tool_result",
    "support",
]

# Names are loaded when they are asked for: who imports the package waits for nothing that is not used.
_NAMES = {
    "batch.request": ("Outcome", "run_request"),
    "compressor": ("Compressor",),
    "context": ("CompressedContext",),
    "budget": ("Budget",),
    "data": (
        "Attention",
        "Document",
        "Piece",
        "Scores",
        "Segmentation",
        "Selection",
        "Sentence",
        "score_by_rank",
    ),
    "documents.reading": ("read_documents",),
    "errors": (
        "BudgetTooSmall",
        "CompressionTimeout",
        "DataError",
        "InputError",
        "MissingExtra",
        "ModelError",
        "ModelNotFound",
        "ProbeMismatch",
        "RagCompressError",
        "UnknownName",
        "UnreadableFile",
    ),
    "places": ("Place", "Places"),
    "options": ("Option",),
    "plan": ("OPTIONS", "Plan", "PlanOptions"),
    "proxy.base": ("Proxy", "ProxyInfo"),
    "proxy.loading": ("load_proxy",),
    "scorers": ("Scorer",),
    "selection.attention_sort": ("AttentionSort",),
    "selection.ordering": ("reorder",),
    "supporting": ("Support", "support"),
    "text.segmentation": ("given", "segment"),
    "text.tokenizing": ("Tokenizer",),
    "text.tool_results": ("segment_tool_result",),
    "tool_results": ("ToolResult", "compress_tool_result"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> "Any":
    """Load a public name, or a module of the package."""
    from importlib import import_module
    from importlib.util import find_spec

    if home := _HOMES.get(name):
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value
    if not name.startswith("_") and find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
