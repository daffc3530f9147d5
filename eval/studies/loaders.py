"""How much of what a person sees in a file is in its text, and how little of what nobody sees?"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

from ragcompress import RagCompressError, read_documents
from ragcompress.cli.console import out
from ragcompress_eval.bench.summary import text_table

from .loader_cases import Case, cases

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


def score(case: Case, text: str) -> float:
    """Share of the facts that are in the text, and of the hidden ones that are not, in [0, 1]."""
    plain = _plain(text)
    found = [_pattern(fact).search(plain) is not None for fact in case.shown]
    kept_out = [_plain(secret) not in plain for secret in case.hidden] if plain.strip() else []
    return sum([*found, *kept_out]) / (len(case.shown) + len(case.hidden))


def _plain(text: str) -> str:
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


def written(folder: Path, made: Sequence[Case]) -> dict[Path, Case]:
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
        files = written(Path(folder), list(cases()))
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
        (label, str(len(paths)), *(f"{fmean(found[p] for p in paths):.3f}" for found in scores.values()))
        for label, paths in shown
    ]
    out().print(text_table(("files", "n", *scores), rows))
