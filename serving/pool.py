"""Limits concurrent predictions: a number of them run, a number wait, and the others are rejected with 429."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from serving.errors import prediction_timeout, too_many_requests

T = TypeVar("T")


@dataclass(frozen=True)
class Timed(Generic[T]):
    value: T
    queue_s: float
    run_s: float


class PredictionPool:
    """Runs predictions in threads, which keeps the event loop free for `/ping` and `/metrics`."""

    def __init__(self, concurrency: int, queue_size: int, timeout_s: float) -> None:
        self.concurrency = concurrency
        self.limit = concurrency + queue_size
        self._timeout_s = timeout_s
        self._executor = ThreadPoolExecutor(concurrency, thread_name_prefix="predict")
        self._admitted = 0

    @property
    def running(self) -> int:
        return min(self._admitted, self.concurrency)

    @property
    def waiting(self) -> int:
        return max(self._admitted - self.concurrency, 0)

    async def run(self, work: Callable[[], T]) -> Timed[T]:
        """Wait for a slot, then for the work. Raises ServingError 429 or 504, or any exception of the work.

        Running work cannot be interrupted: after a 504 it keeps its slot until it ends.
        """
        if self._admitted >= self.limit:
            raise too_many_requests(self.limit)
        loop = asyncio.get_running_loop()
        self._admitted += 1
        future = self._executor.submit(_timed, work, time.perf_counter())
        future.add_done_callback(lambda done: self._release(loop, done))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout_s)
        except TimeoutError as error:
            raise prediction_timeout(self._timeout_s) from error

    def _release(self, loop: asyncio.AbstractEventLoop, _future: Future[Timed[T]]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._forget_one)

    def _forget_one(self) -> None:
        self._admitted -= 1

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


def _timed(work: Callable[[], T], submitted_at: float) -> Timed[T]:
    started_at = time.perf_counter()
    value = work()
    return Timed(value, started_at - submitted_at, time.perf_counter() - started_at)
