"""A job as HPC Pack's XML has it: attributes are properties, with or without the namespace.

Files that were exported from a cluster also say what became of the job there (its number, its
state, its times): that describes another job, and is left out. Nothing else is: what is not read
here is refused.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from adapters.hpcpack.answers import Property
from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN
from adapters.hpcpack.wanted import (
    JOB,
    TASK,
    JobPairs,
    Kind,
    new_job,
    new_task,
)
from adapters.hpcpack.xml_reading import (
    Element,
    check_attributes,
    check_content,
    only_child,
    read_xml,
    text_of,
)
from adapters.web.requests import Malformed
from application.scheduler import NewJob
from domain.events import TaskSpec

EXPORTED: Final = frozenset({"version", "currentversion", "xmlns", "schemalocation"})
STORED: Final = "id,niceid,groupid,recordid,previousstate,parentjobstate,submittime,createtime"
ENDED: Final = "errorparams,failurereason,pendingreason,autorequeuecount,output,requestcancel"
KEPT: Final = "closed,processids,taskowner,hascustomprops,isserviceconcluded"
EXPORTED_TASK: Final = frozenset(f"{STORED},{ENDED},{KEPT}".split(","))
"""Attributes of a task in the published schema that say what became of it, or where it was kept."""

TERMS: Final = ("ExtendedTerms", "CustomProperties")
"""Further properties of a job or a task: which the product writes depends on its edition."""

JOB_PARTS: Final = ("Tasks", *TERMS, "Dependencies", "EnvironmentVariables")
TASK_PARTS: Final = ("EnvironmentVariables", *TERMS)
PAIR: Final = ("Name", "Value")


def job_of(text: str | bytes) -> NewJob:
    """The job that a file describes, in Configuring. ``Malformed`` for what is no job file."""
    root = read_xml(text)
    if root.name != "Job":
        raise Malformed(f"the XML is a {root.name[:SHOWN]!r} element; a job file is a Job")
    check_content(root, JOB_PARTS, None)
    for part in root.of("Dependencies"):
        check_dependencies(part)
    found = [task for part in root.of("Tasks") for task in tasks_in(part)]
    tasks = tuple(task_of(n, one) for n, one in enumerate(found, 1))
    by_name = JobPairs(terms_of(root), pairs_in(root, "EnvironmentVariables"))
    return new_job(attributes(root, JOB), tasks, by_name)


def check_dependencies(part: Element) -> None:
    """Pass, or raise ``NotSupported`` for groups of tasks that depend; files have an empty one."""
    if part.children:
        raise NotSupported("groups of tasks cannot depend here; give the tasks names and DependsOn")
    check_content(part, ())


def tasks_in(part: Element) -> list[Element]:
    """The tasks in a ``Tasks`` element."""
    check_content(part, ("Task",))
    return part.children


def task_of(number: int, one: Element) -> TaskSpec:
    """One task."""
    check_content(one, TASK_PARTS, None)
    variables, custom = pairs_in(one, "EnvironmentVariables"), terms_of(one)
    return new_task(number, attributes(one, TASK), variables, custom)


def attributes(one: Element, kind: Kind) -> tuple[Property, ...]:
    """The attributes as properties, without what describes the job it was exported from."""
    left_out = EXPORTED | kind.read_only | (EXPORTED_TASK if kind is TASK else frozenset())
    return tuple(
        Property(name, value)
        for name, value in one.attributes.items()
        if name.lower() not in left_out
    )


def terms_of(one: Element) -> dict[str, str]:
    """All further properties of a job or a task."""
    return pairs(item for name in TERMS for item in items_in(one, name))


def pairs_in(one: Element, part: str) -> dict[str, str]:
    """The names and values in an element's parts of that name."""
    return pairs(items_in(one, part))


def items_in(one: Element, part: str) -> Iterator[Element]:
    """What an element's parts of that name hold, whatever each of them is called."""
    for found in one.of(part):
        check_content(found, {item.name for item in found.children})
        yield from found.children


def pairs(items: Iterable[Element]) -> dict[str, str]:
    """Names and values, as ``Name`` and ``Value`` elements or attributes."""
    found: dict[str, str] = {}
    for item in items:
        check_content(item, PAIR, PAIR)
        name, value = part(item, "Name"), part(item, "Value")
        if not name or name in found:
            raise Malformed(f"{item.name[:SHOWN]}: a name is missing, or is there twice")
        found[name] = value
    return found


def part(item: Element, name: str) -> str:
    """A child's text, or the attribute of that name; not both."""
    child = only_child(item, name)
    if child is None:
        return item.attributes.get(name, "")
    check_attributes(item, [x for x in item.attributes if x != name])
    return text_of(child)
