"""How much of what a person sees in a file is in its text, and how little of what nobody sees?

``loader_cases.toml`` has the files, all made for this, each with its facts: those that are text stand in it,
the others in ``loader_files``. A fact is a stretch of text; ``…`` in it stands for anything on the same line,
so that ``Vik … 15`` says that both stand in one row. Facts are compared without marks of emphasis and with
white space as one blank.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer

from ragcompress import RagCompressError, read_documents
from ragcompress.cli.console import out
from ragcompress_eval.bench.summary import text_table

_HERE = Path(__file__).parent
_SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
_EMPHASIS = re.compile(r"\*{1,3}(?=\S)|(?<=\S)\*{1,3}|\\(?=[^\w\s])|&nbsp;")
# Converts each file that it is given, and prints the texts as JSON; an error gives an empty one.
_MARKITDOWN = """
import json, sys, warnings
warnings.simplefilter("ignore")
from markitdown import MarkItDown
made, converter = {}, MarkItDown()
for path in sys.argv[1:]:
    try:
        made[path] = converter.convert(path).text_content
    except Exception:
        made[path] = ""
print(json.dumps(made))
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A file.

    Attributes:
        shown: facts that a reader of the file has.
        hidden: what the file holds without showing it.
    """

    name: str
    suffix: str
    data: bytes
    shown: tuple[str, ...]
    hidden: tuple[str, ...] = ()


def cases() -> Iterator[Case]:
    """All files."""
    stored = tomllib.loads((_HERE / "loader_cases.toml").read_text(encoding="utf-8"))
    files = [(c, _HERE / "loader_files" / c["file"]) for c in stored["file"]]
    made = [
        *((c, ".html", f"<!doctype html><meta charset=utf-8>{c['body']}".encode()) for c in stored["page"]),
        *((c, c["suffix"], c["text"].encode(c.get("encoding", "utf-8"))) for c in stored["text"]),
        *((c, ".docx", _letter(c["xml"])) for c in stored["paragraph"]),
        *((c, path.suffix, path.read_bytes()) for c, path in files),
    ]
    for case, suffix, data in made:
        shown, hidden = tuple(case["shown"]), tuple(case.get("hidden", ()))
        yield Case(case.get("name") or case["file"], suffix, data, shown, hidden)
    packed = gzip.compress(b"# Fees\n\nThe fee is 12 crowns.\n")
    yield Case("packed", ".md.gz", packed, ("Fees", "The fee is 12 crowns."))


def _letter(xml: str) -> bytes:
    """A letter of one paragraph, given as WordprocessingML."""
    import docx
    from lxml import etree

    file: Any = docx.Document()
    file.element.body.insert(0, etree.fromstring(f"<w:p {_SPACES}>{xml}</w:p>"))
    buffer = io.BytesIO()
    file.save(buffer)
    return buffer.getvalue()


def score(case: Case, text: str) -> float:
    """Share of the facts that are in the text, and of the hidden ones that are not, in [0, 1]."""
    plain = _normalize(text)
    shown = [_pattern(fact).search(plain) is not None for fact in case.shown]
    kept_out = [_normalize(secret) not in plain for secret in case.hidden] if plain.strip() else []
    return sum([*shown, *kept_out]) / (len(case.shown) + len(case.hidden))


def _normalize(text: str) -> str:
    lines = (" ".join(_EMPHASIS.sub("", line).split()) for line in text.splitlines())
    return "\n".join(filter(None, lines))


def _pattern(fact: str) -> re.Pattern[str]:
    return re.compile(".*?".join(re.escape(part.strip()) for part in fact.split("…")))


def ours(files: Mapping[Path, Case]) -> dict[str, str]:
    """Texts by our loaders."""
    texts = {}
    for path in files:
        try:
            texts[str(path)] = "\n".join(d.text for d in read_documents([path], note=lambda _: None))
        except RagCompressError:
            texts[str(path)] = ""
    return texts


def markitdown(python: Path, files: Mapping[Path, Case]) -> dict[str, str]:
    """Texts by markitdown, in an environment of its own."""
    done = subprocess.run(
        [python, "-c", _MARKITDOWN, *map(str, files)], capture_output=True, text=True, check=True
    )
    texts: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return texts


def write_files(folder: Path, made: Sequence[Case]) -> dict[Path, Case]:
    """The files of the cases."""
    files = {}
    for number, case in enumerate(made):
        path = folder / f"{number:03}{case.suffix}"
        path.write_bytes(case.data)
        files[path] = case
    return files


def loaders_command(
    rival: Annotated[
        Path | None, typer.Option(metavar="PYTHON", help="Interpreter of an environment with markitdown.")
    ] = None,
    every: Annotated[bool, typer.Option("--every", help="Show every file, not formats alone.")] = False,
) -> None:
    """Score the loaders on small files of all formats, beside markitdown's if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), list(cases()))
        texts = {"ragcompress": ours(files)}
        if rival:
            texts["markitdown"] = markitdown(rival, files)
        scores = {
            name: {path: score(case, made.get(str(path), "")) for path, case in files.items()}
            for name, made in texts.items()
        }
    groups = {
        suffix: [p for p, case in files.items() if case.suffix == suffix]
        for suffix in sorted({case.suffix for case in files.values()})
    }
    shown = [*groups.items(), ("all", list(files)), *((c.name, [p]) for p, c in files.items() if every)]
    rows = [
        (label, str(len(paths)), *(f"{fmean(by_path[p] for p in paths):.3f}" for by_path in scores.values()))
        for label, paths in shown
    ]
    out().print(text_table(("files", "n", *scores), rows))
