"""What a page of Word shows: shapes, fields, notes, margins, and references that lead nowhere."""

# ruff: noqa: E501

from __future__ import annotations

import io
import zipfile

import docx
import office_files as office
import pytest

from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded

OFFICE = "http://schemas.openxmlformats.org"
MAIN = f"{OFFICE}/wordprocessingml/2006/main"
SPACES = " ".join(
    f'xmlns:{name}="{space}"'
    for name, space in {
        "w": MAIN,
        "r": f"{OFFICE}/officeDocument/2006/relationships",
        "wp": f"{OFFICE}/drawingml/2006/wordprocessingDrawing",
        "a": f"{OFFICE}/drawingml/2006/main",
        "pic": f"{OFFICE}/drawingml/2006/picture",
        "mc": f"{OFFICE}/markup-compatibility/2006",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "v": "urn:schemas-microsoft-com:vml",
        "o": "urn:schemas-microsoft-com:office:office",
    }.items()
)
Parts = dict[str, tuple[str, str]]
"""Of each part its kind and its XML."""


def word(body: str, parts: Parts | None = None, section: str = "", main: str = "document.xml") -> Loaded:
    """Read a file of Word with this body and these parts, which the relations r0, r1, … name."""
    made = io.BytesIO(office.saved(docx.Document()))
    written = io.BytesIO()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(written, "w") as target:
        for name in source.namelist():
            data = source.read(name).replace(b"document.xml", main.encode())
            name = name.replace("document.xml", main)
            if name == f"word/{main}":
                data = root("document", f"<w:body>{body}<w:sectPr>{section}</w:sectPr></w:body>").encode()
            elif name.endswith(f"{main}.rels"):
                related = "".join(
                    f'<Relationship Id="r{n}" Target="{part}" Type="{OFFICE}/officeDocument/2006/relationships/{kind}"/>'
                    for n, (part, (kind, _)) in enumerate((parts or {}).items())
                )
                data = data.replace(b"</Relationships>", related.encode() + b"</Relationships>")
            if name.removeprefix("word/") not in (parts or {}):
                target.writestr(name, data)
        for part, (_, xml) in (parts or {}).items():
            target.writestr(f"word/{part}", xml)
    return loaders.load(written.getvalue(), ".docx", "file.docx", 1 << 26, None)


def root(name: str, content: str) -> str:
    return f"<w:{name} {SPACES}>{content}</w:{name}>"


def p(*content: str) -> str:
    return f"<w:p>{''.join(content)}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def mark(kind: str) -> str:
    return f"<w:r><w:fldChar w:fldCharType='{kind}'/></w:r>"


def told(instruction: str) -> str:
    return f"{mark('begin')}<w:r><w:instrText>{instruction}</w:instrText></w:r>"


def field(instruction: str, result: str) -> str:
    return f"{told(instruction)}{mark('separate')}{run(result)}{mark('end')}"


def table(*rows: tuple[str, ...]) -> str:
    written = ("".join(f"<w:tc>{p(run(text))}</w:tc>" for text in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{cells}</w:tr>' for cells in written)}</w:tbl>"


def box(text: str) -> str:
    return f"<w:txbxContent>{p(run(text))}</w:txbxContent>"


def drawing(content: str, own: str = "") -> str:
    return f"<w:drawing><wp:inline><wp:docPr id='1' name='x' {own}/><a:graphic>{content}</a:graphic></wp:inline></w:drawing>"


def boxed(text: str, own: str = "") -> str:
    return drawing(f"<wps:wsp><wps:txbx>{box(text)}</wps:txbx></wps:wsp>", own)


def choices(newer: str, older: str) -> str:
    return f"<mc:AlternateContent><mc:Choice>{newer}</mc:Choice><mc:Fallback>{older}</mc:Fallback></mc:AlternateContent>"


def in_run(content: str) -> str:
    return f"<w:r>{content}</w:r>"


PICTURE = (
    "<a:graphicData><pic:pic><pic:blipFill><a:blip r:embed='{}'/></pic:blipFill></pic:pic></a:graphicData>"
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        # A field that never ends hides nothing behind it.
        (p(told("REF x"), run("one")) + p(run("two")), "one\n\ntwo"),
        (p(told("REF x"), field("PAGE", "7"), run(" one")) + p(run("two")), "7 one\n\ntwo"),
        # These have no result, and show words of their instruction.
        (p(told("MACROBUTTON NoMacro [Your name]"), mark("end"), run(", hello")), "[Your name], hello"),
        # The end of a page within a paragraph.
        (p(run("one"), "<w:r><w:br w:type='page'/></w:r>", run("two")), "one\ntwo"),
        (p(run("one"), "<w:r><w:br w:type='column'/></w:r>", run("two")), "one\ntwo"),
        # What only newer programs read.
        (p(f"<mc:AlternateContent><mc:Choice>{run('new')}</mc:Choice></mc:AlternateContent>"), "new"),
        # Words for pictures stand once.
        (p(run("See "), in_run(drawing(PICTURE.format("r9"), "descr='A bridge'"))), "See [Image: A bridge]"),
        (p(run("See "), in_run(drawing("", "title='A bridge'"))), "See [Image: A bridge]"),
        (
            p("<w:r><w:pict><v:shape alt='A bridge'><v:imagedata r:id='r9' o:title='x'/></v:shape></w:pict></w:r>", run("is red")),
            "[Image: A bridge] is red",
        ),
    ],
)  # fmt: skip
def test_word_shows_what_is_on_the_page(body: str, text: str) -> None:
    assert word(body).text == text


def test_words_for_a_picture_of_word_stand_once() -> None:
    """As they do not where the file has the picture, which mammoth names as well."""
    parts = {"media/image1.png": ("image", "no picture")}
    image = drawing(PICTURE.format("r0"), 'descr="A bridge"')
    assert word(p(run("See "), f"<w:r>{image}</w:r>"), parts).text == "See [Image: A bridge]"


@pytest.mark.parametrize(
    "shape",
    [
        boxed("no", "hidden='1'"),
        drawing(f"<wps:wsp><wps:cNvPr id='2' name='y' hidden='true'/><wps:txbx>{box('no')}</wps:txbx></wps:wsp>"),
        drawing("", "hidden='1' descr='no'"),
        f"<w:pict><v:shape style='position:absolute;visibility: hidden'><v:textbox>{box('no')}</v:textbox></v:shape></w:pict>",
        choices(boxed("no", "hidden='1'"), f"<w:pict><v:shape><v:textbox>{box('no')}</v:textbox></v:shape></w:pict>"),
    ],
)  # fmt: skip
def test_hidden_shapes_of_word_are_left_out_and_counted(shape: str) -> None:
    loaded = word(p(f"<w:r>{shape}</w:r>", run("yes")))
    assert (loaded.text, +loaded.left_out) == ("yes", {"hidden shape": 1})


@pytest.mark.parametrize(
    ("reference", "text", "left_out"),
    [
        (f"<w:hyperlink r:id='r9'>{run('a')}</w:hyperlink>", "a b", {}),
        (f"<w:hyperlink r:id='r9' w:anchor='x'>{run('a')}</w:hyperlink>", "a b", {}),
        ("<w:r><w:t>a</w:t><w:footnoteReference w:id='7'/></w:r>", "a b", {"missing note": 1}),
        ("<w:r><w:t>a</w:t><w:endnoteReference w:id='7'/></w:r>", "a b", {"missing note": 1}),
        (f"<w:r><w:t>a</w:t>{drawing(PICTURE.format('r9'))}</w:r>", "a b", {}),
        (
            "<w:r><w:t>a</w:t><w:object><v:shape><v:imagedata r:id='r9'/></v:shape></w:object></w:r>",
            "a b",
            {},
        ),
    ],
)
def test_references_that_lead_nowhere_cost_no_file(
    reference: str, text: str, left_out: dict[str, int]
) -> None:
    loaded = word(p(reference, run(" b")))
    assert (loaded.text, +loaded.left_out) == (text, left_out)


def notes(kind: str, *texts: str) -> tuple[str, str]:
    own = kind[:-1]
    written = (f"<w:{own} w:id='{n}'>{p(run(text))}</w:{own}>" for n, text in enumerate(texts, 1))
    return kind, root(kind, "".join(written))


def noted(kind: str, number: int, sign: str = "") -> str:
    custom = "w:customMarkFollows='1'" if sign else ""
    return f"<w:r><w:{kind}Reference {custom} w:id='{number}'/>{sign and f'<w:t>{sign}</w:t>'}</w:r>"


@pytest.mark.parametrize(
    ("marks", "section", "text"),
    [
        (
            [noted("footnote", 1), noted("endnote", 1), noted("footnote", 2)],
            "",
            "a[1] a[i] a[2]\n\n1. See Smith.\n2. And Lund.\n- i. At the end.",
        ),
        (
            [noted("footnote", 1, "*"), noted("footnote", 2)],
            "",
            "a[*] a[1]\n\n- See Smith.\n\n1. And Lund.",
        ),
        (
            [noted("footnote", 1), noted("footnote", 2)],
            "<w:footnotePr><w:numFmt w:val='chicago'/></w:footnotePr>",
            "a[*] a[†]\n\n- * See Smith.\n- † And Lund.",
        ),
        (
            [noted("footnote", 1), noted("endnote", 1)],
            "<w:footnotePr><w:numFmt w:val='upperLetter'/><w:numStart w:val='3'/></w:footnotePr>"
            "<w:endnotePr><w:numFmt w:val='decimal'/></w:endnotePr>",
            "a[C] a[1]\n\n- C. See Smith.\n1. At the end.",
        ),
    ],
)
def test_notes_of_word_have_the_marks_of_the_page(marks: list[str], section: str, text: str) -> None:
    parts = {
        "footnotes.xml": notes("footnotes", "See Smith.", "And Lund."),
        "endnotes.xml": notes("endnotes", "At the end."),
    }
    assert word(p(*(run(" a") + each for each in marks)), parts, section).text == text


HEADER = "<w:headerReference w:type='{}' r:id='r0'/>"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (p(run("Fees "), run("hidden", "<w:vanish/>"), field("IF a b", "Draft")), "Fees Draft"),
        (table(("Number", "A-17"), ("Revision", "3")), "Number A-17 · Revision 3"),
        (p(run("12.03.2024")) + p(field("PAGE", "3"), run(" / "), field("NUMPAGES", "2024")), "12.03.2024"),
        (p(run("– "), f"<w:fldSimple w:instr='PAGE'>{run('1234')}</w:fldSimple>", run(" –")) + p(run("a")), "a"),
        (
            p(in_run(choices(boxed("In a box"), f"<w:pict>{box('In a box')}</w:pict>")), run("Fees")),
            "Fees · In a box",
        ),
    ],
)  # fmt: skip
def test_margins_of_pages_say_what_they_show(header: str, text: str) -> None:
    loaded = word(p(run("Body")), {"header1.xml": ("header", root("hdr", header))}, HEADER.format("default"))
    assert loaded.text == f"Body\n\nPage header: {text}"


@pytest.mark.parametrize(
    ("kind", "switch", "settings", "is_seen"),
    [
        ("first", "", "", False),
        ("first", "<w:titlePg w:val='0'/>", "", False),
        ("first", "<w:titlePg/>", "", True),
        ("even", "", "", False),
        ("even", "", "<w:evenAndOddHeaders/>", True),
    ],
)
def test_margins_of_first_and_even_pages_count_where_they_are_on(
    kind: str, switch: str, settings: str, is_seen: bool
) -> None:
    parts = {
        "header1.xml": ("header", root("hdr", p(run("Fees")))),
        "settings.xml": ("settings", root("settings", settings)),
    }
    loaded = word(p(run("Body")), parts, HEADER.format(kind) + switch)
    assert ("Fees" in loaded.text) is is_seen


def test_the_main_part_of_a_word_file_may_have_any_name() -> None:
    """As those that Word writes in a browser."""
    loaded = word(p(run("yes"), run("no", "<w:vanish/>")), main="document2.xml")
    assert (loaded.text, +loaded.left_out) == ("yes", {"hidden run": 1})


@pytest.mark.parametrize(("own", "seen"), [("", "\n\n- Tar and salt"), ("hidden='1'", "")])
def test_diagrams_of_word_are_read_where_they_are_shown(own: str, seen: str) -> None:
    lines = "".join(f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>" for text in ("Tar", "and salt"))
    points = f"<w:ptLst><w:pt><w:t>{lines}</w:t></w:pt></w:ptLst>"
    parts = {"diagrams/data1.xml": ("diagramData", root("dataModel", points))}
    used = in_run(drawing("<w:relIds r:dm='r0'/>", own))
    assert word(p(run("Upkeep"), used), parts).text == f"Upkeep{seen}"


def test_a_deleted_picture_is_gone_and_counted() -> None:
    picture = in_run(drawing("", "descr='A bridge'"))
    deleted = f"<w:del>{picture}</w:del>"
    loaded = word(p(deleted, run("yes")))
    assert (loaded.text, +loaded.left_out) == ("yes", {"tracked deletion": 1})
