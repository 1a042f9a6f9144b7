"""The service's clock, ids and log lines."""

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, TextIO, cast

import uuid_utils

from adapters.bootstrap.unseen import unseen

with unseen("rich"):  # it draws tracebacks with values of variables; a tenth of a start's time
    import structlog

NEEDS_A_LOOK: Final = frozenset(
    {
        "disk_reserve_given_up",
        "disk_reserve_not_taken",
        "emergency_refusal_not_noted",
        "emergency_stop_done",
        "emergency_stop_not_recorded",
        "emergency_stop_ordered",
        "emergency_stop_refused",
        "emergency_stop_outcome_not_noted",
        "emergency_stop_recorded",
        "emergency_stops_wait",
        "job_cannot_go_on_now",
        "job_not_ended",
        "job_stays_in_view",
        "nats_server_ended",
        "part_starts_again",
        "part_stopped",
        "processes_outlived_kill",
        "read_only",
        "recovery_waits",
        "retention_waits",
        "review_overdue",
        "reviews_open",
        "rules_overridden",
        "snapshot_not_written",
        "snapshot_refused",
        "start_waits",
        "view_builder_failed",
        "views_are_ahead",
        "views_are_damaged",
        "views_not_built",
        "views_rebuild_failed",
        "views_stopped",
        "views_wait",
    }
)
"""Reports of what does not go as it should: a warning in the log, everything else is for
information."""


class SystemClock:
    """The machine's clock, in UTC with microseconds."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)


class Uuid7Ids:
    """New ids that rise with time."""

    def new(self) -> str:
        """A UUIDv7 in its canonical text form."""
        return str(uuid_utils.uuid7())


class Forgiving:
    """A file for log lines: one that cannot be written is lost, and nothing else is.

    A log often lies on the disk that is full. Carrying out must go on without it.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError):
            self._file.flush()


class FromLibraries(logging.Handler):
    """What libraries log, as a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        structlog.get_logger().log(
            record.levelno,
            "library_says",
            library=record.name,
            text=record.getMessage(),
            exc_info=record.exc_info,
        )


class LogReporter:
    """Log lines on standard error: JSON, one a line, or coloured on a terminal.

    A traceback never shows the values of variables: there may be a secret among them.
    """

    def __init__(self, level: str) -> None:
        terminal = sys.stderr.isatty()
        renderer: structlog.typing.Processor = (
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if terminal
            else structlog.processors.JSONRenderer()
        )
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=structlog.WriteLoggerFactory(cast(TextIO, Forgiving(sys.stderr))),
        )
        logging.basicConfig(handlers=[FromLibraries()], level=logging.WARNING, force=True)
        self._log = structlog.get_logger()

    def __call__(self, event: str, **facts: object) -> None:
        """One line."""
        level = logging.WARNING if event in NEEDS_A_LOOK else logging.INFO
        self._log.log(level, event, **facts)
