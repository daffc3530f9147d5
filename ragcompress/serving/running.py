"""Runs the application on uvicorn: slow clients are cut off, and a stop lets work end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from ..errors import DataError
from .limits import Keys, check_host
from .metrics import SHARED_FOLDER

_LOG = logging.getLogger("ragcompress.serving")
_GRACE = 30.0  # seconds in which running requests may end after SIGTERM


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server listens.

    Attributes:
        port: 0: any free one.
        processes: each loads the model for itself.
    """

    host: str = "127.0.0.1"
    port: int = 8484
    processes: int = 1


def serve(make: Callable[[], FastAPI], listening: Listening, keys: Keys) -> None:
    """Run until SIGTERM or SIGINT; then requests that are being worked on end first.

    Args:
        make: builds the application; where there are several processes, in each of them (it is sent there).

    Raises:
        InputError: if others can reach the address, and no key is asked for.
        DataError: if nothing can listen there.
    """
    check_host(listening.host, keys)
    log_to_stderr()
    bound = bind(listening)
    host, port = bound.getsockname()[:2]
    _LOG.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    config = configuration(make, listening.processes)
    with tempfile.TemporaryDirectory(prefix="ragcompress-metrics-") as folder:
        if listening.processes > 1:
            os.environ[SHARED_FOLDER] = folder  # read where the counters are made: in the new processes
            Multiprocess(config, sockets=[bound]).run()
            return
        server = uvicorn.Server(config)
        server.run(sockets=[bound])
    if not server.started:
        sys.exit(1)


def configuration(make: Callable[[], FastAPI], processes: int = 1) -> uvicorn.Config:
    """How uvicorn runs the application: slow clients are cut off, and a stop waits for what runs."""
    return uvicorn.Config(
        make,
        factory=True,
        workers=processes,
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(_GRACE),
        timeout_worker_healthcheck=int(_GRACE),  # loading a model on a busy machine is no death
    )


def log_to_stderr() -> None:
    """One line for each request and event of this package; never a text."""
    if logging.getLogger("ragcompress").handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("ragcompress", "uvicorn.error"):
        log = logging.getLogger(name)
        log.addHandler(handler)
        log.setLevel(logging.INFO if name == "ragcompress" else logging.WARNING)


def bind(listening: Listening) -> socket.socket:
    """Take the address.

    Raises:
        DataError: if nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    # Only on sockets that are named TCP does asyncio send small packets at once; on others each answer waits
    # 40 ms for the client's acknowledgment (Nagle's algorithm against delayed ones).
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((listening.host, listening.port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise DataError(f"nothing can listen on {listening.host} port {listening.port}: {error}") from error
    bound.listen(512)
    bound.set_inheritable(True)
    return bound


class _Protocol(H11Protocol):
    """HTTP/1.1 that hangs up on those whose headers don't come: uvicorn itself waits for them for ever."""

    header_seconds = 20.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stop the clock once a request is being worked on; start it for what comes after one."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._late is None:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._late = self.loop.call_later(self.header_seconds, self.transport.close)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
