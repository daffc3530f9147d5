"""Rows of a study summed up: results with intervals, paired differences, means over data sets, a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from ragcompress.training.examples import Example

from .bootstrap import LEVEL, N_RESAMPLES, Estimate
from .study import Condition, Row, Study

Rows = Mapping[str, Sequence[Row | None]]
"""By name of the condition, one for each example, in their order; None where there is nothing to measure."""
Result = dict[str, Any]
MEAN_OF_SETS = "mean of sets"
GROUPS: Mapping[str, Callable[[Example], str]] = {
    "dataset": lambda e: e.dataset,
    "lang": lambda e: e.lang,
    "all": lambda e: "all",
}
"""What ``--by`` takes: what questions are summed up together by."""


def summarize(
    study: Study, examples: Sequence[Example], rows: Rows, *, seed: int, by: str = "dataset"
) -> list[Result]:
    """One result per group of questions and condition, ready for JSON.

    ``n`` counts the questions that were not refused (the others are ``n_refused``). ``ci`` holds percentile
    intervals; ``versus`` the paired differences that the condition asks for, and their intervals, over the
    questions that neither of the two refused. A condition without any row has no result.

    Args:
        seed: of the bootstrap.
        by: one of ``GROUPS``; results have it under the key ``dataset``.
    """
    groups: dict[str, list[int]] = {}
    for index, example in enumerate(examples):
        groups.setdefault(GROUPS[by](example), []).append(index)
    results = []
    for group, members in groups.items():
        members_of = {name: [of_condition[i] for i in members] for name, of_condition in rows.items()}
        for condition in study.conditions:
            if any(row is not None for row in members_of[condition.name]):
                results.append({"dataset": group, **_result(study, condition, members_of, seed)})
    return results


def _result(study: Study, condition: Condition, rows: Rows, seed: int) -> Result:
    measured = [r for r in rows[condition.name] if r is not None]
    used = [r for r in measured if r.refused is None]
    computed = {m.name: m.compute(used, seed) for m in study.metrics}
    result: Result = {**condition.labels, "n": len(used)}
    result |= {name: v.value if isinstance(v, Estimate) else v for name, v in computed.items()}
    result["n_refused"] = len(measured) - len(used)
    result["ci"] = {name: list(v.interval()) for name, v in computed.items() if isinstance(v, Estimate)}
    result["versus"] = {}
    others = {c.name: c for c in study.conditions}
    for name, reference in condition.versus.items():
        differences = _differences(study, rows[condition.name], rows[reference], seed)
        if name:
            result["versus"][name] = differences
        elif differences["n"]:
            labels = others[reference].labels.items()
            differing = {key: value for key, value in labels if value != condition.labels[key]}
            result["versus"] = differing | {k: v for k, v in differences.items() if k != "n"}
    return result


def _differences(
    study: Study, mine: Sequence[Row | None], theirs: Sequence[Row | None], seed: int
) -> dict[str, Any]:
    pairs = [
        (a, b)
        for a, b in zip(mine, theirs, strict=True)
        if a is not None and b is not None and a.refused is None and b.refused is None
    ]
    differences: dict[str, Any] = {"n": len(pairs)}
    for metric in study.metrics if pairs else ():
        one, other = (metric.compute(side, seed) for side in zip(*pairs, strict=True))
        if isinstance(one, Estimate) and isinstance(other, Estimate):
            if len(one.samples) == len(other.samples):
                difference = one.minus(other)
                differences[metric.name] = {"difference": difference.value, "ci": list(difference.interval())}
    return differences


def means_of_sets(study: Study, results: Sequence[Result]) -> list[Result]:
    """Per condition, the mean of each metric over the groups that have it, each group counting once.

    Empty where there is only one group. ``n`` is the number of groups.
    """
    if len({r["dataset"] for r in results}) < 2:
        return []
    means = []
    for condition in study.conditions:
        members_of = [r for r in results if all(r[key] == value for key, value in condition.labels.items())]
        if not members_of:
            continue
        mean: Result = {"dataset": MEAN_OF_SETS, **condition.labels, "n": len(members_of)}
        for metric in study.metrics:
            values = [r[metric.name] for r in members_of if r[metric.name] is not None]
            mean[metric.name] = float(np.mean(values)) if values else None
        means.append({**mean, "n_refused": sum(r["n_refused"] for r in members_of), "ci": {}, "versus": {}})
    return means


def describe(
    name: str,
    question: str,
    labels: Sequence[str],
    columns: Mapping[str, tuple[str, str]],
    *,
    higher: Sequence[str] = (),
    lower: Sequence[str] = (),
) -> dict[str, Any]:
    """What is to be known of a study to read its results, ready for JSON.

    Args:
        labels: keys that tell its results apart.
        columns: keys that are shown, each with its heading and form.
        higher, lower: keys whose values are better when they are so.
    """
    return {
        "name": name,
        "question": question,
        "labels": list(labels),
        "columns": [[key, heading, form] for key, (heading, form) in columns.items()],
        "better": dict.fromkeys(higher, "higher") | dict.fromkeys(lower, "lower"),
    }


def about(study: Study) -> dict[str, Any]:
    """What is to be known of a study whose results are of single questions (``describe``)."""
    columns = {m.name: (m.heading, m.form) for m in study.metrics if m.heading}
    higher, lower = ([m.name for m in study.metrics if m.better == way] for way in ("higher", "lower"))
    labels = ["dataset", *study.conditions[0].labels]
    return describe(study.name, study.question, labels, columns, higher=higher, lower=lower)


def cells(
    about: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> tuple[list[str], list[list[str]]]:
    """Headings, and a row of text for each result. Labels that are never set are left out.

    Args:
        about: of the study (``about``), as its JSON has it.
    """
    labels = [k for k in about["labels"] if any(r[k] is not None for r in results)]
    headings = [*labels, "n", *(heading for _, heading, _ in about["columns"])]
    rows = []
    for r in results:
        shown = [
            "–" if r[k] is None else f"{r[k]:g}" if isinstance(r[k], float) else str(r[k]) for k in labels
        ]
        n = f"{r['n']} (+{r['n_refused']} refused)" if r.get("n_refused") else str(r["n"])
        rows.append([*shown, n, *(_cell(r, name, form) for name, _, form in about["columns"])])
    return headings, rows


def table(study: Study, results: Sequence[Result], *, seed: int) -> Table:
    """Results of a study; a star marks a difference from the reference.

    To be printed on a console that reads no markup: the brackets are meant.
    """
    caption = (
        f"[low, high]: {LEVEL:.0%} interval, bootstrap over questions ({N_RESAMPLES} resamples, seed {seed})"
    )
    reference = next((r["versus"] for r in results if r["versus"]), None)
    if reference is not None:
        names = [str(v) for v in reference.values() if not isinstance(v, Mapping)] or [next(iter(reference))]
        caption += f"\n*: the interval of the paired difference from {', '.join(names)} excludes 0"
    return lay_out(about(study), results, caption=caption)


def lay_out(about: Mapping[str, Any], results: Sequence[Mapping[str, Any]], *, caption: str) -> Table:
    """A table of results, with a line between their groups."""
    headings, rows = cells(about, results)
    return text_table(headings, rows, title=about["question"], caption=caption, n_labels=headings.index("n"))


def text_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    caption: str | None = None,
    n_labels: int = 1,
) -> Table:
    """A table whose first columns are labels; of several, a line is drawn where the first one changes."""
    made = Table(title=title, box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="right" if number >= n_labels else "left", overflow="fold")
    for number, row in enumerate(rows):
        if number and n_labels > 1 and rows[number - 1][0] != row[0]:
            made.add_section()
        made.add_row(*row)
    return made


def _cell(result: Mapping[str, Any], name: str, form: str) -> str:
    value = result[name]
    if value is None or isinstance(value, str):
        return value or "–"
    text = f"{value:{form}}"
    if name not in result.get("ci", ()):
        return text
    low, high = result["ci"][name]
    versus = result.get("versus", {})
    sides = [v for v in (versus, *versus.values()) if isinstance(v, Mapping) and name in v]
    star = "*" if sides and not sides[0][name]["ci"][0] <= 0 <= sides[0][name]["ci"][1] else " "
    return f"{text}{star} [{low:.2f}, {high:.2f}]"
