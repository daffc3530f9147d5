"""A batch on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..plan import Plan
from .journal import Checkpoint
from .request import Outcome
from .source import Requests
from .workers import Line


@dataclass(frozen=True, slots=True)
class Cluster:
    """Ray: its address (None: one on this machine), and what each worker takes of a node."""

    address: str | None = None
    cpus: float = 1
    gpus: float = 0

    def run(
        self, requests: Requests, plan: Plan, n_workers: int, at: Checkpoint
    ) -> Iterator[tuple[Line, Outcome]]:
        """Compress on the cluster, from a checkpoint on; workers read the file themselves.

        Raises:
            InputError: for a file whose lines have no place of their own in it.
            MissingExtra: if Ray is not installed.
            ModelError, DataError: if Ray or a worker gives up.
        """
        if not requests.is_plain:
            raise InputError(
                f"{requests.name} is packed or UTF-16, and workers of a cluster read parts of a file: "
                "make it plain UTF-8 first, or use --engine local"
            )
        from .ray import compress_file

        done = compress_file(
            Path(requests.name).absolute(),
            plan=plan,
            offset=at.offset,
            lines=at.lines,
            concurrency=n_workers,
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            address=self.address,
        )
        for number, end, outcome in done:
            yield Line(number, b"", end), outcome
