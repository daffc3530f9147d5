"""What one sees on the pages of a PDF: characters off the line, and what lies under something else."""

# ruff: noqa: E501

from __future__ import annotations

import base64
import io
import sys
import zlib
from collections import Counter
from typing import Any

import office_files as office
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragcompress import UnreadableFile
from ragcompress.documents.loaders import load, pdf
from ragcompress.documents.loaders._pdf_plain import look_at


def drawn(draw: str) -> str:
    return load(office.pdf([[]], draw), ".pdf", "a.pdf", 1 << 24).text


def run(text: str, size: int = 12, rise: int = 0) -> str:
    return f"/F1 {size} Tf {rise} Ts ({text}) Tj "


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (run("About 10") + run("6", 8, 5) + run(" people."), "About 10^6 people."),
        (run("About 10") + run("6 ", 8, 5) + run("people."), "About 10^6 people."),
        (run("of 10") + run("-3", 8, 5) + run(" mol"), "of 10^-3 mol"),
        (run("It was in 1931.") + run("1", 8, 5) + run(" Old."), "It was in 1931.[1] Old."),
        (run("It is so.") + run("1, 2", 8, 5) + run(" But."), "It is so.[1, 2] But."),
        (run("H") + run("2", 8, -3) + run("O is wet."), "H2O is wet."),
        (run("101") + run("2", 8, -3) + run(" is five."), "101_2 is five."),
        (run("The 19") + run("th", 8, 5) + run(" century"), "The 19th century"),
        (run("About 10") + run("6", 8, 5) + "0 -14 Td " + run("people."), "About 10^6\npeople."),
        (run("1", 8, 5) + run(" See Smith."), "1 See Smith."),
        (
            "/F1 1 Tf 12 0 0 12 72 720 Tm (About 10) Tj 8 0 0 8 119.3 725 Tm (6) Tj 12 0 0 12 124 720 Tm ( m.) Tj ",
            "About 10^6 m.",
        ),
    ],
)
def test_small_characters_off_the_line_of_a_pdf_say_so(draw: str, text: str) -> None:
    assert drawn(f"BT 72 720 Td {draw}ET") == text


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        # An initial over two lines, small capitals, a logo, a small line below a heading.
        (
            "/F1 36 Tf 72 700 Td (T) Tj /F1 12 Tf 23 15 Td (he bridge is old) Tj 0 -15 Td (and red.) Tj ",
            "The bridge is old\nand red.",
        ),
        (run("T") + run("HE", 9) + run(" B") + run("RIDGE", 9), "THE BRIDGE"),
        (run("L") + run("A", 8, 3) + run("T") + run("E", 12, -2) + run("X now."), "LATEX now."),
        ("/F1 24 Tf 72 720 Td (Heading) Tj /F1 12 Tf 0 -15 Td (small line) Tj ", "Heading\nsmall line"),
    ],
)
def test_other_small_letters_of_a_pdf_are_letters(draw: str, text: str) -> None:
    assert drawn(f"BT {'' if ' Td' in draw[:20] else '72 720 Td '}{draw}ET") == text


SEEN, SECRET = "BT /F1 12 Tf 72 720 Td (Seen words.) Tj ET ", "BT /F1 12 Tf 72 600 Td (unseen words) Tj ET "


@pytest.mark.parametrize(
    "draw",
    [
        f"{SECRET} 0 g 60 590 400 30 re f",  # blackened
        f"{SECRET} 1 g 60 590 400 30 re f",
        f"q 0.5 0 0 0.5 0 0 cm {SECRET} 0.8 g 60 590 400 30 re f Q",
        f"q .08 0 0 .08 72 600 cm {SECRET} Q".replace("12 Tf", "2 Tf"),
        SECRET.replace("12 Tf", "0.9 Tf"),
        f"BT 7 Tr {SECRET[3:]}",
    ],
)
def test_words_of_a_pdf_that_something_covers_or_that_are_tiny_are_left_out(draw: str) -> None:
    loaded = load(office.pdf([[]], SEEN + draw), ".pdf", "a.pdf", 1 << 24)
    assert (loaded.text, loaded.left_out["hidden part"]) == ("Seen words.", 1)


@pytest.mark.parametrize(
    "draw",
    [
        f"0.8 g 60 590 400 30 re f 0 g {SECRET}",
        f"{SECRET} 0 g 60 590 40 30 re f",
        f"{SECRET} 0 G 60 590 400 30 re s",
        "q 12 0 0 12 0 0 cm BT /F1 1 Tf 6 50 Td (unseen words) Tj ET Q 0 g 60 560 400 30 re f",
    ],
)
def test_words_of_a_pdf_beside_or_on_an_area_stay(draw: str) -> None:
    assert drawn(SEEN + draw) == "Seen words.\nunseen words"


@pytest.mark.parametrize("is_off", [True, False])
def test_words_in_a_layer_that_is_off_are_left_out(is_off: bool) -> None:
    data = office.pdf([[]], f"{SEEN} /OC /L BDC {SECRET} EMC")
    data = data.replace(b"/Resources <<", b"/Resources << /Properties << /L 6 0 R >>")
    off = b"/OFF [6 0 R]" if is_off else b""
    data = data.replace(b"/Catalog", b"/Catalog /OCProperties << /OCGs [6 0 R] /D << %s >> >>" % off, 1)
    data = data.replace(b"xref\n", b"6 0 obj\n<< /Type /OCG /Name (x) >>\nendobj\nxref\n", 1)
    loaded = load(data, ".pdf", "a.pdf", 1 << 24)
    assert loaded.text == ("Seen words." if is_off else "Seen words.\nunseen words")
    assert loaded.left_out["hidden part"] == is_off


def with_form_in_layer(draw: str, about: bytes, off: bytes) -> bytes:
    """A page that draws a form with secret words, which stand in the only layer."""
    inner = SECRET.encode()
    resources = b"/Font << /F1 3 0 R >> /Properties << /L 6 0 R >>"
    form = b"<< /Type /XObject /Subtype /Form /BBox [0 0 612 792] %s /Resources << %s >> /Length %d >>" % (
        about,
        resources,
        len(inner),
    )
    data = office.pdf([[]], SEEN + draw)
    data = data.replace(b"/Resources <<", b"/Resources << /Properties << /L 6 0 R >> /XObject << /X 7 0 R >>")
    data = data.replace(b"/Catalog", b"/Catalog /OCProperties << /OCGs [6 0 R] /D << %s >> >>" % off, 1)
    objects = b"6 0 obj\n<< /Type /OCG /Name (x) >>\nendobj\n7 0 obj\n%s\nstream\n%s\nendstream\nendobj\n"
    return data.replace(b"xref\n", objects % (form, inner) + b"xref\n", 1)


@pytest.mark.parametrize(("off", "n_hidden"), [(b"/OFF [6 0 R]", 1), (b"", 0), (b"/BaseState /OFF", 1)])
@pytest.mark.parametrize(
    ("draw", "about"),
    [
        ("/OC /L BDC /X Do EMC", b""),
        ("/X Do", b"/OC 6 0 R"),
        ("/X Do", b"/OC << /Type /OCMD /OCGs 6 0 R >>"),
    ],
)
def test_words_of_a_form_in_a_layer_that_is_off_are_left_out(
    draw: str, about: bytes, off: bytes, n_hidden: int
) -> None:
    loaded = load(with_form_in_layer(draw, about, off), ".pdf", "a.pdf", 1 << 24)
    assert loaded.text == ("Seen words." if n_hidden else "Seen words.\nunseen words")
    assert loaded.left_out["hidden part"] == n_hidden


def pieces_asked(data: bytes) -> int:
    """How often the module that asks PDFium for pieces is entered while a file is loaded."""
    n = 0

    def count(frame: Any, event: str, argument: object) -> None:
        nonlocal n
        n += event == "call" and frame.f_code.co_filename.endswith("_pdf_parts.py")

    load(data, ".pdf", "a.pdf", 1 << 24)  # imports are not counted
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        load(data, ".pdf", "a.pdf", 1 << 24)
    finally:
        sys.setprofile(before)
    return n


WORDS = "".join(
    f"BT /F1 12 Tf 1 0 0 1 {50 + i % 10 * 50} {740 - i // 10 * 22} Tm (w{i}) Tj ET " for i in range(300)
)


def packed(data: bytes, about: bytes = b"/Filter /FlateDecode") -> bytes:
    """A PDF of one page with its content packed."""
    before, _, rest = data.partition(b"<< /Length ")
    _, _, rest = rest.partition(b"stream\n")
    content, _, after = rest.partition(b"\nendstream")
    small = zlib.compress(content)
    return before + b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(small), about, small) + after


@pytest.mark.parametrize(
    "draw",
    [
        WORDS,
        "0.2 g (a) Tj 0 0 1 rg 0 0 0 1 k 0 Tr [(b) -20 (c)] TJ",
        "q 1 0 0 1 0 0 cm 0.5 w 72 700 m 90 700 l S Q 1 1 1 RG",
        "/P <</MCID 0>> BDC EMC /Artifact BMC EMC",
        "BT (g (by 5 %) \\) ) Tj (f)Tj ET",
    ],
)
def test_of_a_plain_page_no_piece_is_asked_for(draw: str) -> None:
    data = office.pdf([["Plain words."] * 45], draw)
    assert pieces_asked(data) == pieces_asked(packed(data)) == 0


@pytest.mark.parametrize(
    "draw",
    [
        *(
            "1 g",
            "0.95 g",
            "1\ng",
            "1 1 .9 rg",
            "0 0 0 0 k",
            "3 Tr",
            "7 Tr",
            "0 1 1 1 rg 1 g",
            "/C cs",
            "1 scn",
        ),
        *(
            "0 0 9 9 re f",
            "0 0 9 9 re B*",
            "/X Do",
            "/S sh",
            "BI",
            "/OC /L BDC EMC",
            "/OC /L BMC EMC",
            "1 % 0\ng",
        ),
        *("/F1 2 Tf", "/F1 .9 Tf", "/F1 0012 Tf", "/F1 1 % 12\nTf", "/O#43 /L BDC EMC"),
        *("/F1 12 Tf (a) Tj /F1 10 Tf (b) Tj", "\nendstream 1 g"),
    ],
)
def test_pieces_of_other_pages_are_asked_for(draw: str) -> None:
    data = office.pdf([["Plain words."]], draw)
    assert pieces_asked(data) > 0
    if "endstream" not in draw:
        assert pieces_asked(packed(data)) > 0


SAME = b"/Resources << "


@pytest.mark.parametrize(
    ("changes", "is_plain"),
    [
        ({SAME: b"/Resources << /ExtGState << /G << /ca 1 >> >> "}, True),
        ({SAME: b"/Resources << /ExtGState << /G << /ca 0 >> >> "}, False),
        ({SAME: b"/Resources << /ExtGState << /G << /ca 0.001 >> >> "}, False),
        ({SAME: b"/Resources << /ExtGState << /G << /ca 9 0 R >> >> "}, False),
        ({SAME: b"/Resources << /ExtGState << /G << /#63a 0 >> >> "}, False),
        ({SAME: b"/Resources << /ExtGState << /G << /Font [3 0 R .5] >> >> "}, False),
        ({b"trailer": b"4 0 obj\n<< /Length 3 >>\nstream\n1 g\nendstream\nendobj\ntrailer"}, False),
        ({b"trailer": b"9 0 %\nobj\n<< >>\nendobj\ntrailer"}, False),
        ({b"/Contents 4 0 R": b"/Contents [4 0 R]"}, True),
        ({b"/Contents 4 0 R": b"/Contents [4 0 R 9 0 R]"}, False),
        ({b"/Contents 4 0 R": b"/Contents 3 0 R"}, False),
        ({b"<< /Length": b"<< /Subtype /Image /Filter /DCTDecode /Length"}, False),
        ({b"<< /Length": b"<< /X (>> stream) /Length"}, False),
    ],
)
def test_only_files_that_are_read_in_one_way_are_plain(changes: dict[bytes, bytes], is_plain: bool) -> None:
    data = office.pdf([["Plain words."]], "/G gs")
    for before, after in changes.items():
        assert data.count(before) == 1
        data = data.replace(before, after)
    assert look_at(data).hidden is not is_plain


def test_packed_pages_that_are_damaged_or_packed_otherwise_are_not_plain() -> None:
    data = office.pdf([["Plain words."]])
    assert look_at(packed(data))[:2] == (False, False)
    assert look_at(packed(data, b"/Filter /FlateDecode /DecodeParms << /Predictor 12 >>")).hidden
    assert look_at(packed(data, b"/Filter [/FlateDecode /FlateDecode]")).hidden
    assert look_at(packed(data, b"/Filter /LZWDecode")).hidden
    small = packed(data)
    damaged = small.index(b"stream\n") + 20
    assert look_at(small[:damaged] + bytes([small[damaged] ^ 255]) + small[damaged + 1 :]).hidden
    assert look_at(data.replace(b"/Contents", b"/Nothing")).hidden


# One page of "Seen words." whose objects are packed (PDF 1.5), and one that goes on with white words.
PACKED_OBJECTS = (
    "B~V00Eio=N3MIeyqW%goATS_rVrmLJJRmPrd2nSQFHd4>Q*>=0FHB`_XLM*FF*i3LFGgu>bY*fNFGg%(bY(<kV{c?-ATLfJG$1cVX>xOPATlr@K0XR_baG{3Z3=jtO^?e8!Y~j;_kP9wgCw>-79|S{B8VW>opce~p%h9ZO)C2LW>PD{1P12ZN0yLCkfcbl*<uBiB#SJAIGcuCxJVQb*Y|@Ua^p>B8)zMg+>X76f;hId!!2l;EoXW%__90WXm0~94%9u#x0QjojCUVV7N}Vlv0p^*srL@+smF=x*6i#nq)F~AB~*ANrwsv|`xfNvI8-5@U7}-LRQM$WTJ!uB<-iXp4M-pgWo~41baG{3Z3<;>WN%_>3N|1xAa7!73Oqa@FHB`_XLM*FG&vwIMrmwxWpW@dMr>hpWkh9TZ)9a4K0XR_baG{3Z3=jta|%(=cQaHlG*SpjQ!p}6Ff~vJNm0-UPEE~ID9<lSDb~|e2+2}#4FLeo0t%@LWo~41baG{3Z3<;>WN%_>3O67yAa7!73Oqa@FI0JOWgstDQe|c!FHB`_XLM*FGcq7AMrmwxWpW@dMr>hpWkh9TZ)9a4FGOWyZ)9aqVRCJAAUr%EFGFu^b!~2QAT%H^P;zBtX=8M6av(7>AU-}IFIOO2ATb~^ATc0aATLsHZ*(9sATS_OATLvCdSxIuATLQoAX_{$IAvitFk)k2V>U5nWjSFoF*0N~Ha0aeVK8MdF)(F5JTo|DVK^{iV_{=9F=k~sVKOl?WH&Z8H8Ei@WiT-?Wj<XXK0XR_baG{3Z3=jtV`2aTCPoH+5b=qD3CLqaBK|X~`~|Wq7yvFl1F#BZZe(+Ga%Ev{3T19&Z(?c+b97;Hba--QW(qVhGYTaoMNdWw",
    "B~V00Eio=N3MIeyqW%goATS_rVrmLJJRmPrd2nSQFHd4>Q*>=0FHB`_XLM*FF*i3LFGgu>bY*fNFGg%(bY(<kV{c?-ATLfJG$1cVX>xOPATlr@K0XR_baG{3Z3=jtO^?e8!Y~j;_kP9wgCw>-79|S{B8VW>opce~p%h9ZO)C2LW>PD{1P12ZN0yLCkfcbl*<uBiB#SJAIGcuCxJVQb*Y|@Ua^p>B8)zMg+>X76f;hId!!2l;EoXW%__90WXm0~94%9u#x0QjojCUVV7N}Vlv0p^*srL@+smF=x*6i#nq)F~AB~*ANrwsv|`xfNvI8-5@U7}-LRQM$WTJ!uB<-iXp4M-pgWo~41baG{3Z3<;>WN%_>3N|1xAa7!73Oqa@FHB`_XLM*FHZUMBMrmwxWpW@dMr>hpWkh9TZ)9a4K0XR_baG{3Z3=jta|%(=cQaHlG*SpjQ!p}6Ff~vJNm0-UPEE~ID9<lSDb~|e2+2|~R7h9QD9tMd3WNEsApoDJ4_*poZe(+Ga%Ev{3T19&Z(?c+Hy|(|Z(?c+JUk#TRC#b^ATL-_Wo95ROl59obZ8(mG9WKTX>4?5av(28Y+-a|L}g=dWMv>PL}g=dWMxoca&2=UJUk#TLvL(#ZEkZQG$1cfa%E&`V{~tFATcr^K0Y8XS0Gy;F(5J^F(6$aFH&!BbRaSyFd$MOFH>oHWgs{pFG)loTRdSjVKikqG&MD3H83_XIWsb1I5}lBW-?+pFkv!dF*H6rVKiYhWjQo8HDom~HZVCeGGaJ6Wi)0oVmL5iGGj3`K3yO_J_>Vma%Ev{3V57jVgLdrMh1Qm@ri*6$YVqz{xhol1+tnM04`Jmy9#A)WOH<KWnpa!Wo~3|VrmL=bYXIIcyeWC3N$h_3MC~)Peuv",
)


@pytest.mark.parametrize(("data", "is_plain"), [(PACKED_OBJECTS[0], True), (PACKED_OBJECTS[1], False)])
def test_pages_whose_objects_are_packed_are_read_too(data: str, is_plain: bool) -> None:
    file = base64.b85decode(data)
    assert look_at(file).hidden is not is_plain
    assert load(file, ".pdf", "a.pdf", 1 << 24).text == "Seen words."


DRAWN = [
    *(
        "(alpha) Tj",
        "(be(t)a 1 g) Tj",
        "(3 Tr) Tj",
        "(\\)) Tj",
        "<4142> Tj",
        "[(f) -800 (Do)] TJ",
        "(x)Tj.95 g",
        "(y) '",
    ),
    *(
        "0 g",
        "1 g",
        ".95\ng",
        "0.2 g",
        "1 % 0\ng",
        "1 1 1 rg",
        "0 0 0 rg",
        "1 1 0.89 rg",
        "0 0 0 0 k",
        "0 0 0 1 k",
    ),
    *(
        "/DeviceGray cs 1 sc",
        "/Pattern cs",
        "1 1 1 scn",
        "1 G",
        "0 Tr",
        "3 Tr",
        "7 Tr",
        "/G gs",
        "/P BMC",
        "EMC",
        "/OC /L BDC",
    ),
    *(
        "/F1 12 Tf",
        "/F1 8 Tf",
        "/F1 .5 Tf",
        "/F1\n2 Tf",
        "/F1 012 Tf",
        "5 Ts",
        "-3 Ts",
        "0 Tz",
        "50 Tz",
        "q",
        "Q",
    ),
    *(
        "1 0 0 1 90 500 Tm",
        ".1 0 0 .1 90 500 Tm",
        "12 0 0 12 90 400 Tm",
        ".1 0 0 .1 0 0 cm",
        "0 -14 Td",
        "0 -3 Td",
    ),
    *("60 400 300 400 re f", "60 400 300 400 re S", "60 400 300 400 re W n", "ET BT"),
]
STATES = ("", "/ca 1", "/ca 0", "/Font [3 0 R 1]")


def read(data: bytes) -> tuple[str, Counter[str]] | None:
    """Text and what is left out, as far as there is any; None where all is hidden."""
    try:
        found = load(data, ".pdf", "a.pdf", 1 << 24)
    except UnreadableFile:
        return None
    return found.text, +Counter(found.left_out)


def reads_as_if_asked(words: str, state: str) -> bool:
    """Whether a file reads the same when each of its pieces is asked for."""
    data = office.pdf([["Plain words."]], f"BT /F1 12 Tf 72 720 Td (a) Tj {words} ET")
    data = data.replace(SAME, SAME + f"/ExtGState << /G << {state} >> >> ".encode())
    quick = read(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "look_at", lambda d: look_at(d)._replace(hidden=True, shifts=True))
        return quick == read(data)


@pytest.mark.parametrize("word", DRAWN)
def test_after_each_word_a_file_reads_as_if_its_pieces_were_asked_for(word: str) -> None:
    for state in STATES if word == "/G gs" else STATES[:1]:
        assert reads_as_if_asked(f"{word} (more) Tj 0 -14 Td (below) Tj", state)


@given(st.lists(st.sampled_from(DRAWN), min_size=1, max_size=8), st.sampled_from(STATES))
def test_a_file_reads_as_if_its_pieces_were_asked_for(words: list[str], state: str) -> None:
    assert reads_as_if_asked(" ".join(words), state)


def test_a_page_of_very_many_characters_stays_as_it_is() -> None:
    lines = "".join(f"0 -9 Td ({n} {'word ' * 20}) Tj " for n in range(550))
    text = drawn(f"BT 72 720 Td {run('About 10')}{run('6', 8, 5)}/F1 2 Tf {lines}ET")
    assert text.startswith("About 106")


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["This is an exam-", "ple. An Example is short."], "This is an example. An Example is short."),
        (["This is an exam-", "ple. Others are not."], "This is an exam-ple. Others are not."),
        (
            ["It is well-", "known that wellknown is well-known."],
            "It is well-known that wellknown is well-known.",
        ),
        (["By Jean-", "Paul, not Jeanpaul."], "By Jean-Paul, not Jeanpaul."),
        (["In 2-", "fold copies."], "In 2-\nfold copies."),
    ],
)
def test_a_word_that_a_line_breaks_is_one_where_it_is_written_so_elsewhere(
    lines: list[str], text: str
) -> None:
    loaded = load(office.pdf([lines, ["An end."]]), ".pdf", "a.pdf", 1 << 24)
    assert loaded.text == f"{text}\nAn end."
    assert loaded.places.at(loaded.text.index("An end"), len(loaded.text)).first == 2


def struck_out(lines: list[str], *words: tuple[int, str, int], flags: int = 0) -> tuple[str, dict[str, int]]:
    """A page whose words (line, text, which of its like in the line) have a strike-out annotation."""
    file = pypdfium2.PdfDocument(office.pdf([lines]))
    page = file[0]
    text_page = page.get_textpage()
    for line, word, nth in words:
        start = sum(len(each) + 2 for each in lines[:line])
        for _ in range(nth + 1):
            start = text_page.get_text_range().index(word, start) + 1
        boxes = [text_page.get_charbox(i) for i in range(start - 1, start - 1 + len(word))]
        left, bottom, right, top = (
            boxes[0][0],
            min(b[1] for b in boxes),
            boxes[-1][2],
            max(b[3] for b in boxes),
        )
        note = pdfium.FPDFPage_CreateAnnot(page.raw, pdfium.FPDF_ANNOT_STRIKEOUT)
        points = pdfium.FS_QUADPOINTSF(left, top, right, top, left, bottom, right, bottom)
        assert pdfium.FPDFAnnot_AppendAttachmentPoints(note, points)
        pdfium.FPDFAnnot_SetFlags(note, flags)
        pdfium.FPDFPage_CloseAnnot(note)
    buffer = io.BytesIO()
    text_page.close()
    page.close()
    file.save(buffer)
    loaded = load(buffer.getvalue(), ".pdf", "a.pdf", 1 << 24)
    return loaded.text, dict(+loaded.left_out)


@pytest.mark.parametrize(
    ("lines", "words", "text"),
    [
        (["The fee is 99 now 79 crowns."], [(0, "99", 0)], "The fee is ~~99~~ now 79 crowns."),
        (["The 99 fee is 99 now."], [(0, "99", 1)], "The 99 fee is ~~99~~ now."),
        (["It was old.", "So it is."], [(0, "was old", 0), (1, "So", 0)], "It ~~was old~~.\n~~So~~ it is."),
        (["One two three."], [(0, "One", 0), (0, "three", 0)], "~~One~~ two ~~three~~."),
    ],
)
def test_what_an_annotation_strikes_out_says_so(
    lines: list[str], words: list[tuple[int, str, int]], text: str
) -> None:
    assert struck_out(lines, *words) == (text, {})


def test_strikes_that_are_not_seen_or_not_to_be_told_apart_mark_nothing() -> None:
    assert struck_out(["It is old."], (0, "old", 0), flags=1 << 1) == ("It is old.", {})
    found = struck_out(["99 crowns.", "99 crowns."], (1, "99", 0))
    assert found == ("99 crowns.\n99 crowns.", {"unread strikeout": 1})
