"""Names of definition lists as text of HTML leaves them: on lines of their own, without any indentation."""

from __future__ import annotations

import pytest

from ragcompress import Document
from ragcompress.text.companions import companions
from ragcompress.text.segmentation import segment


def terms(text: str) -> list[str]:
    return [s.text for s in segment([Document(text)]).sentences if s.kind == "term"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "Values are:\n\nquiet\nShow nothing at all here.\n\nread_ahead\nhow many blocks\n",
            ["quiet", "read_ahead"],
        ),
        ("It is so.\n\n‘Coral’\n0xFF7F50\n\n‘Cyan, 2’\n0x00FFFF\n", ["‘Coral’", "‘Cyan, 2’"]),
        (
            "It is so.\n\n    None\n\n    The keyword stops it.\n\n    All\n\n    The keyword starts all.\n",
            ["None", "All"],
        ),
        ("It is so.\n\n-q\xa0<pattern>\n\nMatch the size field against it.\n", ["-q\xa0<pattern>"]),
        ("It is so.\n\nsend_file [ -n ] name ...\nThis sends a file.\n", ["send_file [ -n ] name ..."]),
        ("It is so.\n\nlinkcheckThe check of all links.\n", ["linkcheck"]),
        (
            "It has:\n\nstone:The stone of it.\n\nmill_wheel:A mill.Wheel for it.\n\nNone:The mill is.\n",
            ["stone:", "mill_wheel:", "None:"],
        ),
        (
            "It is so.\n\n  millStone:\n  ID: 89, and of the mill.\n\n  millWheel:\n  ID: 90, and of oak.\n",
            ["millStone:", "millWheel:"],
        ),
        ("It is.\n\nmill-usbUSB mill of it.\n", ["mill-usb"]),
        (
            "  oak\n  A mill with stones of granite, wheels of oak and all that it has to\n      go.\n"
            "  ash-128\n  A mill with 128 stones\n  ash-256\n  A mill with 256 stones\n  elm\n  An old.\n",
            ["oak", "ash-128", "ash-256", "elm"],
        ),
        (
            "It is so.\n  \n  AUTO\n  A list of mills can be given, each led\n      by a sign. It is so.\n",
            ["AUTO"],
        ),
        ("It is so.\n\n software   Inform the owner of mail that was lost.\n", ["software"]),
        ("It is so.\n\nkinds: list = []¶\nThe kinds of images.\n", ["kinds: list = []¶"]),
        (
            "It is.\n\nlayer number\nThe layer of it.\n\ntime2 time\nThe other time.\n",
            ["layer number", "time2 time"],
        ),
        (
            "It is.\n  mill:fail-exit\xa0(boolean)\n  a boolean for it.\n  mill:all (number)\n  how many.\n",
            ["mill:fail-exit\xa0(boolean)", "mill:all (number)"],
        ),
        (
            "It is.\n  Opens one: so\n  MAKE-X:<file>\n  Opens the <file> with it.\n"
            "  Group: C\n  TO:<host>:<port>\n  Connects to it.\n  Note: It is so\n  A:<b> is\n  no name.\n",
            ["MAKE-X:<file>", "TO:<host>:<port>"],
        ),
        (
            "It is so.\n\n  edge\n  Default: 1\n    The edge.\n\n  sum\n  Default: no\n    The sum.\n\n",
            ["edge", "sum"],
        ),
        ("Go on.\n\n[Please see the other -P option.]\n    It says so.\n\n  -b\n      It is b.\n", ["-b"]),
        ("It is.\n  -c, --config=\n  The file of it.\n  --scan\n  All of it.\n", ["-c, --config=", "--scan"]),
        ("It is.\n\n-s, --socket pathUse another one.\n\n--allShow it.\n", ["-s, --socket path", "--all"]),
        (
            "It is.\n\naddress=valDefine it.\n\nareasize=valsize of an area.\n\nside=valid ones of it\n",
            ["address=val", "areasize=val"],
        ),
        ("MILLHOST\n  The line gives a value for the mill,\n      if there is one.\n", ["MILLHOST"]),
        ("NOTES\n  The line gives a value for the mill,\n  if there is one.\n", []),
        ("It is so.\n\nin|out.poll=on|offAttempt to poll the mill.\n", ["in|out.poll=on|off"]),
        ("It is so.\n\nDBDir¶\nWhere it is.\n\nAPIs¶\nAll of them are here.\n", ["DBDir¶"]),
        ("It is so.\n\nproperty size¶\nHow large it is.\n", ["property size¶"]),
        ("It is so.\n\n\n-n, --normShow the norm of it.\n", ["-n, --norm"]),
        ("It is so.\n\n\nswitch(label)Switch to a label.\n", ["switch(label)"]),
        ("It is so.\n\n\nPoolNumber of threads.\n\n\n--allShow all of it.\n", ["Pool", "--all"]),
        ("  -port\n    number\n  The port of it.\n", ["-port\n    number"]),
        ("It is so.\n\n-no-stopDon’t stop at the end.\n", ["-no-stop"]),
        ("It is so.\n\n-append lineUse the line as it is.\n", ["-append line"]),
        (
            "It is so.\n\ndrop deviceRemove it at once.\n\ninfo stateShow the state of it.\n",
            ["drop device", "info state"],
        ),
        ("It is so.\n\n1F04 7F 0763Ack from phone.\n\n1F04 DAStatus of it.\n", ["1F04 7F 0763", "1F04 DA"]),
        ("It is so.\n\n{% raw *line* %}Prints the line.\n", ["{% raw *line* %}"]),
        ("It is so.\n\nTimeOut (timestamp)when this expires.\n", ["TimeOut (timestamp)"]),
        ("It is so.\n\ninterleaveinterleave the blocks.\n", ["interleave"]),
        ("It is so.\n\nmouse=[on|off]Enable/disable the mouse.\n", ["mouse=[on|off]"]),
        ("It is so.\n\nusb-botBulk-only storage of it.\n", ["usb-bot"]),
        (
            "  one\n  The first of all, which goes\n      on here\n  count=off\n  The second of all.\n",
            ["one", "count=off"],
        ),
        ("It is so.\n\nmode=modemode is on or off.\n", ["mode=mode"]),
        (
            "It is.\n\nlog.showRoot\n\nThe root of it.\n\nlog.diffMerges\n\nThe merges of it.\n",
            ["log.showRoot", "log.diffMerges"],
        ),
        ("It is so.\n\nset group GROUP¶\nSets the group.\n", ["set group GROUP¶"]),
        ("It is so.\n\nset as-path last-as NUM¶\nSets it.\n", ["set as-path last-as NUM¶"]),
        ("It is so.\n\n--without-doc¶\nNo manuals are built.\n", ["--without-doc¶"]),
        (
            "It is so.\n\nshow debug¶\nAll of it.\n\nclear state¶\nNone of it.\n",
            ["show debug¶", "clear state¶"],
        ),
        (
            "commit [--object\n    ID] [-q]\n    FILE\n  Commit the changes.\n",
            ["commit [--object\n    ID] [-q]\n    FILE"],
        ),
        ("  longest = number\n      The longest line of all.\n", ["longest = number"]),
        (
            "It is so.\n  tos TOS\n  TOS is a value.\n  seq SEQ\n  puts a number into it.\n",
            ["tos TOS", "seq SEQ"],
        ),
        ("He lives in the USA.\nfrom NATO\nThe states of it are many.\n", []),
    ],
)
def test_names_without_indentation_are_seen(text: str, names: list[str]) -> None:
    assert terms(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "The line is wrapped where it\nhas no room and ends with a\nword.\n\nAnother one begins here.\n",
        "It works so.\n\nNote\nThe pump is off at night.\n\nTip\nThe valve is open at night.\n",
        "For example:\n\ncopy = first (second)\n\nThe copy is made at once.\n",
        "JavaScript is a language of pages.\n\nPostgreSQL is a data base.\n",
        "It is so.\n\niPhone sales rose.\n\nThe JavaScript engine runs.\n\nSome CSVFeedSpider classes run.\n",
        "It is so.\n\nSCPs contain text.\n\nRAPs contain words.\n\nOVS IPsec tunnels run.\n",
        "It is so.\n\n[10]Matches the tag.\n\n[11]Matches no tag.\n",
        "It is so.\n\n%(name)s is put in.\n\n%(word)s is put in.\n",
        "It is so.\n\nRun it:\n\nmake -j 2 \\\n--with-all \\\n--quiet \\\n",
        "It is so.\n\nChangelog\nNew in version 2.\n\nReturns\nThe number of them.\n",
        "    A---B---C\n\n\n\nThe commits of it are shown here, from the first to the last one.\n",
        "some memory [see\n    the page below]\n  The end of it.\n",
        "It is so.\n\nNUMA modes are read first of all.\n",
        "It is so.\n\nIf the NodeName is read, it stays.\n",
        "Ada:How is it turned?\nBo:So it is.\n\nNote:The mill stands.\n",
        "It is so.\n\nPART.ONE:\nThe mill has stones.\n\nPART.TWO:\nThe mill has wheels.\n",
        "It is.\n\nmacOS is a system.\n\nwebOS is a system.\n",
        "  We have so many mills here that all of the corn of a land is turned to\n  flour\n  All is well.\n",
        "It works.\n\n  A file that has one\n    is read by it.\n\n  A file that has none\n    is sent.\n",
    ],
)
def test_prose_titles_of_notes_and_examples_name_nothing(text: str) -> None:
    assert terms(text) == []


def test_a_title_of_a_note_leaves_the_name_above_it() -> None:
    text = "It is so.\n\nlog_mode\nHow it logs.\n\nNote\nThe default is off.\n\nlog_size\nHow much it logs.\n"
    parts = segment([Document(text)])
    default = next(i for i, s in enumerate(parts.sentences) if "default" in s.text)
    name = next(i for i, s in enumerate(parts.sentences) if s.text == "log_mode")
    assert name in companions(parts).needs[default]


def test_numbered_lines_are_headings() -> None:
    parts = segment([Document("It is so.\n\n\n24.2.1 Basic files\n\nThe wheel reads them.\n\n3.1 crowns\n")])
    assert [s.kind for s in parts.sentences][:3] == ["prose", "heading", "prose"]


def test_linked_headings_are_headings() -> None:
    parts = segment([Document("Reading of files¶\nIt reads them.\n\nopen(name)¶\nIt opens one.\n")])
    assert [s.kind for s in parts.sentences] == ["heading", "prose", "term", "prose"]


def test_units_hold_everything_where_a_name_touches_its_description() -> None:
    text = "It is so.\n\nlinkcheckThe check of all links.\n"
    found = segment([Document(text)]).sentences
    assert "".join("".join(s.text.split()) for s in found) == "".join(text.split())
    assert all(text[s.start_char : s.end_char] == s.text for s in found)
