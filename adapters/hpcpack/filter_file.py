"""A job as the file that filters of the site read and change: HPC Pack's job schema.

Attributes are the properties, with the names and the words of the product's own export: booleans in
lower case, further properties as ``ExtendedTerms``, variables of a task beside it. What a filter
may change is ``CHANGEABLE``. Source: the product's pages on filters: a submission filter changes
properties of the job, none of its tasks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from adapters.hpcpack.fields import SHOWN, yes_or_no
from adapters.hpcpack.job_file import pairs
from adapters.hpcpack.values import priority
from adapters.hpcpack.xml_reading import Element, read_xml
from adapters.hpcpack.xml_writing import FORBIDDEN, content, document, element
from adapters.web.requests import Malformed
from adapters.web.text import valid
from domain.commands import JobChanges, JobTerms
from domain.errors import BadRequest
from domain.events import TaskSpec
from domain.job import Job
from domain.states import TaskType

SCHEDULER: Final = "http://schemas.microsoft.com/HPCS2008R2/scheduler/"
VERSION: Final = "3.000"
TASKS: Final = "Tasks"
TERMS: Final = ("ExtendedTerms", "CustomProperties")
"""The product writes the first and reads both."""

SAME_FOR_ALL: Final = {
    "UnitType": "Core",
    "MinCores": "1",
    "MaxCores": "1",
    "IsExclusive": "false",
    "JobTemplate": "Default",
}
IGNORED: Final = frozenset({"Version", "HasRuntime", "schemaLocation"})
"""What says nothing that another attribute does not say, or nothing about the job."""

EXACT: Final = frozenset({"Name", "Value"})
"""Elements whose blanks count."""

SECONDS_DIGITS_MAX: Final = 9


class HpcJobFiles:
    """``JobFiles`` in HPC Pack's job schema."""

    def write(self, job: Job) -> bytes:
        own = {**job_attributes(job), **SAME_FOR_ALL}
        terms = "".join(element("Term", named(x)) for x in job.properties.items())
        tasks = "".join(task_xml(task.spec) for task in job.tasks.values())
        parts = element("ExtendedTerms", terms) if terms else ""
        space = {"Version": VERSION, "xmlns": SCHEDULER}
        return document(tag("Job", {**space, **own}, parts + element(TASKS, tasks)))

    def compare(self, before: bytes, after: bytes | None) -> JobTerms:
        if after is None:
            return JobTerms(not_taken="the job's file is gone, or much larger than it was")
        if after == before:
            return JobTerms()
        try:
            return JobTerms(changed(read_xml(before), read_xml(after)))
        except (Malformed, BadRequest) as no:
            return JobTerms(not_taken=no.message)


# --- writing --------------------------------------------------------------------------------------


def job_attributes(job: Job) -> dict[str, str]:
    """The job's properties. ``RuntimeSeconds`` only where there is a limit, as in the product."""
    limit = {"RuntimeSeconds": str(job.runtime_seconds)} if job.runtime_seconds else {}
    return {
        "Id": str(job.id),
        "State": job.state.value,
        "Owner": job.owner,
        "UserName": job.run_as or job.owner,
        "Name": job.name,
        "JobType": job.job_type.value,
        "Priority": job.priority.value,
        "RunUntilCanceled": yes_no(job.run_until_canceled),
        "FailOnTaskFailure": yes_no(job.fail_on_task_failure),
        "HasRuntime": yes_no(bool(limit)),
        "RequeueCount": str(job.requeue_count),
        **limit,
    }


def task_xml(task: TaskSpec) -> str:
    """One task."""
    limit = {"RuntimeSeconds": str(task.runtime_seconds)} if task.runtime_seconds else {}
    after = {"DependsOn": ",".join(task.depends_on)} if task.depends_on else {}
    own = {
        "TaskId": str(task.id),
        "Name": task.name,
        "Type": task.type.value,
        "CommandLine": task.command,
        "WorkDirectory": task.work_directory,
        **limit,
        **after,
        **sweep(task),
    }
    variables = "".join(element("Variable", named(x)) for x in task.environment.items())
    return tag("Task", own, element("EnvironmentVariables", variables) if variables else "")


def sweep(task: TaskSpec) -> dict[str, str]:
    """The index of a parametric sweep."""
    if task.type is not TaskType.PARAMETRIC_SWEEP:
        return {}
    values = {"StartValue": task.start, "EndValue": task.end, "IncrementValue": task.increment}
    return {name: str(value) for name, value in values.items()}


def named(pair: tuple[str, str]) -> str:
    """A name and a value, as elements."""
    return element("Name", content(pair[0])) + element("Value", content(pair[1]))


def tag(name: str, attributes: Mapping[str, str], inner: str) -> str:
    """An element with attributes; their text is of other people."""
    own = "".join(f" {key}={quoted(value)}" for key, value in attributes.items())
    return f"<{name}{own}>{inner}</{name}>"


def quoted(text: str) -> str:
    """An attribute's value: escaped, and what no XML can hold as U+FFFD."""
    return quoteattr(FORBIDDEN.sub("\ufffd", valid(text)))


def yes_no(value: bool) -> str:
    """As the product exports it."""
    return str(value).lower()


# --- reading --------------------------------------------------------------------------------------


def seconds(text: str) -> int:
    """A run-time limit."""
    if not (text.isascii() and text.isdigit() and len(text) <= SECONDS_DIGITS_MAX):
        raise Malformed(f"RuntimeSeconds cannot be {text[:SHOWN]!r}: it is a whole number from 0")
    return int(text)


CHANGEABLE: Final[Mapping[str, Callable[[str], JobChanges]]] = {
    "Name": lambda text: JobChanges(name=text),
    "Priority": lambda text: JobChanges(priority=priority(text)),
    "RunUntilCanceled": lambda text: JobChanges(
        run_until_canceled=yes_or_no(text, "RunUntilCanceled")
    ),
    "FailOnTaskFailure": lambda text: JobChanges(
        fail_on_task_failure=yes_or_no(text, "FailOnTaskFailure")
    ),
    "RuntimeSeconds": lambda text: JobChanges(runtime_seconds=seconds(text)),
}
"""The attributes of a job that a submission filter may give other values, beside the terms."""


def changed(old: Element, new: Element) -> JobChanges | None:
    """What is new; None for nothing. ``Malformed`` for what cannot be taken over."""
    if new.name != "Job":
        raise Malformed(f"the job's file has a {new.name[:SHOWN]!r} element now; it is a Job")
    check_parts(old, new)
    found = [changed_attribute(name, new) for name in different(old, new)]
    found += changed_terms(terms_of(old), terms_of(new))
    return merged(found)


def different(old: Element, new: Element) -> Iterator[str]:
    """Names of attributes that were added, given another value or removed."""
    for name in {**old.attributes, **new.attributes}:
        if name not in IGNORED and old.attributes.get(name) != new.attributes.get(name):
            yield name


def changed_attribute(name: str, new: Element) -> JobChanges:
    """One attribute's new value; a limit that was removed is none."""
    text = new.attributes.get(name, "0" if name == "RuntimeSeconds" else None)
    read = CHANGEABLE.get(name)
    if read is None:
        raise Malformed(f"it changed {name[:SHOWN]}; it may change {', '.join(CHANGEABLE)}, terms")
    if text is None:
        raise Malformed(f"it removed {name[:SHOWN]}, which every job has")
    return read(text)


def changed_terms(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[JobChanges]:
    """Further properties that were added or given another value."""
    gone = sorted(old.keys() - new.keys())
    if gone:
        raise Malformed(f"it removed the term {gone[0][:SHOWN]!r}; a term may get another value")
    values = {name: value for name, value in new.items() if old.get(name) != value}
    if values:
        yield JobChanges(properties=values)


def terms_of(job: Element) -> dict[str, str]:
    """All further properties."""
    return pairs(term for name in TERMS for part in job.of(name) for term in part.children)


def check_parts(old: Element, new: Element) -> None:
    """Pass, or raise: tasks, and whatever else is in a job, stay as they are."""
    if shape_of(old.of(TASKS)) != shape_of(new.of(TASKS)):
        raise Malformed("it changed the tasks; it may change properties of the job only")
    for part in new.children:
        if part.name not in (TASKS, *TERMS) and (part.children or part.attributes):
            raise Malformed(f"it added {part.name[:SHOWN]}, for which there is no place here")


Shape = tuple[str, dict[str, str], str, tuple["Shape", ...]]


def shape_of(parts: Iterable[Element]) -> tuple[Shape, ...]:
    """What elements say, however they are laid out: blanks between elements do not count."""
    return tuple(
        (
            part.name,
            part.attributes,
            part.text if part.name in EXACT else part.text.strip(),
            shape_of(part.children),
        )
        for part in parts
    )


def merged(found: Iterable[JobChanges]) -> JobChanges | None:
    """All changes together."""
    values = {name: getattr(one, name) for one in found for name in one.named}
    return JobChanges(**values) if values else None
