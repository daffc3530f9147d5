"""What pages carry around their content: navigation, footers, cookie notes, contents, license heads."""

from __future__ import annotations

import re

# No such piece is longer; a longer one says something.
_LONGEST = 400
_NAVIGATION = frozenset(
    "prev previous next up home top back index contents bookmarks print share edit menu search login docs api"
    " documentation contact about blog news help support faq imprint impressum privacy terms legal sitemap"
    " downloads community pricing careers".split()
) | {"privacy policy", "terms of use", "terms of service", "cookie policy", "log in", "sign in", "sign up"}
_WORD = re.compile(r"[^\W_]+")
_WHOLE = re.compile(
    r"""(?:\[\#[\w-]+\]\s*)?(?:
      (?:page\s+)?last\s+(?:updated|modified|changed|edited)(?:\s+(?:on|at|by))?\b[^\n.]{0,60}\.?
    | (?:zuletzt\s+(?:geändert|aktualisiert) | letzte\s+(?:änderung|aktualisierung):?\s+(?:\d{1,2}\.\s)?
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
    | (?:accept|reject|allow|decline)\s+(?:all|(?:all\s+)?cookies)\.? | cookie\s+(?:settings|preferences)
    | page\s+\d+\s+(?:of|/)\s+\d+ | (?:table\s+of\s+)?contents | inhaltsverzeichnis | table\s+des\s+matières
    | (?:(?:share|tweet|follow\s+us)\s+on\s+\w+\s*)+ | powered\s+by\s+[\w.\s]{1,40}
    | edit\s+(?:this\s+page(?:\s+on\s+\w+)?|on\s+github) | was\s+this\s+(?:page|article)\s+helpful\?
    | quick\s+search | (?:show|view(?:\s+page)?)\s+source
    | permalink | print\s+this\s+page | sign\s+(?:in|up) | subscribe(?:\s+to\s+our\s+newsletter)?
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
# What ``_WHOLE`` may begin with.
_FIRST = tuple(
    "page last zuletzt letzte was dernière última copyright all skip back to jump this we accept reject "
    "allow decline cookie table contents inhaltsverzeichnis share tweet follow powered edit permalink print "
    "sign subscribe quick show view © (c) [#".split()
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


# How the sentences begin of licenses that files have at their head, within so many characters.
_LICENSE = re.compile(
    r"[\W_]*(?:licensed under the apache license, version|you may obtain a copy of the license at"
    r"|unless required by applicable law or agreed to in writing, software|see the license for the specific"
    r"|this program is (?:free software|distributed in the hope)|you should have received a copy of the gnu"
    r"|permission is hereby granted, free of charge|the above copyright notice and this permission notice"
    r"|(?:the|this) software is provided (?:\W?as is|by the (?:copyright|author|regents))"
    r"|in no event shall the (?:authors|copyright)"
    r"|redistributions? (?:and use in source|of source code must|in binary form must)"
    r"|spdx-license-identifier:)",
    re.IGNORECASE,
)
_HEAD = 2_500


def is_license_head(text: str, start: int, behind: int) -> bool:
    """Whether a unit is of the license that a text begins with, and the text is about something else.

    Args:
        start: where the unit stands.
        behind: characters of the text behind it.
    """
    return start < _HEAD < behind and _LICENSE.match(" ".join(text[:120].split())) is not None


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
    cells = [cell.strip(" .…") for cell in re.split(r"[|\n\t»›«‹→←↑]+|\s>\s|\s{2,}", text)]
    words = [cell.lower() for cell in cells if _WORD.search(cell)]
    if len(words) == 1:
        words = words[0].split()
        is_marked = len(cells) > 1  # ``next |``
        return (len(words) > 1 or is_marked) and all(word in _NAVIGATION for word in words)
    leading = sum(word in _NAVIGATION for word in words)
    return leading >= 2 and leading * 2 >= len(words)
