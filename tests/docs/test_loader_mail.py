"""E-mail and saved pages are read as a mail program shows them, however broken they are."""

from __future__ import annotations

import base64
from email.message import EmailMessage, MIMEPart

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragcompress.documents import loaders
from ragcompress.documents.loaders import Loaded
from ragcompress.errors import UnreadableFile

PAGE = "<title>Tar</title><p>The planks are of <b>larch</b>.</p><p hidden>no</p>"


def load(data: bytes, suffix: str = ".eml", seconds: float | None = None) -> Loaded:
    return loaders.load(data, suffix, f"file{suffix}", 1 << 26, seconds)


def message(words: str | None = "The planks cost 7 crowns – in all.\n") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = "Anna Lønd <anna@example.org>", "ferry@example.org"
    made["Date"], made["Subject"] = "Mon, 05 Jan 2026 10:00:00 +0100", "Straße nach Vik"
    made["Received"] = "from a by b"
    if words is not None:
        made.set_content(words, cte="base64")
    return made


HEAD = (
    "From: Anna Lønd <anna@example.org>\nTo: ferry@example.org\n"
    "Date: Mon, 05 Jan 2026 10:00:00 +0100\nSubject: Straße nach Vik"
)


def test_headers_are_lines_and_transfer_encodings_are_undone() -> None:
    loaded = load(bytes(message()))
    assert loaded.text == f"{HEAD}\n\nThe planks cost 7 crowns – in all."
    assert (loaded.title, loaded.syntax, +loaded.left_out) == ("Straße nach Vik", "text", {})
    start = loaded.text.index("planks")
    assert loaded.places.at(start, start + 6).cite("f") == "f:6"


def test_of_alternatives_the_plain_text_is_taken_and_attachments_are_counted() -> None:
    made = message()
    made.add_alternative(PAGE, subtype="html")
    made.add_attachment(b"\0\1", maintype="image", subtype="png", filename="a.png")
    made.add_attachment("a,b\n", filename="a.txt")
    loaded = load(bytes(made))
    assert loaded.text == f"{HEAD}\n\nThe planks cost 7 crowns – in all."
    assert +loaded.left_out == {"attachment": 2}


def test_a_page_is_read_where_there_is_no_plain_text() -> None:
    made = message("\n")
    made.add_alternative(PAGE, subtype="html")
    loaded = load(bytes(made))
    assert loaded.text == f"{HEAD}\n\nThe planks are of larch."
    assert (loaded.syntax, +loaded.left_out) == ("markdown", {"hidden part": 1})


def test_a_forwarded_message_brings_its_headers() -> None:
    outer = EmailMessage()
    outer["Subject"] = "Fwd"
    outer.set_content("See below.")
    outer.make_mixed()
    inner = MIMEPart()
    inner["Content-Type"] = "message/rfc822"
    inner.set_payload([message()])
    outer.attach(inner)
    loaded = load(bytes(outer))
    assert loaded.text == f"Subject: Fwd\n\nSee below.\n\n{HEAD}\n\nThe planks cost 7 crowns – in all."


def test_a_saved_page_is_its_root() -> None:
    body = base64.encodebytes(PAGE.encode("utf-16")).decode()
    data = (
        "Subject: =?utf-8?q?Tar=C3=A9?=\nMIME-Version: 1.0\n"
        'Content-Type: multipart/related; type="text/html"; boundary="b"; start="<root>"\n\n'
        "--b\nContent-Type: image/png\nContent-Location: a.png\n\nxx\n"
        "--b\nContent-Type: text/html; charset=utf-16\nContent-ID: <root>\n"
        f"Content-Transfer-Encoding: base64\n\n{body}\n--b--\n"
    )
    loaded = load(data.encode(), ".mhtml")
    assert loaded.text == "Subject: Taré\n\nThe planks are of larch."
    assert (loaded.title, +loaded.left_out) == ("Taré", {"embedded file": 1, "hidden part": 1})


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Subject: a\n\n", "Subject: a"),
        (b"Subject: a", "Subject: a"),
        (b"Subject: a\nContent-Type: multipart/mixed\n\nwords\n", "Subject: a\n\nwords"),
        (b"Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n", "Subject: a\n\nwords"),
        (
            b"Subject: a\nContent-Type: multipart/mixed; boundary=b\n\nwords\n",
            "Subject: a\n\nwords",
        ),
        (b"Subject: \xc3\xa9\xff\n\nwords", "Subject: é\ufffd\n\nwords"),
        (b"Subject: =?nonsense?b?YQ==?= =?utf-8?b?!?=\n\nwords", None),
        (b"Subject: a\nContent-Type: text/plain; charset=punycode\n\nw\xc3\xb6rds", "Subject: a\n\nwörds"),
        (b"Subject: a\nContent-Type: text/plain; charset=iso-8859-1\n\n\x93w\x94", "Subject: a\n\n“w”"),
        (b"Subject: a\nContent-Transfer-Encoding: base64\n\nd29yZHM", "Subject: a\n\nwords"),
        (b"no header\nat all", "no header\nat all"),
    ],
)  # fmt: skip
def test_broken_messages_are_read_as_far_as_they_go(data: bytes, text: str | None) -> None:
    assert text is None or load(data).text == text
    assert "words" in load(data).text or text


def test_text_in_an_unknown_encoding_says_what_could_not_be_read() -> None:
    loaded = load(b"Subject: a\nContent-Type: text/plain; charset=nonsense\n\nw\xf6rds")
    assert loaded.text == "Subject: a\n\nw\ufffdrds"
    assert loaded.notes == (
        "file.eml: text is not in UTF-8, and the declared encoding is not known; "
        "U+FFFD stands for what can't be read",
    )


def test_huge_headers_are_cut_and_cost_little() -> None:
    hostile = b"Content-Type: text/plain" + b";" * 5_000_000 + b"\nSubject: " + b"=?a?q?b?= " * 500_000
    loaded = load(hostile + b"\n\nwords", seconds=60)
    assert loaded.text.endswith("\n\nwords") and len(loaded.text) < 30_000
    assert loaded.notes == ("file.eml: the header Subject is cut after 20,000 characters",)


def test_a_bomb_of_nested_parts_is_refused() -> None:
    parts = "".join(f"--{n}\nContent-Type: multipart/mixed; boundary={n + 1}\n\n" for n in range(5_000))
    data = f"Subject: a\nContent-Type: multipart/mixed; boundary=0\n\n{parts}".encode() + b"words\n" * 100_000
    with pytest.raises(UnreadableFile, match="too many parts within parts"):
        load(data)
    nested = b"Content-Type: message/rfc822\n\n" * 20_000
    with pytest.raises(UnreadableFile, match="nested too deeply"):
        load(b"Subject: a\n" + nested + b"words")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"X-A: b\n\n \n", "without text"),
        (b"Content-Type: application/pkcs7-mime\n\nabc", "encrypted"),
        (b"\x00\x01\x02binary", "binary"),
    ],
)
def test_messages_without_text_say_why(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        load(data)
    assert refused.value.reason == reason


def test_a_message_is_mail_not_one_text_in_an_index_of_endings() -> None:
    assert {".eml", ".mhtml", ".mht"} <= set(loaders.SUFFIXES)


PIECES = (
    "boundary=", "multipart/alternative", "multipart/related; start=b", "message/rfc822", "text/html",
    "charset=idna", "charset*0*=x''%ff", "=?utf-8?b?/w==?=", "x-uuencode", "quoted-printable", "\n\n",
    "--", "\r", "\0", ";", '"',
)  # fmt: skip


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.data())
def test_any_damage_is_refused_or_read_but_never_a_crash(data: st.DataObject) -> None:
    made = message()
    made.add_alternative(PAGE, subtype="html")
    made.add_attachment("x", filename="a.txt")
    whole = bytearray(bytes(made))
    for _ in range(data.draw(st.integers(1, 8))):
        place, piece = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.sampled_from(PIECES))
        whole[place : place + data.draw(st.integers(0, 20))] = piece.encode()
    try:
        assert load(bytes(whole)).text.strip()
    except UnreadableFile as error:
        assert error.reason
