"""Lines that are no names, whatever stands below them: addresses, log lines, sections, pictures, tags."""

from __future__ import annotations

import re

from .boilerplate import is_boilerplate

_ADDRESS = re.compile(r"\w+://\S+")
# A line of a log: ``2026-03-02 04:00:01 INFO  started``.
_STAMPED = re.compile(r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
# Of man pages (man-pages(7)).
_SECTION = re.compile(
    r"NAME|SYNOPSIS|DESCRIPTION|OPTIONS|COMMANDS|(?:EXIT|RETURN) (?:STATUS|VALUES?)|ERRORS|DIAGNOSTICS"
    r"|ENVIRONMENT(?: VARIABLES)?|FILES|EXAMPLES?|SEE ALSO|(?:REPORTING )?BUGS|CAVEATS|AUTHORS?|COPYRIGHT"
    r"|NOTES|HISTORY|STANDARDS|CONFORMING TO|VERSIONS"
)
# What our loaders write for a picture, and tags of HTML that Markdown has.
_PICTURE = re.compile(r"\[Image\b.*", re.DOTALL)
_TAG = re.compile(r"</?(?:details|summary|div|p|center|br|hr|span|section|table|ul|ol|li|img|a)\b[^<>]*>")


def is_no_name(line: str) -> bool:
    """Whether a line can't be a name."""
    if line[:1] in "<[":
        return bool(_TAG.fullmatch(line) or _PICTURE.fullmatch(line) or _STAMPED.match(line))
    if any(mark in line for mark in "|«»") and is_boilerplate(line):
        return True
    return bool(_ADDRESS.fullmatch(line) or _STAMPED.match(line) or _SECTION.fullmatch(line))
