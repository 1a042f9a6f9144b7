"""Waiting for the end of a job or a task, through restarts of the server, until a deadline."""

import time
from collections.abc import Callable
from typing import Final

from adapters.cli.exits import UNAVAILABLE, Failure
from adapters.cli.reaching.server import Server
from adapters.cli.reaching.shapes import JobDetail, SubtaskBody, Waited
from adapters.cli.words import ENDED_STATES

TASK_POLL_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 0.25


class Wait:
    """One deadline for everything that is waited for."""

    def __init__(
        self,
        server: Server,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._clock = clock
        self._pause = pause
        self._deadline = clock() + seconds

    def job(self, job: str) -> tuple[JobDetail, Waited]:
        """The job at its end, or as it is at the deadline."""
        while True:
            left = max(0.0, self._deadline - self._clock())
            detail = self._poll(job, left)
            if detail and (detail["state"] in ENDED_STATES or not left):
                return detail, of_job(detail)

    def in_effect(self, job: str, cancel: str) -> bool | None:
        """Whether the cancel of this request id has taken effect, once it waits no more; None for
        one that still waits at the deadline."""
        while True:
            left = max(0.0, self._deadline - self._clock())
            detail = self._poll(job, min(left, TASK_POLL_SECONDS))
            if detail and not waits(detail, cancel):
                return (detail.get("cancel") or {}).get("request_id") == cancel
            if not left:
                return None
            self._pause(min(left, PAUSE_SECONDS))

    def task(self, job: str, task: int) -> tuple[JobDetail, Waited]:
        """The task at its end, or as it is at the deadline. The server only waits for jobs."""
        while True:
            left = max(0.0, self._deadline - self._clock())
            detail = self._poll(job, min(left, TASK_POLL_SECONDS))
            if detail:
                waited = of_task(detail, task)
                if waited["ended"] or not left:
                    return detail, waited
                if detail["state"] in ENDED_STATES:
                    self._pause(min(left, TASK_POLL_SECONDS))

    def subtask(self, job: str, path: str) -> Waited:
        """How the subtask at ``path`` is at its end, or at the deadline."""
        while True:
            left = max(0.0, self._deadline - self._clock())
            detail = self._poll(job, min(left, TASK_POLL_SECONDS))
            waited = of_subtask(self._server.subtask(path)) if detail else None
            if waited and (waited["ended"] or not left):
                return waited
            if detail and detail["state"] in ENDED_STATES:
                self._pause(min(left, TASK_POLL_SECONDS))

    def _poll(self, job: str, left: float) -> JobDetail | None:
        """None while the server is away and there is time."""
        try:
            return self._server.poll(job, left)
        except Failure as e:
            if e.status != UNAVAILABLE or not left:
                raise
        self._pause(min(left, PAUSE_SECONDS))
        return None


def waits(detail: JobDetail, cancel: str) -> bool:
    """Whether the cancel of this request id still waits."""
    return any(x["request_id"] == cancel for x in detail.get("waiting_cancels") or ())


def of_job(detail: JobDetail) -> Waited:
    """How the job is."""
    return {
        "ended": detail["state"] in ENDED_STATES,
        "state": detail["state"],
        "ended_at": detail.get("ended_at"),
        "error_message": detail.get("error_message") or "",
    }


def of_subtask(body: SubtaskBody) -> Waited:
    """How the subtask is."""
    found = body["subtask"]
    return {
        "ended": found["state"] in ENDED_STATES,
        "state": found["state"],
        "ended_at": found["ended_at"],
        "error_message": found["reason"],
    }


def of_task(detail: JobDetail, task: int) -> Waited:
    """How the task is."""
    for found in detail.get("tasks", []):
        if found["task_id"] == task:
            return {
                "ended": found["state"] in ENDED_STATES,
                "state": found["state"],
                "ended_at": found.get("ended_at"),
                "error_message": found.get("reason") or "",
            }
    return {"ended": False, "state": "unknown", "ended_at": None, "error_message": ""}
