"""``ragcompress-eval answers`` and ``positions``: their options."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ragcompress import InputError, scorers
from ragcompress.cli.console import note
from ragcompress.cli.options import DEFAULT_RATIO, Backend, ProxyName
from ragcompress.proxy.loading import DEFAULT_PROXY
from ragcompress.selection import ordering

from ..bench import options
from ..bench.runner import Questions, Run, study_command
from ..rivals.methods import NAMES
from . import answers, endpoint, readers
from .methods import TOGETHER
from .positions import movable, places

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


@study_command
def answers_command(
    run: Run,
    reader: ReaderName = DEFAULT_PROXY,
    model: ReaderModel = None,
    scorer: options.ScorerNames = [scorers.DEFAULT],  # noqa: B006 - typer copies it
    ratio: options.Ratios = [DEFAULT_RATIO],  # noqa: B006
    rival: options.Rivals = [],  # noqa: B006
    order: Orders = ["source"],  # noqa: B006
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    max_answer_tokens: AnswerTokens = readers.MAX_ANSWER_TOKENS,
    timeout: Timeout = endpoint.TIMEOUT_SECONDS,
    patience: Patience = endpoint.PATIENCE_SECONDS,
) -> None:
    """Does the answer survive? A reader answers from full, truncated and compressed contexts."""
    questions = run.read()
    if unanswerable := [e.id for e in questions.examples if not e.answers]:
        raise InputError(
            f"{len(unanswerable)} questions have no answer to compare with: {unanswerable[0]!r} …"
        )
    asked = _reader(reader, model, max_answer_tokens, timeout=timeout, patience=patience)
    found = options.ProxyModel.find(proxy, backend)
    _ask(run, questions, asked, found, proxy, scorers=scorer, rivals=rival, ratios=ratio, orders=order)


@study_command
def positions_command(
    run: Run,
    positions: Positions = 5,
    reader: ReaderName = DEFAULT_PROXY,
    model: ReaderModel = None,
    scorer: options.ScorerNames = [scorers.DEFAULT],  # noqa: B006
    ratio: options.Ratios = [DEFAULT_RATIO],  # noqa: B006
    rival: options.Rivals = [],  # noqa: B006
    order: Orders = list(ordering.ORDERS),  # noqa: B006
    proxy: ProxyName = DEFAULT_PROXY,
    backend: Backend = None,
    max_answer_tokens: AnswerTokens = readers.MAX_ANSWER_TOKENS,
    timeout: Timeout = endpoint.TIMEOUT_SECONDS,
    patience: Patience = endpoint.PATIENCE_SECONDS,
) -> None:
    """Lost in the middle? The gold documents moved through the context, before and after every order."""
    read = run.read()
    usable = tuple(e for e in read.examples if movable(e))
    if not usable:
        raise InputError("no question has marked evidence, an answer, and other documents to move it through")
    if left_out := len(read.examples) - len(usable):
        note(f"left out: {left_out} questions without evidence, answer, or other documents")
    questions = Questions(read.files, usable)
    asked = _reader(reader, model, max_answer_tokens, timeout=timeout, patience=patience)
    found = options.ProxyModel.find(proxy, backend)
    grid: dict[str, list[Any]] = {"scorers": scorer, "rivals": rival, "ratios": ratio, "orders": order}
    _ask(run, questions, asked, found, proxy, **grid, positions=places(positions))


def _ask(
    run: Run,
    questions: Questions,
    reader: readers.Reader,
    model: options.ProxyModel,
    proxy: str,
    *,
    positions: Sequence[float] = (),
    **grid: list[Any],
) -> None:
    """Build the methods and carry the study out.

    Args:
        grid: ``scorers``, ``rivals``, ``ratios`` and ``orders``: all combinations are asked.
    """
    with options.build_methods(
        grid["scorers"], grid["rivals"], proxy=proxy, model=model, seed=run.seed
    ) as methods:
        wanted = answers.conditions(
            [m for m in methods if m not in NAMES],
            grid["ratios"],
            grid["orders"],
            rivals=[m for m in methods if m in NAMES],
            truncated=not positions,
            positions=positions,
        )
        study = answers.study(methods, reader, model.counter, wanted)
        run.carry_out(study, questions, {"reader": dict(reader.settings), **model.settings})


def _reader(
    address: str, model: str | None, max_answer_tokens: int, *, timeout: float, patience: float
) -> readers.Reader:
    """The reader that the options name.

    Raises:
        typer.BadParameter: if they don't go together.
        ModelError, MissingExtra: if it can't be loaded.
    """
    if not address.startswith(("http://", "https://")):
        if model:
            raise typer.BadParameter("--model goes with a --reader that is an address")
        folder = options.find_model(address)
        about = {"name": folder.name, "fingerprint": folder.fingerprint}
        return readers.TransformersReader(folder.path, **about, max_answer_tokens=max_answer_tokens)
    if not model:
        raise typer.BadParameter("--reader with an address needs --model")
    return endpoint.EndpointReader(
        address,
        model,
        key=os.environ.get(KEY),
        max_answer_tokens=max_answer_tokens,
        timeout=timeout,
        patience=patience,
    )
