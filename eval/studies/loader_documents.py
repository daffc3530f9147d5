"""More files for the loaders: what offices, shops, projects and newspapers publish, in small."""

# ruff: noqa: E501

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import date, time
from typing import Any

from .loader_cases import Case, pdf, saved

# name, body, what is shown, what is hidden
_PAGES: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("article", "<header><nav><a href=/>Start</a></nav></header><article><h1>Bridge closed</h1><p class=byline>By Anna Lund, <time>3 May 2024</time><p>The bridge of Vik is closed until <b>9 June</b>.</p><aside><h2>Read on</h2><p>Ferries go at nine.</aside></article>", ("Bridge closed", "By Anna Lund, 3 May 2024", "is closed until 9 June.", "Ferries go at nine."), ("Start",)),
    ("product", "<h1>Lamp</h1><p><del>99 €</del> <ins>79 €</ins><table><tr><th>Height<td>40 cm<tr><th>Weight<td>1.2 kg</table><button>Buy</button>", ("~~99 €~~ 79 €", "Height … 40 cm", "Weight … 1.2 kg"), ("Buy",)),
    ("recipe", "<h1>Bread</h1><ul><li>500 g flour<li>1<sup>1</sup>&frasl;<sub>2</sub> tsp salt</ul><ol><li>Mix.<li>Bake at 220 &deg;C.</ol>", ("500 g flour", "1 1/2 tsp salt", "1. Mix.", "2. Bake at 220 °C."), ()),
    ("encyclopedia", "<table class=infobox><caption>Vik</caption><tr><th>Area<td>12.5 km<sup>2</sup><tr><th>People<td>4,210<sup class=reference><a href='#cite_note-1'>[1]</a></sup></table><p><b>Vik</b> is a town.<sup class=reference><a href='#cite_note-2'>[2]</a></sup> It lies in Sogn.", ("Area … 12.5 km^2", "People … 4,210[1]", "is a town.[2] It lies"), ()),
    ("forum", "<div class=post><span class=user>ann</span><blockquote><p>Does it float?</blockquote><p>Yes, with 3 people.</div>", ("Does it float?", "Yes, with 3 people."), ()),
    ("questions and answers", "<dl><dt>How long?<dd>Ten days.<dd>Five in May.<dt>How much?<dd>12 crowns.</dl>", ("How long?", "Ten days.", "Five in May.", "12 crowns."), ()),
    ("tabs", "<ul role=tablist><li role=tab id=t1 aria-controls=p1>Old</li><li role=tab id=t2 aria-controls=p2>New</li></ul><div role=tabpanel id=p1>12 crowns</div><div role=tabpanel id=p2 hidden>15 crowns</div>", ("12 crowns", "15 crowns"), ()),
    ("timetable", "<table><thead><tr><th rowspan=2>Stop<th colspan=2>Weekdays<th colspan=2>Sundays<tr><th>Out<th>Back<th>Out<th>Back</thead><tr><td>Vik<td>9:00<td>17:10<td>10:30<td>&ndash;</table>", ("Weekdays / Out … Weekdays / Back … Sundays / Out", "Vik … 9:00 … 17:10 … 10:30"), ()),
    ("table of three levels", "<table><tr><td rowspan=3>City<td colspan=4>Fee<tr><td colspan=2>2023<td colspan=2>2024<tr><td>S1<td>S2<td>S1<td>S2<tr><td>Vik<td>1<td>2<td>3<td>4</table>", ("Fee / 2023 / S1 … Fee / 2024 / S2", "Vik … 1 … 2 … 3 … 4"), ()),
    ("block of joined cells", "<table><tr><th>A<th>B<th>C<tr><td rowspan=2 colspan=2>x<td>11<tr><td>22</table>", ("x … x … 11", "x … x … 22"), ()),
    ("table within a table", "<table><tr><th>City<th>Boats<tr><td>Vik<td><table><tr><td>Ida<td>9<tr><td>Una<td>11</table></table>", ("Vik … Ida … 9 … Una … 11",), ()),
    ("table of divisions", "<div role=table><div role=row><span role=columnheader>City</span><span role=columnheader>Fee</span></div><div role=row><span role=cell>Vik</span><span role=cell>15</span></div></div>", ("City … Fee", "Vik … 15"), ()),
    ("page laid out by a table", "<table width=100%><tr><td><h2>News</h2><p>The fee is 12 crowns.<td><h2>Places</h2><p>Vik lies in Sogn.</table>", ("News", "The fee is 12 crowns.", "Vik lies in Sogn."), ()),
    ("sheets of style", "<style>.up{vertical-align:super}.old{text-decoration:line-through}.fee::before{content:'Fee: '}</style><p>10<span class=up>6</span> kg, <span class=old>99</span> <span class=fee>12</span>", ("10^6 kg, ~~99~~ Fee: 12",), ()),
    ("white letters", "<p>12 crowns<p style='color:#fff;background:white'>secret</p><p style='color:white'>secret</p>", ("12 crowns",), ("secret",)),
    ("letters of no size", "<p>12 crowns<span style='font-size:1px'>secret</span><p style='max-height:0;overflow:hidden'>secret", ("12 crowns",), ("secret",)),
    ("for readers of the screen", "<style>.sr{position:absolute;width:1px;height:1px;overflow:hidden}</style><a href=x>More<span class=sr> secret</span></a>", ("More",), ("secret",)),
    ("dialog", "<p>12 crowns<dialog>secret</dialog><div class=modal style='display:none'>secret</div>", ("12 crowns",), ("secret",)),
    ("template and script", "<p>12 crowns<template>secret</template><script>var a='secret'</script><noscript>secret</noscript>", ("12 crowns",), ("secret",)),
    ("drawing", "<svg><title>secret of the drawing</title><text>Peak</text><text>42 MW</text></svg><p>Load of May", ("Peak", "42 MW", "Load of May"), ()),
    ("mathematics", "<p><math><msup><mi>E</mi><mn>2</mn></msup><mo>=</mo><msqrt><mi>m</mi></msqrt></math> and e<sup>iπ</sup>", ("E^2 = √(m) and e^(iπ)",), ()),
    ("ordinals", "<p>1<sup>st</sup> of May, XIX<sup>e</sup> si&egrave;cle, M<sup>me</sup> Lund", ("1st of May, XIXe siècle, Mme Lund",), ()),
    ("form that is filled in", "<form><label>Name <input value=Anna></label><label>Pass <input type=password value=secret></label><input type=hidden value=secret><label><input type=checkbox checked> Boat</label><textarea>Call at nine</textarea></form>", ("Name Anna", "[x] Boat", "Call at nine"), ("secret",)),
    ("soft hyphens", "<p>Donau&shy;dampf&shy;schiff and of&#8203;fice", ("Donaudampfschiff",), ()),
    ("readings", "<p><ruby>東<rt>とう</rt>京<rt>きょう</rt></ruby>の橋", ("東(とう)京(きょう)の橋",), ()),
    ("right to left", "<p dir=rtl>الرسوم ١٢ كرونة<p dir=rtl lang=he>הגשר סגור", ("الرسوم ١٢ كرونة", "הגשר סגור"), ()),
    ("definitions within text", "<p>The <abbr title='World Health Organization'>WHO</abbr> met on <time datetime=2024-05-03>3 May</time>; see <q>the bridge</q>.", ("The WHO met on 3 May; see “the bridge”.",), ()),
    ("code of a manual", "<p>Type <code>make -j2</code>:<pre><code>$ make -j2\nok  2</code></pre>", ("Type make -j2:", "$ make -j2", "ok 2"), ()),
    ("picture with a caption", "<figure><img src=a.png alt='Bridge in fog'><figcaption>The bridge, 1902</figcaption></figure>", ("Bridge in fog", "The bridge, 1902"), ()),
    ("menu and foot", "<nav>secret menu</nav><main><p>The fee is 12 crowns.</main><footer><p>Harbour office, Vik</footer>", ("The fee is 12 crowns.", "Harbour office, Vik"), ("secret menu",)),
)  # fmt: skip
_TEXTS: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("read-me file", ".md", "---\ntitle: Lamp\n---\n[![build](http://x/b.svg)](http://x)\n\n# Lamp\n\n## Use\n\n```console\n$ lamp --on\n```\n\n- [x] light\n- [ ] dim\n", ("# Lamp", "$ lamp --on", "- [x] light"), ()),
    ("changes", ".md", "# Changes\n\n## 1.2 (3 May 2024)\n\n* Fixed: the lamp[^1] went out.\n\n[^1]: At night.\n", ("## 1.2 (3 May 2024)", "the lamp[^1] went out.", "At night."), ()),
    ("markdown with hidden elements", ".md", "12 crowns <span style='display:none'>secret</span>\n\n<div hidden>\n\nsecret\n\n</div>\n\n[//]: # (secret)\n", ("12 crowns",), ("secret",)),
    ("markdown with formulas", ".md", "So $a < b$ and\n\n$$\nE = mc^2\n$$\n", ("So $a < b$ and", "E = mc^2"), ()),
    ("markdown table", ".md", "| City | Fee |\n|:--|--:|\n| Vik | 1\\|5 |\n", ("City … Fee", "Vik … 1 … 5"), ()),
    ("export of a shop", ".csv", "id;name;price\n1;\"Lamp; tall\";\"79,00 €\"\n2;Rug;\"120,50 €\"\n", ("1 … Lamp; tall … 79,00 €", "2 … Rug … 120,50 €"), ()),
    ("values under two rows of names", ".csv", "City,Fee,\n,2023,2024\nVik,12,15\n", ("City … Fee", "2023 … 2024", "Vik … 12 … 15"), ()),
    ("values with a title", ".csv", "Fees of Vik,,\n\nCity,Old,New\nVik,12,15\n", ("Fees of Vik", "City … Old … New", "Vik … 12 … 15"), ()),
    ("values with lines in them", ".csv", 'City,Note\nVik,"Boat at nine\nand at ten"\nLo,none\n', ("Vik … Boat at nine", "and at ten", "Lo … none"), ()),
    ("values between tabs", ".tsv", "City\tFee\nVik\t15\n", ("Vik … 15",), ()),
    ("log", ".log", "2024-05-03 12:00:01 INFO start\n2024-05-03 12:00:02 ERROR no route\n", ("2024-05-03 12:00:02 ERROR no route",), ()),
    ("source code", ".py", '"""Fees."""\n\n\ndef fee(n: int) -> int:\n    return 12 * n\n', ("def fee(n: int) -> int:", "return 12 * n"), ()),
    ("settings", ".yaml", "fee:\n  old: 12\n  new: 15\n", ("old: 12", "new: 15"), ()),
    ("restructured text", ".rst", "Fees\n====\n\n.. list-table::\n\n   * - City\n     - Fee\n   * - Vik\n     - 15\n", ("Fees", "* - Vik", "- 15"), ()),
    ("outline", ".org", "* Fees\n| City | Fee |\n|------+-----|\n| Vik  |  15 |\n", ("* Fees", "Vik … 15"), ()),
    ("article in TeX", ".tex", "\\section{Fees}\nThe fee is 12 crowns.\n", ("The fee is 12 crowns.",), ()),
    ("letter of a week", ".txt", "Dear Anna,\n\nthe boat comes at nine.\n\nYours, Bo\n", ("Dear Anna,", "the boat comes at nine.", "Yours, Bo"), ()),
    ("transcript", ".txt", "[00:00:10] Anna: so we went down\n[00:00:14] Bo: and the boat was late\n", ("[00:00:14] Bo: and the boat was late",), ()),
)  # fmt: skip
_ENCODED = (
    ("page of Japan", ".html", "<meta charset=shift_jis><p>料金は十二円", "cp932", "料金は十二円"),
    ("page of Korea", ".html", "<meta charset=euc-kr><p>요금은 열두 원", "cp949", "요금은 열두 원"),
    ("page of Russia", ".html", "<meta charset=koi8-r><p>Плата 12 крон", "koi8-r", "Плата 12 крон"),
    ("page of Poland", ".html", "<meta charset=iso-8859-2><p>Opłata żółw", "iso-8859-2", "Opłata żółw"),
    ("page of Thailand", ".html", "<meta charset=tis-620><p>ค่าธรรมเนียม", "cp874", "ค่าธรรมเนียม"),
    ("page with a mark", ".html", "<p>Brücke 12 €", "utf-8-sig", "Brücke 12 €"),
    ("text of Excel", ".csv", "City\tFee\nVik\t15\n", "utf-16", "Vik … 15"),
)


def documents() -> Iterator[Case]:
    """The files."""
    for name, body, shown, hidden in _PAGES:
        yield Case(name, ".html", f"<!doctype html><meta charset=utf-8>{body}".encode(), shown, hidden)
    for name, suffix, text, shown, hidden in _TEXTS:
        yield Case(name, suffix, text.encode(), shown, hidden)
    for name, suffix, text, encoding, fact in _ENCODED:
        yield Case(name, suffix, text.encode(encoding), (fact,))
    packed = gzip.compress(b"# Fees\n\nThe fee is 12 crowns.\n")
    yield Case("packed", ".md.gz", packed, ("Fees", "The fee is 12 crowns."))
    pages = [["Annual report of Vik", "Fees rose to 15 crowns."], ["Page two: boats", "Ida carries 9."]]
    yield Case(
        "report", ".pdf", pdf(*pages), ("Annual report of Vik", "Fees rose to 15 crowns.", "Ida carries 9.")
    )
    yield from _letters()
    yield from _books()
    yield from _decks()


def _letters() -> Iterator[Case]:
    import docx

    file: Any = docx.Document()
    file.add_heading("Invoice 17", 0)
    paragraph = file.add_paragraph("Due on ")
    paragraph.add_run("3 May").bold = True
    paragraph.add_run(" at ")
    paragraph.add_run("12:00").font.strike = True
    table = file.add_table(3, 3)
    for cell, text in zip(
        (c for r in table.rows for c in r.cells), "Item N Sum Lamp 2 158.00 Rug 1 120.50".split(), strict=True
    ):
        cell.text = text
    shown = ("Invoice 17", "Due on 3 May", "~~12:00~~", "Lamp … 2 … 158.00", "Rug … 1 … 120.50")
    yield Case("word: invoice", ".docx", saved(file), shown)
    file = docx.Document()
    for level, heading in enumerate(("Rules", "Boats"), 1):
        file.add_heading(heading, level)
        file.add_paragraph(f"{heading} of the harbour.", style="List Number")
    run = file.add_paragraph("12 crowns").add_run(" secret")
    run.font.color.rgb = docx.shared.RGBColor(255, 255, 255)
    file.sections[0].footer.paragraphs[0].text = "Harbour office"
    shown = ("# Rules", "## Boats", "Boats of the harbour.", "12 crowns", "Harbour office")
    yield Case("word: rules", ".docx", saved(file), shown, ("secret",))


def _books() -> Iterator[Case]:
    import openpyxl
    from openpyxl.comments import Comment
    from openpyxl.styles import Font

    book: Any = openpyxl.Workbook()
    sheet = book.active
    rows: list[list[Any]] = [
        ["City", "Fee", None, None, None],
        [None, 2023, None, 2024, None],
        [None, "Old", "New", "Old", "New"],
        ["Vik", 0.12, 0.15, 0.2, 0.25],
    ]
    for row in rows:
        sheet.append(row)
    for span in ("A1:A3", "B1:E1", "B2:C2", "D2:E2"):
        sheet.merge_cells(span)
    for cell in sheet[4][1:]:
        cell.number_format = "0%"
    yield Case(
        "sheet: three levels",
        ".xlsx",
        saved(book),
        ("Fee / 2023 / Old … Fee / 2024 / New", "Vik … 12% … 15% … 20% … 25%"),
    )
    book = openpyxl.Workbook()
    book.active.title = "Staff"
    rows = [
        ["Name", "Start", "Hours"],
        ["Anna", date(2024, 5, 3), time(9, 30)],
        ["Bo", date(2023, 1, 9), time(8)],
    ]
    for row in rows:
        book.active.append(row)
    book.active["A4"] = "secret"
    book.active["A4"].font = Font(color="FFFFFFFF")
    book.active["A2"].comment = Comment("secret", "Bo")
    ghost = book.create_sheet("Ghost")
    ghost["A1"], ghost.sheet_state = "secret", "hidden"
    second = book.create_sheet("Boats")
    second.append(["Boat", "Seats"])
    second.append(["Ida", 9])
    shown = ("## Staff", "Anna … 2024-05-03 … 09:30:00", "Bo … 2023-01-09", "## Boats", "Ida … 9")
    for cells in book["Staff"].iter_rows(min_row=2, max_row=3):
        cells[1].number_format, cells[2].number_format = "yyyy-mm-dd", "hh:mm:ss"
    yield Case("sheet: several", ".xlsx", saved(book), shown, ("secret",))
    book = openpyxl.Workbook()
    rows = [["Item", "Price"], ["Lamp", 79], ["Rug", -120.5]]
    for row in rows:
        book.active.append(row)
    for place in ("B2", "B3"):
        book.active[place].number_format = '#,##0.00 "€";[Red](#,##0.00 "€")'
    book.active["A3"].font = Font(strike=True)
    yield Case("sheet: prices", ".xlsx", saved(book), ("Lamp … 79.00 €", "~~Rug~~ … (120.50 €)"))


def _decks() -> Iterator[Case]:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Emu

    deck: Any = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Plan of 2024"
    frame = slide.placeholders[1].text_frame
    frame.text = "Tar the bridge"
    frame.add_paragraph().text = "Count the boats"
    slide.shapes.add_textbox(Emu(-9_999_999), 0, Emu(99), Emu(99)).text_frame.text = "secret"
    yield Case(
        "slides: list",
        ".pptx",
        saved(deck),
        ("Plan of 2024", "- Tar the bridge", "- Count the boats"),
        ("secret",),
    )
    deck = pptx.Presentation()
    made: Any = CategoryChartData
    data = made(number_format="0%")
    data.categories = ["Vik", "Lo"]
    data.add_series("Share", (0.25, 0.75))
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Shares"
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, 999, 999, data)
    yield Case("slides: chart", ".pptx", saved(deck), ("Shares", "Vik … 25%", "Lo … 75%"))
    deck = pptx.Presentation()
    table = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_table(3, 3, 0, 0, 999, 999).table
    for cell, text in zip(
        (c for r in table.rows for c in r.cells), "City Fee - - Old New Vik 12 15".split(), strict=True
    ):
        cell.text = text
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(0, 0).text, table.cell(0, 1).text = "City", "Fee"
    yield Case("slides: two levels", ".pptx", saved(deck), ("Fee / Old … Fee / New", "Vik … 12 … 15"))
