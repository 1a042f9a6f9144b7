"""A job as HPC Pack's XML has it: attributes are properties, with or without the namespace.

Files that were exported from a cluster also say what became of the job there (its number, its
state, its times): that describes another job, and is left out.
"""

from collections.abc import Iterable
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
from adapters.hpcpack.xml_reading import Element, read_xml
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
"""Further properties of a job: the product writes the first and reads both."""

JOB_PARTS: Final = ("Tasks", *TERMS, "Dependencies", "EnvironmentVariables")
TASK_PARTS: Final = ("EnvironmentVariables", "CustomProperties")


def job_of(text: str | bytes) -> NewJob:
    """The job that a file describes, in Configuring. ``Malformed`` for what is no job file."""
    root = read_xml(text)
    if root.name != "Job":
        raise Malformed(f"the XML is a {root.name[:SHOWN]!r} element; a job file is a Job")
    check_parts(root, JOB_PARTS)
    if any(part.children for part in root.of("Dependencies")):
        raise NotSupported("groups of tasks cannot depend here; give the tasks names and DependsOn")
    found = [task for part in root.of("Tasks") for task in part.children]
    tasks = tuple(task_of(n, one) for n, one in enumerate(found, 1))
    by_name = JobPairs(terms_of(root), pairs_in(root, "EnvironmentVariables"))
    return new_job(attributes(root, JOB), tasks, by_name)


def task_of(number: int, one: Element) -> TaskSpec:
    """One task."""
    if one.name != "Task":
        raise Malformed(f"Tasks has a {one.name[:SHOWN]!r} element; it has Task elements only")
    check_parts(one, TASK_PARTS)
    variables, custom = pairs_in(one, "EnvironmentVariables"), pairs_in(one, "CustomProperties")
    return new_task(number, attributes(one, TASK), variables, custom)


def attributes(one: Element, kind: Kind) -> tuple[Property, ...]:
    """The attributes as properties, without what describes the job it was exported from."""
    left_out = EXPORTED | kind.read_only | (EXPORTED_TASK if kind is TASK else frozenset())
    return tuple(
        Property(name, value)
        for name, value in one.attributes.items()
        if name.lower() not in left_out
    )


def check_parts(one: Element, allowed: tuple[str, ...]) -> None:
    """Pass, or raise ``NotSupported`` for an element that would be left undone."""
    for child in one.children:
        if child.name not in allowed and (child.children or child.attributes or child.text.strip()):
            raise NotSupported(f"a {one.name} here has no {child.name[:SHOWN]}")


def terms_of(job: Element) -> dict[str, str]:
    """All further properties of a job."""
    return pairs(term for name in TERMS for part in job.of(name) for term in part.children)


def pairs_in(one: Element, part: str) -> dict[str, str]:
    """The names and values in an element's parts of that name."""
    return pairs(item for found in one.of(part) for item in found.children)


def pairs(items: Iterable[Element]) -> dict[str, str]:
    """Names and values, as ``Name`` and ``Value`` elements or attributes."""
    found: dict[str, str] = {}
    for item in items:
        name, value = part(item, "Name"), part(item, "Value")
        if not name or name in found:
            raise Malformed(f"{item.name[:SHOWN]}: a name is missing, or is there twice")
        found[name] = value
    return found


def part(item: Element, name: str) -> str:
    """A child's text, or the attribute of that name."""
    child = item.first(name)
    return child.text if child else item.attributes.get(name, "")
