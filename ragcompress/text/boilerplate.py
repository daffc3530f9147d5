"""What pages carry around their content: navigation, footers, notes about cookies, tables of contents."""

from __future__ import annotations

import re

# No such piece is longer; a longer one says something.
_LONGEST = 400
_NAVIGATION = (
    "prev previous next up home top back index contents bookmarks print share edit menu search login".split()
)
_WORD = re.compile(r"[^\W_]+")
_WHOLE = re.compile(
    r"""(?:\[\#[\w-]+\]\s*)?(?:
      (?:page\s+)?last\s+(?:updated|modified|changed|edited)(?:\s+(?:on|at|by))?\b[^\n.]{0,60}\.?
    | (?:zuletzt\s+(?:geändert|aktualisiert)
      | dernière\s+(?:mise\s+à\s+jour|modification)|última\s+actualización)
      \b[^\n.]{0,60}\.?
    | (?:copyright\s*)?(?:©|\(c\)|copyright\s+\d{4})[^\n]{0,120}
      (?:all\s+rights\s+reserved\.?|\d{4}[^\n]{0,60})
    | all\s+rights\s+reserved\.?
    | skip\s+to\s+(?:main\s+)?(?:content|navigation)\.?
    | (?:back\s+)?to\s+(?:the\s+)?top | jump\s+to\s+(?:navigation|search|content)
    | (?:this\s+(?:site|website|page)\s+uses\s+cookies
      | we\s+(?:and\s+our\s+partners\s+)?use\s+cookies)[^\n]{0,200}
      \b(?:accept|agree|got\s+it|ok|reject|settings)\b[^\n]{0,60}
    | (?:accept|reject|allow|decline)\s+(?:all\s+)?cookies\.? | cookie\s+(?:settings|preferences)
    | page\s+\d+\s+(?:of|/)\s+\d+ | (?:table\s+of\s+)?contents | inhaltsverzeichnis | table\s+des\s+matières
    | (?:share|tweet|follow\s+us)\s+on\s+\w+ | powered\s+by\s+[\w.\s]{1,40}
    | edit\s+(?:this\s+page|on\s+github)
    | quick\s+search | (?:show|view(?:\s+page)?)\s+source
    | permalink | print\s+this\s+page | sign\s+(?:in|up) | subscribe(?:\s+to\s+our\s+newsletter)?
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
# What ``_WHOLE`` may begin with.
_FIRST = tuple(
    "page last zuletzt dernière última copyright all skip back to jump this we accept reject allow decline "
    "cookie table contents inhaltsverzeichnis share tweet follow powered edit permalink print sign "
    "subscribe quick show view © (c) [#".split()
)
# ``Introduction ........ 7``: an entry of a table of contents.
_ENTRY = re.compile(r"[^\n]{1,120}?(?:\s?\.){4,}\s*(?:\d{1,4}|[ivxlc]{1,6})\s*")
# ``CP(1)   User Commands   CP(1)``, ``GNU coreutils 9.1   September 2022   CP(1)``: over and under man pages.
_PAGE_NAME = r"[\w.:+-]{1,60}\([1-9]\w{0,4}\)"
_DATE = r"(?:[A-Z][a-z]{2,8}\.? (?:\d{1,2}, )?(?:19|20)\d\d|(?:19|20)\d\d-\d\d-\d\d)"
_RUNNING = re.compile(
    rf"({_PAGE_NAME})\s{{3,}}\S[^\n]{{0,80}}\s{{3,}}\1"
    rf"|\S[^\n]{{0,60}}?\s{{3,}}(?:{_DATE}|v?\d+(?:\.\d+)+)\s{{3,}}{_PAGE_NAME}"
    rf"|([A-Za-z][^\n]{{0,60}}?)\s{{3,}}{_DATE}\s{{3,}}\2"
)


def is_boilerplate(text: str) -> bool:
    """Whether a unit as a whole leads about, or says what stands on every page.

    Strict: a sentence about cookies, copyright or a date is content.
    """
    if len(text) > _LONGEST:
        return False
    if text[-1] in ".!?" and not text[:16].lower().startswith(_FIRST):
        return False  # most sentences need no closer look
    bare = text.strip(" \t\r\n#*_|>-")
    if not bare:
        return False
    if "   " in bare and _RUNNING.fullmatch(bare):
        return True
    return _WHOLE.fullmatch(bare) is not None or _lists_pages(text) or _leads_about(text)


def _lists_pages(text: str) -> bool:
    if not text[-1].isalnum() or "...." not in text.replace(" ", ""):
        return False
    return all(_ENTRY.fullmatch(line) for line in text.splitlines() if line.strip())


def _leads_about(text: str) -> bool:
    """``Prev | Up | Chapter 21. Locks | Home | Next``: two or more words of navigation, between marks."""
    if len(text) > 200 or text[-1] in ".!?":
        return False
    cells = [cell.strip(" .…") for cell in re.split(r"[|\n\t»›«‹→←↑]+|\s{2,}", text)]
    words = [cell.lower() for cell in cells if _WORD.search(cell)]
    if len(words) == 1:
        words = words[0].split()
        is_marked = len(cells) > 1  # ``next |``
        return (len(words) > 1 or is_marked) and all(word in _NAVIGATION for word in words)
    leading = sum(word in _NAVIGATION for word in words)
    return leading >= 2 and leading * 2 >= len(words)
