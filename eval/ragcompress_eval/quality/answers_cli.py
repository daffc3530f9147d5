"""``ragcompress-eval answers`` and ``positions``: their options."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from ragcompress import InputError, scorers
from ragcompress.cli.console import note
from ragcompress.cli.options import DEFAULT_RATIO
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.selection import ordering

from ..bench import options
from ..bench.methods import TOGETHER
from ..bench.runner import Questions, Run, study_command
from ..rivals.methods import NAMES
from ..rivals.options import Rivals, build_methods
from . import answers, endpoint, readers
from .positions import movable, places

KEY = "OPENAI_API_KEY"


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
AnswerTokens = Annotated[int, typer.Option(min=1, metavar="N", help="Longest answer.")]
Timeout = Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds for one request to a server.")]
Patience = Annotated[
    float, typer.Option(min=0, metavar="S", help="Seconds to keep asking a server that doesn't answer.")
]
Orders = Annotated[
    list[str],
    typer.Option(
        "--order",
        callback=lambda values: options.check_names(
            values, ordering.ORDERS, lambda value: value.removesuffix(TOGETHER)
        ),
        metavar="NAME",
        help=f"One of {', '.join(ordering.ORDERS)}; with {TOGETHER} behind it, of whole documents.",
    ),
]
Positions = Annotated[
    int, typer.Option(min=2, metavar="N", help="Places of the gold documents, the first and last included.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(options.Proxied):
    """Who is asked, and about what contexts: options of both commands."""

    reader: ReaderName = DEFAULT_PROXY
    model: ReaderModel = None
    scorer: options.ScorerNames = field(default_factory=lambda: [scorers.DEFAULT])
    ratio: options.Ratios = field(default_factory=lambda: [DEFAULT_RATIO])
    rival: Rivals = field(default_factory=list)
    max_answer_tokens: AnswerTokens = readers.MAX_ANSWER_TOKENS
    timeout: Timeout = endpoint.TIMEOUT_SECONDS
    patience: Patience = endpoint.PATIENCE_SECONDS

    def carry_out(
        self, run: Run, questions: Questions, orders: Sequence[str], positions: Sequence[float] = ()
    ) -> None:
        """Ask everything under all combinations of the options."""
        reader, model = self.build_reader(), self.find()
        with build_methods(self.scorer, self.rival, model, seed=run.seed) as methods:
            wanted = answers.conditions(
                [m for m in methods if m not in NAMES],
                self.ratio,
                orders,
                rivals=[m for m in methods if m in NAMES],
                truncated=not positions,
                positions=positions,
            )
            study = answers.study(methods, reader, model.counter, wanted)
            run.carry_out(study, questions, {"reader": dict(reader.settings), **model.settings})

    def build_reader(self) -> readers.Reader:
        """The reader that the options name.

        Raises:
            typer.BadParameter: if they don't go together.
            ModelError, MissingExtra: if it can't be loaded.
        """
        if not self.reader.startswith(("http://", "https://")):
            if self.model:
                raise typer.BadParameter("--model goes with a --reader that is an address")
            folder = options.find_model(self.reader)
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
        )


@study_command
def answers_command(run: Run, asked: Asked, order: Orders = ["source"]) -> None:  # noqa: B006 - typer copies it
    """Does the answer survive? A reader answers from full, truncated and compressed contexts."""
    questions = run.read()
    if unanswerable := [e.id for e in questions.examples if not e.answers]:
        raise InputError(
            f"{len(unanswerable)} questions have no answer to compare with: {unanswerable[0]!r} …"
        )
    asked.carry_out(run, questions, order)


@study_command
def positions_command(
    run: Run,
    asked: Asked,
    positions: Positions = 5,
    order: Orders = list(ordering.ORDERS),  # noqa: B006 - typer copies it
) -> None:
    """Lost in the middle? The gold documents moved through the context, before and after every order."""
    read = run.read()
    usable = tuple(e for e in read.examples if movable(e))
    if not usable:
        raise InputError("no question has marked evidence, an answer, and other documents to move it through")
    if left_out := len(read.examples) - len(usable):
        note(f"left out: {left_out} questions without evidence, answer, or other documents")
    asked.carry_out(run, Questions(read.files, usable), order, places(positions))
