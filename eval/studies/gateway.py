"""What does compression behind LiteLLM save, and what does it cost? A stub stands for the model."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from ragcompress import Compressor, InputError, Plan, scorers
from ragcompress.cli.console import note, out
from ragcompress.cli.options import ScorerName
from ragcompress_eval.bench.options import ResultFile
from ragcompress_eval.bench.results import write_results
from ragcompress_eval.bench.summary import describe

from . import gateway_parts as parts
from .processes import serving
from .tool_results import Case, Longest, read_cases

_BYPASS = {"x-compresr-bypass": "true"}
ABOUT = describe(
    "gateway",
    "What is saved behind LiteLLM?",
    ("id", "kind"),
    {"tokens_through": ("tokens", "d"), "tokens_first": ("left", "d"), "kept_first": ("kept", ".3f")},
    higher=["kept_first"],
    lower=["tokens_first"],
)
_TRIES: tuple[tuple[str, dict[str, str]], ...] = (("through", _BYPASS), ("first", {}), ("again", {}))


def conversation(case: Case) -> list[dict[str, Any]]:
    """A question, the call of a tool that says what is looked for, and what the tool said."""
    arguments = json.dumps({"looking_for": case.question}, ensure_ascii=False)
    call = {"id": "c1", "type": "function", "function": {"name": "read_output", "arguments": arguments}}
    return [
        {"role": "user", "content": case.question},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": case.text},
    ]


def measure(url: str, stub: parts.StubModel, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Each case three times: past the guardrail, through it, and once more, as a next turn does."""
    rows = []
    with httpx.Client(base_url=url, timeout=600) as client:
        for case in cases:
            row: dict[str, Any] = {"id": case.id, "kind": case.dataset}
            for name, headers in _TRIES:
                began = time.perf_counter()
                body = {"model": parts.MODEL, "messages": conversation(case)}
                answer = client.post("/v1/chat/completions", json=body, headers=headers)
                answer.raise_for_status()
                row[f"seconds_{name}"] = time.perf_counter() - began
                row[f"tokens_{name}"] = answer.json()["usage"]["prompt_tokens"]
                came = str(stub.messages[-1][-1]["content"])
                row[f"kept_{name}"] = sum(p in came for p in case.needed) / len(case.needed)
            note(f"{case.id}: {row['tokens_through']} tokens to {row['tokens_first']}")
            rows.append(row)
    return rows


def gateway_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The labeled set.", exists=True)],
    scorer: ScorerName = scorers.DEFAULT,
    removed: Annotated[
        float, typer.Option("--removed", metavar="R", help="The share that goes, as LiteLLM is told.")
    ] = 0.8,
    longest: Longest = None,
    json_file: ResultFile = None,
) -> None:
    """What does compression behind LiteLLM save, and what does it cost?

    Needs LiteLLM's proxy: RAGCOMPRESS_LITELLM names its command, or `make clients` installs it.
    """
    command = parts.litellm_command(Path.cwd())
    if command is None:
        raise InputError("there is no LiteLLM: set RAGCOMPRESS_LITELLM to its command, or run `make clients`")
    cases = read_cases(file, longest)
    stub = parts.StubModel(Compressor.from_plan(Plan(scorer="bm25")).count)
    settings = {
        "target_compression_ratio": removed, "allow_bypass_header": True,
        "compression_params": {"deadline_ms": 60_000},
    }  # fmt: skip
    try:
        with serving(scorer) as server, tempfile.TemporaryDirectory() as name:
            config = parts.configuration(stub.url, server.url, settings)
            with parts.proxy(command, config, Path(name)) as url:
                rows = measure(url, stub, cases)
                logged = parts.spend(Path(name), len(_TRIES) * len(cases))
    finally:
        stub.close()
    out().print(summary(rows))
    rests_on = {"scorer": scorer, **settings}
    write_results(json_file, rows, about=ABOUT, settings=rests_on, scorer=scorer, spend_log=logged)


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each way."""
    lines = []
    for name, _ in _TRIES:
        tokens = sum(row[f"tokens_{name}"] for row in rows)
        kept = statistics.fmean(row[f"kept_{name}"] for row in rows)
        seconds = statistics.median(row[f"seconds_{name}"] for row in rows)
        lines.append(
            f"{name}: {tokens} prompt tokens, {kept:.3f} of what is needed, {seconds * 1000:.0f} ms (median)"
        )
    return "\n".join(lines)
