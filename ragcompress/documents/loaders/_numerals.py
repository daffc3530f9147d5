"""Numbers as Word counts in other scripts; names of the ways are those of ECMA-376, part 1, 17.18.59."""

from __future__ import annotations

from collections.abc import Mapping

_HAN = "〇一二三四五六七八九"
_DIGITS: Mapping[str, str] = {
    "ideographDigital": _HAN,
    "japaneseDigitalTenThousand": _HAN,
    "taiwaneseDigital": "○一二三四五六七八九",
    "koreanDigital": "영일이삼사오육칠팔구",
    "koreanDigital2": "零一二三四五六七八九",
    "decimalFullWidth": "０１２３４５６７８９",
    "thaiNumbers": "๐๑๒๓๔๕๖๗๘๙",
    "hindiNumbers": "०१२३४५६७८९",
}
# Digits; tens, hundreds and thousands; what stands for a gap; whether ten is "one ten".
_COUNTED: Mapping[str, tuple[str, str, str, bool]] = {
    "chineseCounting": (_HAN, "十百千", "零", False),
    "chineseCountingThousand": (_HAN, "十百千", "零", False),
    "taiwaneseCounting": (_HAN, "十百千", "零", False),
    "taiwaneseCountingThousand": (_HAN, "十百千", "零", False),
    "chineseLegalSimplified": ("零壹贰叁肆伍陆柒捌玖", "拾佰仟", "零", True),
    "ideographLegalTraditional": ("零壹貳參肆伍陸柒捌玖", "拾佰仟", "零", True),
    "japaneseCounting": (_HAN, "十百千", "", False),
    "japaneseLegal": ("零壱弐参四伍六七八九", "拾百阡", "", True),
    "koreanCounting": ("영일이삼사오육칠팔구", "십백천", "", False),
}
_LISTED: Mapping[str, str] = {
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
    "ideographEnclosedCircle": "㊀㊁㊂㊃㊄㊅㊆㊇㊈㊉",
    "aiueo": "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝ",
    "aiueoFullWidth": (
        "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
    ),
    "iroha": "ｲﾛﾊﾆﾎﾍﾄﾁﾘﾇﾙｦﾜｶﾖﾀﾚｿﾂﾈﾅﾗﾑｳヰﾉｵｸﾔﾏｹﾌｺｴﾃｱｻｷﾕﾒﾐｼヱﾋﾓｾｽﾝ",
    "irohaFullWidth": (
        "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセスン"
    ),
    "ganada": "가나다라마바사아자차카타파하",
    "chosung": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "russianUpper": "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ",
    "decimalEnclosedCircle": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "decimalEnclosedCircleChinese": "①②③④⑤⑥⑦⑧⑨⑩",
    "decimalEnclosedParen": "⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽⑾⑿⒀⒁⒂⒃⒄⒅⒆⒇",
    "decimalEnclosedFullstop": "⒈⒉⒊⒋⒌⒍⒎⒏⒐⒑⒒⒓⒔⒕⒖⒗⒘⒙⒚⒛",
}


def counted(number: int, form: str) -> str | None:
    """A number in one of these ways; None where the way is another, or has no such number."""
    if signs := _LISTED.get(form):
        return signs[number - 1] if 0 < number <= len(signs) else None
    if digits := _DIGITS.get(form):
        return "".join(digits[int(digit)] for digit in str(number)) if number >= 0 else None
    if form in _COUNTED and 0 < number < 10_000:
        return _by_powers(number, *_COUNTED[form])
    return None


def _by_powers(number: int, digits: str, powers: str, gap: str, says_one: bool) -> str:
    """Thousands, hundreds, tens and ones, each with its sign; Japanese and Korean say no "one" before one."""
    written = ""
    for power in (3, 2, 1, 0):
        digit = number // 10**power % 10
        if not digit:
            continue
        if gap and written and number // 10 ** (power + 1) % 10 == 0:
            written += gap
        is_plain = digit == 1 and power > 0 and not says_one and (not gap or (power == 1 and not written))
        written += ("" if is_plain else digits[digit]) + (powers[power - 1] if power else "")
    return written
