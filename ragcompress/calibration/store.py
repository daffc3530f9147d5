"""The file of a calibration: JSON with a format version and a checksum; no pickle, nobody's texts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ..errors import DataError
from ..files import to_bytes, write_whole
from ..probes import ProbeWeights
from .answerable import USED, Answerable
from .request import SHAPE, WORD_BINS, Group
from .values import Calibration, Case, case_as_dict

FORMAT = 2
NONE = "none"
"""In place of a file: no calibration, not even the one that ships."""
_LARGEST = 1e15
_T = TypeVar("_T")
_FOLDER = Path(__file__).parent / "shipped"


def save(calibration: Calibration, path: Path) -> None:
    """Write a calibration, whole or not at all.

    Raises:
        DataError: if it can't be written.
    """
    content = _content(calibration)
    head = json.dumps({"sha256": _checksum(content), **content}, ensure_ascii=False)
    cases = json.dumps(content["cases"], ensure_ascii=False)
    # One question a line, so that two files can be compared.
    shown = head.replace(cases, "[\n" + cases[1:-1].replace('}, {"kind"', '},\n{"kind"') + "\n]")
    write_whole(path, to_bytes(shown + "\n"))


def checksum(calibration: Calibration) -> str:
    """SHA-256 of what a file of the calibration holds."""
    return _checksum(_content(calibration))


def _content(calibration: Calibration) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "scorer": calibration.scorer,
        "settings": dict(calibration.settings),
        "conditions": dict(calibration.conditions),
        "card": dict(calibration.card),
        "answerable": None if calibration.answerable is None else asdict(calibration.answerable),
        "cases": [case_as_dict(c) for c in calibration.cases],
    }


def load(path: Path) -> Calibration:
    """Read a calibration.

    Raises:
        DataError: if the file is missing, damaged, changed, or of another format version.
    """
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise DataError(f"the calibration {path} can't be read: {_reason(error)}") from error
    return _load(path, (state.st_ino, state.st_ctime_ns, state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=8)
def _load(path: Path, state: tuple[int, ...]) -> Calibration:
    """A file as it was at a time: adapters and servers make compressors by the request."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"the calibration {path} can't be read: {_reason(error)}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        version = content.get("format") if isinstance(content, dict) else None
        raise DataError(f"the calibration {path} has format {version!r}; this version reads format {FORMAT}")
    written = content.pop("sha256", None)
    try:
        whole = written == _checksum(content)
    except RecursionError:  # deep enough to be read, too deep to be written
        whole = False
    if not whole:
        raise DataError(
            f"the calibration {path} was changed after it was made (its checksum does not fit); "
            "take a copy that is whole, or make it again with: ragcompress calibrate"
        )
    try:
        return _parse(content)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the calibration {path} is damaged: {error!r}") from error


def shipped_for(scorer: str, probe: ProbeWeights | None) -> Calibration | None:
    """The calibration that ships for a scorer and its weights; None where there is none."""
    if probe is None or not any(_FOLDER.glob(f"{scorer}-*.json")):
        return None
    path = _FOLDER / shipped_name(scorer, probe.fingerprint())
    return load(path) if path.exists() else None


def shipped_name(scorer: str, probe: str) -> str:
    """What the file is called that ships for a scorer and the fingerprint of its weights."""
    return f"{scorer}-{probe}.json"


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _parse(content: Mapping[str, Any]) -> Calibration:
    known = content["answerable"]
    return Calibration(
        scorer=_check_type(str, content["scorer"]),
        settings=_check_type(dict, content["settings"]),
        conditions=_check_type(dict, content["conditions"]),
        cases=tuple(_case(c) for c in _check_type(list, content["cases"])),
        answerable=None if known is None else _answerable(_check_type(dict, known)),
        card=_check_type(dict, content["card"]),
    )


def _answerable(values: Mapping[str, Any]) -> Answerable:
    answerable = Answerable(
        weights=_numbers(values["weights"]),
        bias=_number(values["bias"]),
        questions=_check_type(int, values["questions"]),
        auc=None if values["auc"] is None else _number(values["auc"]),
        signals=tuple(_check_type(str, name) for name in _check_type(list, values["signals"])),
        means=_numbers(values["means"]),
    )
    if len(answerable.weights) != USED + len(answerable.signals) or len(answerable.signals) != len(
        answerable.means
    ):
        raise ValueError(f"{len(answerable.weights)} weights for {len(answerable.signals)} signals")
    return answerable


def _case(values: Mapping[str, Any]) -> Case:
    case = Case(
        kind=_check_type(str, values["kind"]),
        group=Group(*(_check_type(str, name) for name in _check_type(list, values["group"]))),
        shape=_numbers(values["shape"]),
        words=_numbers(values["words"]),
        evidence=tuple(sorted(_numbers(values["evidence"]))),
        answerable=None if values["answerable"] is None else _check_type(bool, values["answerable"]),
    )
    if len(case.shape) != len(SHAPE) or len(case.words) != WORD_BINS:
        raise ValueError(f"a question of {len(case.shape)} and {len(case.words)} numbers")
    return case


def _check_type(kind: type[_T], value: Any) -> _T:
    """A value of a type, where true is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{_short(value)} is no {kind.__name__}")
    return value


def _number(value: Any) -> float:
    """A number, not infinite, as JSON has it: whole or not."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        raise ValueError(f"{_short(value)} is no number that a calibration has")
    return float(value)


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(map(_number, _check_type(list, values)))


def _reason(error: Exception) -> str:
    """What the system says, without the path, which the message has already."""
    return str(getattr(error, "strerror", None) or error)


def _short(value: Any) -> str:
    return repr(value)[:80]
