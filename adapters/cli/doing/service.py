"""What the verbs that run or look at a service share: its settings, and its errors as sentences."""

import functools
import gc
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import click

from adapters.cli.exits import FAILURE, NO_SUCH_JOB, REFUSED, UNAVAILABLE, Failure
from adapters.cli.reaching.paths import default_data
from adapters.cli.typed.options import refuse_empty

Verb = TypeVar("Verb", bound=Callable[..., Any])
Result = TypeVar("Result")


class Done(Protocol):
    """What was done to a stream, in words."""

    @property
    def words(self) -> str: ...


class Switched(Done, Protocol):
    """Another stream is in place. ``missing``: events that are nowhere."""

    @property
    def missing(self) -> int: ...


SETTING_OF: Final = {
    "data": "data_directory",
    "port": "http_port",
    "slots": "slots",
    "cluster": "cluster",
    "task_account": "task_account",
    "stop_tasks": "stop_tasks",
    "nats_url": "nats_urls",
}


class Chosen:
    """What the options said; the configuration file says the rest."""

    def __init__(self, overrides: dict[str, object], config_file: Path | None) -> None:
        self.overrides = overrides
        self.config_file = config_file

    def with_default_data(self) -> "Chosen":
        """The default data directory, where neither an option nor the file names one."""
        if "data_directory" in self.overrides or names_data(self.config_file):
            return self
        return Chosen({**self.overrides, "data_directory": default_data()}, self.config_file)


def chooses(*names: str) -> Callable[[Verb], Callable[..., Any]]:
    """Adds --config and the named options; the verb gets ``chosen``."""

    def decorated(verb: Verb) -> Callable[..., Any]:
        @functools.wraps(verb)
        def called(*args: Any, config_file: Path | None, **rest: Any) -> Any:
            refuse_empty(click.get_current_context())
            given = {SETTING_OF[name]: rest.pop(name) for name in names}
            overrides = {k: v for k, v in given.items() if said(v)}
            return verb(*args, chosen=Chosen(overrides, config_file), **rest)

        for name in reversed(names):
            called = OPTIONS[name](called)
        return CONFIG(called)

    return decorated


def said(value: object) -> bool:
    """Whether an option was given: 0 is an answer too."""
    return value is not None and value is not False and value != ()


def names_data(config_file: Path | None) -> bool:
    """Whether the file names one; what is wrong with the file is said by whoever loads it."""
    if config_file is None:
        return False
    try:
        return "data_directory" in tomllib.loads(config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def asking_bootstrap(ask: Callable[[], Result], damaged: int = FAILURE) -> Result:
    """Call into the composition root; its errors become sentences and exit statuses.

    ``damaged``: the status for what is damaged.
    """
    gc.enable()
    with errors_told(damaged):
        return ask()


@contextmanager
def errors_told(damaged: int = FAILURE) -> Iterator[None]:
    """Down for now is 75, a refusal 5, something that is not there 3; all else, 1."""
    from domain.errors import Corrupt, CountermandError, Refused, Unavailable, Unknown

    kinds = (
        *((Unavailable, UNAVAILABLE), (Refused, REFUSED), (Unknown, NO_SUCH_JOB)),
        (Corrupt, damaged),
    )
    try:
        yield
    except CountermandError as e:
        status = next((status for kind, status in kinds if isinstance(e, kind)), FAILURE)
        raise Failure(status, e.message, code=e.code) from e
    except PermissionError as e:
        raise Failure(FAILURE, f"{e.filename or 'a file'}: {e.strerror}") from e


OPTIONS: Final = {
    "data": click.option("--data", metavar="DIR", help="Data directory, one a service."),
    "port": click.option(
        "--port", type=click.IntRange(0, 65535), metavar="N", help="TCP port on loopback; 0: any."
    ),
    "slots": click.option(
        "--slots", type=click.IntRange(1), metavar="N", help="Runs at once; else one a core."
    ),
    "cluster": click.option("--cluster", metavar="NAME", help="Name of the cluster."),
    "task_account": click.option(
        "--task-account", metavar="ACCOUNT", help="Whom tasks run as, when the service is root."
    ),
    "stop_tasks": click.option(
        "--stop-tasks", is_flag=True, help="Stop running tasks when the service ends."
    ),
    "nats_url": click.option(
        "--nats-url", multiple=True, metavar="URL", help="An outside nats-server; repeatable."
    ),
}
CONFIG: Final = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings in TOML; options win. `countermand config` names them all.",
)
