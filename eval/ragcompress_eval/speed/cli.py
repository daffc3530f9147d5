"""``ragcompress-eval speed``: what it writes."""

from __future__ import annotations

from ragcompress import RagCompressError
from ragcompress.cli.console import note, out, phase_bar

from ..bench.options import find_model
from ..bench.runner import study_command
from . import measure as speed
from . import report
from .options import Timing


@study_command
def speed_command(setup: speed.Setup, timing: Timing) -> None:
    """What does it cost? Time and memory of contestants side by side, on the same passages and question."""
    sizes = setup.sizes()
    source, read = timing.read()
    folder = find_model(setup.proxy)
    with phase_bar() as advance:
        measured = speed.measure(setup, folder, source, sizes, progress=advance)
    results = speed.summarize(measured, ratio=setup.ratio)
    settings = {**setup.settings(folder, sizes), "seed": timing.seed}
    timing.write(results, report.costs, about=report.ABOUT, settings=settings, files=read)
    out().print(report.table(results))
    for line in (*report.growth(results), *report.reasons(results)):
        note(line)
    if all(r["skipped"] is not None for r in results):
        raise RagCompressError("nothing could be measured")
