"""Numbers that Word puts before paragraphs: "2.", "a)", "Article 3", "1.2"; no text of the file has them.

Where Markdown writes the same number before an item of a list, the item says which; all others become words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ._html_markdown import lettered
from ._numerals import counted
from ._office import Package, attribute, find, local, property_of, sibling, whole, within

NUMBER_END = "\ufdd3"
"""Stands behind the number of an item of a list until its list is written; no document may hold it."""
_PLACE = re.compile(r"%(\d)")
_SIMPLE = re.compile(r"(\d{1,9})\.")
_UNSHOWN = ("bullet", "none")
# Above this, letters are written as numbers: Word repeats them ("aa", "bb").
_MOST_LETTERS = 26 * 30


@dataclass(frozen=True, slots=True)
class _Level:
    """A level of a list.

    Attributes:
        form: of its numbers.
        text: around them.
        start: its first number.
        restart: it begins anew behind levels up to this one, from 1; 0: never; None: behind all above it.
        is_legal: whether the numbers of other levels are written in digits, too.
    """

    form: str
    text: str
    start: int
    restart: int | None = None
    is_legal: bool = False


@dataclass(slots=True)
class _List:
    """One list of a file.

    Attributes:
        number: its own.
        key: of those that count on together.
        levels: by their number.
        fresh: levels at which it begins anew when it is first used.
        by_style: level of a paragraph style.
    """

    number: str
    key: str
    levels: dict[int, _Level] = field(default_factory=dict)
    fresh: dict[int, int] = field(default_factory=dict)
    by_style: dict[str, int] = field(default_factory=dict)


class Numbers:
    """Counts the numbered paragraphs of a file, from the first to the last."""

    def __init__(self, package: Package) -> None:
        self._lists = _lists(package.xml(package.part("numbering", "word/numbering.xml")))
        self._styles, self._headings = _styled(package.xml(package.part("styles", "word/styles.xml")))
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)

    def write(self, root: Any, run: Any) -> None:
        """Write the number of each paragraph before its words.

        Args:
            run: makes a run of a text.
        """
        if not self._lists:
            return
        depths: list[int] = []
        for paragraph in list(within(root, "p")):
            if next(within(paragraph, "t", "sym"), None) is None:
                continue
            place = self._place(paragraph)
            if place is None:
                depths = []
                continue
            used, level, named = place
            label = self._next(used, level)
            in_cell = any(local(up) == "tc" for up in paragraph.iterancestors())
            is_plain = named in self._headings or len(_PLACE.findall(used.levels[level].text)) > 1
            if label is not None:
                if not in_cell:
                    depths = [] if is_plain else [d for d in depths if d < level]
                    _set_place(paragraph, "0" if is_plain else used.number, len(depths))
                properties = find(paragraph, "pPr")
                at = 0 if properties is None else paragraph.index(properties) + 1
                ends = " " if in_cell or is_plain else NUMBER_END
                paragraph.insert(at, run(paragraph, label + ends))
            depths = [*(d for d in depths if d < level), level] if label is None or not is_plain else []

    def _place(self, paragraph: Any) -> tuple[_List, int, str] | None:
        """The list and level of a paragraph, and its style."""
        style = property_of(paragraph, "pPr", "pStyle")
        named = "" if style is None else attribute(style, "val") or ""
        if find(paragraph, "pPr") is not None and _is_gone(find(paragraph, "pPr")):
            return None
        numbering = property_of(paragraph, "pPr", "numPr")
        number, level = _of(numbering)
        if number is None:
            number, above = self._styles.get(named, (None, None))
            level = above if level is None else level
        used = self._lists.get(number or "")
        if used is None:
            return None
        level = used.by_style.get(named, 0) if level is None else level
        return (used, level, named) if level in used.levels else None

    def _next(self, used: _List, level: int) -> str | None:
        """Count on; None where nothing or a mere mark is shown."""
        counts = self._counts[used.key]
        if level in used.fresh:
            counts[level] = used.fresh.pop(level)
        else:
            counts[level] = counts.get(level, used.levels[level].start - 1) + 1
        for deeper in [n for n in counts if n > level]:
            restart = used.levels[deeper].restart if deeper in used.levels else None
            if restart is None or level < restart:
                del counts[deeper]
        level_style = used.levels[level]
        if level_style.form in _UNSHOWN or not level_style.text.strip():
            return None

        def number(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            other = used.levels.get(at, level_style)
            form = "decimal" if level_style.is_legal and other.form != "decimalZero" else other.form
            return _written(counts.get(at, other.start), form)

        return " ".join(_PLACE.sub(number, level_style.text).split()) or None


def take_numbers(tree: Any) -> None:
    """Give items of lists their numbers; those that Markdown does not write become words of their item."""
    for element in list(tree.iter()):
        element.tail = element.tail and element.tail.replace(NUMBER_END, " ")
        if NUMBER_END not in (element.text or ""):
            continue
        label, _, rest = element.text.partition(NUMBER_END)
        before, label = _apart(label)
        match = _SIMPLE.fullmatch(label)
        if element.tag == "li":
            element.getparent().tag = "ol" if match else "ul"
        if element.tag == "li" and match:
            element.set("value", match[1])
            element.text = before + rest
        else:
            element.text = f"{before}{label} {rest}"


def _apart(label: str) -> tuple[str, str]:
    """The marker of a place before a number, and the number."""
    end = label.rfind("\ufdd1") + 1
    return label[:end], label[end:].strip()


def _of(properties: Any) -> tuple[str | None, int | None]:
    number = None if properties is None else find(properties, "numId")
    level = None if properties is None else find(properties, "ilvl")
    return (
        None if number is None else attribute(number, "val"),
        None if level is None else whole(attribute(level, "val"), 0),
    )


def _is_gone(properties: Any) -> bool:
    """Whether the mark at a paragraph's end is deleted or hidden, and its number with it."""
    marks = find(properties, "rPr")
    return marks is not None and any(find(marks, name) is not None for name in ("del", "vanish"))


def _lists(root: Any) -> dict[str, _List]:
    abstract: dict[str, _List] = {}
    linked: dict[str, str] = {}
    links: dict[str, str] = {}
    for each in () if root is None else within(root, "abstractNum"):
        key = attribute(each, "abstractNumId") or ""
        abstract[key] = made = _List("", key)
        _read_levels(each, made)
        if (reference := find(each, "styleLink")) is not None:
            linked[attribute(reference, "val") or ""] = key
        if (reference := find(each, "numStyleLink")) is not None:
            links[key] = attribute(reference, "val") or ""
    lists: dict[str, _List] = {}
    for each in () if root is None else within(root, "num"):
        reference = find(each, "abstractNumId")
        key = "" if reference is None else attribute(reference, "val") or ""
        key = linked.get(links.get(key, ""), key)
        if key not in abstract:
            continue
        above = abstract[key]
        number = attribute(each, "numId") or ""
        lists[number] = made = _List(number, key, dict(above.levels), {}, dict(above.by_style))
        for override in (e for e in each if local(e) == "lvlOverride"):
            level = whole(attribute(override, "ilvl"), 0)
            _read_levels(override, made)
            if (start := find(override, "startOverride")) is not None:
                made.fresh[level] = whole(attribute(start, "val"), 1)
    return lists


def _read_levels(element: Any, into: _List) -> None:
    for each in (e for e in element if local(e) == "lvl"):
        number = whole(attribute(each, "ilvl"), 0)
        names = ("numFmt", "lvlText", "start", "pStyle", "lvlRestart", "isLgl")
        by_name = {name: find(each, name) for name in names}
        value = {k: attribute(v, "val") for k, v in by_name.items() if v is not None}
        into.levels[number] = _Level(
            value.get("numFmt") or "decimal",
            value.get("lvlText") or "",
            whole(value.get("start"), 0),
            whole(value["lvlRestart"]) if value.get("lvlRestart") else None,
            by_name["isLgl"] is not None and value.get("isLgl") not in ("0", "false", "off"),
        )
        if style := value.get("pStyle"):
            into.by_style[style] = number


def _styled(root: Any) -> tuple[dict[str, tuple[str | None, int | None]], frozenset[str]]:
    """List and level of paragraph styles, those that they are based on included; and styles of headings."""
    numbering: dict[str, tuple[str | None, int | None]] = {}
    based: dict[str, str] = {}
    headings = set()
    for style in () if root is None else within(root, "style"):
        name = attribute(style, "styleId") or ""
        numbering[name] = _of(property_of(style, "pPr", "numPr"))
        if (above := find(style, "basedOn")) is not None:
            based[name] = attribute(above, "val") or ""
        called = find(style, "name")
        if called is not None and (attribute(called, "val") or "").lower().startswith(("heading", "title")):
            headings.add(name)
    styles: dict[str, tuple[str | None, int | None]] = {}
    for name, (number, level) in numbering.items():
        above, visited = name, set[str]()
        while number is None and above in based and above not in visited:
            visited.add(above)
            above = based[above]
            number, inherited = numbering.get(above, (None, None))
            level = inherited if level is None else level
        if number is not None:
            styles[name] = (number, level)
    return styles, frozenset(headings)


def _set_place(paragraph: Any, number: str, depth: int) -> None:
    """Make a paragraph an item of a list at a depth; list "0" is none, whatever its style says."""
    properties = find(paragraph, "pPr")
    if properties is None:
        properties = sibling(paragraph, "pPr", None)
        paragraph.insert(0, properties)
    if (numbering := find(properties, "numPr")) is not None:
        properties.remove(numbering)
    numbering = sibling(paragraph, "numPr", None)
    numbering.append(sibling(paragraph, "ilvl", str(depth)))
    numbering.append(sibling(paragraph, "numId", number))
    properties.append(numbering)


def _written(number: int, form: str) -> str:
    if form in ("lowerLetter", "upperLetter") and 0 < number <= _MOST_LETTERS:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter.upper() if form == "upperLetter" else letter
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4_000:
        return lettered(number, "I" if form == "upperRoman" else "i")
    if form == "decimalZero":
        return f"{number:02}"
    if form == "ordinal":
        ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending}"
    return counted(number, form) or str(number)
