"""What a plan names, loaded: scorer, proxy, and the counter of tokens."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from . import models, scorers
from .data import Progress
from .errors import ModelNotFound
from .models.bert import Bert
from .models.embedders import EMBEDDER_NAMES, for_evidence
from .plan import Plan
from .proxy.base import Proxy
from .proxy.loading import load_proxy
from .proxy.reuse import KeyValueStore
from .text.tokenizing import Tokenizer


class Loaded(NamedTuple):
    """The models of a compressor; ``proxy`` is None where neither scorer nor order reads one."""

    scorer: scorers.Scorer
    proxy: Proxy | None
    counter: Any


def load_models(
    plan: Plan,
    *,
    counter: Any = None,
    download: bool = True,
    progress: Progress | None = None,
    threads: int | None = None,
    store: KeyValueStore | None = None,
) -> Loaded:
    """Load what a plan names; arguments and errors are those of ``Compressor.from_plan``."""

    @cache
    def load() -> Proxy:
        return load_proxy(
            plan.proxy,
            backend=plan.backend,
            download=download,
            progress=progress,
            threads=threads,
            precision=plan.precision,
            store=store,
        )

    arguments = plan.scorer_arguments()
    if scorers.takes_evidence_embedder(plan.scorer):
        setting = arguments.get("embedder")
        if setting in EMBEDDER_NAMES:
            made = for_evidence(setting)(download=download, progress=progress, threads=threads)
            arguments["embedder"] = made
        elif setting is None and download:
            arguments["embedder"] = _load_embedder(load, progress, threads)
    scorer = scorers.make(plan.scorer, proxy=load, **arguments)
    proxy: Proxy | None = getattr(scorer, "proxy", None)
    if proxy is None and plan.attention_sort:
        proxy = load()
    if counter is None:
        counter = proxy.tokenizer if proxy else _tokenizer(plan.proxy, download, progress)
    return Loaded(scorer, proxy, counter)


def give_back() -> None:
    """Give freed memory back to the system, which glibc's allocator would keep for later."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # another C library gives it back by itself
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _load_embedder(load: Callable[[], Proxy], progress: Progress | None, threads: int | None) -> Bert:
    """The embedding model, loaded while the proxy is; fetched after it, so that they don't share a bar."""
    kind = for_evidence(None)
    with ThreadPoolExecutor(1) as pool:
        embedder = pool.submit(kind, download=False, threads=threads)
        load()
        try:
            return embedder.result()
        except ModelNotFound:
            return kind(progress=progress, threads=threads)


def _tokenizer(proxy: str, download: bool, progress: Progress | None) -> Tokenizer:
    """The proxy's tokenizer without the proxy, for scorers that need none."""
    return Tokenizer.from_folder(models.resolve(proxy, download=download, progress=progress).path)
