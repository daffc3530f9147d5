"""``ragcompress-eval compare``: two result files of one command, and what got better or worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ragcompress import InputError
from ragcompress.cli.console import out

from .bootstrap import LEVEL, mean, resample
from .results import Result, read_results
from .summary import text_table

# Seconds of two runs are of two machines, or of two hours. Where a plain forward pass ran beside all others,
# what is compared is how many times its seconds they took.
_FORWARD, _TIMES = "forward-onnx", "times_forward_pass"
# Times of one machine differ by this much from run to run.
_NOISE = 0.1

Key = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One number in two runs.

    Attributes:
        what: labels of the result, and the metric.
        before, after: in the first and the second file.
        note: the interval of the paired difference, or the ratio of two times.
        verdict: ``better``, ``worse`` or empty: no more than chance (or noise) gives.
    """

    what: str
    before: float
    after: float
    note: str
    verdict: str


def compare(first: Mapping[str, Any], second: Mapping[str, Any], *, seed: int = 0) -> list[Change]:
    """Set two results beside each other, number by number.

    Where both files hold rows of the same questions the differences are paired, and what chance alone gives
    has no verdict. Other metrics have one where their intervals don't meet. Times are given as ratios.

    Raises:
        InputError: if the files have no result in common.
    """
    labels, better = first["study"]["labels"], first["study"]["better"]
    files = [content["results"] for content in (first, second)]
    if all(any(r.get("contestant") == _FORWARD for r in results) for results in files):
        files, better = [_against_forward_pass(results) for results in files], {_TIMES: "lower"}
    old, new = ({_key(r, labels): r for r in results} for results in files)
    shared = [key for key in old if key in new]
    if not shared:
        raise InputError("the two files have no result in common: they are of other data sets or settings")
    rows = [_rows(content, labels) for content in (first, second)]
    return [
        change
        for key in shared
        for metric, way in better.items()
        if (change := _change(key, metric, way, (old[key], new[key]), rows, seed)) is not None
    ]


def _change(
    key: Key,
    metric: str,
    way: str,
    results: tuple[Result, Result],
    rows: Sequence[Mapping[Key, Mapping[tuple[str, str], Result]]],
    seed: int,
) -> Change | None:
    before, after = (r.get(metric) for r in results)
    if before is None or after is None:
        return None
    what = f"{', '.join(str(v) for _, v in key)}: {metric}"
    if metric in ("seconds", _TIMES):
        ratio = after / before if before else 1.0
        verdict = "worse" if ratio > 1 + _NOISE else "better" if ratio < 1 - _NOISE else ""
        return Change(what, before, after, f"× {ratio:.2f}", verdict)
    sign = 1 if way == "higher" else -1
    differences = np.array(list(_differences(metric, *(r.get(key, {}) for r in rows))), dtype=np.float64)
    if len(differences):
        estimate = mean(differences, resample(len(differences), seed=seed))
        low, high = estimate.interval()
        note = f"{estimate.value:+.3f} [{low:+.3f}, {high:+.3f}], {len(differences)} pairs"
    else:
        (a, b), (c, d) = (r.get("ci", {}).get(metric, (r[metric], r[metric])) for r in results)
        low, high, note = c - b, d - a, f"{after - before:+.3f}, not paired"
    sure = "better" if sign * low > 0 and sign * high > 0 else "worse" if sign * low < 0 > sign * high else ""
    return Change(what, before, after, note, sure)


def _against_forward_pass(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Results of the speed study, their seconds in those of the plain forward pass at the same size."""
    forward = {_size(r): r["seconds"] for r in results if r["contestant"] == _FORWARD}
    compared = []
    for r in results:
        known = r["seconds"] and forward.get(_size(r))
        compared.append({**r, _TIMES: r["seconds"] / known if known else None})
    return compared


def _size(result: Result) -> tuple[int, int]:
    return result["passages"], result["tokens"]


def _differences(metric: str, old: Mapping[Any, Result], new: Mapping[Any, Result]) -> Iterator[float]:
    for question, row in old.items():
        pair = [r.get(metric) for r in (row, new.get(question, {})) if not r.get("refused")]
        if len(pair) == 2 and pair[0] is not None and pair[1] is not None:
            yield pair[1] - pair[0]


def _key(result: Result, labels: Sequence[str]) -> Key:
    return tuple((key, result[key]) for key in labels if result.get(key) is not None)


def _rows(content: Mapping[str, Any], labels: Sequence[str]) -> dict[Key, dict[tuple[str, str], Result]]:
    """Rows by result and question; none for files of a run that summed up by something else."""
    rows: dict[Key, dict[tuple[str, str], Result]] = {}
    for row in content.get("rows", ()):
        rows.setdefault(_key(row, labels), {})[row["id"], row["sha256"]] = row
    return rows


def compare_command(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="What --json wrote.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="What it wrote later.")],
    everything: Annotated[bool, typer.Option("--all", help="Show what did not change, too.")] = False,
) -> None:
    """What got better, and what worse? Paired where both runs asked the same questions; times as ratios."""
    first, second = read_results(before), read_results(after)
    changes = compare(first, second)
    shown = [c for c in changes if everything or c.verdict]
    rows = [(c.what, f"{c.before:.3f}", f"{c.after:.3f}", c.note, c.verdict) for c in shown]
    if shown:
        headings = ("what", "before", "after", "change", "")
        caption = f"paired differences with their {LEVEL:.0%} intervals"
        out().print(text_table(headings, rows, caption=caption))
    counts = {v: sum(c.verdict == v for c in changes) for v in ("better", "worse")}
    out().print(f"{counts['worse']} of {len(changes)} numbers got worse, {counts['better']} got better")
    for file in _other_files(first, second):
        out().print(f"not the same file of questions in both runs: {file}")


def _other_files(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    hashes = [{f["name"]: f["sha256"] for f in c["provenance"].get("files", ())} for c in (first, second)]
    return [name for name, sha256 in hashes[0].items() if hashes[1].get(name, sha256) != sha256]
