"""An index over a folder: which passages may hold the answer, when the folder is far larger than a budget.

    build_index("docs", "docs.idx")
    index = Index("docs.idx")
    hits = index.search("who …?", top_k=50)
    context = compressor("who …?", index.segmentation(hits), budget=Budget(max_tokens=800))
    to_sources(context.to_dict(), hits)      # offsets into the files

Needs the extra ``index``.
"""

from ..models.embedding import Embedder, MiniLM
from ..models.multilingual import MultilingualE5
from .building import Report, build_index
from .passages import Passage
from .searching import Hit, Index, to_sources

__all__ = [
    "Embedder",
    "Hit",
    "Index",
    "MiniLM",
    "MultilingualE5",
    "Passage",
    "Report",
    "build_index",
    "to_sources",
]
