"""Fields of a Word file: what they show stays, what tells Word how to make it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._office import attribute, find, local, whole, within
from ._word_drawn import run_of

# Fields that show words of their own, behind the name of a macro or of a place.
_BUTTONS = ("MACROBUTTON", "GOTOBUTTON")


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


def take_out_instructions(root: Any) -> None:
    """What stands in a field before its result is no text, fields within it included; lists have a choice."""
    _open_unclosed(root)
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
    """What a field without a result shows: the entry of a list, a formula, a sign, a button."""
    name, _, rest = field.instruction.strip().partition(" ")
    if field.has_result or field.chosen:
        return field.chosen
    if name.upper() == "EQ":
        return f" {rest.strip()} "
    if name.upper() in _BUTTONS:
        return " ".join(rest.split()[1:]) or None
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


def _open_unclosed(root: Any) -> None:
    """A field that begins and never ends is none: it would hide all that follows it."""
    opened: list[Any] = []
    for part in within(root, "fldChar"):
        match attribute(part, "fldCharType"):
            case "begin":
                opened.append(part)
            case "end" if opened:
                opened.pop()
    for part in opened:
        part.getparent().remove(part)
