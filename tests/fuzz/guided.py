"""Coverage-guided fuzzing of all that reads bytes of strangers: ``make fuzz``, some minutes a target.

    python tests/fuzz/guided.py TARGET --seconds 300 --corpus FOLDER

Inputs that reach new code are kept in FOLDER/TARGET, and the next run begins with them. An input that breaks
a promise ends the run and is left as FOLDER/TARGET.crash-…; it becomes a test.
"""

from __future__ import annotations

import argparse
import io
import json
import linecache
import pkgutil
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import atheris

sys.path[:0] = [str(Path(__file__).parents[1])]
with atheris.instrument_imports(include=["ragcompress"]):
    import numpy as np
    from fake_probe import fake_probe
    from office_files import pdf, saved
    from office_parts import changed_xml, full_slides, full_workbook, small_word
    from promises import by_words
    from shared import save_tokenizer_only
    from tiny_gguf import write_gguf
    from word_vectors import WordVectors

    from ragcompress import (
        Budget,
        Compressor,
        Document,
        RagCompressError,
        documents,
        read_documents,
        run_request,
        scorers,
        segment,
        text,
    )
    from ragcompress.array_files import read_arrays
    from ragcompress.documents import loaders
    from ragcompress.index import build_index
    from ragcompress.index.database import Database
    from ragcompress.models.gguf_file import GgufFile
    from ragcompress.probes import load
    from ragcompress.proxy.reuse import DiskStore
    from ragcompress.scorers import bm25
    from ragcompress.serving.app import create_app
    from ragcompress.text.tool_results import segment_tool_result

    # What is imported at its first use would not be watched.
    for package in (documents, text):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)

Target = Callable[[bytes], None]
LIMIT = 1 << 20
SECONDS_PER_CASE = 60
SYNTAXES = ("markdown", "text", "code", "csv")
PLAIN = (".html", ".md", ".csv", ".txt", ".xml", ".py", ".json", ".jsonl", ".log", ".yaml", ".eml")
MAIL = bytes([len(PLAIN) - 1]) + (
    b"Subject: =?utf-8?q?a?=\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nA b.\n"
    b"--b\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPHA+YQ==\n--b--\n"
)
MARKUP = b"# a\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- x\n  - y\n\n```\nz\n```\n\n$$a$$ [^1]\n\n[^1]: b\n"
PAGE = (
    b"<html><head><title>t</title><style>.h{display:none}</style></head><body><h1>a</h1><table><tr>"
    b"<th rowspan=2>b<th colspan=2>c<tr><td>1<td>2</table><p class=h>d<sup>2</sup><ul><li>e</ul><pre>f</pre>"
)


TEXTS = [f"# Town {n}\n\nThe mayor of town{n} is person{n}. Larks sing.\n" for n in range(3)]


def segmentation(data: bytes) -> None:
    """Nothing but white space stands outside of the units."""
    syntax = SYNTAXES[data[0] % len(SYNTAXES)] if data else "text"
    text = data[1:].decode("utf-8", "replace")
    found = segment([Document(text, syntax=syntax)])  # type: ignore[arg-type]
    assert "".join("".join(s.text.split()) for s in found.sentences) == "".join(text.split())


def plain_files(data: bytes) -> None:
    """Every format that is text: documents, or an error of the family."""
    if data:
        _loaded(data[1:], PLAIN[data[0] % len(PLAIN)])


def pdf_files(data: bytes) -> None:
    _loaded(data, ".pdf")


def _loaded(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a{suffix}")
        path.write_bytes(data)
        try:
            found = read_documents([str(path)], note=lambda text: None, max_file_size=LIMIT)
        except RagCompressError as error:
            _check_whose(error)
            return
        segment(found)


def _check_whose(error: RagCompressError) -> None:
    """A library may give up on a file; where a mistake of ours does, more could have been read."""
    traceback = getattr(error.__cause__, "__traceback__", None)
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or "/ragcompress/documents/" not in traceback.tb_frame.f_code.co_filename:
        return
    line = linecache.getline(traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
    assert line.strip().startswith("raise"), repr(error.__cause__)


# Parts that a loader looks at: in the others nothing could be found.
READ = re.compile(
    r"word/(?:document|styles|numbering|_rels/document)\.xml|xl/(?!theme|calc).*\.(?:xml|rels)$"
    r"|ppt/(?:slides|charts|notesSlides)/.*\.(?:xml|rels)$|ppt/presentation\.xml$"
)


def office(suffix: str, whole: bytes) -> tuple[Target, Iterable[bytes]]:
    """One part of an Office file is another: the zip's own sums would stop damaged bytes at the door."""
    with ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = [name for name in members if READ.match(name)]

    def target(data: bytes) -> None:
        if not data:
            return
        buffer = io.BytesIO()
        with ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                archive.writestr(ZipInfo(name), data[1:] if name == names[data[0] % len(names)] else content)
        try:
            loaders.load(buffer.getvalue(), suffix, "a", LIMIT, 10.0)
        except RagCompressError as error:
            _check_whose(error)

    return target, [bytes([i]) + members[name] for i, name in enumerate(names)]


def gguf(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.gguf")
        path.write_bytes(data)
        try:
            with GgufFile(path) as file:
                for tensor in file.tensors.values():
                    file.raw(tensor)
        except RagCompressError:
            return


def probe_cards(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fake_probe().save(Path(folder, "p"))
        Path(folder, "p.json").write_bytes(data)
        try:
            load(Path(folder, "p"))
        except RagCompressError:
            return


def requests(data: bytes) -> None:
    """A line of ``batch``: a line of JSON comes out, whatever goes in."""
    compressor = Compressor(bm25.Scorer(), counter=by_words, budget=Budget(max_tokens=9))
    json.loads(run_request(compressor, None, 1, data).line, parse_constant=_no_number)


def _no_number(name: str) -> float:
    raise AssertionError(f"{name} is no JSON")


def stores(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.safetensors")
        path.write_bytes(data)
        try:
            read_arrays(path, "4")
        except RagCompressError:
            return


def databases(data: bytes) -> None:
    """A damaged index gives the passages that were put in, or none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "passages.sqlite")
        path.write_bytes(data)
        try:
            database = Database(path)
            for wanted in ("mayor", "larks"):
                for passage in database.get(database.find_words(wanted, 5)).values():
                    assert any(passage.document.text in text for text in TEXTS)
            list(database.vectors())
            database.meta()
        except RagCompressError:
            return


def tool_results(data: bytes) -> None:
    """As ``segmentation``, for what tools answer."""
    text = data.decode("utf-8", "replace")
    found = segment_tool_result(text)
    assert "".join("".join(s.text.split()) for s in found.sentences) == "".join(text.split())


def server() -> tuple[Target, Iterable[bytes]]:
    """Bodies of every endpoint: JSON comes back, never a failure of the server's own."""
    from fastapi.testclient import TestClient

    app = create_app(lambda seen: Compressor(scorers.make("bm25"), counter=by_words))
    # Under another name nothing gets further than the guard of a server without keys.
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    client.__enter__()
    while client.get("/readyz").status_code != 200:
        pass
    described = client.get("/openapi.json").json()["paths"]
    paths = sorted(path for path, methods in described.items() if "post" in methods)
    examples = []
    for i, path in enumerate(paths):
        body = described[path]["post"].get("requestBody", {})
        content = body.get("content", {}).get("application/json", {})
        examples.append(bytes([i]) + json.dumps(content.get("example", {})).encode())

    def target(data: bytes) -> None:
        if not data:
            return
        path = paths[data[0] % len(paths)]
        answer = client.post(path, content=data[1:], headers={"content-type": "application/json"})
        assert answer.status_code < 500 and answer.status_code != 421, (path, answer.text)
        answer.json()

    return target, examples


def _gguf_seed() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_gguf(Path(folder, "m.gguf"))
        return Path(folder, "m.gguf").read_bytes()


def _card_seed() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        fake_probe().save(Path(folder, "p"))
        return Path(folder, "p.json").read_bytes()


def _store_seeds() -> Iterable[bytes]:
    array = np.linspace(-1, 1, 120, dtype=np.float32).reshape(3, 2, 4, 5)
    for precision in ("float32", "float16", "bfloat16", "int8"):
        with tempfile.TemporaryDirectory() as folder:
            DiskStore(Path(folder), precision=precision).put("ab" * 16, array)
            (path,) = Path(folder).glob("*/*")
            yield path.read_bytes()


def _database_seed() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "texts")
        texts.mkdir()
        for n, text in enumerate(TEXTS):
            Path(texts, f"{n}.md").write_text(text)
        embedder = WordVectors(save_tokenizer_only(Path(folder, "counting")))
        build_index(texts, Path(folder, "index"), embedder=embedder, passage_tokens=60)
        return Path(folder, "index", "v1", "passages.sqlite").read_bytes()


REQUEST = json.dumps({"id": 1, "question": "Who?", "documents": [{"text": "A b. C d.", "title": "t"}, "e"]})
TOOL_RESULT = json.dumps({"items": [{"name": "a", "body": "B c. D e."}], "n": 2}).encode()

TARGETS: dict[str, Callable[[], tuple[Target, Iterable[bytes]]]] = {
    "segmentation": lambda: (segmentation, [bytes([i]) + MARKUP for i in range(4)]),
    "files": lambda: (plain_files, [b"\0" + PAGE, MAIL, *(bytes([i]) + MARKUP for i in range(len(PLAIN)))]),
    "pdf": lambda: (pdf_files, [pdf([["A b.", "C d."], ["E f."]])]),
    "docx": lambda: office(".docx", saved(small_word())),
    "pptx": lambda: office(".pptx", full_slides()),
    "xlsx": lambda: office(".xlsx", full_workbook()),
    "gguf": lambda: (gguf, [_gguf_seed()]),
    "cards": lambda: (probe_cards, [_card_seed()]),
    "requests": lambda: (requests, [REQUEST.encode()]),
    "index": lambda: (databases, [_database_seed()]),
    "stores": lambda: (stores, _store_seeds()),
    "server": server,
    "tool-results": lambda: (tool_results, [TOOL_RESULT, MARKUP]),
}

OFFICE = ("docx", "pptx", "xlsx")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz"))
    asked = parser.parse_args()
    target, seeds = TARGETS[asked.target]()
    folder = asked.corpus / asked.target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        Path(folder, f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={asked.seconds}",
        f"-timeout={SECONDS_PER_CASE}",
        "-max_len=65536",
        "-keep_seed=1",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}.",
    ]
    mutators = {"custom_mutator": changed_xml} if asked.target in OFFICE else {}
    atheris.Setup([sys.argv[0], *options, str(folder)], target, **mutators)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
