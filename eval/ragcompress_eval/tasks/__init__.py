"""Tasks as data files, one TOML file each: where a public set is, its format, license, what is evidence."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from ragcompress import UnknownName


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        version: goes up whenever the records made from the same source change.
        format: name of the converter (``converting``) or generator (``generating``).
        generated: whether it is made here, from nothing or from other files.
        source: public addresses of the raw files; for a generated one, what it is made from.
        evidence: which sentences are marked.
        constructed: what was not in the source and is added here; empty where nothing is.
    """

    name: str
    version: int
    title: str
    lang: str
    format: str
    generated: bool
    source: tuple[str, ...]
    license: str
    paper: str
    evidence: str
    constructed: str

    @property
    def about(self) -> dict[str, Any]:
        """What every record says of the task that it belongs to."""
        return {"task": self.name, "task_version": self.version}


def available() -> list[str]:
    """Names of all tasks, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in files(__name__).iterdir() if p.name.endswith(".toml"))


def load(name: str) -> Task:
    """One task.

    Raises:
        UnknownName: if there is none of that name.
    """
    if name not in available():
        raise UnknownName("task", name, available())
    fields = tomllib.loads((files(__name__) / f"{name}.toml").read_text(encoding="utf-8"))
    return Task(name=name, **{**fields, "source": tuple(fields["source"])})
