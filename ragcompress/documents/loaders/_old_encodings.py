"""Which of the encodings before Unicode a text is in, as a hint for the one who converts it."""

from __future__ import annotations

from collections import Counter

WESTERN = "WINDOWS-1252"
_LOOKED_AT = 65_536
# Of letters that are not ASCII; below, a text is one of the Latin script with accents.
_MOSTLY = 0.4
_FEWEST = 4
# The commonest letters of Russian, Ukrainian and Bulgarian; of Greek.
_CYRILLIC, _GREEK = frozenset("оеаинтсрвлкмдпуіяы"), frozenset("αοιετσνηυρπκμλςίόάέή")
_ALPHABETS = (
    ("WINDOWS-1251", "cp1251", _CYRILLIC), ("KOI8-R", "koi8_r", _CYRILLIC), ("CP866", "cp866", _CYRILLIC),
    ("ISO-8859-5", "iso8859_5", _CYRILLIC), ("WINDOWS-1253", "cp1253", _GREEK),
)  # fmt: skip
_JAPANESE, _KOREAN = frozenset("のはをにがでとたしていなるれま"), frozenset("이다는의을를에가고하지은도로기")
_SIMPLIFIED, _TRADITIONAL = (
    frozenset(f"的一是不了在有人我他大来上中{others}") for others in ("这国说时为会", "這國說時為會")
)
_OF_MANY_BYTES = (
    ("SHIFT_JIS", "cp932", _JAPANESE), ("EUC-JP", "euc_jp", _JAPANESE), ("EUC-KR", "cp949", _KOREAN),
    ("GB18030", "gb18030", _SIMPLIFIED), ("BIG5", "big5hkscs", _TRADITIONAL),
)  # fmt: skip
# Common letters among all that are not ASCII: of an alphabet, of scripts with thousands of signs.
_ALPHABETIC, _OF_THOUSANDS = 0.55, 0.08


def likely_encoding(data: bytes) -> str:
    """The name, as ``iconv`` has it, of the encoding that text which is not UTF-8 is most likely in."""
    head = data[:_LOOKED_AT]
    counts = Counter(head)
    n_high = sum(n for byte, n in counts.items() if byte >= 0x80)
    n_letters = sum(n for byte, n in counts.items() if byte < 0x80 and chr(byte).isalpha())
    if n_high < max(_FEWEST, _MOSTLY * (n_high + n_letters)):
        return WESTERN
    for candidates, least in ((_ALPHABETS, _ALPHABETIC), (_OF_MANY_BYTES, _OF_THOUSANDS)):
        shares = {name: _share(head.decode(codec, "replace"), common) for name, codec, common in candidates}
        best = max(shares, key=lambda name: shares[name])
        if shares[best] > least:
            return best
    return WESTERN


def _share(text: str, common: frozenset[str]) -> float:
    """Of the characters that are not ASCII, those that are common letters."""
    high = [c for c in text if c >= "\x80"]
    return sum(c in common for c in high) / max(1, len(high))
