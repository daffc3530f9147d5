"""What the server allows: how much at a time, how large, how long, and for whom."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError, InputError, RagCompressError

KEYS_VARIABLE = "RAGCOMPRESS_API_KEYS"
"""Environment variable with the keys that are let in, separated by white space or commas."""

_SHORTEST_KEY = 8


class TooLarge(RagCompressError):
    """A request that holds more than the server takes."""


class NotHere(RagCompressError):
    """What a request names is not served."""


class Full(RagCompressError):
    """The queue is full.

    Attributes:
        retry_after: whole seconds after which another try makes sense.
    """

    def __init__(self, reason: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"{reason}; try again in {retry_after} s")


class Gone(RagCompressError):
    """Nobody waits for the answer any more."""


class NotReady(RagCompressError):
    """The model is not loaded: not yet, or it could not be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the server.

    Attributes:
        body_bytes: longest body of a request.
        documents: most documents of a request.
        characters: most code points of all texts of a request.
        queue: most requests that wait for a thread; more are refused with 429.
        threads: requests that are worked on at a time; they share the model.
        deadline: seconds from a request's arrival in which it is answered, unless it says otherwise.
        longest_deadline: most that a request may ask for.
        body_seconds: seconds in which headers, and then the body, must have come in.
        rank_documents: most documents that the scorer reads for a rerank; of more, BM25 picks them.
        held_bytes: of all bodies that are being read or worked on; who sends more is refused with 429. One
            body may come in any case.

    Raises:
        InputError: for a bound that is not above 0 (``queue``: below 0).
    """

    body_bytes: int = 16 << 20
    documents: int = 1_000
    characters: int = 2_000_000
    queue: int = 32
    threads: int = 2
    deadline: float = 4.0
    longest_deadline: float = 120.0
    body_seconds: float = 20.0
    rank_documents: int = 100
    held_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value, least = getattr(self, name), 0 if name == "queue" else None
            if not (value > 0 or value == least):
                raise InputError(f"the limit {name} must be above 0, got {value!r}")

    def check(self, texts: list[str]) -> None:
        """Refuse texts that are too many or too long.

        Raises:
            TooLarge: says which bound is passed, and by what.
        """
        if len(texts) > self.documents:
            raise TooLarge(f"{len(texts):,} documents; the server takes {self.documents:,} at a time")
        if (total := sum(map(len, texts))) > self.characters:
            raise TooLarge(f"{total:,} characters of text; the server takes {self.characters:,} at a time")


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets of those who are let in; none: everybody is.

    Raises:
        InputError: for a key that is too short to be one.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if any(len(secret) < _SHORTEST_KEY for secret in self.secrets):
            raise InputError(f"an API key must have at least {_SHORTEST_KEY} characters")

    @classmethod
    def find(cls, file: Path | None, environment: Mapping[str, str] | None = None) -> Keys:
        """Read keys from a file, one a line (``#`` begins a comment), and from ``RAGCOMPRESS_API_KEYS``.

        Raises:
            DataError: if the file can't be read, or holds no key.
        """
        named = (os.environ if environment is None else environment).get(KEYS_VARIABLE, "")
        keys = named.replace(",", " ").split()
        if file is not None:
            try:
                lines = file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"the file of keys {file} can't be read: {error}") from error
            in_file = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
            if not in_file:
                raise DataError(f"the file of keys {file} holds no key")
            keys += in_file
        return cls(tuple(keys))

    def __bool__(self) -> bool:
        """Whether a key is asked for."""
        return bool(self.secrets)

    def lets_in(self, headers: Mapping[str, str]) -> bool:
        """Whether ``Authorization: Bearer …`` or ``X-API-Key`` holds a key; any guess takes as long.

        Args:
            headers: names in lower case.
        """
        if not self.secrets:
            return True
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        offered = [headers.get("x-api-key", ""), bearer.strip() if scheme.lower() == "bearer" else ""]
        # All are compared, so that neither place nor number of the right one shows in the time.
        same = [
            hmac.compare_digest(secret.encode(), guess.encode("utf-8", "surrogateescape"))
            for secret in self.secrets
            for guess in offered
        ]
        return any(same)


def is_local(host: str) -> bool:
    """Whether an address, or a name, is that of the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_host(host: str, keys: Keys) -> None:
    """Refuse to listen where others reach the server, unless a key is asked for.

    Raises:
        InputError: for an address that is not this machine's own, when there is no key.
    """
    if keys:
        return
    if not is_local(host):
        raise InputError(
            f"{host} can be reached by others, and no API key is asked for: give --api-keys FILE, set "
            f"{KEYS_VARIABLE}, or listen on 127.0.0.1"
        )
