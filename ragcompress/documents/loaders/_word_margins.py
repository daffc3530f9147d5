"""Headers and footers of the pages of a Word file, each once, as paragraphs at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ._office import Package, attribute, find, local, within
from ._word_drawn import run_of

_PAGE = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.IGNORECASE)
_BARE = re.compile(r"[\W_]*\d{0,3}[\W_]*")
_OFF = ("0", "false", "off")


def append_margins(root: Any, package: Package, rewrite: Callable[[Any], None]) -> None:
    """Write what the margins say at the end of the document.

    Args:
        rewrite: takes out of a margin what nobody sees.
    """
    body = find(root, "body")
    if body is None:
        return
    parts, targets = _wanted(root, package), package.targets(package.main)
    texts: list[str] = []
    for name, (kind, part) in sorted(targets.items()):
        if name not in parts or kind not in ("header", "footer") or (margin := package.xml(part)) is None:
            continue
        numbers = _page_numbers(margin)
        rewrite(margin)
        text = " · ".join(_lines(margin, numbers))
        if text and (line := f"Page {kind}: {text}") not in texts:
            texts.append(line)
    at = next((body.index(e) for e in body if local(e) == "sectPr"), len(body))
    for text in reversed(texts):
        paragraph = body.makeelement(body.tag.replace("}body", "}p"))
        paragraph.append(run_of(body, text))
        body.insert(at, paragraph)


def _wanted(root: Any, package: Package) -> set[str | None]:
    """The relations to margins that some page has: those of first and even pages must be switched on."""
    settings = package.xml(package.part("settings", "word/settings.xml"))
    even = settings is not None and _is_on(find(settings, "evenAndOddHeaders"))
    first = any(_is_on(find(section, "titlePg")) for section in within(root, "sectPr"))
    unseen = {None if even else "even", None if first else "first"}
    margins = within(root, "headerReference", "footerReference")
    return {attribute(each, "id") for each in margins if attribute(each, "type") not in unseen - {None}}


def _is_on(element: Any) -> bool:
    return element is not None and attribute(element, "val") not in _OFF


def _page_numbers(margin: Any) -> set[Any]:
    """The elements of text that hold the numbers of pages."""
    numbers: set[Any] = set()
    opened: list[str] = []
    for element in within(margin, "fldChar", "instrText", "fldSimple", "t"):
        match local(element):
            case "fldChar" if attribute(element, "fldCharType") == "begin":
                opened.append("")
            case "fldChar" if attribute(element, "fldCharType") == "end" and opened:
                opened.pop()
            case "instrText" if opened:
                opened[-1] += element.text or ""
            case "fldSimple" if _PAGE.match(attribute(element, "instr") or ""):
                numbers.update(within(element, "t"))
            case "t" if any(map(_PAGE.match, opened)):
                numbers.add(element)
    return numbers


def _lines(element: Any, numbers: set[Any] | None) -> Iterator[str]:
    """The lines of a margin; those with nothing but the number of a page are left out.

    Args:
        numbers: elements that hold one; None: within a table, where all lines stay.
    """
    for part in element:
        if local(part) == "tr":
            cells = (" ".join(_lines(cell, None)) for cell in part)
            if line := " ".join(filter(None, cells)):
                yield line
        elif local(part) == "p":
            words, others = _words(part, numbers or set())
            if words and (numbers is None or not _BARE.fullmatch(others)):
                yield words
            for box in within(part, "txbxContent"):
                yield from _lines(box, numbers)
        elif local(part) != "txbxContent":
            yield from _lines(part, numbers)


def _words(paragraph: Any, numbers: set[Any]) -> tuple[str, str]:
    """What a paragraph says, without its boxes; and the same without numbers of pages."""
    words, others = "", ""
    for part in within(paragraph, "t", "tab", "br", "noBreakHyphen"):
        if next((up for up in part.iterancestors() if local(up) == "p"), None) is not paragraph:
            continue
        text = {"t": part.text or "", "noBreakHyphen": "-"}.get(local(part), " ")
        words += text
        others += "" if part in numbers else text
    return " ".join(words.split()), others
