"""A Word file made ready for mammoth: what it passes over becomes words, what nobody sees is taken out.

Fields, formulas, readings of characters and text boxes become runs; deleted, moved and hidden text goes.
Neighboring runs that look alike to us become one, for mammoth takes 80 µs for each.
"""

from __future__ import annotations

import copy
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from ._formulas import CLOSING, formula
from ._office import Package, attribute, drawn_in, find, local, property_of, sibling, whole, within
from ._word_drawn import (
    choose,
    join_drop_caps,
    replace,
    run_of,
    show_drawn,
    show_signs,
    take_out_hidden,
    write_reading,
)
from ._word_fields import take_out_instructions
from ._word_margins import append_margins
from ._word_notes import Label, note_labels
from ._word_numbers import Numbers
from ._word_references import NOTES, mend_references
from ._word_tables import align_cells

_UNSEEN = re.compile(r"^word/(?:media|embeddings|fonts|charts|diagrams|theme|comments)")
# Of a run's properties, what changes the meaning of its text.
_KEPT = ("vertAlign", "strike", "dstrike")
_NOISE = (
    "proofErr bookmarkStart bookmarkEnd lastRenderedPageBreak softHyphen commentRangeStart commentRangeEnd "
    "commentReference permStart permEnd"
).split()
_DELETED = ("del", "moveFrom")
# Of a text that is raised or lowered by hand, in half points.
_OFF_LINE = 4
# Letters of one point and less are not seen; in half points.
_TINY = 2
_HIGHLIGHTS = {
    "black": "000000", "white": "FFFFFF", "yellow": "FFFF00", "red": "FF0000", "blue": "0000FF",
    "green": "00FF00", "cyan": "00FFFF", "magenta": "FF00FF", "darkBlue": "000080", "darkRed": "800000",
}  # fmt: skip
_WHITE = re.compile("f[c-f]f[c-f]f[c-f]", re.IGNORECASE)


class Prepared(NamedTuple):
    """A Word file, written anew.

    Attributes:
        data: for mammoth.
        labels: the marks of its notes.
        charts: charts and diagrams as text.
    """

    data: bytes
    labels: dict[str, Label]
    charts: list[str]


def prepared(package: Package, left_out: Counter[str], check: Callable[[], None]) -> Prepared:
    """Write the file anew, without pictures.

    Args:
        left_out: counts hidden text, comments and embedded objects.
        check: called between parts of the work.
    """
    from lxml import etree

    styles, numbers = _styles(package), Numbers(package)
    changed: dict[str, bytes] = {}
    labels: dict[str, Label] = {}
    drawings, charts = package.drawings(package.main), list[str]()
    for part in (package.main, *(package.part(name, f"word/{name}.xml") for name in NOTES)):
        root = package.xml(part)
        if root is None:
            continue
        mend_references(root, package, part, left_out)
        drawn = _rewrite(root, left_out, check)
        numbers.write(root, run_of)
        _clean_runs(root, styles, left_out)
        for paragraph in list(within(root, "p", "hyperlink", "ins", "sdtContent")):
            _join_runs(paragraph)
        if part == package.main:
            labels = note_labels(root, package)
            charts = [drawings[name] for name in drawn if name in drawings]
            append_margins(root, package, lambda margin: _rewrite_margin(margin, styles, left_out, check))
        changed[part] = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
        check()
    comments = package.xml(package.part("comments", "word/comments.xml"))
    left_out["comment"] += 0 if comments is None else sum(1 for _ in within(comments, "comment"))
    left_out["embedded object"] += sum(n.startswith("word/embeddings/") for n in package.names)
    left_out["embedded document"] += sum(k == "aFChunk" for k, _ in package.targets(package.main).values())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(package.names):
            if not _UNSEEN.match(name):
                archive.writestr(name, changed.get(name) or package.read(name))
    return Prepared(buffer.getvalue(), labels, charts)


Styles = dict[str, dict[str, Any]]
"""Of each style, by its id, the properties of runs that change the meaning of a text."""


def _styles(package: Package) -> Styles:
    root = package.xml(package.part("styles", "word/styles.xml"))
    properties: Styles = {}
    based: dict[str, str] = {}
    for style in () if root is None else within(root, "style"):
        name = attribute(style, "styleId") or ""
        run_properties = find(style, "rPr")
        properties[name] = {
            local(p): p
            for p in (() if run_properties is None else run_properties)
            if local(p) in (*_KEPT, "vanish")
        }
        if (above := find(style, "basedOn")) is not None:
            based[name] = attribute(above, "val") or ""
    for name in properties:
        above, visited = based.get(name), {name}
        while above in properties and above not in visited:
            properties[name] = {**properties[above], **properties[name]}
            visited.add(above)
            above = based.get(above)
    return {name: run_properties for name, run_properties in properties.items() if run_properties}


def _is_on(element: Any) -> bool:
    return element is not None and attribute(element, "val") not in ("0", "false", "off", "none")


def _rewrite(root: Any, left_out: Counter[str], check: Callable[[], None]) -> list[str]:
    """Write a part anew; the relations to charts and diagrams that are shown in it."""
    for element in list(within(root, *_NOISE)):
        _remove(element)
    _accept_changes(root, left_out)
    left_out["hidden shape"] += take_out_hidden(root)
    drawn = drawn_in(root)
    check()
    take_out_instructions(root)
    _write_special(root)
    join_drop_caps(root)
    align_cells(root)
    check()
    return drawn


def _rewrite_margin(margin: Any, styles: Styles, left_out: Counter[str], check: Callable[[], None]) -> None:
    _rewrite(margin, left_out, check)
    _clean_runs(margin, styles, left_out)


def _clean_runs(root: Any, styles: Styles, left_out: Counter[str]) -> None:
    for run in list(within(root, "r")):
        show_signs(run)
        _clean(run, styles, left_out)


def _accept_changes(root: Any, left_out: Counter[str]) -> None:
    for element in list(within(root, *_DELETED)):
        # A mark of a deleted paragraph or row is no deleted text.
        if local(element.getparent()) not in ("rPr", "trPr") and any(
            True for _ in within(element, "delText", "t", "drawing", "pict")
        ):
            left_out["tracked deletion"] += 1
            _remove(element)
    for cell in list(within(root, "tc")):
        if property_of(cell, "tcPr", "cellDel") is not None:
            left_out["tracked deletion"] += 1
            for part in [p for p in cell if local(p) != "tcPr"]:
                cell.remove(part)
            cell.append(sibling(cell, "p", None))
    for row in list(within(root, "tr")):
        deleted = property_of(row, "trPr", "del") is not None
        if deleted or _is_on(property_of(row, "trPr", "hidden")):
            left_out["tracked deletion" if deleted else "hidden row"] += 1
            _remove(row)


def _write_special(root: Any) -> None:
    """Formulas, readings, fields and text boxes become runs; rarer breaks become those that mammoth knows."""
    for element in within(root, "br"):
        element.attrib.clear()  # a page's end within a paragraph parts words as a line's end does
    for element in list(within(root, "cr", "ptab")):
        space = element.tag[: element.tag.index("}") + 1]
        element.tag = space + ("br" if local(element) == "cr" else "tab")
    for element in list(within(root, "oMathPara", "oMath")):
        if element.getroottree().getroot() is root:
            replace(element, [run_of(root, f" {formula(element)}{_blank_behind(element)}")])
    for element in list(within(root, "ruby")):
        write_reading(element)
    for element in list(within(root, "fldSimple", "smartTag", "dir", "bdo")):
        replace(element, list(element))
    for element in list(within(root, "AlternateContent")):
        choose(element)
    show_drawn(root)


def _blank_behind(element: Any) -> str:
    """A blank, unless a mark follows that closes what stands before."""
    following = element.getnext()
    words = "" if following is None else "".join(t.text or "" for t in within(following, "t"))
    return "" if words.startswith(CLOSING) else " "


def _remove(element: Any) -> None:
    if (parent := element.getparent()) is not None:
        parent.remove(element)


def _clean(run: Any, styles: Styles, left_out: Counter[str]) -> None:
    """Take out a run that is hidden; of another, what we don't look at."""
    properties = find(run, "rPr")
    by_name = {local(p): p for p in (() if properties is None else properties)}
    inherited = _of_styles(run, by_name.get("rStyle"), styles) if styles else {}
    is_hidden = _is_on(by_name.get("vanish", inherited.get("vanish"))) or _is_unseen(run, by_name)
    if is_hidden and next(within(run, "t", "drawing"), None) is not None:
        left_out["hidden run"] += 1
        _remove(run)
        return
    if "vertAlign" not in by_name and (raised := _height(by_name.get("position"))):
        inherited["vertAlign"] = sibling(run, "vertAlign", "superscript" if raised > 0 else "subscript")
    if _is_on(by_name.get("dstrike", inherited.get("dstrike"))):
        inherited["strike"] = sibling(run, "strike", "true")
        by_name.pop("strike", None)
    added = [copy.copy(p) for name, p in inherited.items() if name in _KEPT and name not in by_name]
    if properties is None:
        if not added:
            return
        properties = sibling(run, "rPr", None)
        run.insert(0, properties)
    for part in list(properties):
        if local(part) not in _KEPT:
            properties.remove(part)
    properties.extend(added)
    if not len(properties):
        run.remove(properties)


def _is_unseen(run: Any, by_name: dict[str, Any]) -> bool:
    """Whether letters are too small to be seen, of their ground's color, or white where nothing colors it.

    Tables and boxes may be colored by their styles, margins by what is drawn in them: white letters in them
    count as shown.
    """
    size, color = by_name.get("sz"), by_name.get("color")
    if size is not None and 0 < whole(attribute(size, "val")) <= _TINY:
        return True
    letters = "" if color is None else (attribute(color, "val") or "").upper()
    if letters not in ("", "AUTO") and letters in _grounds(by_name):
        return True
    if color is None or not _WHITE.fullmatch(attribute(color, "val") or ""):
        return False
    if any(name in by_name for name in ("shd", "highlight", "rStyle")):
        return False
    for up in run.iterancestors():
        if local(up) in ("tc", "txbxContent", "hdr", "ftr"):
            return False
        if local(up) == "p" and any(
            property_of(up, "pPr", name) is not None for name in ("shd", "pStyle", "framePr")
        ):
            return False
        if local(up) == "document":
            return find(up, "background") is None
    return True


def _grounds(by_name: dict[str, Any]) -> tuple[str, ...]:
    """The colors, in hex digits, that a run itself has behind its letters; the upper one only."""
    if (marked := by_name.get("highlight")) is not None and (name := attribute(marked, "val")) != "none":
        return (_HIGHLIGHTS.get(name or "", ""),)
    shaded = by_name.get("shd")
    is_plain = shaded is not None and attribute(shaded, "val") in ("clear", None)
    return ((attribute(shaded, "fill") or "").upper(),) if is_plain else ()


def _of_styles(run: Any, styled: Any, styles: Styles) -> dict[str, Any]:
    """What the styles of a run and of its paragraph say of it."""
    paragraph = next((up for up in run.iterancestors() if local(up) == "p"), None)
    named = None if paragraph is None else property_of(paragraph, "pPr", "pStyle")
    properties: dict[str, Any] = {}
    for style in (named, styled):
        if style is not None:
            properties |= styles.get(attribute(style, "val") or "", {})
    return properties


def _height(position: Any) -> int:
    """How far text is moved off its line, in half points; 0 for little."""
    value = 0 if position is None else whole(attribute(position, "val"))
    return value if abs(value) >= _OFF_LINE else 0


def _join_runs(paragraph: Any) -> None:
    """Put runs in a row that look alike into the first of them."""
    before = look = None
    texts: list[str] = []

    def close() -> None:
        if before is not None and len(texts) > 1:
            before[-1].text = "".join(texts)

    for part in list(paragraph):
        current = _look(part)
        if current is None:
            close()
            before = look = None
        elif current == look and before is not None:
            texts.append(part[-1].text or "")
            paragraph.remove(part)
        else:
            close()
            before, look, texts = part, current, [part[-1].text or ""]
            part[-1].set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    close()


def _look(run: Any) -> tuple[tuple[str, str | None], ...] | None:
    """The properties of a run that is one piece of text; None for anything else."""
    if local(run) != "r" or not len(run) or local(run[-1]) != "t" or len(run) > 2:
        return None
    if len(run) == 1:
        return ()
    if local(run[0]) != "rPr":
        return None
    return tuple((local(part), attribute(part, "val")) for part in run[0])
