"""``python -m ragcompress_eval.speed.worker``: the process of one contestant of our own environment."""

from __future__ import annotations

from typing import Any

from ragcompress import InputError, RagCompressError

from ..rivals.run import Contestant, serve
from .contestants import CONTESTANTS, Setting, Whole


def make(job: dict[str, Any]) -> Contestant:
    """Build the contestant that the job names."""
    further = tuple(job["further_questions"])
    setting = Setting(job["model"], job["scorer"], job["target_tokens"], job["other_question"], further)
    made = CONTESTANTS[job["contestant"]](setting)
    if further and not isinstance(made, Whole):
        raise InputError(f"{job['contestant']} asks one question a run")
    return made


if __name__ == "__main__":
    serve(make, (RagCompressError,))
