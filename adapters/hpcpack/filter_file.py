"""A job as the file that filters of the site read and change: HPC Pack's job schema.

Attributes are the properties that can be read over HPC Pack's REST, from the same tables, with the
words of the product's own export: booleans in lower case, a limit as ``RuntimeSeconds``; what is
empty is left out. Further properties are ``ExtendedTerms`` of the job and ``CustomProperties`` of a
task; variables are beside them. The file is a job file: ``job_file`` reads the same job from it.
What a filter may change is ``CHANGEABLE``. Source: the product's pages on filters: a submission
filter changes properties of the job, none of its tasks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from adapters.hpcpack.answers import Property
from adapters.hpcpack.fields import SHOWN, yes_or_no
from adapters.hpcpack.job_file import TERMS, terms_of
from adapters.hpcpack.job_properties import job_properties
from adapters.hpcpack.task_properties import Owned, task_properties
from adapters.hpcpack.values import priority
from adapters.hpcpack.xml_reading import Element, read_xml
from adapters.hpcpack.xml_writing import FORBIDDEN, content, document, element
from adapters.web.requests import Malformed
from adapters.web.text import valid
from domain.commands import JobChanges, JobTerms
from domain.errors import BadRequest
from domain.job import Job
from domain.submission import RUNTIME_SECONDS_MAX
from projections.job_view import job_row

SCHEDULER: Final = "http://schemas.microsoft.com/HPCS2008R2/scheduler/"
VERSION: Final = "3.000"
TASKS: Final = "Tasks"
BOOLEANS: Final = frozenset(
    {
        "CanPreempt",
        "FailDependentTasks",
        "FailOnTaskFailure",
        "HasRuntime",
        "IsExclusive",
        "IsParametric",
        "IsRerunnable",
        "NotifyOnCompletion",
        "NotifyOnStart",
        "RunUntilCanceled",
    }
)
ALWAYS_TOLD: Final = ("Name", "CommandLine", "WorkDirectory")
"""Attributes that are there also when they are empty."""

IGNORED: Final = frozenset({"Version", "HasRuntime", "schemaLocation"})
"""What says nothing that another attribute does not say, or nothing about the job."""

EXACT: Final = frozenset({"Name", "Value"})
"""Elements whose blanks count."""

SECONDS_DIGITS_MAX: Final = 9
NO_LIMIT: Final = "0"


class HpcJobFiles:
    """``JobFiles`` in HPC Pack's job schema."""

    def write(self, job: Job) -> bytes:
        parts = (
            by_name("EnvironmentVariables", "Variable", job.environment),
            by_name("ExtendedTerms", "Term", job.properties),
            element(TASKS, "".join(task_xml(Owned(job, task)) for task in job.tasks.values())),
        )
        space = {"Version": VERSION, "xmlns": SCHEDULER}
        return document(tag("Job", {**space, **job_attributes(job)}, "".join(parts)))

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
    """The job's properties. Tasks run as the owner's where the job names no account."""
    told = attributes(job_properties(job_row(job, 0), ()))
    return told | {"UserName": job.run_as or job.owner, "MaxCores": str(cores(job))}


def cores(job: Job) -> int:
    """MaxCores; of a job with a service, how many instances it has, whoever said so."""
    instances = (task.spec.instances for task in job.tasks.values())
    return max(instances, default=0) or job.max_cores or 1


def task_xml(one: Owned) -> str:
    """One task."""
    spec = one.task.spec
    own = attributes(task_properties(one, ())) | {"TaskId": str(spec.id)}
    parts = (
        by_name("EnvironmentVariables", "Variable", spec.environment),
        by_name("CustomProperties", "Term", spec.properties),
    )
    return tag("Task", own, "".join(parts))


def attributes(rows: Iterable[Property]) -> dict[str, str]:
    """Properties in the words of the product's export."""
    found = {row.name: exported(row) for row in rows if row.value or row.name in ALWAYS_TOLD}
    seconds = found.pop("Runtime")
    return found if seconds == NO_LIMIT else found | {"RuntimeSeconds": seconds}


def exported(row: Property) -> str:
    """One value."""
    return row.value.lower() if row.name in BOOLEANS else row.value


def by_name(part: str, item: str, values: Mapping[str, str]) -> str:
    """An element with a name and a value for each; "" for none."""
    inner = "".join(element(item, named(pair)) for pair in values.items())
    return element(part, inner) if inner else ""


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


# --- reading --------------------------------------------------------------------------------------


def seconds(text: str) -> int:
    """A run-time limit."""
    if not (text.isascii() and text.isdigit() and len(text) <= SECONDS_DIGITS_MAX):
        raise Malformed(
            f"RuntimeSeconds cannot be {text[:SHOWN]!r}: it is a whole number from 0 to "
            f"{RUNTIME_SECONDS_MAX}"
        )
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


def check_parts(old: Element, new: Element) -> None:
    """Pass, or raise: tasks, and whatever else is in a job, stay as they are."""
    for name in dict.fromkeys(part.name for part in (*old.children, *new.children)):
        if name in TERMS or filled(old, name) == filled(new, name):
            continue
        if name == TASKS:
            raise Malformed("it changed the tasks; it may change properties of the job only")
        if old.first(name) is not None:
            raise Malformed(f"it changed {name[:SHOWN]}; it may change properties of the job only")
        raise Malformed(f"it added {name[:SHOWN]}, for which there is no place here")


def filled(job: Element, name: str) -> tuple["Shape", ...]:
    """The parts of that name which say something."""
    return shape_of(part for part in job.of(name) if part.children or part.attributes)


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
