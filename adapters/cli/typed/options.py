"""Options that mean the same everywhere, and what a verb gets from them."""

import functools
import re
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from adapters.cli.exits import USAGE, Failure
from adapters.cli.printing.output import FORMS, Output
from adapters.cli.reaching.endpoint import Endpoint, find
from adapters.cli.reaching.server import Server
from adapters.cli.typed.keys import request_id
from adapters.cli.typed.moments import moment, seconds

KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
REASON: Final = re.compile(r"[a-z0-9_-]{1,32}")
MESSAGE_FILE_BYTES_MAX: Final = 1024 * 1024
NAME_CHARACTERS_MAX: Final = 256
JOB_CHARACTERS_MAX: Final = 64
FIELDS_MAX: Final = 100
TOLD_DEFAULT: Final = 20
TOLD_MAX: Final = 10_000

Verb = TypeVar("Verb", bound=Callable[..., Any])


class Asked:
    """What the common options said: where, as whom, and how to print."""

    def __init__(
        self,
        output: Output,
        endpoint: str | None = None,
        token: str | None = None,
        as_user: str | None = None,
    ) -> None:
        self.out = output
        self._endpoint = endpoint
        self._token = token
        self.server = Server(self.find, as_user or "")

    def find(self) -> Endpoint:
        """Where the server is now."""
        return find(self._endpoint, self._token)


def prints(verb: Verb) -> Callable[..., Any]:
    """Adds -o, --fields, -q and --utc; the verb gets ``asked``."""
    return _with(verb, _FORM, _FIELDS, _QUIET, _UTC)


def tells(what: str) -> Callable[[Verb], Verb]:
    """--limit, for a verb that tells some in full and counts all; it gets ``limit``."""
    return click.option(
        "--limit",
        type=click.IntRange(1, TOLD_MAX),
        default=TOLD_DEFAULT,
        metavar="N",
        help=f"{what} Else {TOLD_DEFAULT}.",
    )


def says(verb: Verb) -> Callable[..., Any]:
    """Adds -q and --utc, for a verb that says a sentence; the verb gets ``asked``."""
    return _with(verb, _QUIET, _UTC)


def talks(verb: Verb) -> Callable[..., Any]:
    """Adds -o, --fields, -q, --utc, --endpoint, --token and --as; the verb gets ``asked``."""
    return _with(verb, _FORM, _FIELDS, _QUIET, _UTC, _ENDPOINT, _TOKEN, _AS)


def reaches(verb: Verb) -> Callable[..., Any]:
    """As ``talks`` for a verb that means something else by --as."""
    return _with(verb, _FORM, _FIELDS, _QUIET, _UTC, _ENDPOINT, _TOKEN)


def connects(verb: Verb) -> Callable[..., Any]:
    """As ``talks`` for a verb with an output of its own: without -o and --fields."""
    return _with(verb, _QUIET, _UTC, _ENDPOINT, _TOKEN, _AS)


def _with(verb: Verb, *options: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(verb)
    def called(
        *args: Any,
        quiet: bool,
        utc: bool,
        form: str = "table",
        fields: tuple[str, ...] = (),
        endpoint: str | None = None,
        token: str | None = None,
        as_user: str | None = None,
        **rest: Any,
    ) -> Any:
        refuse_empty(click.get_current_context())
        asked = Asked(Output(form, quiet, utc, fields), endpoint, token, as_user)
        return verb(*args, asked=asked, **rest)

    added: Callable[..., Any] = called
    for option in reversed(options):
        added = option(added)
    return added


def _checked_name(ctx: object, param: object, value: str | None) -> str | None:
    if value is None:
        return None
    fits = value.isascii() and value.isprintable() and 0 < len(value) <= NAME_CHARACTERS_MAX
    if not fits or value != value.strip():
        raise click.BadParameter("allowed are 1 to 256 visible ASCII characters")
    return value


def _checked_key(ctx: object, param: object, value: str | None) -> str:
    if value is None:
        return ""
    if not KEY.fullmatch(value):
        raise click.BadParameter("allowed are 1 to 64 letters, digits and . _ : -")
    return value


def _checked_reason(ctx: object, param: object, value: str) -> str:
    if value and not REASON.fullmatch(value):
        raise click.BadParameter("allowed are 1 to 32 lower-case letters, digits, _ and -")
    return value


def _checked_seconds(ctx: object, param: object, value: str | None) -> float | None:
    try:
        return None if value is None else seconds(value)
    except ValueError:
        raise click.BadParameter("allowed is a duration such as 500ms, 30s, 5m, 2h") from None


def moment_of(text: str, utc: bool, option: str = "--at") -> str:
    """A time as the server wants it; a usage error for what is not one."""
    try:
        return moment(text, utc)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is not a time; allowed are 2026-11-23T12:00:04, 12:00:04 (today), with a "
            "zone such as Z or +01:00 or else local time, and -5m (ago)",
            param_hint=f"'{option}'",
        ) from None


def moment_or_none(text: str | None, asked: Asked, option: str) -> str | None:
    """As ``moment_of``; None for None."""
    return None if text is None else moment_of(text, asked.out.utc, option)


def at_query(asked: Asked, at: str | None) -> list[tuple[str, str]]:
    """--at as the server wants it."""
    return [] if at is None else [("at", moment_of(at, asked.out.utc))]


def _checked_fields(ctx: object, param: object, value: str | None) -> tuple[str, ...]:
    if value is None:
        return ()
    names = tuple(name.strip() for name in value.split(","))
    if not all(names) or len(names) > FIELDS_MAX:
        raise click.BadParameter(
            "allowed are names of fields with commas between, such as name,cancel.actor"
        )
    return names


def completed_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Numbers of jobs, for a shell that completes a command line."""
    from adapters.cli.typed.completing import jobs

    return jobs(ctx, incomplete)


def completed_fields(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of fields that the verb prints, after those that stand there already."""
    from adapters.cli.typed.completing_fields import fields

    return fields(ctx, incomplete)


def refuse_empty(context: click.Context) -> None:
    """A usage error for an empty value on the command line where that would mean nothing.

    Most often it is a variable that was not set, and to take it for no option at all would widen
    what was asked for. An empty message is one: that of somebody who has nothing to say.
    """
    for param in context.command.params:
        value = context.params.get(param.name or "")
        values = value if isinstance(value, tuple) else (value,)
        if "" in values and "-m" not in param.opts and param.type is not click.UNPROCESSED:
            source = context.get_parameter_source(param.name or "")
            if source is click.core.ParameterSource.COMMANDLINE:
                raise click.BadParameter(
                    "it is empty; leave it out or give a value", context, param
                )


def _checked_job(ctx: object, param: object, value: str | tuple[str, ...] | None) -> Any:
    for job in (value,) if isinstance(value, str) else value or ():
        if not 0 < len(job) <= JOB_CHARACTERS_MAX:
            raise click.BadParameter("a job's number has 1 to 64 characters")
    return value


def _checked_message(ctx: object, param: object, value: str | None) -> str:
    if value is None:
        return ""
    if value == "-":
        name, content = "standard input", _stdin()
    elif value.startswith("@"):
        name, content = value[1:], _file(value[1:])
    else:
        return value
    if len(content) > MESSAGE_FILE_BYTES_MAX:
        raise click.BadParameter(f"{name} holds more than {MESSAGE_FILE_BYTES_MAX} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as e:
        raise click.BadParameter(f"{name} is not valid UTF-8 (byte {e.start + 1})") from None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _stdin() -> bytes:
    if sys.stdin is None:
        raise click.BadParameter("standard input is closed")
    return sys.stdin.buffer.read(MESSAGE_FILE_BYTES_MAX + 1)


def _file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MESSAGE_FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) else str(e)
        raise click.BadParameter(
            f"the file {path!r} cannot be read: {why}; to send a message that begins with @, "
            "give it on standard input with -m -"
        ) from None


def the_key(key: str) -> str:
    """The request id that was given, or a new one."""
    return key or request_id()


def either(*given: tuple[str, object]) -> None:
    """A usage error when more than one of these was given."""
    names = [name for name, value in given if value]
    if len(names) > 1:
        raise click.UsageError(f"{' and '.join(names)} exclude each other")


def need_lines(asked: Asked, what: str) -> None:
    """Refuse an output form that cannot be printed piece by piece."""
    if asked.out.form == "json":
        raise Failure(USAGE, f"{what} has no end to wait for; use -o ndjson")


class WaitingCommand(click.Command):
    """A command whose ``--wait`` takes a value only as ``--wait=30s``, never the next argument."""

    wait_by_default = "30s"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Fill in the default duration, where --wait is an option and not another one's value."""
        done: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                done += [arg, *rest]
                break
            done.append(f"--wait={self.wait_by_default}" if arg == "--wait" else arg)
            if self._takes_next(arg):
                done += [x for x in (next(rest, None),) if x is not None]
            elif not ctx.allow_interspersed_args and not arg.startswith("-"):
                done += rest
                break
        return super().parse_args(ctx, done)

    def _takes_next(self, arg: str) -> bool:
        if arg.startswith("--"):
            return arg != "--wait" and arg in self._valued
        if not arg.startswith("-"):
            return False
        for n, letter in enumerate(arg[1:], start=1):
            if f"-{letter}" in self._valued:
                return n == len(arg) - 1
        return False

    @functools.cached_property
    def _valued(self) -> frozenset[str]:
        options = (p for p in self.params if isinstance(p, click.Option))
        return frozenset(n for p in options if not p.is_flag and not p.count for n in p.opts)


class WaitingForWork(WaitingCommand):
    """As above; bare ``--wait`` waits as long as the work takes."""

    wait_by_default = "365d"


_FORM = click.option(
    "-o", "--output", "form", type=click.Choice(FORMS), default="table", help="How to print."
)
_FIELDS = click.option(
    "--fields",
    metavar="A,B...",
    callback=_checked_fields,
    shell_complete=completed_fields,
    help="Print these fields only, such as name,cancel.actor.",
)
_QUIET = click.option("-q", "--quiet", is_flag=True, help="Only data and errors.")
_UTC = click.option("--utc", is_flag=True, help="Times in UTC, not local.")
_ENDPOINT = click.option(
    "--endpoint", metavar="WHERE", help="endpoint.json, data directory, socket or http://HOST:PORT."
)
_TOKEN = click.option("--token", metavar="FILE", help="Show the bearer token in FILE.")
_AS = click.option(
    "--as", "as_user", metavar="USER", callback=_checked_name, help="Act for somebody."
)

job_argument = click.argument(
    "job", metavar="JOB", callback=_checked_job, shell_complete=completed_jobs
)
jobs_argument = click.argument(
    "jobs",
    metavar="JOB...",
    nargs=-1,
    required=True,
    callback=_checked_job,
    shell_complete=completed_jobs,
)
some_jobs_argument = click.argument(
    "jobs", metavar="[JOB...]", nargs=-1, callback=_checked_job, shell_complete=completed_jobs
)
key_option = click.option(
    "--id", "key", metavar="KEY", callback=_checked_key, help="Request id: a retry is recognised."
)
cancel_option = click.option(
    "--request",
    "cancel",
    metavar="ID",
    callback=_checked_key,
    help="The request id of the cancel, where several wait on the job.",
)
task_option = click.option(
    "--task", type=click.IntRange(1), metavar="T", help="Only this task of the job."
)
message_option = click.option(
    "-m",
    "--message",
    metavar="TEXT|@FILE|-",
    callback=_checked_message,
    help="Why. From a file or standard input, one line end at the very end is dropped.",
)
reason_option = click.option(
    "--reason", metavar="CODE", default="", callback=_checked_reason, help="A reason code."
)
version_option = click.option(
    "--if-version",
    type=click.IntRange(1),
    metavar="N",
    help="Only when the job is at version N, which `show` tells.",
)
wait_option = click.option(
    "--wait",
    "wait_seconds",
    metavar="[=DURATION]",
    callback=_checked_seconds,
    help="Wait for the end.",
)
