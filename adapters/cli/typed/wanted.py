"""Which jobs a command means when it does not name them."""

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from adapters.cli.typed.kinds import AnyCase
from adapters.cli.words import ENDED_STATES, JOB_STATES, JOB_TYPES

OPEN_STATES: Final = tuple(state for state in JOB_STATES if state not in ENDED_STATES)
Verb = TypeVar("Verb", bound=Callable[..., Any])


class Wanted:
    """By what the jobs are found; falsy when nothing was said."""

    def __init__(
        self,
        states: tuple[str, ...],
        owners: tuple[str, ...],
        name: str | None,
        job_type: str | None,
        nodes: tuple[str, ...],
        labels: tuple[str, ...],
    ) -> None:
        given = {"states": states, "owners": owners, "nodes": nodes, "labels": labels}
        self.body: dict[str, object] = {key: list(value) for key, value in given.items() if value}
        self.body |= {"name": name} if name else {}
        self.body |= {"job_types": [job_type]} if job_type else {}

    def __bool__(self) -> bool:
        return bool(self.body)


def wanted_options(verb: Verb) -> Callable[..., Any]:
    """Adds --state, --owner, --name, --type, --node and --label, as ``ls`` has them; the verb gets
    ``wanted``."""

    @functools.wraps(verb)
    def called(
        *args: Any,
        states: tuple[str, ...],
        owners: tuple[str, ...],
        name: str | None,
        job_type: str | None,
        nodes: tuple[str, ...],
        labels: tuple[str, ...],
        **rest: Any,
    ) -> Any:
        wanted = Wanted(states, owners, name, job_type, nodes, labels)
        return verb(*args, wanted=wanted, **rest)

    added: Callable[..., Any] = called
    for option in reversed(OPTIONS):
        added = option(added)
    return added


OPTIONS: Final = (
    click.option(
        "--state",
        "states",
        type=AnyCase(OPEN_STATES),
        metavar="STATE",
        multiple=True,
        help=f"Jobs in this state: {', '.join(OPEN_STATES)}; repeatable.",
    ),
    click.option(
        "--owner", "owners", metavar="NAME", multiple=True, help="Jobs of this owner; repeatable."
    ),
    click.option("--name", metavar="PART", help="Jobs with this in the name."),
    click.option(
        "--type", "job_type", type=AnyCase(JOB_TYPES), metavar="TYPE", help="Batch or Admin jobs."
    ),
    click.option(
        "--node", "nodes", metavar="NAME", multiple=True, help="Jobs on this node; repeatable."
    ),
    click.option(
        "--label",
        "labels",
        metavar="K[=V]",
        multiple=True,
        help="Jobs with this label; several: with all.",
    ),
)
