"""One model for all requests: a bounded queue before it, a deadline on each, cheap signals behind it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from .. import samples, scorers
from ..budget import Budget
from ..compressor import Compressor
from ..errors import CompressionTimeout, InputError, RagCompressError, explain
from ..plan import LayoutOptions
from ..stopping import Stop
from .limits import Full, Gone, Limits, NotReady

_LOG = logging.getLogger("ragcompress.serving")
_T = TypeVar("_T")
OnLookup = Callable[[bool], None]
"""Told of each passage that is looked up: whether its keys and values were at hand."""
Load = Callable[[OnLookup], Compressor]

# Of a request's time, what is left for the cheap answer and for the batch that ends after the limit.
_RESERVED_SHARE, _RESERVED_SECONDS = 0.25, 1.0
_CHEAP = "bm25"
DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Answer(Generic[_T]):
    """What came out, and why the scorer had no part in it: ``deadline``, an error, or None."""

    value: _T
    degraded: str | None


@dataclass(frozen=True, slots=True)
class Work(Generic[_T]):
    """One request's work, said twice.

    Attributes:
        full: with the scorer; stops when it is told to.
        cheap: without a model, when the first fails or there is no time for it.
        until: on the clock of ``time.monotonic``, when the answer is due.
    """

    full: Callable[[Stop], _T]
    cheap: Callable[[], _T]
    until: float


class Engine:
    """Runs requests on one compressor.

    A request that finds all threads taken waits; when its time is nearly up, it is answered from the words
    alone (BM25), marked. When the queue is full it is refused.

    Args:
        load: makes the compressor; called once, by ``start``, in a thread.
        limits: threads, queue and deadlines.
        on_depth: told how many wait, whenever that changes.
        on_lookup: handed to ``load``.
    """

    def __init__(
        self,
        load: Load,
        limits: Limits,
        on_depth: Callable[[int], object] = lambda n: None,
        on_lookup: OnLookup = lambda hit: None,
    ) -> None:
        self.limits = limits
        self._load, self._on_depth, self._on_lookup = load, on_depth, on_lookup
        self._main: Compressor | None = None
        self._failure: str | None = None
        self._pool = ThreadPoolExecutor(limits.threads, "ragcompress")
        self._cheap_pool = ThreadPoolExecutor(limits.threads, "ragcompress-cheap")
        self._beside_pool = ThreadPoolExecutor(limits.threads + limits.queue, "ragcompress-beside")
        self._in_flight = 0
        self._lasted = 0.1  # seconds that a request took lately

    def start(self) -> None:
        """Load the model and try it; blocks. What goes wrong is what ``compressor`` raises from then on."""
        try:
            made = self._load(self._on_lookup)
            _probe(made)
        except Exception as error:
            self._failure = explain(error)
            _LOG.error("the model can't be used: %s", self._failure)
            return
        self._main = made
        _LOG.info("ready: scorer %s", made.scorer.name)

    def close(self) -> None:
        """Wait for what runs; what waits is dropped."""
        for pool in (self._pool, self._cheap_pool, self._beside_pool):
            pool.shutdown(wait=True, cancel_futures=True)

    @property
    def compressor(self) -> Compressor:
        """The compressor.

        Raises:
            NotReady: while the model is being loaded, or when it could not be.
        """
        if self._main is None:
            if self._failure is not None:
                raise NotReady(f"the model can't be used: {self._failure}")
            raise NotReady("the model is being loaded")
        return self._main

    def compressor_for(self, layout: LayoutOptions, *, cheap: bool = False) -> Compressor:
        """A compressor with another order or format over the same model, or over words alone.

        Raises:
            NotReady, InputError, UnknownName: as ``compressor`` and the constructor.
        """
        main = self.compressor
        plan = main.plan.with_options(layout)
        if not cheap:
            return Compressor(main.scorer, counter=main.count, plan=plan, proxy=main.proxy)
        if plan.attention_sort:
            plan = replace(plan, order="source")
        # Words give neither probabilities nor vectors.
        plan = replace(plan, calibration=None, abstain_below=None, near_repeats=0.0)
        return Compressor(scorers.make(_CHEAP), counter=main.count, plan=plan)

    def due(self, milliseconds: float | None, arrived: float) -> float:
        """When a request is to be answered.

        Args:
            milliseconds: what it asks for; None: the server's own deadline.
            arrived: when it came, on the clock of ``time.monotonic``.

        Raises:
            InputError: if it is not above 0.
        """
        if milliseconds is None:
            return arrived + self.limits.deadline
        if not milliseconds > 0:
            raise InputError(f"the deadline must be above 0 milliseconds, got {milliseconds:g}")
        return arrived + min(milliseconds / 1000, self.limits.longest_deadline)

    async def run(self, work: Work[_T], gone: Callable[[], Any]) -> Answer[_T]:
        """Do the work in a thread.

        Args:
            gone: awaited; returns when nobody waits for the answer any more.

        Raises:
            Full: when the queue is full.
            Gone: when nobody waits any more; the work stops.
            InputError: from the work.
        """
        self._admit()
        seconds_left = work.until - time.monotonic()
        reserved = min(_RESERVED_SHARE * seconds_left, _RESERVED_SECONDS)
        stop = Stop(max(seconds_left - reserved, 1e-3))
        future = self._submit(self._pool, self._do_timed, work, stop)
        leaving = asyncio.ensure_future(gone())
        try:
            done = asyncio.wrap_future(future)
            await _first(done, leaving, timeout=max(seconds_left - reserved, 0))
            if not done.done() and not leaving.done():
                if future.cancel():  # it never got a thread
                    done = asyncio.wrap_future(self._submit(self._cheap_pool, _cheap, work, DEADLINE))
                await _first(done, leaving)
            if not done.done():
                raise Gone("the client is gone")
            return done.result()
        finally:
            stop.cancel()
            future.cancel()
            leaving.cancel()

    async def run_without_model(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Do in a thread what needs no model, such as a search; it counts as a request that waits.

        Raises:
            Full: when the queue is full.
        """
        self._admit()
        return await asyncio.wrap_future(self._submit(self._beside_pool, work, *arguments))

    def _admit(self) -> None:
        waiting = self._in_flight - self.limits.threads
        if waiting >= self.limits.queue:
            seconds = math.ceil(self._lasted * (waiting + 1) / self.limits.threads)
            raise Full(f"{max(0, waiting)} requests are waiting already", max(1, seconds))

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[..., _T], *arguments: Any) -> Future[_T]:
        """Work in a thread; counted until it has ended, or was cancelled."""
        loop = asyncio.get_running_loop()
        self._count(1)
        future = pool.submit(work, *arguments)

        def count_down(_: Future[_T]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._count, -1)

        future.add_done_callback(count_down)
        return future

    def _count(self, change: int) -> None:
        self._in_flight += change
        self._on_depth(max(0, self._in_flight - self.limits.threads))

    def _do_timed(self, work: Work[_T], stop: Stop) -> Answer[_T]:
        began = time.monotonic()
        try:
            return _done(work, stop)
        finally:
            self._lasted += 0.2 * (time.monotonic() - began - self._lasted)


async def _first(*futures: asyncio.Future[Any], timeout: float | None = None) -> None:
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


def _done(work: Work[_T], stop: Stop) -> Answer[_T]:
    """The full answer, or the cheap one where the full one fails for no fault of the request."""
    try:
        stop.check()
        return Answer(work.full(stop), None)
    except CompressionTimeout:
        return _cheap(work, DEADLINE)
    except InputError:
        raise
    except Exception as error:
        reason = explain(error) if isinstance(error, RagCompressError) else type(error).__name__
        _LOG.exception("answered from the words alone")
        return _cheap(work, reason)


def _cheap(work: Work[_T], reason: str) -> Answer[_T]:
    return Answer(work.cheap(), reason)


def _probe(compressor: Compressor) -> None:
    """Compress a sample.

    Raises:
        NotReady: if nothing was compressed.
    """
    sample = samples.demo()
    context = compressor(sample.question, sample.documents, budget=Budget(ratio=0.5))
    if not 0 < context.tokens_after < context.tokens_before:
        raise NotReady(f"a trial kept {context.tokens_after} of {context.tokens_before} tokens")
