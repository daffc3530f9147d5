"""``ragcompress-eval answers``: its options, and what it writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import InputError, Tokenizer, __version__, models, ordering, scorers
from ragcompress.cli_console import byte_bar, note, out
from ragcompress.cli_options import CONVERTING, DEFAULT_RATIO, Backend, ProxyName
from ragcompress.models import ModelFolder
from ragcompress.proxy.loading import BACKENDS, DEFAULT_PROXY

from . import answers, endpoint, options, readers, report
from .journal import Journal, beside
from .methods import ours
from .progress import counted
from .provenance import provenance, session

KEY = "OPENAI_API_KEY"


def _check_orders(values: list[str]) -> list[str]:
    for value in values:
        if value not in ordering.ORDERS:
            raise typer.BadParameter(f"{value!r} is none of: {', '.join(ordering.ORDERS)}")
    return list(dict.fromkeys(values))


ReaderName = Annotated[
    str,
    typer.Option(
        "--reader",
        metavar="READER",
        help="What answers: a name of `models list`, a folder of a causal language model, or the http(s) "
        f"address of an OpenAI-compatible server, up to /v1 (its key: {KEY}).",
    ),
]
ReaderModel = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="The model's name on the server.")
]
Orders = Annotated[
    list[str],
    typer.Option(
        "--order", callback=_check_orders, metavar="NAME", help=f"One of {', '.join(ordering.ORDERS)}."
    ),
]
AnswerTokens = Annotated[int, typer.Option(min=1, metavar="N", help="Longest answer.")]
Timeout = Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds for one request to a server.")]
Patience = Annotated[
    float, typer.Option(min=0, metavar="S", help="Seconds to go on asking a server that doesn't answer.")
]


def make_reader(
    name: str, model: str | None, *, max_answer_tokens: int, timeout: float, patience: float
) -> readers.Reader:
    """The reader that the options name.

    Raises:
        typer.BadParameter: if they don't go together.
        ModelError, MissingExtra: if it can't be loaded.
    """
    if name.startswith(("http://", "https://")):
        if not model:
            raise typer.BadParameter("--reader with an address needs --model")
        return endpoint.EndpointReader(
            name,
            model,
            key=os.environ.get(KEY),
            max_answer_tokens=max_answer_tokens,
            timeout=timeout,
            patience=patience,
            tell=note,
        )
    if model:
        raise typer.BadParameter("--model goes with a --reader that is an address")
    folder = resolve(name)
    about = {"name": folder.name, "fingerprint": folder.fingerprint}
    return readers.TransformersReader(folder.path, **about, max_answer_tokens=max_answer_tokens)


def resolve(name: str) -> ModelFolder:
    """Find a model's files, or fetch them with a bar."""
    with byte_bar(f"downloading {name}", CONVERTING) as progress:
        return models.resolve(name, progress=progress)


def answers_command(
    files: options.Files,
    reader: ReaderName = DEFAULT_PROXY,
    model: ReaderModel = None,
    scorer: options.ScorerNames = [scorers.DEFAULT],  # noqa: B006 - typer copies it
    ratio: options.Ratios = [DEFAULT_RATIO],  # noqa: B006
    order: Orders = ["source"],  # noqa: B006
    limit: options.Limit = None,
    json_file: options.JsonFile = None,
    resume: options.Resume = False,
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    seed: options.Seed = 0,
    on_bad: options.BadRecords = options.OnBad.stop,
    max_answer_tokens: AnswerTokens = readers.MAX_ANSWER_TOKENS,
    timeout: Timeout = endpoint.TIMEOUT_SECONDS,
    patience: Patience = endpoint.PATIENCE_SECONDS,
) -> None:
    """Does the answer survive? A reader answers from full, truncated and compressed contexts."""
    options.check_json(json_file, files, resume=resume)
    read, examples = options.read_examples(files, limit=limit, on_bad=on_bad)
    if unanswerable := [e.id for e in examples if not e.answers]:
        raise InputError(
            f"{len(unanswerable)} questions have no answer to compare with: {unanswerable[0]!r} …"
        )
    folder = resolve(proxy)
    asked = make_reader(
        reader, model, max_answer_tokens=max_answer_tokens, timeout=timeout, patience=patience
    )
    counter, built = Tokenizer.from_folder(folder.path), options.build_scorers(scorer, proxy, backend, seed)
    setup = answers.Setup(
        ours(built, counter=counter, names={proxy: folder.name}),
        asked,
        counter,
        answers.conditions(list(built), ratio, order),
    )
    settings: dict[str, Any] = {
        "reader": dict(asked.settings),
        "on_bad": on_bad.value,
        "proxy": folder.name,
        "proxy_fingerprint": folder.fingerprint,
        "backend": backend or BACKENDS[0],
    }
    rests_on = {"command": "answers", "version": __version__, "seed": seed, **settings}
    with (
        Journal(_rows(json_file), settings=rests_on, session=session(), resume=resume) as journal,
        counted("asking the reader") as progress,
    ):
        rows = answers.run(examples, setup, journal=journal, on_bad=on_bad.value, progress=progress)
        results = answers.summarise(examples, rows, seed=seed)
        if json_file:
            settings |= {"scorers": list(built), "ratios": ratio, "orders": order}
            about = provenance(read, limit=limit, seed=seed, settings=settings, sessions=journal.sessions)
            write(json_file, "answers", results, about, list(answers.rows_of(examples, rows)))
            journal.finish()
    out().print(report.answers_table(results, seed=seed))


def write(
    json_file: Path,
    kind: str,
    results: Sequence[dict[str, Any]],
    about: dict[str, Any],
    rows: Sequence[dict[str, Any]],
) -> None:
    """Write a result; ``kind`` is the command that made it."""
    content = {"kind": kind, "results": results, "provenance": about, "rows": rows}
    report.write_json(json_file, content)


def _rows(json_file: Path | None) -> Path | None:
    return beside(json_file) if json_file else None
