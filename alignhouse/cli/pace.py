"""Estimates the time that a stage still needs, from the work of its jobs, and says it in words."""

from __future__ import annotations

# Before that, the estimate would be noise.
LEAST_SECONDS = 3.0
LEAST_SHARE = 0.01
# Silence of this many times the expected one makes the estimate worthless.
TOO_SLOW = 2.0


class Pace:
    """The pace of one stage.

    Times are those of one clock, in seconds. Work is in any unit.

    Parameters
    ----------
    work : of all jobs of the stage. began : when the stage began.
    """

    def __init__(self, work: float, began: float) -> None:
        self._work, self._began = work, began
        # Of finished jobs; of the current call, and the share of it that is done.
        self._finished = self._of_call = self._share = 0.0
        self._call_began = self._heard_at = began
        # With several calls at a time, results come in their order and in bursts.
        self._longest_silence = 0.0

    @property
    def done(self) -> float:
        """The work that is done, at most all."""
        return min(self._finished + self._of_call * self._share, self._work)

    def call(self, work: float, at: float) -> None:
        """A call begins. work : of all its jobs."""
        self._of_call, self._share, self._call_began = work, 0.0, at

    def step(self, share: float, at: float) -> None:
        """The call has done a share of its work, from 0 to 1."""
        if share > self._share:
            self._share = min(share, 1.0)
            self._hear(at)

    def finished(self, work: float, at: float) -> None:
        """A job is finished. The jobs that its call makes after it have no share of it any more."""
        self._finished += work
        self._of_call = self._share = 0.0
        self._hear(at)

    def left(self, now: float) -> float | None:
        """Seconds until the stage ends; None while nothing is known about that.

        Nothing is known before a percent of the work is done, and once nothing has been heard for twice as
        long as the current call should take, or as the longest silence so far.
        """
        done = self.done
        if now - self._began < LEAST_SECONDS or done < LEAST_SHARE * self._work or done >= self._work:
            return None
        others = max(0.0, self._work - self._finished - self._of_call)
        rate = done / max(self._heard_at - self._began, 1e-9)
        silent = now - self._heard_at
        if self._share > 0:
            # The call's own pace is the best guess for its rest.
            of_call = (self._heard_at - self._call_began) * (1 / self._share - 1)
        else:
            of_call = self._of_call / rate
        if silent > LEAST_SECONDS + TOO_SLOW * max(of_call, self._longest_silence):
            return None
        left = others / rate + max(0.0, of_call - silent)
        return left if left >= 1 else None

    def _hear(self, at: float) -> None:
        self._longest_silence = max(self._longest_silence, at - self._heard_at)
        self._heard_at = at


def in_words(seconds: float) -> str:
    """A duration: "45 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def roughly(seconds: float) -> str:
    """A rough duration: 40 s, 7 min, 2 h 10 min."""
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    if seconds < 3570:
        return f"{round(seconds / 60)} min"
    minutes = 10 * round(seconds / 600)
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
