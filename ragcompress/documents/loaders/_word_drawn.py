"""What is drawn in a Word file, as runs of text: text boxes, WordArt, drop caps, readings, signs of fonts."""

from __future__ import annotations

import copy
import re
from typing import Any

from ._office import alternative, alternative_text, attribute, find, local, property_of, sibling, within

# Fonts of signs have theirs in the private use area.
_SIGN = re.compile("[\uf020-\uf0ff]")
_VML = "{urn:schemas-microsoft-com:vml}"
_UNSEEN = re.compile(r"visibility:\s*hidden|display:\s*none|mso-hide:\s*all", re.IGNORECASE)
_SIGN_FONTS = ("symbol", "wingdings", "wingdings 2", "wingdings 3", "webdings")


def run_of(like: Any, text: str) -> Any:
    """A run of text, in the name space of the document."""
    space = like.tag[: like.tag.index("}") + 1]
    run = like.makeelement(f"{space}r")
    words = like.makeelement(f"{space}t", {"{http://www.w3.org/XML/1998/namespace}space": "preserve"})
    words.text = text
    run.append(words)
    return run


def replace(element: Any, others: list[Any]) -> None:
    parent = element.getparent()
    if parent is None:
        return
    at = parent.index(element)
    parent[at : at + 1] = others


def write_reading(ruby: Any) -> None:
    reading = "".join(t.text or "" for part in ruby if local(part) == "rt" for t in within(part, "t"))
    base = find(ruby, "rubyBase")
    run = ruby.getparent()
    # A ruby stands within a run, and its base is runs: what follows it in that run is kept behind them.
    if base is None or local(run) != "r":
        return
    parts = list(base) + ([run_of(ruby, f"({reading})")] if reading.strip() else [])
    rest = [copy.copy(part) for part in ruby.itersiblings()]
    if rest:
        parts.append(run.makeelement(run.tag))
        parts[-1].extend(rest)
    for part in [*ruby.itersiblings(), ruby]:
        run.remove(part)
    parent = run.getparent()
    at = parent.index(run) + 1
    parent[at:at] = parts


def take_out_hidden(root: Any) -> int:
    """Take out shapes and pictures that are not shown; how many."""
    n_hidden = 0
    for properties in list(within(root, "docPr", "cNvPr")):
        if properties.get("hidden") in ("1", "true"):
            names = ("drawing",) if local(properties) == "docPr" else ("wsp", "pic", "wgp")
            n_hidden += _take_out(next((up for up in properties.iterancestors() if local(up) in names), None))
    for shape in [e for e in root.iter() if isinstance(e.tag, str) and e.tag.startswith(_VML)]:
        if _UNSEEN.search(shape.get("style") or ""):
            n_hidden += _take_out(shape)
    return n_hidden


def _take_out(shape: Any) -> bool:
    """Take out a shape, and the copy of it for older programs; whether it has words of its own."""
    if shape is None or shape.getparent() is None:
        return False
    above = shape.getparent()
    if local(above) == "Choice" and len(above) == 1:
        shape = above.getparent()
    has_words = any(t.text and t.text.strip() for t in within(shape, "t")) or any(
        alternative(properties) for properties in within(shape, "docPr")
    )
    replace(shape, [])
    return has_words


def choose(choices: Any) -> None:
    """Of what is written for programs of several ages, take the words: mammoth reads the oldest, if any."""
    fallback, choice = find(choices, "Fallback"), find(choices, "Choice")
    if fallback is not None and any(True for _ in within(fallback, "txbxContent")):
        replace(choices, list(fallback))
        return
    if any(True for _ in within(choices, "txbxContent")):
        replace(choices, [_box_of(choices)])
    elif choice is not None and any(local(e) == "t" or alternative(e) for e in within(choice, "t", "docPr")):
        replace(choices, list(choice))


def _box_of(element: Any) -> Any:
    """What mammoth knows as a text box, with the words of all within an element."""
    boxes = list(within(element, "txbxContent"))
    space = boxes[0].tag[: boxes[0].tag.index("}") + 1]
    picture = element.makeelement(f"{space}pict")
    picture.extend(boxes)
    return picture


def show_drawn(root: Any) -> None:
    """Text boxes that stand in no choice of several, drawn words (WordArt), names of pictures."""
    for element in list(within(root, "drawing")):
        run = element.getparent()
        if any(True for _ in within(element, "txbxContent")):
            if not any(local(up) == "AlternateContent" for up in element.iterancestors()):
                replace(element, [_box_of(element)])
            continue
        description = alternative(next(within(element, "docPr"), None))
        replace(element, [])
        if description and run is not None:
            replace(run, [run, run_of(root, f" [Image: {description}] ")])
    for picture in list(within(root, "imagedata")):
        run = next((up for up in picture.iterancestors() if local(up) == "r"), None)
        words = picture.getparent().get("alt") or attribute(picture, "title") or ""
        if run is not None and (description := alternative_text(words)):
            run.addnext(run_of(root, f" [Image: {description}] "))
        replace(picture, [])
    for element in list(within(root, "textpath")):
        run = next((up for up in element.iterancestors() if local(up) == "r"), None)
        if run is not None and (words := (element.get("string") or "").strip()):
            run.addnext(run_of(root, f" {words} "))


def join_drop_caps(root: Any) -> None:
    """A large first letter is a paragraph of its own in the file, and part of the next one's first word."""
    for paragraph in list(within(root, "p")):
        frame = property_of(paragraph, "pPr", "framePr")
        following = paragraph.getnext()
        if (
            frame is None
            or attribute(frame, "dropCap") not in ("drop", "margin")
            or following is None
            or local(following) != "p"
        ):
            continue
        at = 1 if find(following, "pPr") is not None else 0
        # Its letters are moved to stand beside the lines, which is no subscript.
        for properties in list(within(paragraph, "rPr")):
            properties.getparent().remove(properties)
        following[at:at] = [part for part in paragraph if local(part) != "pPr"]
        replace(paragraph, [])


def show_signs(run: Any) -> None:
    """Letters of a font of signs become signs that mammoth knows, where they are typed as text."""
    fonts = property_of(run, "rPr", "rFonts")
    font = None if fonts is None else attribute(fonts, "ascii") or attribute(fonts, "hAnsi")
    if font is None or font.lower() not in _SIGN_FONTS:
        return
    for part in [p for p in run if local(p) == "t" and _SIGN.search(p.text or "")]:
        made = []
        for letter in part.text:
            if _SIGN.match(letter):
                sign = sibling(run, "sym", None)
                space = sign.tag[: sign.tag.index("}") + 1]
                sign.set(f"{space}font", font)
                sign.set(f"{space}char", f"{ord(letter):04X}")
                made.append(sign)
            else:
                made.append(copy.copy(part))
                made[-1].text = letter
        replace(part, made)
