"""Results as a table for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from ragcompress.files import to_bytes, write_whole

from ..bench.bootstrap import LEVEL, N_RESAMPLES
from ..quality.evidence import METRICS

_HEADINGS = ("evidence recall", "all evidence", "answer kept", "AUC")


def table(results: Sequence[Mapping[str, Any]], *, seed: int) -> Table:
    """Lay out results of ``evidence.summarise``; a star marks a difference from the first scorer.

    To be printed on a console that reads no markup: the brackets are meant.

    Args:
        results: those of one run of the harness.
        seed: of the bootstrap, for the caption.
    """
    caption = (
        f"[low, high]: {LEVEL:.0%} interval, bootstrap over questions ({N_RESAMPLES} resamples, seed {seed})"
        "\n*: the interval of the paired difference from the data set's first scorer leaves out 0"
    )
    result = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for heading in ("dataset", "scorer"):
        result.add_column(heading, overflow="fold")
    for heading in ("ratio", "kept", "n", *_HEADINGS, "s/question"):
        result.add_column(heading, justify="right", overflow="fold")
    previous = None
    for r in results:
        if previous not in (None, r["dataset"]):
            result.add_section()
        previous = r["dataset"]
        start = [r["dataset"], r["scorer"], _budget(r), f"{r['ratio_kept']:.3f}"]
        cells = [_cell(r, name, r.get("versus", {})) for name in METRICS]
        result.add_row(*start, str(r["n"]), *cells, f"{r['seconds']:.3f}")
    return result


def answers_table(results: Sequence[Mapping[str, Any]], *, seed: int) -> Table:
    """Lay out results of ``answers.summarise``; a star marks a difference from the full context."""
    caption = (
        f"[low, high]: {LEVEL:.0%} interval, bootstrap over questions ({N_RESAMPLES} resamples, seed {seed})"
        "\n*: the interval of the paired difference from the full context leaves out 0"
    )
    result = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    grouped = "position" in results[0] if results else False
    for heading in ("dataset", *(["position"] if grouped else []), "context"):
        result.add_column(heading, overflow="fold")
    for heading in ("ratio", "kept", "n", "refused", "F1", "EM", "answer in output", "evidence"):
        result.add_column(heading, justify="right", overflow="fold")
    previous = None
    for r in results:
        if previous not in (None, r["dataset"]):
            result.add_section()
        previous = r["dataset"]
        position = [f"{r['position']:.2f}"] if grouped else []
        ratio = "–" if r["ratio"] is None else f"{r['ratio']:g}"
        label = f"{r['scorer']}, {r['order']}" if r["context"] == "compressed" else r["context"]
        numbers = [_number(r["ratio_kept"]), str(r["n"]), str(r["n_refused"])]
        cells = [_cell(r, name, r["versus"].get("full", {})) for name in ("f1", "em", "answer_in_output")]
        result.add_row(r["dataset"], *position, label, ratio, *numbers, *cells, _number(r["evidence"]))
    return result


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _budget(result: Mapping[str, Any]) -> str:
    return f"recall {result['recall']:g}" if result["ratio"] is None else f"{result['ratio']:g}"


def _cell(result: Mapping[str, Any], metric: str, versus: Mapping[str, Any]) -> str:
    value = result[metric]
    if value is None:
        return "–"
    low, high = result["ci"][metric]
    difference = versus.get(metric)
    star = "*" if difference and not difference["ci"][0] <= 0 <= difference["ci"][1] else " "
    return f"{value:.3f}{star} [{low:.2f}, {high:.2f}]"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file whole or not at all.

    Raises:
        DataError: if it can't be written.
    """
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    write_whole(path, to_bytes(text))
