"""What the page shows of the run itself, as static HTML: complete without scripts, which start from it."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..data import Scores

if TYPE_CHECKING:
    from ..context import CompressedContext

_LEVELS = 7
# Probabilities crowd near 0: steps that grow tell them apart.
_PROBABILITIES = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75)
# So many bars are drawn without gaps, in which they would drown.
_MANY = 300
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LINE_END = re.compile(r"\r\n?")
_HELP = (
    "Kept sentences are clear and underlined, dropped ones dim; a stronger shade is a higher score. "
    "Sentences that you point at, or reach with the arrow keys, tell their score, rank and reason. A "
    "click or Enter leads from a kept one to its place in what the reader gets, and back."
)


def scale(scores: Scores) -> tuple[list[int], list[float]]:
    """Shade of every sentence, 0 (least) to 6, and the scores at which the shades 1 to 6 begin."""
    low, high = (float(f(scores.values)) if len(scores.values) else 0.0 for f in (min, max))
    if scores.calibrated:
        edges = list(_PROBABILITIES)
    else:
        edges = [low + (high - low) * k / _LEVELS for k in range(1, _LEVELS)] if high > low else []
    return [bisect_right(edges, float(v)) for v in scores.values], edges


@dataclass(frozen=True, slots=True)
class View:
    """One scorer's side of the page.

    Attributes:
        number: its place on the page, 0 or 1.
        levels, edges: see ``scale``.
        kept: sentence indices.
        members: sentence indices of each document.
    """

    context: CompressedContext
    number: int
    levels: list[int]
    edges: list[float]
    kept: frozenset[int]
    members: list[list[int]]

    @classmethod
    def of(cls, context: CompressedContext, number: int) -> View:
        """Work out what the parts of the page share."""
        members: list[list[int]] = [[] for _ in context.segmentation.documents]
        for i, s in enumerate(context.segmentation.sentences):
            members[s.document].append(i)
        return cls(context, number, *scale(context.scores), frozenset(context.selection.kept), members)

    @property
    def name(self) -> str:
        """Name of the scorer, escaped."""
        return _text(self.context.scores.scorer)

    def classes(self, index: int) -> str:
        """Shade and state of a sentence, as class names."""
        return f"l{self.levels[index]}{' kept' if index in self.kept else ''}"


def summary(context: CompressedContext) -> str:
    """One line about a context."""
    kept, n = len(context.selection.kept), len(context.segmentation.sentences)
    return (
        f"{context.scores.scorer}: kept {context.tokens_after:,} of {context.tokens_before:,} tokens "
        f"({context.ratio:.0%}), {kept:,} of {n:,} sentences"
    )


def body(contexts: Sequence[CompressedContext]) -> str:
    """Everything between the page's body tags but its scripts."""
    views = [View.of(c, n) for n, c in enumerate(contexts)]
    columns = f'<div class="columns n{len(views)}">'
    parts = [
        '<a class="skip" href="#documents">Skip to the documents</a>',
        f'<header><p class="brand">ragcompress report</p><h1 dir="auto">{_text(contexts[0].question)}</h1>',
        *_notes(contexts),
        f"{columns}{''.join(map(_head, views))}</div>",
        f'<div class="legends">{"".join(map(_legend, views))}</div>',
        '<p id="agreement"></p>' if len(views) > 1 else "",
        "</header>",
        _bar(views),
        f'<main class="n{len(views)}"><section id="reader"><h2>What the reader gets</h2>',
        f"{columns}{''.join(map(_reader, views))}</div>",
        f'</section><section id="documents"><h2>The documents</h2><p class="help">{_HELP}</p>',
        *(_document(views, d) for d in range(len(contexts[0].segmentation.documents))),
        '<div id="tip" role="tooltip" hidden></div><p id="said" class="unseen" aria-live="polite"></p>',
        f"</section></main><footer>{''.join(map(_settings, views))}</footer>",
    ]
    return "\n".join(filter(None, parts))


def _notes(contexts: Sequence[CompressedContext]) -> list[str]:
    why = [f"Nothing was compressed: {c.passthrough}" for c in contexts if c.passthrough]
    if not why and any(c.layout is None for c in contexts):
        why = ["This context came without its counter: other budgets can't be shown."]
    why += [c.promise.describe(c.tokens_after) for c in contexts if c.promise is not None]
    why += [f"{c.best_effort}." for c in contexts if c.best_effort]
    return [f'<p class="note">{_text(words)}</p>' for words in why]


def _head(view: View) -> str:
    """Name of the scorer and the figures that sum the view up; scripts fill in those of other budgets."""
    context = view.context
    n_documents = len({context.segmentation.sentences[i].document for i in view.kept})
    before, after = context.tokens_before, context.tokens_after
    tiles = [
        ("tokens", "Tokens", f"{after:,}", f"of {before:,}"),
        ("saved", "Saved", f"{1 - context.ratio:.0%}", f"{before - after:,} tokens"),
        ("sentences", "Sentences", f"{len(view.kept):,}", f"of {len(view.levels):,}"),
        ("documents", "Documents", f"{n_documents:,}", f"of {len(view.members):,}"),
    ]
    if context.scores.calibrated:
        recall = _calibrated_recall(view)
        held, more = (
            (_expected_recall(view), "expected to be kept")
            if recall is None
            else (recall, "by the calibration")
        )
        tiles.append(("evidence", "Evidence", f"{held:.0%}", more))
    shown = "".join(
        f'<div><dt>{name}</dt><dd><b data-tile="{key}">{value}</b> '
        f'<span data-more="{key}">{more}</span></dd></div>'
        for key, name, value, more in tiles
    )
    return (
        f'<section class="head view{view.number}" data-view="{view.number}" aria-label="{view.name}">'
        f'<h2><span class="key"></span>{view.name}</h2><dl>{shown}</dl>{_ladder(view)}</section>'
    )


def _calibrated_recall(view: View) -> float | None:
    """The share of the evidence that a calibration bounds; None without one that fits."""
    context = view.context
    return None if context.outlook is None else context.outlook.recall(context.selection)


def _expected_recall(view: View) -> float:
    """Share of the evidence that is expected to be among the kept."""
    values = view.context.scores.values
    total = float(values.sum())
    return float(values[sorted(view.kept)].sum()) / total if total else 1.0


def _ladder(view: View) -> str:
    """All scores, best first, as bars: where the budget cuts shows at a glance."""
    values, ranking = view.context.scores.values, view.context.scores.ranking()
    low, high = min(0.0, *values.tolist()), max(0.0, *values.tolist())
    bars, width = [], 0.84 if len(ranking) < _MANY else 1.0
    for rank, i in enumerate(ranking):
        height = max(2.0, 100 * (float(values[i]) - low) / ((high - low) or 1.0))
        bars.append(
            f'<rect class="bar{" kept" if i in view.kept else ""}" data-s="{i}" '
            f'x="{rank + (1 - width) / 2:.2f}" width="{width}" y="{100 - height:.1f}" height="{height:.1f}"/>'
        )
    return (
        f'<figure><svg class="ladder" data-view="{view.number}" viewBox="0 0 {max(12, len(ranking))} 100" '
        'preserveAspectRatio="none" role="img" aria-label="Scores of all sentences, best first">'
        f"{''.join(bars)}</svg><figcaption>All sentences, best first (best: {high:.3g}); in color: kept"
        "</figcaption></figure>"
    )


def _bar(views: Sequence[View]) -> str:
    """The slider, which scripts bring to life, and what the shades mean."""
    limit = views[0].context.limit
    return (
        '<section class="budget" aria-label="Budget"><div id="control" hidden>'
        '<label for="slider">Budget</label>'
        '<div class="track"><span id="axis"></span><svg id="curve" viewBox="0 0 1000 100" '
        'preserveAspectRatio="none" aria-hidden="true"></svg>'
        '<input type="range" id="slider" aria-describedby="next"></div>'
        '<span class="typed"><input type="number" id="limit" aria-label="Budget in tokens"> tokens, '
        '<span id="share"></span></span><button type="button" id="reset">As run</button></div>'
        f'<p id="next">Budget: {limit:,} tokens.</p></section>'
    )


def _legend(view: View) -> str:
    names = [f"{e:.2g}" if abs(e) < 100 else f"{e:,.0f}" for e in view.edges]
    steps = [f"under {names[0]}", *names[:-1], f"{names[-1]} and up"] if names else ["all equal"]
    cells = "".join(f'<span class="l{k}">{name}</span>' for k, name in enumerate(steps))
    meaning = "probability that a sentence is needed" if view.context.scores.calibrated else "score"
    return (
        f'<p class="legend view{view.number}"><i>{view.name}, {meaning}:</i> {cells} '
        '<span class="kept">kept</span> <span class="dim">dropped</span></p>'
    )


def _reader(view: View) -> str:
    context, shown, end = view.context, [], 0
    for p in context.pieces:
        sentence = context.segmentation.sentences[p.sentence]
        shown.append(
            f'<span class="between">{_text(context.text[end : p.start])}</span>'
            f'<a class="piece l{view.levels[p.sentence]}" id="p{view.number}-{p.sentence}" '
            f'href="#s{view.number}-{p.sentence}" data-s="{p.sentence}" data-n="{sentence.document + 1}" '
            f'data-kind="{sentence.kind}">{_text(context.text[p.start : p.end])}</a>'
        )
        end = p.end
    return (
        f'<article class="view{view.number}" data-view="{view.number}" aria-label="{view.name}">'
        '<div class="places" aria-hidden="true"></div><p class="best"></p>'
        f'<div class="context" dir="auto">{"".join(shown)}</div>'
        '<p><button type="button" class="copy" hidden>Copy this text</button></p></article>'
    )


def _document(views: Sequence[View], index: int) -> str:
    context = views[0].context
    name = _line(context.segmentation.documents[index].source or "")
    title = _line(context.segmentation.documents[index].title or "")
    title = title or _last_part(name) or f"Document {index + 1}"
    where = f'<p class="source">{_text(name)}</p>' if name and name != title else ""
    cells = "".join(_cell(v, index, title) for v in views)
    return (
        f'<article class="document"><h3 dir="auto"><span class="number">{index + 1}</span> {_text(title)}'
        f'</h3>{where}<div class="columns n{len(views)}">{cells}</div></article>'
    )


def _cell(view: View, index: int, title: str) -> str:
    """One document as one scorer sees it: a bar of its sentences, and the sentences."""
    sentences = view.members[index]
    if not sentences:
        return f'<div class="view{view.number}"><p class="source">no text</p></div>'
    length = len(view.context.segmentation.documents[index].text)
    label = f"{_text(title)}, {view.name}"
    return (
        f'<div class="view{view.number}" data-view="{view.number}"><p class="counts"><svg class="strip" '
        f'viewBox="0 0 {length} 10" preserveAspectRatio="none" aria-hidden="true">'
        f'{"".join(_segment(view, i) for i in sentences)}</svg> <span data-document="{index}">'
        f"{len(view.kept.intersection(sentences))} of {len(sentences)} kept</span></p>"
        f'<div class="text" dir="auto" role="listbox" aria-multiselectable="true" aria-readonly="true" '
        f'aria-label="{label}">{"".join(_span(view, i, i == sentences[0]) for i in sentences)}</div></div>'
    )


def _segment(view: View, index: int) -> str:
    s = view.context.segmentation.sentences[index]
    return (
        f'<rect class="{view.classes(index)}" data-s="{index}" x="{s.start_char}" '
        f'width="{s.end_char - s.start_char}" y="0" height="10"/>'
    )


def _span(view: View, index: int, first: bool) -> str:
    s = view.context.segmentation.sentences[index]
    gap = "" if first else _text(view.context.segmentation.gap_before(index))
    return (
        f'{gap}<span class="s {view.classes(index)}" id="s{view.number}-{index}" data-s="{index}" '
        f'role="option" tabindex="-1" data-kind="{s.kind}" aria-selected="{str(index in view.kept).lower()}">'
        f"{_text(s.text)}</span>"
    )


def _settings(view: View) -> str:
    context = view.context
    budget = {k: v for k, v in context.settings.get("budget", {}).items() if v is not None}
    known = {"order": context.order, "limit": f"{context.limit} tokens", **budget, **context.settings}
    known |= dict(context.settings.get("scorer_settings", {}))
    known["seconds"] = ", ".join(f"{stage} {s:.2f}" for stage, s in context.seconds.items())
    cells = "".join(
        f"<div><dt>{_text(str(k))}</dt><dd>{_text(str(v))}</dd></div>"
        for k, v in known.items()
        if k not in ("budget", "scorer_settings") and v is not None
    )
    return f"<details><summary>Settings of {view.name}</summary><dl>{cells}</dl></details>"


def _text(text: str) -> str:
    """Escaped; control characters, which HTML can't hold, become a sign for one."""
    return html.escape(_CONTROL.sub("\ufffd", _LINE_END.sub("\n", text)))


def _last_part(source: str) -> str:
    """A file's name without its folders."""
    return re.split(r"[/\\]", source.rstrip("/\\"))[-1]


def _line(text: str) -> str:
    return " ".join(text.split())
