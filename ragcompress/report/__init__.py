"""The report: one HTML page that shows what was kept, why, and what it would cost to keep more.

The page is a file of its own: no network, no script but its own (a Content-Security-Policy with hashes says
so to the browser), and it is complete without scripts, as printed or mailed. It holds no algorithm: every
selection that its slider shows was made here, by the library, and is looked up there (``sweep``).
"""

from __future__ import annotations

import base64
import hashlib
import html
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from ..errors import InputError
from .markup import body, summary
from .payload import payload
from .sweep import sweep

if TYPE_CHECKING:
    from ..context import CompressedContext

_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; base-uri 'none'; "
    "form-action 'none'"
)
_FRAME = (
    '<p>{summary}</p><iframe sandbox="allow-scripts" title="ragcompress report" width="100%" height="720" '
    'style="border:0" srcdoc="{page}"></iframe>'
)


def page(context: CompressedContext, compare: CompressedContext | None = None) -> str:
    """Return the page, in ASCII.

    Args:
        compare: what another scorer made of the same sentences and question, shown beside.

    Raises:
        InputError: if ``compare`` is about other sentences or another question.
    """
    views = (context,) if compare is None else (context, compare)
    if compare is not None:
        _check_same(context, compare)
    style, script = (_file(name) for name in ("style.css", "script.js"))
    stops = sweep(views)
    filled = Template(_file("page.html")).substitute(
        policy=html.escape(_POLICY.format(style=_digest(style), script=_digest(script))),
        title=html.escape(context.question),
        style=style,
        script=script,
        data=payload(views, stops),
        body=body(views),
    )
    return filled.encode("ascii", "xmlcharrefreplace").decode("ascii")


def notebook(context: CompressedContext) -> str:
    """Return the page in a frame of its own, behind a line that stays where frames are not shown."""
    return _FRAME.format(summary=html.escape(summary(context)), page=html.escape(page(context)))


def _check_same(context: CompressedContext, other: CompressedContext) -> None:
    if other.question != context.question:
        raise InputError("the contexts to compare answer different questions")
    if other.segmentation.sentences != context.segmentation.sentences:
        raise InputError("the contexts to compare are made of different sentences")
    if other.tokens_before != context.tokens_before:
        raise InputError("the contexts to compare were counted or laid out in different ways")


def _file(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """What the policy calls a script or style: the hash of what stands between its tags."""
    return base64.b64encode(hashlib.sha256(text.encode("ascii")).digest()).decode("ascii")
