"""Probe weights: what turns a proxy's attention into probabilities. safetensors + JSON, never a pickle.

A probe is two files, ``NAME.safetensors`` (the numbers) and ``NAME.json`` (its card: format version, proxy
and its weight hash, template, layers, rows, features, training data, metrics). The probes in this folder
ship with the package. A card names the scorer that reads the numbers; without one it is ``passage-probe``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ..array_files import checksum
from ..errors import DataError, ProbeMismatch
from ..files import to_bytes, write_whole
from ..proxy.base import ProxyInfo

FORMAT = 1
DEFAULT_SCORER = "passage-probe"
_FOLDER = Path(__file__).parent
_T = TypeVar("_T")
# A type that NumPy does not have, such as bfloat16, is an AttributeError, KeyError or TypeError.
_UNREADABLE = (
    OSError, ValueError, RecursionError, SafetensorError, AttributeError, KeyError, TypeError,
)  # fmt: skip


class Wording(Protocol):
    """A template, as far as a probe knows it."""

    def fingerprint(self) -> str:
        """Return hex digits that change with any wording."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeWeights:
    """A trained probe.

    Attributes:
        arrays: the head's numbers by name, float32; what they mean is the scorer's business.
        card: everything else, JSON-able; the keys read here are ``format``, ``proxy`` (``name``,
            ``fingerprint``), ``template``, ``n_layers``, ``n_heads``, ``rows``, ``passage_tokens``,
            ``scorer``.
    """

    arrays: Mapping[str, NDArray[np.float32]]
    card: Mapping[str, Any]

    @property
    def n_layers(self) -> int:
        """Layers that are read, from the first."""
        return int(self.card["n_layers"])

    @property
    def passage_tokens(self) -> int:
        """Longest passage that is read at once, in tokens.

        Raises:
            DataError: if the card does not say, as those of scorers that read no passages.
        """
        if (at_once := self.card.get("passage_tokens")) is None:
            raise DataError(
                "the probe's card has no 'passage_tokens', which its scorer reads; train it again"
            )
        return int(at_once)

    @property
    def scorer(self) -> str:
        """Name of the scorer that it was trained for."""
        return str(self.card.get("scorer", DEFAULT_SCORER))

    def fingerprint(self) -> str:
        """Return hex digits that change with any of the numbers."""
        digest = hashlib.sha256()
        for name in sorted(self.arrays):
            digest.update(name.encode() + np.ascontiguousarray(self.arrays[name]).tobytes())
        return digest.hexdigest()[:16]

    def check(self, proxy: ProxyInfo, template: Wording, scorer: str = DEFAULT_SCORER) -> None:
        """Refuse to be used with another scorer, proxy or template than it was trained for.

        Raises:
            ProbeMismatch: says which of them differs.
        """
        if self.scorer != scorer:
            raise ProbeMismatch(
                f"the probe was trained for the scorer {self.scorer!r}, not for {scorer!r}; choose "
                f"its scorer (--scorer {self.scorer}), or another probe"
            )
        trained = self.card["proxy"]
        if trained["fingerprint"] != proxy.fingerprint:
            raise ProbeMismatch(
                f"the probe was trained for {trained['name']!r} (weights {trained['fingerprint'][:12]}…), "
                f"not for {proxy.name!r} ({proxy.fingerprint[:12]}…); train one with: "
                f"ragcompress train --proxy {proxy.name} --scorer {scorer}"
            )
        if self.card["template"] != template.fingerprint():
            raise ProbeMismatch(
                f"the probe was trained with the template {self.card['template']}, "
                f"this is {template.fingerprint()}; train one for it, or use the template it was trained with"
            )

    def check_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse numbers that are not as many as a scorer reads.

        Raises:
            DataError: names the array, its shape, and the one that is read.
        """
        for name, expected in shapes.items():
            if name not in self.arrays:
                raise DataError(_missing(name, self.arrays))
            if (shape := self.arrays[name].shape) != expected:
                raise DataError(
                    f"the probe's {name!r} has the shape {shape}, not {expected}; take a copy that is "
                    "whole, or train the probe again"
                )

    def numbers(self, key: str, kind: type[_T]) -> _T:
        """What the card holds under a key, as a dataclass of numbers.

        Args:
            kind: its fields have defaults; where that is a whole number, the card has one too.

        Raises:
            DataError: if the card has none, or other fields, or what is no number.
        """
        held, known = self.card.get(key), {f.name: f.default for f in fields(cast(Any, kind))}
        if isinstance(held, Mapping) and all(
            name in known and _is_number(value, whole=isinstance(known[name], int))
            for name, value in held.items()
        ):
            return kind(**held)
        raise DataError(
            f"the probe's card has {held!r} as {key!r}; it may have numbers as {', '.join(known)}: take a "
            "copy that is whole, or train the probe again"
        )

    def save(self, path: Path) -> None:
        """Write ``path.safetensors`` and ``path.json``, each whole or not at all.

        Raises:
            DataError: if they can't be written.
        """
        arrays = {k: np.ascontiguousarray(v) for k, v in self.arrays.items()}
        card = {**self.card, "checksum": checksum(arrays)}
        text = json.dumps(card, indent=1, ensure_ascii=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(Path(f"{path}.safetensors"), save(arrays))
            write_whole(Path(f"{path}.json"), to_bytes(text + "\n"))
        except DataError:
            raise
        except OSError as error:
            raise DataError(f"the probe can't be written to {path}: {error}") from error


def load(path: Path) -> ProbeWeights:
    """Read a probe; ``path`` may name either of its files, or both without an ending.

    Raises:
        DataError: if a file is missing or broken, or of another format version.
    """
    base = path.with_suffix("") if path.suffix in (".json", ".safetensors") else path
    try:
        card = json.loads(Path(f"{base}.json").read_text(encoding="utf-8"))
        arrays = load_file(f"{base}.safetensors")
    except _UNREADABLE as error:
        raise DataError(f"the probe {base} can't be read: {error}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        version = card.get("format") if isinstance(card, dict) else None
        raise DataError(f"the probe {base} has format {version!r}; this version reads format {FORMAT}")
    _check_card(base, card)
    written = card.pop("checksum", None)  # older ones have none
    if written is not None and written != checksum(arrays):
        raise DataError(f"the probe {base} is damaged: its numbers are not those of its card")
    _check_numbers(base, arrays)
    return ProbeWeights(_Arrays(arrays), card)


def _check_numbers(base: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse arrays that no training writes: not of floats, not finite, or scales that are not positive."""
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise DataError(f"the probe {base} has {array.dtype} as {name!r}, not float32")
        if not np.isfinite(array).all():
            raise DataError(f"the probe {base} has numbers that are not finite, in {name!r}")
        if name.endswith(".scale") and not (array > 0).all():
            raise DataError(f"the probe {base} has numbers that are not positive, in {name!r}")


class _Arrays(dict[str, NDArray[np.float32]]):
    """Arrays by name; one that is missing is a fault of the file."""

    def __missing__(self, name: str) -> NDArray[np.float32]:
        raise DataError(_missing(name, self))


def _missing(name: str, arrays: Mapping[str, Any]) -> str:
    return f"the probe holds no numbers named {name!r}; it has {', '.join(arrays) or 'none'}"


def _check_card(base: Path, card: Mapping[str, Any]) -> None:
    """Refuse a card whose fields are missing or of another kind than every probe's."""
    proxy, scorer = card.get("proxy"), card.get("scorer", DEFAULT_SCORER)
    named = isinstance(proxy, dict) and all(isinstance(proxy.get(k), str) for k in ("name", "fingerprint"))
    at_once = card.get("passage_tokens", None if scorer == DEFAULT_SCORER else 1)
    checks = {
        "proxy": named,
        "template": isinstance(card.get("template"), str),
        "scorer": isinstance(scorer, str),
        "n_layers": _is_count(card.get("n_layers")),
        "passage_tokens": _is_count(at_once),
        "second_look": card.get("second_look") is None or isinstance(card["second_look"], dict),
    }
    for field, is_right in checks.items():
        if not is_right:
            raise DataError(
                f"the card {base}.json has {card.get(field)!r} as {field!r}, which no probe has; "
                "take a copy that is whole, or train the probe again"
            )


def _is_number(value: Any, *, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def shipped_for(
    proxy: ProxyInfo, scorer: str = DEFAULT_SCORER, *, embedder: str | None = None
) -> ProbeWeights:
    """Return the shipped probe that was trained for a scorer on this proxy's weights.

    Args:
        embedder: name of the model whose vectors the probe must have been fitted with, if any.

    Raises:
        ProbeMismatch: if there is none; says how to train one.
    """
    for path in sorted(_FOLDER.glob("*.json")):
        probe = load(path)
        is_for = (probe.card["proxy"]["fingerprint"], probe.scorer) == (proxy.fingerprint, scorer)
        if is_for and (embedder is None or probe.card.get("embedder") == embedder):
            return probe
    raise ProbeMismatch(
        f"no probe for {scorer!r} ships for {proxy.name!r} (weights {proxy.fingerprint[:12]}…). Train "
        f"one with `ragcompress train FILE… --scorer {scorer} --proxy {proxy.name} -o PROBE` and pass it as "
        "--probe. Or choose a scorer that needs no training: raw-attention, bm25"
    )
