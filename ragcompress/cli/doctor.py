"""``ragcompress doctor``: is everything there, does it work, and what to do if not. Downloads nothing."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rich.table import Table
from rich.text import Text

from .. import __version__, models, probes, samples, scorers
from ..cores import n_cores
from ..errors import explain
from ..models.embedders import fitted_with
from ..plan import Plan
from ..proxy.base import Proxy
from ..proxy.loading import BACKENDS, PRECISIONS, Backend, load_proxy
from ..text.segmentation import segment
from .console import out

State = Literal["ok", "note", "broken"]
_STYLES: dict[State, str] = {"ok": "green", "note": "yellow", "broken": "bold red"}
_PACKAGES = ("numpy", "onnxruntime", "tokenizers", "sentencex", "torch", "transformers")
_NEEDED_MEGABYTES = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``fix`` says what to do about it."""

    what: str
    state: State
    text: str
    fix: str = ""


def report(plan: Plan) -> bool:
    """Look at this installation; see ``write``."""
    return write(_examine(plan))


def write(checks: Iterable[Finding]) -> bool:
    """Write findings to stdout as a table; return whether all that is needed works."""
    findings = list(checks)
    table = Table("check", "", "found", box=None, header_style="bold")
    for f in findings:
        text = f.text + (f"\n-> {f.fix}" if f.fix else "")
        table.add_row(f.what, Text(f.state, style=_STYLES[f.state]), Text(text, overflow="fold"))
    out().print(table)
    return all(f.state != "broken" for f in findings)


def _examine(plan: Plan) -> Iterator[Finding]:
    yield Finding(
        "ragcompress", "ok", f"{__version__}, Python {platform.python_version()} on {platform.platform()}"
    )
    yield Finding("packages", "ok", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    yield Finding("threads", "ok", f"{n_cores()} usable")
    yield _try("cache", _cache)
    model = _try("model", lambda: _model(plan.proxy))
    yield model
    for backend in BACKENDS if plan.backend is None else (plan.backend,):
        if backend == "torch" and plan.backend is None and find_spec("torch"):
            # Loading torch takes longer than all other checks together, and the default backend does without.
            yield Finding("torch", "note", "installed, not tried", "ragcompress doctor --backend torch")
        elif backend == "torch" and not (find_spec("torch") and find_spec("transformers")):
            yield Finding("torch", "note", "not installed; the base install does not need it")
        elif model.state != "ok":
            yield Finding(backend, "note", "installed; not tried, there is no model")
        else:
            yield from _try_backend(plan, backend)


def _try(what: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # a doctor reports what it meets
        return Finding(what, "broken", explain(error))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cache() -> Finding:
    folder = models.cache_folder()
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free // 1_000_000
    text = f"{folder} ({free:,} MB free)"
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        return Finding(
            "cache", "broken", f"{text}: can't be written", "set RAGCOMPRESS_CACHE to a folder that can"
        )
    if free < _NEEDED_MEGABYTES:
        return Finding(
            "cache", "note", text, f"a model needs up to {_NEEDED_MEGABYTES} MB while it is fetched"
        )
    return Finding("cache", "ok", text)


def _model(proxy: str) -> Finding:
    if not models.is_cached(proxy):
        fix = f"ragcompress models fetch {proxy}"
        damaged = any(row.name == proxy and row.state == "damaged" for row in models.list_models())
        if damaged:
            return Finding("model", "broken", f"{proxy}: damaged", fix)
        return Finding("model", "note", f"{proxy}: not in the cache; it is fetched when first needed", fix)
    folder = models.resolve(proxy, download=False)
    return Finding("model", "ok", f"{proxy} in {_short(folder.path)}, weights {folder.fingerprint[:12]}…")


def _short(path: Path) -> str:
    try:
        return f"the cache, {path.relative_to(models.cache_folder())}"
    except ValueError:
        return str(path)


def _try_backend(plan: Plan, backend: Backend) -> Iterator[Finding]:
    """Load the model, look for its probe, and score the first document of the demo."""
    start = time.perf_counter()
    try:
        precision = plan.precision if plan.precision in PRECISIONS[backend] else None
        proxy = load_proxy(plan.proxy, backend=backend, precision=precision, download=False)
    except Exception as error:
        yield Finding(backend, "broken", explain(error), f"ragcompress models fetch {plan.proxy}")
        return
    loaded = time.perf_counter() - start
    yield Finding(backend, "ok", f"{proxy.info.precision}, loaded in {loaded:.1f} s")
    yield _try(f"{backend} run", lambda: _self_test(proxy))


def _self_test(proxy: Proxy) -> Finding:
    sample = samples.demo()
    parts = segment(sample.documents[:1])
    probe = probes.shipped_for(proxy.info, scorers.DEFAULT, embedder=fitted_with(None))
    scorer = scorers.make(scorers.DEFAULT, proxy=lambda: proxy, probe=probe)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        scorer.score(sample.question, parts)
        seconds.append(time.perf_counter() - start)
    return Finding(
        f"{proxy.info.backend} run",
        "ok",
        f"{scorer.name}, {probe.n_layers} of {proxy.info.n_layers} layers: {len(parts.sentences)} sentences "
        f"in {seconds[1]:.2f} s (the first time {seconds[0]:.2f} s)",
    )
