"""References of a Word file that lead nowhere: mammoth would refuse the whole file for one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ._office import Package, attribute, local, within

NOTES = ("footnotes", "endnotes")
"""Parts with notes, by the name of their relation."""


def mend_references(root: Any, package: Package, part: str, left_out: Counter[str]) -> None:
    """Links without a target become words, and marks of notes that the file has not go.

    Args:
        root: of a part.
        left_out: counts the notes.
    """
    known = {relation.get("Id") for relation in package.relations(part)}
    for link in within(root, "hyperlink"):
        for name in [n for n in link.attrib if n.endswith("}id") and link.get(n) not in known]:
            del link.attrib[name]
    for kind in NOTES:
        marks = list(within(root, f"{kind[:-1]}Reference"))
        notes = package.xml(package.part(kind, f"word/{kind}.xml")) if marks else None
        there = {attribute(n, "id") for n in (() if notes is None else within(notes, kind[:-1]))}
        for mark in marks:
            if attribute(mark, "id") not in there and local(mark.getparent()) == "r":
                left_out["missing note"] += 1
                mark.getparent().remove(mark)
