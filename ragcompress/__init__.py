"""ragcompress: a small language model's attention picks the sentences that a question needs.

>>> from ragcompress import Budget, Compressor, Document
>>> compressor = Compressor.from_pretrained()                                      # doctest: +SKIP
>>> context = compressor("who …?", [Document(text="…")], budget=Budget(max_tokens=800))   # doctest: +SKIP
"""

from .batch.request import Outcome, run_request
from .compressor import Compressor
from .context import CompressedContext
from .data import (
    Attention,
    Budget,
    Document,
    Piece,
    Scores,
    Segmentation,
    Selection,
    Sentence,
    score_by_rank,
)
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
from .places import Place, Places
from .plan import OPTIONS, Option, Plan, PlanOptions
from .proxy.base import Proxy, ProxyInfo
from .proxy.loading import load_proxy
from .scorers import Scorer
from .selection.attention_sort import AttentionSort
from .selection.ordering import reorder
from .support import Support, support
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
