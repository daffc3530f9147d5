"""What does compression behind LiteLLM save, and what does it cost? A stub stands for the model."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import httpx
import typer

from ragcompress import Compressor, InputError, Plan, scorers
from ragcompress.cli.options import ScorerName
from ragcompress_eval.bench.runner import Run, study_command
from ragcompress_eval.bench.study import Condition, Metric, Row, Study, mean, plain

from . import gateway_parts as parts
from .processes import serving
from .tool_results import Case, Longest, read_cases

_WAYS: dict[str, dict[str, str]] = {"through": {"x-compresr-bypass": "true"}, "first": {}, "again": {}}


def _total(rows: Sequence[Row], seed: int) -> float:
    return float(sum(row.values["tokens"] for row in rows))


METRICS = (
    Metric("all_tokens", _total, "prompt tokens", "lower", form=",.0f"),
    mean("kept", "kept of what is needed"),
    plain("seconds", "s (median)", take="median", better="lower"),
)


def conversation(case: Case) -> list[dict[str, Any]]:
    """A question, the call of a tool that says what is looked for, and what the tool said."""
    arguments = json.dumps({"looking_for": case.question}, ensure_ascii=False)
    call = {"id": "c1", "type": "function", "function": {"name": "read_output", "arguments": arguments}}
    return [
        {"role": "user", "content": case.question},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": case.text},
    ]


def study(
    http: httpx.Client, stub: parts.StubModel, spend_log: Callable[[int], Sequence[dict[str, Any]]]
) -> Study:
    """Each case past the guardrail, through it, and once more, as a next turn does.

    Args:
        http: asks the proxy.
        spend_log: the first so many lines of what the proxy has noted.
    """

    def measure(case: Case, condition: Condition) -> Row:
        began = time.perf_counter()
        body = {"model": parts.MODEL, "messages": conversation(case)}
        answer = http.post("/v1/chat/completions", json=body, headers=_WAYS[condition.name])
        answer.raise_for_status()
        seconds = time.perf_counter() - began
        came = str(stub.messages[-1][-1]["content"])
        return Row({
            "tokens": answer.json()["usage"]["prompt_tokens"],
            "kept": fmean(part in came for part in case.needed),
            "seconds": seconds,
            "spend": spend_log(len(stub.messages))[-1],
        })  # fmt: skip

    conditions = tuple(
        Condition(way, {"way": way}, {} if way == "through" else {"through": "through"}) for way in _WAYS
    )
    return Study(
        "gateway", "What is saved behind LiteLLM, and what does it cost?", conditions, measure, METRICS
    )


@study_command
def gateway_command(
    run: Run,
    scorer: ScorerName = scorers.DEFAULT,
    removed: Annotated[
        float, typer.Option("--removed", metavar="R", help="The share that goes, as LiteLLM is told.")
    ] = 0.8,
    longest: Longest = None,
) -> None:
    """What does compression behind LiteLLM save, and what does it cost?

    Needs LiteLLM's proxy: RAGCOMPRESS_LITELLM names its command, or `make clients` installs it.
    """
    command = parts.litellm_command(Path.cwd())
    if command is None:
        raise InputError("there is no LiteLLM: set RAGCOMPRESS_LITELLM to its command, or run `make clients`")
    questions = run.read(parse=lambda path: read_cases(path, longest))
    stub = parts.StubModel(Compressor.from_plan(Plan(scorer="bm25")).count)
    settings = {
        "target_compression_ratio": removed, "allow_bypass_header": True,
        "compression_params": {"deadline_ms": 60_000},
    }  # fmt: skip
    try:
        with serving(scorer) as server, tempfile.TemporaryDirectory() as name:
            folder, config = Path(name), parts.configuration(stub.url, server.url, settings)
            with parts.proxy(command, config, folder) as url, httpx.Client(base_url=url, timeout=600) as http:
                made = study(http, stub, partial(parts.spend, folder))
                run.carry_out(made, questions, {"scorer": scorer, **settings})
    finally:
        stub.close()
