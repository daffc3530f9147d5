"""Marks of notes of a Word file: footnotes and endnotes are counted apart, some have a sign of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._html_markdown import lettered
from ._office import Package, attribute, find, local, whole, within
from ._word_references import NOTES

_STYLES = {"lowerRoman": "i", "upperRoman": "I", "lowerLetter": "a", "upperLetter": "A"}
_SIGNS = "*†‡§"
_DEFAULT = {"footnote": "decimal", "endnote": "lowerRoman"}
_OFF = ("0", "false", "off")


@dataclass(frozen=True, slots=True)
class Label:
    """The mark of a note.

    Attributes:
        text: as the page shows it.
        number: where it has one.
        style: of lists of HTML that number so; empty: the mark is a sign.
        is_said: whether the note says its mark itself.
    """

    text: str
    number: int
    style: str
    is_said: bool = False


def note_labels(root: Any, package: Package) -> dict[str, Label]:
    """The marks of notes by their kind and number in the file, in the order of the document.

    A mark that the author chose is taken out of the words behind the reference.
    """
    settings = package.xml(package.part("settings", "word/settings.xml"))
    counts, labels = _formats(root, settings), dict[str, Label]()
    for mark in list(within(root, *_DEFAULT_MARKS)):
        kind = local(mark).removesuffix("Reference")
        key = f"{kind}-{attribute(mark, 'id')}"
        if attribute(mark, "customMarkFollows") not in (None, *_OFF) and (sign := _take_sign(mark)):
            labels[key] = Label(sign, 0, "", is_said=True)
        elif key not in labels:
            form, number = counts[kind]
            counts[kind] = form, number + 1
            labels[key] = _label(form, number)
    return labels


_DEFAULT_MARKS = tuple(f"{kind}Reference" for kind in _DEFAULT)


def _formats(root: Any, settings: Any) -> dict[str, tuple[str, int]]:
    """How notes are counted, and where they begin."""
    formats = {}
    sections = list(within(root, "sectPr"))
    for kind, form in _DEFAULT.items():
        start = 1
        for above in filter(lambda e: e is not None, (settings, *sections)):
            properties = find(above, f"{kind}Pr")
            if (value := find(properties, "numFmt")) is not None:
                form = attribute(value, "val") or form
            if (value := find(properties, "numStart")) is not None:
                start = whole(attribute(value, "val"), 1)
        formats[kind] = (form, start)
    return formats


def _take_sign(mark: Any) -> str:
    """The words behind a reference in its run, which go."""
    words = [part for part in mark.itersiblings() if local(part) == "t"]
    sign = "".join(part.text or "" for part in words).strip()
    for part in words if sign else ():
        part.getparent().remove(part)
    return sign


def _label(form: str, number: int) -> Label:
    if form == "chicago" and number > 0:
        times, sign = divmod(number - 1, len(_SIGNS))
        return Label(_SIGNS[sign] * (times + 1), number, "")
    style = _STYLES.get(form, "1") if 0 < number < 4_000 else "1"
    return Label(str(number) if style == "1" else lettered(number, style), number, style)


def write_labels(tree: Any, labels: dict[str, Label]) -> None:
    """Give the marks and notes of a page of mammoth, which counts all in one, those of the document."""
    for link in tree.xpath("//a[contains(@id, 'note-ref-')]"):
        if label := labels.get((link.get("href") or "#")[1:]):
            link.text = f"[{label.text}]"
    items = [item for item in tree.xpath("//ol/li[contains(@id, 'note-')]") if item.get("id") in labels]
    if not items:
        return
    listed = items[0].getparent()
    for kind in map(lambda name: name.removesuffix("s"), NOTES):
        of_kind = [item for item in items if item.get("id").startswith(kind)]
        for item in of_kind:
            _write_item(listed, item, labels[item.get("id")])


def _write_item(listed: Any, item: Any, label: Label) -> None:
    """Move a note behind those before it, into a list of its own if its mark is a sign."""
    before = listed.getprevious()
    tag = "ol" if label.style else "ul"
    if before is None or before.tag != tag or before.get("class") != "notes":
        before = listed.makeelement(tag, {"class": "notes"})
        listed.addprevious(before)
    before.append(item)
    if label.style:
        item.set("value", str(label.number))
        item.set("type", label.style)
    elif not label.is_said:
        first = item[0] if len(item) else item
        first.text = f"{label.text} {(first.text or '').lstrip()}"
