"""``python -m ragcompress_eval.speed.worker``: the process of one contestant of our own environment."""

from __future__ import annotations

from typing import Any

from ragcompress import RagCompressError

from ..rivals.run import Contestant, serve
from .contestants import CONTESTANTS, Setting


def make(job: dict[str, Any]) -> Contestant:
    """Build the contestant that the job names."""
    setting = Setting(job["model"], job["scorer"], job["target_tokens"], job["other_question"])
    return CONTESTANTS[job["contestant"]](setting)


if __name__ == "__main__":
    serve(make, (RagCompressError,))
