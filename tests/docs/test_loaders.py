"""Real files of every format become text with a way back to page or line, or are refused with a reason."""

from __future__ import annotations

import io
import sys
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import office_files as office
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragcompress.data import Document
from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded
from ragcompress.documents.reading import read_documents, read_file
from ragcompress.errors import MissingExtra, UnreadableFile

PROPERTY = settings(deadline=None, derandomize=True, max_examples=40)
LIMIT = 1 << 20
PAGES = [["The bridge stands in Oslo. It was", "built by Anna Lund."], [], ["Ferries leave at noon."]]
MAKERS: dict[str, Callable[[], bytes]] = {
    ".pdf": lambda: office.pdf(PAGES),
    ".docx": lambda: office.saved(office.word()),
    ".pptx": office.slides,
    ".xlsx": office.workbook,
    ".html": lambda: b"<!doctype html><title>Guide</title><p>The bridge stands in Oslo.",
}


def load(data: bytes, suffix: str) -> Loaded:
    return loaders.load(data, suffix, f"file{suffix}", LIMIT)


def cites(loaded: Loaded, *words: str) -> list[str]:
    """Where the words stand, as a citation names it."""
    found = []
    for word in words:
        start = loaded.text.index(word)
        found.append(loaded.places.at(start, start + len(word)).cite("f"))
    return found


def test_pdf_pages_are_found_again() -> None:
    loaded = load(office.pdf(PAGES), ".pdf")
    assert loaded.text == "The bridge stands in Oslo. It was\nbuilt by Anna Lund.\nFerries leave at noon."
    assert cites(loaded, "Oslo", "Lund.\nFerries", "Ferries") == ["f p. 1", "f pp. 1-3", "f p. 3"]
    assert loaded.notes == ("file.pdf: page 2 left out: without text (scanned?)",)


def test_word_keeps_blocks_and_names_heading_and_paragraph() -> None:
    loaded = load(office.saved(office.word()), ".docx")
    assert loaded.text == (
        "# The bridge\n\nAnna Lund built the bridge in 1902. It is of larch.\n\n## Upkeep\n\n"
        "- Tar every spring\n- New planks every ten years\n\n"
        "| Year | Cost |\n| --- | --- |\n| 1902 | 40 \\| crowns |\n| 1912 | 7 crowns |\n\nThe end."
    )
    assert cites(loaded, "# The", "larch", "- New", "| 1912", "The end") == [
        'f "The bridge" par. 1', 'f "The bridge" par. 2', 'f "Upkeep" par. 5', 'f "Upkeep" par. 10',
        'f "Upkeep" par. 12',
    ]  # fmt: skip


def test_slides_keep_titles_points_notes_and_tables() -> None:
    loaded = load(office.slides(), ".pptx")
    assert loaded.text == (
        "## The bridge\n\n- Built 1902\n- Of larch\n\n## Upkeep\n\nTar\n\nNotes: Say thanks.\n\n"
        "| Year | Cost |\n| --- | --- |\n| 1902 | 40 |"
    )
    assert cites(loaded, "Of larch", "## Upkeep", "thanks", "| 1902") == [
        "f slide 1", "f slide 2", "f slide 2", "f slide 4",
    ]  # fmt: skip


def test_a_workbook_is_a_table_per_sheet() -> None:
    loaded = load(office.workbook(), ".xlsx")
    assert loaded.text.rstrip() == (
        "## Costs\n\n| Year | Cost |\n| --- | --- |\n| 1902 | 40 |\n| 1903 | 41 |\n| 1904 | 42 |\n\n"
        "## Names\n\n| Anna \\| Lund |\n| --- |"
    )
    assert cites(loaded, "## Costs", "1903", "Anna") == [
        'f "Costs" row 1',
        'f "Costs" row 3',
        'f "Names" row 5',
    ]


PAGE = b"""<!doctype html>
<html><head><title> The
Guide</title><style>p {}</style></head><body>
<nav>Home | Next</nav><p hidden>secret</p>
<h1 id=top>Guide</h1>
<p>First <b>bold</b> para_graph
goes * on.
<p>Second.<br>After.
<h2><a name=install></a>Install</h2>
<pre>
$ pip install x

  ``` in
</pre>
<ul><li>one<li>two <ul><li>deep</ul></ul>
<table><tr><th>a|b<th>c<tr><td>1<td>2</table>
<table><tr><td><p>layout<ul><li>x</ul><td>right</table>
<dl><dt>term<dd>what it is</dl>
<!-- no --><script>bad()</script>
</body></html>"""


def test_html_blocks_become_markdown_and_keep_line_and_anchor() -> None:
    loaded = load(PAGE, ".html")
    assert loaded.title == "The Guide"
    assert loaded.text == (
        "# Guide\n\nFirst bold para_graph\ngoes * on.\n\nSecond.\nAfter.\n\n## Install\n\n"
        "````\n$ pip install x\n\n  ``` in\n````\n\n- one\n- two\n  - deep\n\n"
        "| a\\|b | c |\n| --- | --- |\n| 1 | 2 |\n\nlayout\n\n- x\n\nright\n\nterm\n:   what it is"
    )
    lines = PAGE.decode().split("\n")
    for word in ("Guide", "First", "Second", "Install", "one", "1 | 2", "layout", "what it is"):
        place = loaded.places.at(loaded.text.index(word), loaded.text.index(word) + 1)
        assert word.split()[0] in lines[place.first - 1], word
    assert cites(loaded, "First", "````") == ["f#top", "f#install"]


def test_lines_of_html_count_where_they_end_within_tags_and_before_code() -> None:
    page = (
        "<p>Anna <b\nclass='x'\n>built</b\n> the bridge <i><tt\n>of</tt\n></i\n> larch. "
        "Tar\nkeeps it.</p\n>\n"
        "<pre>first\nsecond</pre\n>\nBehind.<p>Before</p><pre>third\nfourth</pre>"
    )
    loaded = load(page.encode(), ".html")
    lines = page.split("\n")
    for word in ("built", "bridge", "larch", "keeps", "second", "Behind", "Before", "third", "fourth"):
        place = loaded.places.at(loaded.text.index(word), loaded.text.index(word) + 1)
        assert word in lines[place.first - 1], word
    fence = loaded.text.index("```", loaded.text.index("Before"))
    assert "<pre>third" in lines[loaded.places.at(fence, fence + 1).first - 1]


@pytest.mark.parametrize(
    "data",
    [
        '<meta charset="iso-8859-1"><p>Brücke'.encode("latin-1"),
        "<?xml version='1.0' encoding='utf-8'?><html><p>Brücke".encode(),
        '<meta http-equiv=Content-Type content="text/html; charset=windows-1252"><p>Brücke'.encode("cp1252"),
        "<p>Brücke".encode("utf-8-sig"),
        "<p>Brücke".encode("utf-16"),
    ],
)
def test_html_is_decoded_as_it_declares(data: bytes) -> None:
    assert load(data, ".html").text == "Brücke"


TAGS = (
    "<p>", "<b>", "</b>", "<li>", "<ul>", "</ul>", "<td>", "<table>", "</table>", "<pre>", "</pre>",
    "<h2 id=q>", "</h2>", "<br>", "a b.", "x", "\n", "&amp;", "| ", "\ufdd0", "0", "\ufdd1", "```", "é",
    "</b\n>", "\ufdd2",
)  # fmt: skip


@PROPERTY
@given(st.lists(st.sampled_from(TAGS)))
def test_html_never_shows_its_markers_and_every_offset_has_a_line(parts: list[str]) -> None:
    source = "".join(parts)
    try:
        loaded = load(source.encode(), ".html")
    except UnreadableFile:
        return
    assert not {"\ufdd0", "\ufdd1", "\ufdd2"} & set(loaded.text)
    n_lines = source.count("\n") + 1
    for i in range(len(loaded.text)):
        assert 1 <= loaded.places.at(i, i + 1).first <= n_lines


@cache
def made_once(suffix: str) -> bytes:
    """A file of a kind; some hold the time, so the next one may be longer."""
    return MAKERS[suffix]()


@PROPERTY
@given(st.sampled_from(sorted(MAKERS)), st.data())
def test_any_damage_is_refused_or_read_but_never_a_crash(suffix: str, data: st.DataObject) -> None:
    whole = bytearray(made_once(suffix))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(1, len(whole)))])
    try:
        assert load(cut, suffix).text.strip()
    except UnreadableFile as error:
        assert str(error).startswith(f"file{suffix} ")
        assert error.reason


def ole(*words: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"".join(w.encode("utf-16-le") for w in words)


def bomb(n_bytes: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * n_bytes)
    return buffer.getvalue()


def pdf_bomb(n_bytes: int, n_times: int = 1) -> bytes:
    """A page whose content is so long when it is unpacked."""
    content = b"BT /F1 12 Tf " + b"(x) Tj ".ljust(n_bytes) + b"ET"
    for _ in range(n_times):
        content = zlib.compress(content)
    before, _, rest = office.pdf([["x"]]).partition(b"<< /Length ")
    _, _, after = rest.partition(b"\nendstream")
    filters = b"/FlateDecode " * n_times
    about = b"<< /Length %d /Filter [ %s] >>\nstream\n" % (len(content), filters)
    return before + about + content + b"\nendstream" + after


def lying(data: bytes, size: int) -> bytes:
    """The same zip, claiming in both its headers that what is in it is small."""
    real, small = (n.to_bytes(4, "little") for n in (LIMIT * 2, size))
    return data.replace(real, small)


def rezipped(data: bytes, old: bytes, new: bytes) -> bytes:
    """An office file with something else in its parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, archive.read(name).replace(old, new))
    return buffer.getvalue()


def locked_pdf() -> bytes:
    """A PDF that names a standard security handler whose password nobody knows."""
    keys = f"/O <{'41' * 32}> /U <{'42' * 32}>"
    entry = f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 {keys} >> /ID [<01> <01>]"
    return office.pdf(PAGES).replace(b"/Root", entry.encode() + b" /Root")


@pytest.mark.parametrize(
    ("data", "suffix", "reason", "said"),
    [
        (b"", ".pdf", "empty", "is empty"),
        (b" \n", ".html", "empty", "is empty"),
        (locked_pdf(), ".pdf", "encrypted", "save it without its password"),
        (ole("EncryptedPackage"), ".docx", "encrypted", "save it without its password"),
        (ole("WordDocument"), ".docx", "misnamed", "old Office file, not .docx; save it as .docx"),
        (office.pdf([[], []]), ".pdf", "scanned", "pages but no text"),
        (office.pdf(PAGES)[:300], ".pdf", "broken", "broken or cut short"),
        (b"%PDF-1.7\nnothing", ".pdf", "broken", "broken or cut short"),
        (office.slides()[:900], ".pptx", "misnamed", "some zip archive"),
        (b"<p>hello", ".pdf", "misnamed", "is something else, not .pdf"),
        (office.workbook(), ".docx", "misnamed", "is an Excel workbook, not .docx; rename it to .xlsx"),
        (office.pdf(PAGES), ".txt", "misnamed", "is a PDF, not .txt; rename it to .pdf"),
        (office.pdf(PAGES), "", "misnamed", "is a PDF, not text"),
        (bomb(LIMIT * 2), ".docx", "too large", "unpacks to more than 1,048,576 bytes"),
        (lying(bomb(LIMIT * 2), 10), ".docx", "broken", "broken zip archive"),
        (pdf_bomb(LIMIT * 2), ".pdf", "too large", "unpacks to more than 1,048,576 bytes"),
        (pdf_bomb(LIMIT * 2, 2), ".pdf", "too large", "unpacks to more than 1,048,576 bytes"),
        (bomb(10), ".docx", "broken", "can't be read as a Word document"),
        (
            rezipped(office.slides(), b"<p:sld", b"<p:"),
            ".pptx",
            "broken",
            "can't be read as a PowerPoint file",
        ),
        (rezipped(office.workbook(), b'<row r="4"', b'<row r="99999999999"'), ".xlsx", "broken", "at most"),
        (b"\x89PNG\0", ".md", "binary", "binary data"),
        (b"caf\xe9", ".html", "in another encoding", "is not UTF-8 text"),
        (b"<meta charset=big5><p>x\xff\xff", ".html", "in another encoding", "which it does not have"),
        (b"<script>x</script>", ".html", "without text", "holds no text"),
        (b"<div>" * 3000 + b"x", ".html", "broken", "nested too deeply"),
    ],
)
def test_a_file_that_holds_no_text_says_why(data: bytes, suffix: str, reason: str, said: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        load(data, suffix)
    assert (caught.value.reason, said in str(caught.value)) == (reason, True), str(caught.value)
    assert "\n" not in str(caught.value)


def test_much_markup_is_refused_and_pictures_are_none() -> None:
    with pytest.raises(
        UnreadableFile, match="unpacks to more than 2,097,152 bytes; raise the limit"
    ) as caught:
        loaders.load(bomb(3 * LIMIT), ".docx", "file.docx", 10 * LIMIT)
    assert caught.value.reason == "too large"
    buffer = io.BytesIO(office.saved(office.word()))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("word/media/image1.png", bytes(5 * LIMIT))
    assert loaders.load(buffer.getvalue(), ".docx", "file.docx", 10 * LIMIT).text.startswith("# The bridge")


def test_packed_pages_are_read() -> None:
    assert load(pdf_bomb(LIMIT // 2), ".pdf").text == "x"


@pytest.mark.parametrize(
    ("raised", "reason", "said"),
    [
        (AssertionError("what\n is this"), "broken", "read as HTML: what is this"),
        (MemoryError(), "too large", "memory"),
    ],
)
def test_whatever_a_parser_raises_is_told_of_its_file(
    raised: Exception, reason: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise raised

    monkeypatch.setattr("ragcompress.documents.loaders.html.markdown", fail)
    with pytest.raises(UnreadableFile, match=said) as caught:
        load(b"<p>x", ".html")
    assert caught.value.reason == reason


def test_a_mixed_folder_is_read_and_what_is_left_out_is_summed_up(tmp_path: Path) -> None:
    for suffix, make in MAKERS.items():
        (tmp_path / f"good{suffix}").write_bytes(make())
    (tmp_path / "locked.pdf").write_bytes(locked_pdf())
    (tmp_path / "scan.pdf").write_bytes(office.pdf([[]]))
    (tmp_path / "bomb.docx").write_bytes(bomb(LIMIT * 2))
    (tmp_path / "huge.txt").write_bytes(b"x" * (LIMIT + 1))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0")
    notes: list[str] = []
    documents = read_documents([str(tmp_path)], stdin=io.BytesIO(), note=notes.append, max_file_size=LIMIT)
    assert [Path(str(d.source)).name for d in documents] == [f"good{s}" for s in sorted(MAKERS)]
    assert len(notes) == 6
    assert notes[-1] == (
        f"{tmp_path}: read 5 files, left out 5 files: "
        "1 encrypted, 1 scanned, 2 too large, 1 of other types (.png)"
    )


def test_without_the_extra_the_note_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix, make in MAKERS.items():
        (tmp_path / f"a{suffix}").write_bytes(make())
    (tmp_path / "b.md").write_text("Still read.")
    for module in ("pypdfium2", "mammoth", "pptx", "lxml", "lxml.html", "lxml.etree"):
        monkeypatch.setitem(sys.modules, module, None)
    notes: list[str] = []
    documents = read_documents([str(tmp_path)], stdin=io.BytesIO(), note=notes.append)
    assert [d.text for d in documents] == ["Still read."]
    (said,) = notes
    assert "pip install -e '.[docs]'" in said
    assert all(suffix in said for suffix in MAKERS)
    with pytest.raises(MissingExtra, match="reading .pdf files needs the extra 'docs'"):
        read_file(tmp_path / "a.pdf", note=notes.append)


def test_json_carries_places(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(office.pdf(PAGES))
    (document,) = read_file(path, note=lambda _: None)
    assert isinstance(document, Document)
    assert document.places is not None
    assert type(document.places).from_dict(document.places.to_dict()) == document.places
