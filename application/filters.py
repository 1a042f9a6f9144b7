"""The port of filter programs, and what is common to both kinds: which one is set, and its words.

A filter is a program of the site that is asked about a job: it gets the job as a file of HPC Pack's
XML, and answers by its exit code. What the answer means is ``domain.filtering``.
"""

from typing import Final, Protocol

from msgspec import Struct

from application.ledger import Ledger
from domain import commands as c
from domain.job import Job
from domain.parameters import (
    ACTIVATION_FILTER_PROGRAM,
    ACTIVATION_FILTER_TIMEOUT,
    SUBMISSION_FILTER_PROGRAM,
    SUBMISSION_FILTER_TIMEOUT,
)
from domain.states import FilterHow

FILTERS_AT_ONCE: Final = 4
"""Of each kind: a site's program may be slow, and there may be a thousand jobs."""

OUTPUT_BYTES_MAX: Final = 64 * 1024
WORDS_LINES_MAX: Final = 3
WORDS_CHARACTERS_MAX: Final = 300
CUT: Final = "..."


class FilterCall(Struct, frozen=True):
    """One question to one program.

    ``program``: an absolute path. ``kind``: ``submission`` or ``activation``. ``file``: the job's
    file, whose path is the program's first argument; ``arguments`` follow it. ``seconds``: how long
    the program may take.
    """

    program: str
    kind: str
    job: int
    file: bytes
    seconds: float
    arguments: tuple[str, ...] = ()


class FilterRun(Struct, frozen=True):
    """How it went.

    ``exit_code`` or ``signal``: of a program that ran to its end. ``output``: the first
    ``OUTPUT_BYTES_MAX`` of what it wrote to standard output and standard error, in their order.
    ``file``: the job's file afterwards; None when it is gone, is no file any more, or is larger
    than what was given by over 1 MiB. ``reason``: why it could not be run, a sentence's second
    half.
    """

    how: FilterHow
    exit_code: int | None = None
    signal: int | None = None
    output: bytes = b""
    file: bytes | None = None
    reason: str = ""


class FilterPrograms(Protocol):
    """Runs filter programs, each once, as the service's own account.

    A program finds nothing of the service's: a clean environment, an empty directory of its own as
    its work directory, standard input at its end, no other open file, umask 077. When ``run``
    returns, in whichever way, and also when the service is killed, everything that the program
    started is killed, too; its files are removed.

    A program is not run (``invalid``) unless it is a regular executable file at an absolute path
    without symbolic links, which nobody but root and the service's account can change, nor any
    directory on the way to it. ``missing``: there is no such file.
    """

    async def run(self, call: FilterCall) -> FilterRun:
        """Ask. ``Unavailable`` when no process can be made now; asking again is safe.

        A call that is cancelled ends the program.
        """
        ...


class JobFiles(Protocol):
    """Jobs as files for filters."""

    def write(self, job: Job) -> bytes:
        """The job, as it is now, as a document."""
        ...

    def compare(self, before: bytes, after: bytes | None) -> c.JobTerms:
        """What a filter did to the file: the changes that can be taken over, or why one cannot."""
        ...


class FilterSetting(Struct, frozen=True):
    """A filter that is set: its program, and how long it may take."""

    program: str
    seconds: int


class FilterSettings:
    """Which filters are set now. Raises as ``Ledger``: nobody guesses that there is none."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def submission(self) -> FilterSetting | None:
        """The submission filter."""
        cluster = await self._ledger.cluster()
        program = cluster.text(SUBMISSION_FILTER_PROGRAM)
        seconds = cluster.number(SUBMISSION_FILTER_TIMEOUT)
        return FilterSetting(program, seconds) if program else None

    async def activation(self) -> FilterSetting | None:
        """The activation filter."""
        cluster = await self._ledger.cluster()
        program = cluster.text(ACTIVATION_FILTER_PROGRAM)
        seconds = cluster.number(ACTIVATION_FILTER_TIMEOUT)
        return FilterSetting(program, seconds) if program else None


def end_of(run: FilterRun) -> c.FilterEnd:
    """The run in the domain's words."""
    words = run.reason or first_words(run.output)
    return c.FilterEnd(run.how, run.exit_code, run.signal, words)


def first_words(output: bytes) -> str:
    """The first lines of an output on one line: printable text only, whatever the program wrote."""
    lines = (clean(line) for line in output.decode("utf-8", "replace").splitlines())
    said = [line for line in lines if line][:WORDS_LINES_MAX]
    words = "; ".join(said)
    if len(words) <= WORDS_CHARACTERS_MAX:
        return words
    return words[: WORDS_CHARACTERS_MAX - len(CUT)] + CUT


def clean(line: str) -> str:
    """A line without what cannot be printed, and with single blanks."""
    return " ".join("".join(x if x.isprintable() else " " for x in line).split())
