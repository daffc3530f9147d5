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
from dataclasses import dataclass
from typing import Any

from ._formulas import CLOSING, formula
from ._office import Package, alternative, attribute, find, local, property_of, sibling, whole, within
from ._word_drawn import join_drop_caps, replace, run_of, show_drawn, show_signs, show_text_box, write_reading
from ._word_numbers import Numbers
from ._word_tables import align_cells

_UNSEEN = re.compile(r"^word/(?:media|embeddings|fonts|charts|diagrams|theme|comments)")
_TEXTS = ("document", "footnotes", "endnotes")
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


def prepared(package: Package, left_out: Counter[str], check: Callable[[], None]) -> bytes:
    """Write the file anew, without pictures.

    Args:
        left_out: counts hidden text, comments and embedded objects.
        check: called between parts of the work.
    """
    from lxml import etree

    styles, numbers = _styles(package), Numbers(package)
    changed: dict[str, bytes] = {}
    for part in (f"word/{name}.xml" for name in _TEXTS):
        root = package.xml(part)
        if root is None:
            continue
        _rewrite(root, styles, numbers, left_out, check)
        if part == "word/document.xml":
            _append_margins(root, package)
        changed[part] = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
        check()
    comments = package.xml("word/comments.xml")
    left_out["comment"] += 0 if comments is None else sum(1 for _ in within(comments, "comment"))
    left_out["embedded object"] += sum(n.startswith("word/embeddings/") for n in package.names)
    left_out["embedded document"] += sum(
        k == "aFChunk" for k, _ in package.targets("word/document.xml").values()
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(package.names):
            if not _UNSEEN.match(name):
                archive.writestr(name, changed.get(name) or package.read(name))
    return buffer.getvalue()


Styles = dict[str, dict[str, Any]]
"""Of each style, by its id, the properties of runs that change the meaning of a text."""


def _styles(package: Package) -> Styles:
    root = package.xml("word/styles.xml")
    own: Styles = {}
    based: dict[str, str] = {}
    for style in () if root is None else within(root, "style"):
        name = attribute(style, "styleId") or ""
        said = find(style, "rPr")
        own[name] = {local(p): p for p in (() if said is None else said) if local(p) in (*_KEPT, "vanish")}
        if (above := find(style, "basedOn")) is not None:
            based[name] = attribute(above, "val") or ""
    for name in own:
        above, seen = based.get(name), {name}
        while above in own and above not in seen:
            own[name] = {**own[above], **own[name]}
            seen.add(above)
            above = based.get(above)
    return {name: said for name, said in own.items() if said}


def _is_on(element: Any) -> bool:
    return element is not None and attribute(element, "val") not in ("0", "false", "off", "none")


def _rewrite(
    root: Any, styles: Styles, numbers: Numbers, left_out: Counter[str], check: Callable[[], None]
) -> None:
    for element in list(within(root, *_NOISE)):
        _remove(element)
    _accept_changes(root, left_out)
    check()
    _take_out_instructions(root)
    _write_special(root)
    join_drop_caps(root)
    align_cells(root)
    numbers.write(root, run_of)
    check()
    for run in list(within(root, "r")):
        show_signs(run)
        _clean(run, styles, left_out)
    for paragraph in list(within(root, "p", "hyperlink", "ins", "sdtContent")):
        _join_runs(paragraph)


def _accept_changes(root: Any, left_out: Counter[str]) -> None:
    for element in list(within(root, *_DELETED)):
        # A mark of a deleted paragraph or row is no deleted text.
        if local(element.getparent()) not in ("rPr", "trPr") and any(
            True for _ in within(element, "delText", "t")
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


@dataclass(slots=True)
class _Field:
    """A field that has begun.

    Attributes:
        chosen: the entry of a list that is chosen.
        instruction: what stands before its result.
        in_result, has_result: whether its result has begun, and has words.
    """

    chosen: str | None
    instruction: str = ""
    in_result: bool = False
    has_result: bool = False


def _take_out_instructions(root: Any) -> None:
    """What stands in a field before its result is no text, fields within it included; lists have a choice."""
    opened: list[_Field] = []
    for run in list(within(root, "r")):
        shown = _follow(run, opened)
        if any(not field.in_result for field in opened):
            for part in [p for p in run if local(p) in ("t", "tab", "br", "drawing", "pict")]:
                run.remove(part)
        elif shown:
            run.addnext(run_of(root, shown))


def _follow(run: Any, opened: list[_Field]) -> str | None:
    """Open and close the fields that begin and end in a run; what the one that ends here shows by itself."""
    shown = None
    for part in run:
        name = local(part)
        if name == "instrText" and opened:
            opened[-1].instruction += part.text or ""
        elif name != "rPr" and name != "fldChar" and opened and opened[-1].in_result:
            opened[-1].has_result = True
        match name == "fldChar" and attribute(part, "fldCharType"):
            case "begin":
                opened.append(_Field(_choice(part)))
            case "separate" if opened:
                opened[-1].chosen, opened[-1].in_result = None, True
            case "end" if opened:
                shown = _shown(opened.pop())
    return shown


def _shown(field: _Field) -> str | None:
    """What a field without a result shows: the entry of a list, a formula, a sign."""
    name, _, rest = field.instruction.strip().partition(" ")
    if field.has_result or field.chosen:
        return field.chosen
    if name.upper() == "EQ":
        return f" {rest.strip()} "
    number = whole(rest.split()[0]) if name.upper() == "SYMBOL" and rest and "\\f" not in rest.lower() else 0
    return chr(number) if 31 < number < 256 else None


def _choice(begin: Any) -> str | None:
    """The entry of a list that is chosen; None where there is no list."""
    listed = next(within(begin, "ddList"), None)
    if listed is None:
        return None
    entries = [attribute(e, "val") or "" for e in within(listed, "listEntry")]
    result = find(listed, "result")
    result = find(listed, "default") if result is None else result
    number = 0 if result is None else whole(attribute(result, "val"))
    return entries[number] if 0 <= number < len(entries) else None


def _write_special(root: Any) -> None:
    """Formulas, readings, fields and text boxes become runs; rarer breaks become those that mammoth knows."""
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
        show_text_box(element)
    show_drawn(root)
    for element in list(within(root, "drawing")):
        picture = next(within(element, "docPr"), None)
        if (said := alternative(picture)) and next(within(element, "txbxContent"), None) is None:
            replace(element.getparent(), [element.getparent(), run_of(root, f" [Image: {said}] ")])


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
    said = {local(p): p for p in (() if properties is None else properties)}
    inherited = _of_styles(run, said.get("rStyle"), styles) if styles else {}
    is_hidden = _is_on(said.get("vanish", inherited.get("vanish"))) or _is_unseen(run, said)
    if is_hidden and next(within(run, "t", "drawing"), None) is not None:
        left_out["hidden run"] += 1
        _remove(run)
        return
    if "vertAlign" not in said and (raised := _height(said.get("position"))):
        inherited["vertAlign"] = sibling(run, "vertAlign", "superscript" if raised > 0 else "subscript")
    if _is_on(said.get("dstrike", inherited.get("dstrike"))):
        inherited["strike"] = sibling(run, "strike", "true")
        said.pop("strike", None)
    added = [copy.copy(p) for name, p in inherited.items() if name in _KEPT and name not in said]
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


def _is_unseen(run: Any, said: dict[str, Any]) -> bool:
    """Whether letters are too small to be seen, of their ground's color, or white where nothing colors it.

    Tables and boxes may be colored by their styles: white letters in them count as shown.
    """
    size, color = said.get("sz"), said.get("color")
    if size is not None and 0 < whole(attribute(size, "val")) <= _TINY:
        return True
    letters = "" if color is None else (attribute(color, "val") or "").upper()
    if letters not in ("", "AUTO") and letters in _grounds(said):
        return True
    if color is None or not _WHITE.fullmatch(attribute(color, "val") or ""):
        return False
    if any(name in said for name in ("shd", "highlight", "rStyle")):
        return False
    for up in run.iterancestors():
        if local(up) in ("tc", "txbxContent"):
            return False
        if local(up) == "p" and any(
            property_of(up, "pPr", name) is not None for name in ("shd", "pStyle", "framePr")
        ):
            return False
        if local(up) == "document":
            return find(up, "background") is None
    return True


def _grounds(said: dict[str, Any]) -> tuple[str, ...]:
    """The colors, in hex digits, that a run itself has behind its letters; the upper one only."""
    if (marked := said.get("highlight")) is not None and (name := attribute(marked, "val")) != "none":
        return (_HIGHLIGHTS.get(name or "", ""),)
    shaded = said.get("shd")
    is_plain = shaded is not None and attribute(shaded, "val") in ("clear", None)
    return ((attribute(shaded, "fill") or "").upper(),) if is_plain else ()


def _of_styles(run: Any, styled: Any, styles: Styles) -> dict[str, Any]:
    """What the styles of a run and of its paragraph say of it."""
    paragraph = next((up for up in run.iterancestors() if local(up) == "p"), None)
    named = None if paragraph is None else property_of(paragraph, "pPr", "pStyle")
    found: dict[str, Any] = {}
    for style in (named, styled):
        if style is not None:
            found |= styles.get(attribute(style, "val") or "", {})
    return found


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
        own = _look(part)
        if own is None:
            close()
            before = look = None
        elif own == look and before is not None:
            texts.append(part[-1].text or "")
            paragraph.remove(part)
        else:
            close()
            before, look, texts = part, own, [part[-1].text or ""]
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


def _append_margins(root: Any, package: Package) -> None:
    """Headers and footers of pages, each once, as paragraphs at the end."""
    body = find(root, "body")
    if body is None:
        return
    wanted = {attribute(e, "id") for e in within(root, "headerReference", "footerReference")}
    said: list[str] = []
    for name, (kind, part) in sorted(package.targets("word/document.xml").items()):
        if name not in wanted or kind not in ("header", "footer") or (margin := package.xml(part)) is None:
            continue
        lines = (" ".join(_words(p).split()) for p in within(margin, "p"))
        text = " · ".join(line for line in lines if re.search(r"[^\W\d]", line))
        if text and (line := f"Page {kind}: {text}") not in said:
            said.append(line)
    at = next((body.index(e) for e in body if local(e) == "sectPr"), len(body))
    for text in reversed(said):
        paragraph = body.makeelement(body.tag.replace("}body", "}p"))
        paragraph.append(run_of(body, text))
        body.insert(at, paragraph)


def _words(paragraph: Any) -> str:
    return "".join(
        (e.text or "") if local(e) == "t" else f" {e.get('string') or ''} "
        for e in within(paragraph, "t", "tab", "br", "textpath")
    )
