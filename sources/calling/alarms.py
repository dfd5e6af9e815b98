"""Owns deadlines that hardly ever pass: one timer of the event loop for all of them.

A timer of its own for each costs as much as a tenth of a small request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from types import TracebackType

_RESOLUTION_S = 0.001
"""Event loops keep time in milliseconds: a timer may come early by one, and rings what it was set for."""


class Alarm:
    """What is called when its time has come, unless it is cancelled before."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        """It is called no more."""
        self.call = None


class Alarms:
    """The alarms of one event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Alarm]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    def at(self, when: float, call: Callable[[], object]) -> Alarm:
        """Has *call* called at *when*, on the loop's clock."""
        alarm = Alarm(call)
        self._forget()
        heappush(self._waiting, (when, next(self._numbers), alarm))
        if self._timer is None or when < self._rings_at:
            self._set(when)
        return alarm

    def until(self, when: float) -> Until:
        """Around what has to be over by *when*, on the loop's clock."""
        return Until(self, when)

    def _forget(self) -> None:
        """Lets go of what was cancelled and is at the front: all but the last few, if none ever rings."""
        waiting = self._waiting
        while waiting and waiting[0][2].call is None:
            heappop(waiting)

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._ring)
        self._rings_at = when

    def _ring(self) -> None:
        now, self._timer = asyncio.get_running_loop().time() + _RESOLUTION_S, None
        self._forget()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, alarm = heappop(self._waiting)
            if alarm.call is not None:
                alarm.call()
            self._forget()
        if self._waiting:
            self._set(self._waiting[0][0])


class Until:
    """`with` it around awaits of one task; as `asyncio.timeout_at`, for less.

    Raises:
        TimeoutError: on leaving the block, if its time passed in it.
    """

    __slots__ = ("_alarm", "_alarms", "_cancelling", "_is_over", "_task", "_when")

    def __init__(self, alarms: Alarms, when: float) -> None:
        self._alarms = alarms
        self._when = when
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no task whose time could pass")
        self._task, self._cancelling = task, task.cancelling()
        self._alarm = self._alarms.at(self._when, self._end)

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, where: TracebackType | None
    ) -> None:
        self._alarm.cancel()
        # Who is cancelled by another as well stays cancelled.
        if (
            self._is_over
            and self._task.uncancel() <= self._cancelling
            and kind is not None
            and issubclass(kind, asyncio.CancelledError)
        ):
            raise TimeoutError from raised
