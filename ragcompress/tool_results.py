"""Compresses what a tool said, for the agent that called it: logs by their lines, JSON by its long texts.

The result is a pure function of text, question, budget and compressor: the same bytes whenever an agent's
history is replayed, so that providers' prompt caches stay warm.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Unpack

from .budget import Budget
from .compressor import Compressor
from .context import CompressedContext
from .data import Document, Segmentation
from .documents.loaders import load
from .errors import BudgetTooSmall, MissingExtra, UnreadableFile
from .log_scores import LogScorer
from .plan import LayoutOptions
from .scorers import Scorer
from .text.segmentation import segment
from .text.tool_results import Shape, segment_tool_result, shape_of

_LONG = 200  # characters from which on a text within JSON is pruned
_PAGE_BYTES = 20 << 20
LOGS: tuple[Shape, ...] = ("log", "json lines")
"""Shapes whose lines are read by ``for_logs``."""
# In valid JSON a quotation mark begins a string or ends it; group 1 is there behind a key.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"(\s*:)?')

_Ask = Callable[[Compressor, Sequence[Document] | Segmentation], CompressedContext]
"""Compresses documents for the question, with the limits of the call."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's result, shortened.

    Attributes:
        text: as valid as it was: JSON stays JSON, with all its keys, numbers and short texts. Of an HTML page
            it is what the page shows, as Markdown.
        tokens_before, tokens_after: of the compressor's counter.
        reason: why the text is the original; None: it is not.
    """

    text: str
    tokens_before: int
    tokens_after: int
    reason: str | None = None


def compress_tool_result(
    compressor: Compressor,
    text: str,
    question: str,
    *,
    budget: Budget,
    min_tokens: int = 0,
    timeout: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ToolResult:
    """Shorten a tool's result to what the question needs.

    Args:
        compressor: how it reads; its order should be ``source``.
        question: what is looked for: the call, and what the user asked. In logs what failed, and what is
            said once, counts too, and a model reads only the lines that promise most.
        budget: for the whole. In JSON only long texts give way, so that ids and numbers that later calls need
            stay; there the budget is that of these texts.
        min_tokens: results of fewer tokens stay as they are.
        timeout, progress: as in the compressor's call.

    Raises:
        CompressionTimeout, ModelError: from the compressor; the original is then the caller's to keep.
    """
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON may hold half a surrogate pair: no character, and no model reads it
        before = compressor.count(text.encode("utf-8", "replace").decode())
        return ToolResult(text, before, before, "not valid Unicode")
    before = compressor.count(text)
    if before < min_tokens:
        return ToolResult(text, before, before, "short")
    if compressor.plan.whole_documents:  # the result is one document
        compressor = _again(compressor, compressor.scorer, whole_documents=False)

    def ask(reader: Compressor, documents: Sequence[Document] | Segmentation) -> CompressedContext:
        return reader(
            question, documents, budget=budget, timeout=timeout, progress=progress, on_error="raise"
        )

    try:
        shorter = _shorten(compressor, text, ask, is_recall=budget.recall is not None)
    except BudgetTooSmall:
        return ToolResult(text, before, before, "budget too small")
    if shorter is None:
        return ToolResult(text, before, before, "blank")
    after = compressor.count(shorter)
    if after >= before:
        return ToolResult(text, before, before, "no shorter")
    return ToolResult(shorter, before, after)


def _shorten(compressor: Compressor, text: str, ask: _Ask, *, is_recall: bool) -> str | None:
    """What is kept of a text, by what kind of text it is; None where it says nothing."""
    shape = shape_of(text)
    if shape == "json":
        return _json(compressor, text, ask)
    parts = _page(text) if shape == "html" else segment_tool_result(text)
    if not parts.sentences:
        return None
    # A recall is promised of probabilities alone, which a log's numbers are not.
    return ask(for_logs(compressor) if shape in LOGS and not is_recall else compressor, parts).text


def _page(text: str) -> Segmentation:
    """What a page shows, without its markup; its source where the extra ``docs`` is not installed."""
    try:
        shown = load(text.encode("utf-8", "replace"), ".html", "the page", _PAGE_BYTES).text
    except (MissingExtra, UnreadableFile):
        return segment_tool_result(text)
    return segment([Document(shown, syntax="markdown")])


def for_logs(compressor: Compressor) -> Compressor:
    """The same for the lines of a log: what failed counts too, and few lines are read by the model."""
    return _again(compressor, LogScorer(compressor.scorer), near_repeats=0.0)  # lines have no vectors


def _again(compressor: Compressor, scorer: Scorer, **options: Unpack[LayoutOptions]) -> Compressor:
    """The compressor with other options, on the models that it has."""
    plan = compressor.plan.with_options(options)
    return Compressor(scorer, counter=compressor.count, plan=plan, proxy=compressor.proxy)


def _json(compressor: Compressor, text: str, ask: _Ask) -> str:
    """The same JSON with its long texts shortened, each to what it keeps of one budget for all."""
    strings = [m for m in _STRING.finditer(text) if m[1] is None and len(m[0]) > _LONG]
    texts = [json.loads(m[0]) for m in strings]
    if not any(t.strip() for t in texts):
        return text
    reader = _again(compressor, compressor.scorer, keep_together=True, format="plain")
    context = ask(reader, [Document(t) for t in texts])
    parts: list[str] = []
    done = 0
    for match, kept in zip(strings, context.texts(), strict=True):
        parts += text[done : match.start()], json.dumps(kept, ensure_ascii=False)
        done = match.end()
    return "".join([*parts, text[done:]])
