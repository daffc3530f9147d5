"""``ragcompress-eval answers`` and ``positions``: their options, and what they write."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ragcompress import InputError, Tokenizer, __version__, models, scorers
from ragcompress.cli.console import byte_bar, count_bar, note, out
from ragcompress.cli.options import CONVERTING, DEFAULT_RATIO, Backend, ProxyName
from ragcompress.models import ModelFolder
from ragcompress.proxy.loading import BACKENDS, DEFAULT_PROXY
from ragcompress.proxy.loading import Backend as BackendName
from ragcompress.selection import ordering
from ragcompress.training.examples import DataFile, Example

from ..bench import options
from ..bench.journal import Journal, beside
from ..bench.provenance import provenance, session
from ..report import page as report
from ..rivals.methods import NAMES
from . import answers, endpoint, readers
from .methods import TOGETHER
from .positions import spread

KEY = "OPENAI_API_KEY"


def _check_orders(values: list[str]) -> list[str]:
    for value in values:
        if value.removesuffix(TOGETHER) not in ordering.ORDERS:
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
        "--order",
        callback=_check_orders,
        metavar="NAME",
        help=f"One of {', '.join(ordering.ORDERS)}; with {TOGETHER} behind it, of whole documents.",
    ),
]
AnswerTokens = Annotated[int, typer.Option(min=1, metavar="N", help="Longest answer.")]
Timeout = Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds for one request to a server.")]
Positions = Annotated[
    int, typer.Option(min=2, metavar="N", help="Places of the gold documents, the first and last included.")
]
Patience = Annotated[
    float, typer.Option(min=0, metavar="S", help="Seconds to go on asking a server that doesn't answer.")
]


def answers_command(
    files: options.Files,
    reader: ReaderName = DEFAULT_PROXY,
    model: ReaderModel = None,
    scorer: options.ScorerNames = [scorers.DEFAULT],  # noqa: B006 - typer copies it
    ratio: options.Ratios = [DEFAULT_RATIO],  # noqa: B006
    rival: options.Rivals = [],  # noqa: B006
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
    job = Job(
        command="answers",
        reader=reader,
        model=model,
        scorers=scorer,
        rivals=rival,
        ratios=ratio,
        orders=order,
        proxy=proxy,
        backend=backend,
        seed=seed,
        on_bad=on_bad,
        max_answer_tokens=max_answer_tokens,
        timeout=timeout,
        patience=patience,
    )
    results = job.run(read, examples, limit=limit, json_file=json_file, resume=resume)
    out().print(report.answers_table(results, seed=seed))


def positions_command(
    files: options.Files,
    positions: Positions = 5,
    reader: ReaderName = DEFAULT_PROXY,
    model: ReaderModel = None,
    scorer: options.ScorerNames = [scorers.DEFAULT],  # noqa: B006
    ratio: options.Ratios = [DEFAULT_RATIO],  # noqa: B006
    rival: options.Rivals = [],  # noqa: B006
    order: Orders = list(ordering.ORDERS),  # noqa: B006
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
    """Lost in the middle? The gold documents moved through the context, before and after every order."""
    options.check_json(json_file, files, resume=resume)
    read, examples = options.read_examples(files, limit=limit, on_bad=on_bad)
    moved = spread([e for e in examples if e.answers], positions)
    if not moved.examples:
        raise InputError("no question has marked evidence, an answer, and other documents to move it through")
    if left_out := len(examples) - len(moved.examples) // positions:
        note(f"left out: {left_out} questions without evidence, answer, or other documents")
    job = Job(
        command="positions",
        reader=reader,
        model=model,
        scorers=scorer,
        rivals=rival,
        ratios=ratio,
        orders=order,
        proxy=proxy,
        backend=backend,
        seed=seed,
        on_bad=on_bad,
        max_answer_tokens=max_answer_tokens,
        timeout=timeout,
        patience=patience,
        truncated=False,
    )
    results = job.run(
        read, moved.examples, limit=limit, json_file=json_file, resume=resume, positions=moved.positions
    )
    out().print(report.answers_table(results, seed=seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the options ask for, and how it is run and written: the same for answers and positions."""

    command: str
    reader: str
    model: str | None
    scorers: list[str]
    rivals: list[str]
    ratios: list[float]
    orders: list[str]
    proxy: str
    backend: BackendName | None
    seed: int
    on_bad: options.OnBad
    max_answer_tokens: int
    timeout: float
    patience: float
    truncated: bool = True

    def run(
        self,
        read: Sequence[DataFile],
        examples: Sequence[Example],
        *,
        limit: int | None,
        json_file: Path | None,
        resume: bool,
        positions: Mapping[str, float] | None = None,
    ) -> list[dict[str, Any]]:
        """Ask the reader, write the JSON where one is wanted, and return the results."""
        folder = resolve(self.proxy)
        reader = self._reader()
        counter = Tokenizer.from_folder(folder.path)
        settings: dict[str, Any] = {
            "reader": dict(reader.settings),
            "on_bad": self.on_bad.value,
            "proxy": folder.name,
            "proxy_fingerprint": folder.fingerprint,
            "backend": self.backend or BACKENDS[0],
        }
        rests_on = {"command": self.command, "version": __version__, "seed": self.seed, **settings}
        rows_file = beside(json_file) if json_file else None
        with (
            Journal(rows_file, settings=rests_on, session=session(), resume=resume) as journal,
            options.build_methods(
                self.scorers,
                self.rivals,
                folder=folder,
                counter=counter,
                proxy=self.proxy,
                backend=self.backend,
                seed=self.seed,
            ) as methods,
            count_bar("asking the reader") as progress,
        ):
            wanted = answers.conditions(
                [m for m in methods if m not in NAMES],
                self.ratios,
                self.orders,
                rivals=[m for m in methods if m in NAMES],
                truncated=self.truncated,
            )
            rows = answers.run(
                examples,
                answers.Setup(methods, reader, counter, wanted),
                journal=journal,
                on_bad=self.on_bad.value,
                progress=progress,
            )
            results = answers.summarise(examples, rows, seed=self.seed, positions=positions)
            if json_file:
                settings |= {"scorers": list(methods), "ratios": self.ratios, "orders": self.orders}
                about = provenance(
                    read, limit=limit, seed=self.seed, settings=settings, sessions=journal.sessions
                )
                own = list(answers.rows_of(examples, rows))
                content = {"results": results, "provenance": about, "rows": own}
                report.write_json(json_file, content)
                journal.finish()
        return results

    def _reader(self) -> readers.Reader:
        """The reader that the options name.

        Raises:
            typer.BadParameter: if they don't go together.
            ModelError, MissingExtra: if it can't be loaded.
        """
        if not self.reader.startswith(("http://", "https://")):
            if self.model:
                raise typer.BadParameter("--model goes with a --reader that is an address")
            folder = resolve(self.reader)
            about = {"name": folder.name, "fingerprint": folder.fingerprint}
            return readers.TransformersReader(folder.path, **about, max_answer_tokens=self.max_answer_tokens)
        if not self.model:
            raise typer.BadParameter("--reader with an address needs --model")
        return endpoint.EndpointReader(
            self.reader,
            self.model,
            key=os.environ.get(KEY),
            max_answer_tokens=self.max_answer_tokens,
            timeout=self.timeout,
            patience=self.patience,
            tell=note,
        )


def resolve(name: str) -> ModelFolder:
    """Find a model's files, or fetch them with a bar."""
    with byte_bar(f"downloading {name}", CONVERTING) as progress:
        return models.resolve(name, progress=progress)
