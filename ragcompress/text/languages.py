"""Which language a document is in, as far as the cutting of sentences needs it: abbreviations, full stops.

By script, and within the Latin and Cyrillic scripts by the most frequent little words. English stands unless
another language leads clearly, so English text with foreign names is cut as English.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from ..errors import InputError

# So many characters say enough; the rest is not looked at.
_SAMPLE = 1_000
# A language must have this many more little words than English, and this share of all words.
_LEAD, _SHARE = 2, 0.12
# With so many of its own, the first language that comes into question is not doubted.
_PLENTY = 0.25
_SCRIPTS = (
    ("ja", "\u3040-\u30ff"),
    ("ko", "\uac00-\ud7af\u1100-\u11ff"),
    ("zh", "\u4e00-\u9fff\u3400-\u4dbf"),
    ("th", "\u0e00-\u0e7f"),
    ("lo", "\u0e80-\u0eff"),
    ("bo", "\u0f00-\u0fff"),
    ("my", "\u1000-\u109f"),
    ("ka", "\u10a0-\u10ff"),
    ("am", "\u1200-\u137f"),
    ("km", "\u1780-\u17ff"),
    ("hi", "\u0900-\u097f"),
    ("bn", "\u0980-\u09ff"),
    ("pa", "\u0a00-\u0a7f"),
    ("gu", "\u0a80-\u0aff"),
    ("or", "\u0b00-\u0b7f"),
    ("ta", "\u0b80-\u0bff"),
    ("te", "\u0c00-\u0c7f"),
    ("kn", "\u0c80-\u0cff"),
    ("ml", "\u0d00-\u0d7f"),
    ("si", "\u0d80-\u0dff"),
    ("he", "\u0590-\u05ff"),
    ("ar", "\u0600-\u06ff"),
    ("hy", "\u0530-\u058f"),
    ("el", "\u0370-\u03ff\u1f00-\u1fff"),
    ("ru", "\u0400-\u04ff"),
)
_BY_SCRIPT = re.compile("|".join(f"(?P<{code}>[{letters}]+)" for code, letters in _SCRIPTS))
_LITTLE_WORDS = {
    "en": "the of and to in is that for was it on as with by are be this from at or an",
    "de": "der die das und ist nicht ein eine den dem von mit für auf sich des im zu auch wird bei",
    "fr": "le la les des et est une dans que qui pour par sur du au aux ce il elle sont avec à l'",
    "es": "el la los las y en que del por con una para es se su al lo como más fue",
    "pt": "o os as e que do da dos das em um uma para com não no na é por foi ao",
    "it": "il lo gli e di che un una per con del della nel sono è da al dei non si alla",
    "nl": "de het een en van is dat op te zijn voor met niet aan er om ook door bij wordt",
    "sv": "och att det som en på är av för med den till inte ett om har från de var",
    "da": "og at det som en på er af for med den til ikke et om har fra de var der",
    "nb": "og å det som en på er av for med den til ikke et om har fra de var",
    "fi": "ja on ei se että oli ovat joka mutta myös hän kun tai olla sen",
    "pl": "i w na z się nie do jest to że o jak po przez od za oraz który dla",
    "cs": "a v na se je že s z do o k jako pro by ve byl za jsou od",
    "hu": "a az és hogy nem is egy volt meg ez van mint csak vagy",
    "ro": "și de la în a cu pe că este un o din pentru care nu se sau",
    "tr": "ve bir bu için ile da de olarak olan gibi daha çok ne ise",
    "id": "yang dan di dengan untuk dari ini itu pada adalah tidak ke dalam akan oleh",
    "vi": "là của và các có được trong cho một không với người những đã này",
    "ca": "el la els les i de que en per amb una és del al dels no ha com",
    "ru": "и в не на что с по как это из для от к за но был",
    "uk": "і в не на що з до та як це у від за для його є",
    "bg": "и на в за да се с от е че по не са като при",
    "sr": "и у је да на се за од са су као не из",
    "ar": "في من على أن إلى التي هذا عن الذي",
    "fa": "در از به که این است را با برای آن می",
    "ur": "کے میں کی ہے اور سے کا کو نے پر",
}
_OF_SCRIPT = {"ru": ("ru", "uk", "bg", "sr"), "ar": ("ar", "fa", "ur")}
_WORD = re.compile(r"[^\W\d_]+'?")
# A name such as "german" is none.
_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*")
# Most texts are English, and so many of these in so many characters settle it.
_ENGLISH, _FEW, _GLANCE = re.compile(r" (?:the|of|and|is|that|with|was|for) "), 4, 400


def code_of(language: str) -> str | None:
    """The code that a language's tag begins with (RFC 5646): ``de`` of ``DE`` and ``de-AT``; None: none."""
    match = _TAG.fullmatch(language)
    return match[1].lower() if match else None


def check_language(language: object) -> None:
    """Refuse what names no language.

    Raises:
        InputError: if it is neither None nor a tag such as ``de`` or ``pt-BR``.
    """
    if language is not None and not (isinstance(language, str) and code_of(language)):
        raise InputError(f"language must be an ISO 639-1 code such as 'en', or None, got {language!r}")


def detect(text: str) -> str:
    """Return the ISO 639-1 code of the language of a text, judged by its beginning; ``en`` where unsure."""
    if len(_ENGLISH.findall(text[:_GLANCE])) >= _FEW:
        return "en"
    sample = text[:_SAMPLE]
    if not sample.isascii():
        counts: Counter[str] = Counter()
        for match in _BY_SCRIPT.finditer(sample):
            counts[match.lastgroup or ""] += len(match[0])
        n_letters = sum(map(str.isalpha, sample))
        # Japanese has more Han than kana; a fifth of kana is no Chinese.
        if counts["ja"] * 4 < counts["zh"]:
            counts["zh"] += counts.pop("ja", 0)
        elif counts["ja"]:
            counts["ja"] += counts.pop("zh", 0)
        script, n = max(counts.items(), key=lambda item: item[1], default=("", 0))
        # A Chinese character says as much as a word of three letters, and foreign names are long.
        if n * (4 if script in ("zh", "ja") else 2) > n_letters:
            return _by_words(sample, _OF_SCRIPT[script]) if script in _OF_SCRIPT else script
    return _by_words(sample, _latin())


@cache
def _latin() -> tuple[str, ...]:
    others = {code for codes in _OF_SCRIPT.values() for code in codes}
    return tuple(code for code in _LITTLE_WORDS if code not in others)


@cache
def _speakers() -> dict[str, frozenset[str]]:
    """For each little word the languages that have it."""
    by_script: dict[str, set[str]] = {}
    for code, words in _LITTLE_WORDS.items():
        for word in words.split():
            by_script.setdefault(word, set()).add(code)
    return {word: frozenset(codes) for word, codes in by_script.items()}


def _by_words(sample: str, candidates: tuple[str, ...]) -> str:
    """The candidate with the most little words; the first unless another leads clearly."""
    words = _WORD.findall(sample.lower())
    first, speakers = candidates[0], _speakers()
    frequent = {word: n for word, n in Counter(words).items() if word in speakers}
    if sum(n for word, n in frequent.items() if first in speakers[word]) >= _PLENTY * len(words):
        return first
    counts: Counter[str] = Counter()
    for word, n in frequent.items():
        for code in speakers[word]:
            counts[code] += n
    best = max(candidates, key=lambda code: (counts[code], code == first))
    lead = counts[best] - counts[first]
    return best if lead >= _LEAD and counts[best] >= _SHARE * len(words) else first
