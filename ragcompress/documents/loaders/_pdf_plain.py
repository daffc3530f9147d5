"""What the pages of a PDF are to be looked through for: nothing, if all they draw is surely dark letters.

What hides text or covers it takes words that plain pages do without. So the streams that pages are drawn with
are read word by word, and any that is not known here makes the file one to be looked through. Whatever can
be read in two ways does so too.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

# Without a boundary before it, which would be tried at each byte.
_KEYWORD = re.compile(rb"obj\b")
_NUMBERED = re.compile(rb"(?:\A|\s)(\d+)\s+\d+\s+\Z")
_LONGEST_NUMBER = 40
# A stream's dictionary, without strings and comments: these could hold what looks like its end.
_STREAM = re.compile(rb"\s*<<((?:[^()%<>]|<<[^()%<>]*+>>|<[\da-fA-F\s]*+>)*+)>>\s*stream\r?\n")
_PACKED = re.compile(rb"/Filter\s*(?:/FlateDecode\b|\[\s*/FlateDecode\s*\])")
# Other filters and their short names, what they are told, and files outside of this one.
_ODD = re.compile(rb"/(?:DecodeParms|DP|F|FFilter|FDecodeParms)\b")
_CONTENTS = re.compile(rb"/Contents\b\s*(\(|<(?!<)|\d+\s+\d+\s+R\b|\[[\d\sR]*+\])?")
_REFERENCE = re.compile(rb"(\d+)\s+\d+\s+R\b")
_NUMBERS = re.compile(rb"[\d\s]*")
# A list of layers, or streams of objects, in which it may stand; a part of a page that belongs to a layer.
_MAY_HAVE_LAYERS = (b"/OCProperties", b"/ObjStm")
_LAYER_OF_PART = re.compile(rb"/OC\s*(?:\d|<<)")
# A letter of a name that is written as a number; a state that sets a font, or how opaque it fills.
_ESCAPE = re.compile(rb"/[\w.+-]*+#[4-7]")
_FONT_OF_STATE = re.compile(rb"/Font\s*[\[\d]")
_FAINT = re.compile(rb"/ca\b(?!\s*(?:1\b(?!\.?\d)|0?\.[1-9]))")

# Numbers of colors: dark ones, any, and dark shares of black.
_DARK, _ANY, _INK = rb"(?:0(?:\.(?:[0-8]\d*+)?+)?+|\.[0-8]\d*+)", rb"[\d.]++", rb"(?:1|0?\.[5-9]\d*+)"
# With blanks between: a line end could end a comment.
_SEEN = re.compile(
    rb"""(?:\A|[\s\])>])(?:
    %(d)s[ ]++g | (?:%(d)s[ ]++%(n)s[ ]++%(n)s|1[ ]++%(d)s[ ]++%(n)s|1[ ]++1[ ]++%(d)s)[ ]++rg
    | %(n)s[ ]++%(n)s[ ]++%(n)s[ ]++%(k)s[ ]++k | [0-2][ ]++Tr | /[\w.+-]++[ ]++gs )\Z"""
    % {b"d": _DARK, b"n": _ANY, b"k": _INK},
    re.VERBOSE,
)
_LONGEST_COLOR = 60
# Words that fill, draw what is elsewhere, or set a color or state (ISO 32000, annex A); some may be dark.
_MAYBE_SEEN = frozenset((b"g", b"rg", b"k", b"Tr", b"gs"))
_OTHERS = frozenset(b"f F f* B B* b b* Do BI sh sc scn cs (OC".split())
_MAYBE_WORD = re.compile(rb"(?<=[\s\])>{}\0\x80\xff])(?:g|rg|k|Tr|gs)(?=[\s\[(</%{}\]>)\0\x80\xff]|\Z)")
_PLAIN_SPACE, _OPENING, _DIGITS = b"\0\t\n\v\f\r{})]>\x80\xff", b"([</%", b"0123456789.+-"
_WORDS = bytes.maketrans(_PLAIN_SPACE + _OPENING, b" " * len(_PLAIN_SPACE) + b"(" * len(_OPENING))
# Letters of less than three points may be too small.
_SIZE = re.compile(rb"\s((?:[3-9]|[1-9]\d++)(?:\.\d*+)?+)[ ]++\Z")
_LONGEST_SIZE = 12


class _Unclear(Exception):
    """The file has something that is not known here."""


class Look(NamedTuple):
    """What the pages of a file are looked through for.

    Attributes:
        hidden: text that nobody may see.
        shifts: text off its line.
        layers: parts that may be switched off.
        layered_forms: whether whole forms may be, without a word where they are drawn.
    """

    hidden: bool
    shifts: bool
    layers: bool
    layered_forms: bool


def look_at(data: bytes) -> Look:
    """What the pages of this file may hold."""
    try:
        objects = _objects(data)
        packed = _packed_objects(data, objects)
        dictionaries = [data, *packed]
        if any(b"#" in each and _ESCAPE.search(each) for each in dictionaries):
            raise _Unclear
    except (_Unclear, zlib.error):
        may_have = any(name in data for name in _MAY_HAVE_LAYERS)
        return Look(hidden=True, shifts=True, layers=may_have, layered_forms=may_have)
    layers = any(b"/OCProperties" in each for each in dictionaries)
    layered_forms = layers and any(_LAYER_OF_PART.search(each) for each in dictionaries)
    try:
        numbers = _numbers_of_contents(dictionaries)
        # What the file has twice, or packed, may be another thing than the stream that is read here.
        if b"/Encrypt" in data or numbers & _numbers_in(packed):
            raise _Unclear
        n_sizes = len(_sizes(data, [objects.get(n, []) for n in numbers], dictionaries))
    except (_Unclear, zlib.error):
        return Look(hidden=True, shifts=True, layers=layers, layered_forms=layered_forms)
    return Look(hidden=False, shifts=n_sizes > 1, layers=layers, layered_forms=layered_forms)


def _sizes(data: bytes, contents: Sequence[Sequence[int]], dictionaries: Iterable[bytes]) -> set[bytes]:
    """The sizes of the letters of plain pages.

    Args:
        contents: of each stream, where objects of its number begin.
    """
    if not contents or any(len(starts) != 1 for starts in contents):
        raise _Unclear
    sizes: set[bytes] = set()
    has_states = False
    for (start,) in contents:
        content = _unpacked(data, start)
        of_content, has_state = _sizes_of_content(content)
        sizes |= of_content
        has_states = has_states or has_state
    if has_states and any(_FONT_OF_STATE.search(d) or _FAINT.search(d) for d in dictionaries):
        raise _Unclear
    return sizes


def _sizes_of_content(content: bytes) -> tuple[set[bytes], bool]:
    """The sizes of letters in plain content, and whether it sets a state.

    What stands in strings is taken for words of the content too, so nothing can hide there.
    """
    bare = content.translate(_WORDS, _DIGITS)
    words = set(bare.replace(b"(", b" (").split())
    if not words.isdisjoint(_OTHERS) or b"/O#" in content or b"/#" in content:
        raise _Unclear
    if not words.isdisjoint(_MAYBE_SEEN):
        # What stands at the start may belong to what stands in the stream before.
        for word in _MAYBE_WORD.finditer(b" " + content):
            end = word.end() - 1
            if not _SEEN.search(content, max(0, end - _LONGEST_COLOR), end):
                raise _Unclear
    parts = content.split(b"Tf")
    sizes = set()
    for before in {part[-_LONGEST_SIZE:] for part in parts[:-1]}:
        if not (size := _SIZE.search(before)):
            raise _Unclear
        sizes.add(size[1])
    if len(sizes) > 1:
        # A size is none where another follows before there are any letters.
        ends = {
            a[-_LONGEST_SIZE:] for a, b in pairwise(parts) if b"(" in b or b"<" in b or b"q" in b or b"Q" in b
        }
        sizes = {size[1] for before in ends if (size := _SIZE.search(before))}
    return sizes, b"gs" in words


def _objects(data: bytes) -> dict[int, list[int]]:
    """Where the objects of a file begin, by number."""
    places: dict[int, list[int]] = {}
    for keyword in _KEYWORD.finditer(data):
        start = keyword.start()
        if data[start - 1 : start].isalnum() or data[start - 1 : start] == b"_":
            continue
        number = _NUMBERED.search(data, max(0, start - _LONGEST_NUMBER), start)
        if not number:
            raise _Unclear
        places.setdefault(int(number[1]), []).append(keyword.end())
    return places


def _packed_objects(data: bytes, objects: dict[int, list[int]]) -> list[bytes]:
    """Streams of objects, unpacked."""
    count = data.count(b"/ObjStm")
    if not count:
        return []
    starts = [start for each in objects.values() for start in each]
    places = [start for start in starts if (about := _STREAM.match(data, start)) and b"/ObjStm" in about[1]]
    if len(places) != count:
        raise _Unclear
    return [_unpacked(data, start) for start in places]


def _unpacked(data: bytes, start: int) -> bytes:
    """The content of a stream whose dictionary begins there."""
    stream = _STREAM.match(data, start)
    if not stream or _ODD.search(stream[1]):
        raise _Unclear
    n_filters = stream[1].count(b"Filter")
    if not n_filters:
        end = data.find(b"endstream", stream.end())
        # PDFium goes by the length, which may be another.
        length = re.search(rb"/Length\s+(\d+)(?=\s*(?:/|\Z))", stream[1])
        stop = stream.end() + int(length[1]) if length else end + 1
        if stop > end or data[stop:end].strip():
            raise _Unclear
        return data[stream.end() : end]
    if n_filters > 1 or not _PACKED.search(stream[1]):
        raise _Unclear
    unpack = zlib.decompressobj()
    # Only up to its end: what is left over is copied, which would be the rest of the file for each stream.
    content = unpack.decompress(data[stream.end() : data.find(b"endstream", stream.end())])
    if not unpack.eof:
        raise _Unclear
    return content


def _numbers_of_contents(dictionaries: Iterable[bytes]) -> set[int]:
    """The numbers of the streams that pages are drawn with; notes have contents too, mostly strings."""
    numbers: set[int] = set()
    for each in dictionaries:
        for value in _CONTENTS.finditer(each):
            if value[1] is None:
                raise _Unclear
            if value[1][:1] not in b"(<":
                numbers.update(map(int, _REFERENCE.findall(value[1])))
    return numbers


def _numbers_in(packed: Iterable[bytes]) -> set[int]:
    """The numbers of packed objects: each stream begins with them, each before its place."""
    nested: set[int] = set()
    for each in packed:
        numbers = _NUMBERS.match(each)
        nested.update(map(int, numbers[0].split()[::2] if numbers else ()))
    return nested
