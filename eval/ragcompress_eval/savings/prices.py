"""What an API's input tokens cost before and after, less the cores that compression keeps busy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragcompress import DataError, InputError

QUESTIONS = 1000


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs.

    Attributes:
        name: of the model, or of its class.
        dollars: for a million tokens of input.
        milliseconds: until the first token, for each 1,000 tokens of input.
    """

    name: str
    dollars: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Prices:
    """A table of prices. A table of your own is JSON with the same keys.

    Attributes:
        date: when they were looked up; who reads the figures is told.
        core_hour: dollars for one core, one hour.
    """

    date: str
    core_hour: float
    models: tuple[Price, ...]


# Classes rather than names: a price list is out of date when it is printed. Round figures to start from.
EXAMPLES = Prices(
    "examples, not a price list (November 2026)",
    0.04,
    (Price("small", 0.15, 40.0), Price("middle", 1.0, 80.0), Price("large", 3.0, 150.0)),
)


def load_prices(path: Path) -> Prices:
    """Read a table: ``{"date", "core_hour", "models": [{"name", "dollars", "milliseconds"}]}``.

    Raises:
        DataError: if it can't be read.
        InputError: if it is not such a table.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path} holds no JSON: {error}") from None
    try:
        models = tuple(
            Price(str(m["name"]), float(m["dollars"]), float(m["milliseconds"])) for m in given["models"]
        )
        return Prices(str(given["date"]), float(given["core_hour"]), models)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f'{path} is no table of prices ({error!r}); it needs {{"date", "core_hour", "models": [{{"name", '
            '"dollars", "milliseconds"}]}'
        ) from None


def bills(prices: Prices, sizes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row per model and size.

    Args:
        sizes: with ``tokens``, ``tokens_after``, ``seconds_compress`` and ``core_seconds``.

    Returns:
        For 1,000 questions ``dollars_full``, ``dollars_cores`` and ``dollars_compressed`` (cores included);
        ``milliseconds_full`` and ``milliseconds_compressed`` until the first token.
    """
    rows = []
    for price in prices.models:
        for size in sizes:
            cores = QUESTIONS * size["core_seconds"] / 3600 * prices.core_hour
            before, after = (QUESTIONS * size[k] / 1e6 * price.dollars for k in ("tokens", "tokens_after"))
            wait, wait_after = (size[k] / 1000 * price.milliseconds for k in ("tokens", "tokens_after"))
            rows.append(
                {
                    **asdict(price),
                    "tokens": size["tokens"],
                    "dollars_full": before,
                    "dollars_compressed": after + cores,
                    "dollars_cores": cores,
                    "milliseconds_full": wait,
                    "milliseconds_compressed": wait_after + 1000 * size["seconds_compress"],
                }
            )
    return rows
