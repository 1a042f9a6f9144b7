"""New values over old ones: of a job, of a task, and of what each has by name.

What is decided on and what the fact then means are computed here alike.
"""

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from domain import events as e
from domain.commands import TaskChanges
from domain.events.tasks import TASK_CHANGEABLE

S = TypeVar("S", bound=Struct)


def changed_spec(spec: e.TaskSpec, changes: TaskChanges | e.TaskPropertiesChanged) -> e.TaskSpec:
    """The task with what is given a new value."""
    return with_new(spec, changes, TASK_CHANGEABLE)


def with_new(before: S, changes: Struct, names: tuple[str, ...]) -> S:
    """``before`` with each of the named fields that ``changes`` has a value for; None: it stays."""
    given = {name: getattr(changes, name) for name in names}
    new = {
        name: merged(getattr(before, name), value, any_case=name == "properties")
        if isinstance(value, dict)
        else value
        for name, value in given.items()
        if value is not None
    }
    return replace(before, **new)


def merged(
    before: Mapping[str, str], changes: Mapping[str, str], *, any_case: bool
) -> dict[str, str]:
    """Values by name, some of them new; "" takes one away.

    ``any_case``: a name stands for the one that is there in another case, as the product's custom
    properties do. Variables do not: here they differ by case, as in every shell.
    """
    spelled = {name.lower(): name for name in before} if any_case else {}
    new = {spelled.get(name.lower(), name): value for name, value in changes.items()}
    return {name: value for name, value in {**before, **new}.items() if value or name not in new}
