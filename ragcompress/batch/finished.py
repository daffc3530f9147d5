"""Whether files of results are those of a run that has ended.

``--resume`` must know it of an output that is there without the state of a run that was cut short.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import scorers
from ..documents.loaders.text import decode
from ..errors import DataError, InputError
from ..plan import Plan
from .request import finite, json_line
from .workers import Line

# A result has it as it turned out: where headings leave no room, documents are not kept together.
_NOT_COMPARED = ("keep_together",)


def check_finished(requests: Iterable[Line], output: Path, errors: Path, plan: Plan) -> None:
    """Read results beside their requests: each request has its line in one of the two files, in order.

    Args:
        output: results.
        errors: requests that failed; there need be no such file.
        plan: what the results must have been made with, as far as they tell.

    Raises:
        DataError: if they are not; says where and why.
    """
    budget = None if plan.budget is None else asdict(plan.budget)
    settings = json.loads(json.dumps({"budget": budget, **plan.layout_settings()}))
    results, reasons = _values(output), _values(errors)
    failed = next(reasons, None)
    number = 0
    for request in requests:
        if failed is not None and failed.get("line") == request.number:
            failed = next(reasons, None)
            continue
        number += 1
        _check(next(results, None), request, plan.scorer, settings, f"{output}, line {number}")
    if failed is not None or next(results, None) is not None:
        raise _refusal(str(output), "there are more results than requests")


def _check(
    result: dict[str, Any] | None, request: Line, scorer: str, expected: dict[str, Any], where: str
) -> None:
    """Compare one result with the request that it should answer."""
    if result is None:
        raise _refusal(where, f"the request of line {request.number} has no result")
    request_value = _value(request.request)
    name = json.loads(json_line({"id": finite(request_value.get("id"))}))["id"]
    if result.get("question") != request_value.get("question") or result.get("id", result) != name:
        raise _refusal(where, f"is no result of the request of line {request.number}")
    settings = result.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    known = settings.get("scorer")
    if known != scorer and isinstance(known, str) and scorers.is_available(known):
        raise _refusal(where, f"was made with another scorer: {known}")
    for name, value in expected.items():
        if name not in _NOT_COMPARED and settings.get(name, value) != value:
            shown = "" if isinstance(value, dict) else f": {settings[name]}"
            raise _refusal(where, f"was made with another {name}{shown}")


def _values(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open("rb") as file:
            yield from (_value(line) for line in file)


def _value(line: bytes) -> dict[str, Any]:
    """An object of a line of JSON; an empty one for anything else."""
    try:
        value = json.loads(decode(line, "the line"))
    except (InputError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _refusal(where: str, why: str) -> DataError:
    return DataError(
        f"{where}: {why}, so there is no run of these requests to resume; choose another output, or leave "
        "--resume out to write it again"
    )
