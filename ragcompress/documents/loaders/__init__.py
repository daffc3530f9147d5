"""Bytes of a file → text, and the way from the text back to page or line. One module per format.

A loader is ``load(data, name, clock) -> Loaded``; ``name`` is what messages call the file, and ``clock`` is
looked at between pieces of work. It raises ``UnreadableFile`` for what holds no text, and ``MissingExtra``
where its library is not installed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from ...data import Syntax
from ...errors import RagCompressError, UnreadableFile
from ...places import Places
from ._clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    Loader = Callable[[bytes, str, Clock], "Loaded"]

_MODULES = {
    ".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown",
    ".rst": "text", ".adoc": "text",
    ".org": "text", ".tex": "text", ".log": "text",
    ".csv": "csv", ".tsv": "csv",
    ".html": "html", ".htm": "html", ".xhtml": "html",
    ".eml": "mail", ".mhtml": "mail", ".mht": "mail",
    ".pdf": "pdf", ".docx": "docx", ".pptx": "pptx", ".xlsx": "xlsx",
}  # fmt: skip
_CODE = (
    ".py .pyi .js .mjs .ts .jsx .tsx .java .kt .scala .groovy .c .h .cc .cpp .cxx .hh .hpp .cs .go .rs "
    ".swift .m .rb .php .pl .pm .lua .r .jl .hs .ml .ex .exs .erl .clj .dart .sh .bash .zsh .fish .ps1 .sql "
    ".proto .css .scss .yaml .yml .toml .ini .cfg .conf .xml .cmake .gradle .tf .nix"
).split()
_MODULES |= dict.fromkeys(_CODE, "code")
SUFFIXES = tuple(_MODULES)
"""Endings of the files that have a loader (JSON is not among them: it holds documents)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a loader made of a file.

    Attributes:
        text: Markdown, plain text, source code or CSV, as ``syntax`` says; never blank.
        places: from offsets in ``text`` to pages or lines of the file.
        title: the document's own, where its format has a reliable one.
        notes: what is wrong with it, one line each.
        left_out: how much of which kind is in the file but not in the text: ``hidden row``, ``comment`` …
    """

    text: str
    places: Places
    title: str | None = None
    syntax: Syntax = "markdown"
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=Counter)


def load(data: bytes, suffix: str, name: str, limit: int, seconds: float | None = None) -> Loaded:
    """Load a file by its ending (lower case); one that is not known is taken for plain text.

    Args:
        limit: most bytes that an archive (Office files are some) may unpack to.
        seconds: what reading it may take; None: as long as it takes.

    Raises:
        UnreadableFile: says what is wrong with the file.
        MissingExtra: if the format's library is not installed.
    """
    from . import contents

    contents.check(data, suffix, name, limit)
    loader: Loader = import_module(f".{_MODULES.get(suffix, 'text')}", __name__).load
    try:
        loaded = loader(data, name, Clock(name, seconds))
    except RagCompressError:
        raise
    except RecursionError:
        raise UnreadableFile(name, "broken", "is nested too deeply to be read") from None
    except MemoryError:
        raise UnreadableFile(name, "too large", "needs more memory than there is") from None
    except Exception as error:  # broken files make parsers raise whatever there is
        details = f"can't be read as {contents.WORDS.get(suffix, suffix)}: {' '.join(str(error).split())}"
        raise UnreadableFile(name, "broken", details) from error
    if not loaded.text.strip():
        raise UnreadableFile(name, "without text", "holds no text")
    return loaded
