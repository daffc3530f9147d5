"""Result files: what ``--json`` writes, and how it is read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragcompress import DataError
from ragcompress.files import to_bytes, write_whole
from ragcompress.training.examples import DataFile

from .provenance import provenance

Result = Mapping[str, Any]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file whole or not at all.

    Raises:
        DataError: if it can't be written.
    """
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    write_whole(path, to_bytes(text))


def write_results(
    path: Path | None,
    results: Sequence[Result],
    *,
    about: Mapping[str, Any],
    settings: Mapping[str, Any],
    files: Sequence[DataFile] = (),
    **more: Any,
) -> None:
    """Write results that are not of single questions, with what they rest on; nothing without a path.

    Args:
        about: of the study, as ``summary.about`` gives it.
        settings: what decided the results, JSON-able.
        more: what else stands in the file.
    """
    if path:
        rests_on = provenance(files, settings=settings)
        write_json(path, {"results": results, "provenance": rests_on, "study": about, **more})


def read_results(path: Path) -> dict[str, Any]:
    """What ``--json`` wrote: ``results``, ``study``, ``provenance`` and more.

    Raises:
        DataError: if it is none, or was written by a version that did not say what its results are about.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not content["results"] or not {"labels", "columns", "better"} <= set(content["study"]):
            raise LookupError
        if not isinstance(content["provenance"], dict):
            raise TypeError
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError):
        raise DataError(
            f"{path} holds no results of ragcompress-eval, version 0.2 or later: run the command again"
        ) from None
    return content
