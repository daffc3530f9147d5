"""Parts of Office files (zips of XML), their relations, and what is drawn in them: charts, diagrams."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from functools import cached_property
from itertools import zip_longest
from typing import Any

from ._grid import Cell, pipe_table
from ._number_formats import shown

_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_WHOLE = re.compile(r"\s*[-+]?[0-9]{1,15}\s*")
_DRAWN = re.compile(r"/(?:charts/chart\d*|diagrams/data\d*)\.xml$")


def local(element: Any) -> str:
    """The name of an element without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Any, name: str) -> str | None:
    """An attribute by its name without the namespace: strict and transitional files differ in it."""
    return next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == name), None)


def find(element: Any, name: str) -> Any:
    """The first child of a name; None if there is none, or no element."""
    return next((c for c in (() if element is None else element) if local(c) == name), None)


def within(element: Any, *names: str) -> Iterator[Any]:
    """All elements of these names within, at any depth."""
    return (each for each in element.iter() if local(each) in names)


def property_of(element: Any, properties: str, name: str) -> Any:
    """A property of an element, by the names of the list that it stands in and its own; None: not set."""
    node = find(element, properties)
    return None if node is None else find(node, name)


def sibling(like: Any, name: str, value: str | None) -> Any:
    """An element in the name space of another."""
    space = like.tag[: like.tag.index("}") + 1]
    return like.makeelement(space + name, {} if value is None else {f"{space}val": value})


def whole(value: str | None, default: int = 0) -> int:
    """A whole number as files write it; anything else counts as not said.

    Digits of other scripts and endless ones are none: one odd attribute must not cost the whole document.
    """
    return int(value) if value and _WHOLE.fullmatch(value) else default


def alternative(properties: Any) -> str:
    """What stands for a picture, for those who can't see it.

    Args:
        properties: the element with the picture's name and description; None: there is none.
    """
    return (
        ""
        if properties is None
        else alternative_text(properties.get("descr") or properties.get("title") or "")
    )


def alternative_text(words: str) -> str:
    """The words for a picture; names of files say nothing."""
    text = " ".join(words.split())
    return "" if "/" in text or text.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".svg")) else text


class Package:
    """The parts of an Office file."""

    def __init__(self, data: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        self.names = frozenset(self._zip.namelist())

    @cached_property
    def _parser(self) -> Any:
        from lxml import etree

        return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)

    def read(self, part: str) -> bytes:
        """The bytes of a part; empty if there is none."""
        return self._zip.read(part) if part in self.names else b""

    def xml(self, part: str) -> Any:
        """The root of a part; None if there is none, or it is broken."""
        from lxml import etree

        try:
            return etree.fromstring(self.read(part), self._parser) if part in self.names else None
        except etree.XMLSyntaxError:
            return None

    @cached_property
    def main(self) -> str:
        """The part that holds a document, workbook or presentation: programs name it as they like."""
        return self._of("", "officeDocument") or ""

    def part(self, kind: str, default: str) -> str:
        """A part that the main one refers to, by the kind of the relation."""
        return self._of(self.main, kind) or default

    def _of(self, part: str, kind: str) -> str | None:
        paths = (path for other, path in self.targets(part).values() if other == kind)
        return next((path for path in paths if path in self.names), None)

    def relations(self, part: str) -> Iterator[Any]:
        """What a part refers to, in its file or elsewhere."""
        folder, name = posixpath.split(part)
        root = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        return iter(()) if root is None else root.iter(_RELATIONS)

    def targets(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part refers to within its file: of each id the last word of its type, and the part."""
        folder = posixpath.dirname(part)
        targets = {}
        for relation in self.relations(part):
            target = relation.get("Target") or ""
            path = (
                target.lstrip("/")
                if target.startswith("/")
                else posixpath.normpath(posixpath.join(folder, target))
            )
            if relation.get("TargetMode") != "External":
                targets[relation.get("Id") or ""] = (posixpath.basename(relation.get("Type") or ""), path)
        return targets

    def drawings(self, part: str) -> dict[str, str]:
        """Charts and diagrams that a part refers to, as text, by the id of the relation."""
        drawings = {}
        for name, (kind, path) in self.targets(part).items():
            if not (kind == "chartEx" or _DRAWN.search(path)) or (root := self.xml(path)) is None:
                continue
            read = {"chart": chart, "chartEx": chart_of_2016}.get(kind, diagram)
            drawings[name] = read(root)
        return {name: text for name, text in drawings.items() if text}

    def on_sheet(self, part: str) -> list[str]:
        """What is drawn on a sheet: words of shapes, what stands for pictures, charts."""
        boxes, charts = [], []
        for kind, path in self.targets(part).values():
            if kind != "drawing" or (root := self.xml(path)) is None:
                continue
            drawings = self.drawings(path)
            charts += [drawings[name] for name in drawn_in(root) if name in drawings]
            boxes += [_of_shape(shape) for shape in within(root, "sp", "pic") if _is_shown(shape)]
        return list(filter(None, [*boxes, *charts]))


def drawn_in(element: Any) -> list[str]:
    """The relations to charts and diagrams that are shown within an element, in its order."""
    drawn = (each for each in within(element, "chart", "relIds") if _is_shown(each))
    return [name for each in drawn if (name := attribute(each, "id") or attribute(each, "dm"))]


def _is_shown(element: Any) -> bool:
    """Whether nothing that holds it is hidden, or drawn for older programs only."""
    for up in (element, *element.iterancestors()):
        if local(up) == "Fallback" and find(up.getparent(), "Choice") is not None:
            return False
        properties = next((e for e in up if local(e).startswith("nv")), None)
        named = find(properties, "cNvPr") if properties is not None else None
        if named is not None and named.get("hidden") in ("1", "true"):
            return False
    return True


def _of_shape(shape: Any) -> str:
    lines = ["".join(t.text or "" for t in within(p, "t")) for p in within(shape, "p")]
    description = alternative(next(within(shape, "cNvPr"), None))
    return "\n".join(filter(str.strip, lines)) or (f"[Image: {description}]" if description else "")


def diagram(root: Any) -> str:
    """The points of a diagram (SmartArt) as a list."""
    points = (
        " ".join("".join(t.text or "" for t in within(p, "t")) for p in within(point, "p"))
        for point in within(root, "pt")
    )
    return "\n".join(f"- {' '.join(point.split())}" for point in points if point.strip())


def chart(root: Any) -> str:
    """Title, names and values of a chart: a column for each series."""
    title = find(find(root, "chart") if local(root) != "chart" else root, "title")
    words = "" if title is None else " ".join("".join(t.text or "" for t in within(title, "t", "v")).split())
    names, columns, categories = [], [], {}
    for series in within(root, "ser"):
        tx, cat = find(series, "tx"), find(series, "cat")
        cat = find(series, "xVal") if cat is None else cat
        val = find(series, "val")
        val = find(series, "yVal") if val is None else val
        names.append("" if tx is None else " ".join(_points(tx).values()))
        columns.append({} if val is None else _points(val))
        categories.update(
            {} if cat is None else {k: v for k, v in _points(cat).items() if k not in categories}
        )
    lines = [f"Chart: {words}"] if words else ["Chart"]
    keys = sorted({key for column in columns for key in column} | set(categories))
    rows = [
        [Cell(categories.get(key, "")), *(Cell(column.get(key, "")) for column in columns)] for key in keys
    ]
    axes = [" ".join("".join(t.text or "" for t in within(find(a, "title"), "t")).split())
            for a in within(root, "catAx", "valAx", "dateAx") if find(a, "title") is not None]  # fmt: skip
    lines += [f"Axes: {', '.join(filter(None, axes))}"] if any(axes) else []
    table = pipe_table([[Cell(""), *map(Cell, names)], *rows], 1)[1] if rows else ""
    return "\n\n".join([". ".join(lines), table] if table else lines) if table or words else ""


def chart_of_2016(root: Any) -> str:
    """Title, categories and values of a chart of the newer kinds, such as a waterfall."""
    title = next(within(root, "title"), None)
    words = "" if title is None else " ".join("".join(t.text or "" for t in within(title, "t", "v")).split())
    rows: list[list[Cell]] = []
    for data in within(root, "data"):
        named = [p.text or "" for dimension in within(data, "strDim") for p in within(dimension, "pt")]
        values = [p.text or "" for dimension in within(data, "numDim") for p in within(dimension, "pt")]
        rows += [[Cell(name), Cell(value)] for name, value in zip_longest(named, values, fillvalue="")]
    table = pipe_table([[Cell(""), Cell("")], *rows], 1)[1] if rows else ""
    return "\n\n".join(filter(None, [f"Chart: {words}" if words else "Chart", table]))


def _points(element: Any) -> dict[int, str]:
    """Cached values by their numbers, as shown; names of several levels with those above them."""
    levels = list(within(element, "lvl"))
    if len(levels) > 1:
        inner, *outer = map(_points, levels)
        return {
            index: " / ".join([*(_last_before(names, index) for names in reversed(outer)), name])
            for index, name in inner.items()
        }
    code = next((c.text or "" for c in within(element, "formatCode")), "General")
    points: dict[int, str] = {}
    for point in within(element, "pt"):
        value = next((v.text or "" for v in within(point, "v")), "")
        index = whole(attribute(point, "idx"), len(points))
        format = attribute(point, "formatCode") or code
        points[index] = _as_shown(value, format)
    return points or {0: " ".join(v.text or "" for v in within(element, "v"))}


def _last_before(names: dict[int, str], index: int) -> str:
    """The name that reaches over a number: the last that begins at it or before."""
    return names[max((start for start in names if start <= index), default=min(names))]


def _as_shown(value: str, code: str) -> str:
    try:
        return shown(float(value), code) if code != "General" else value
    except ValueError:
        return value
