"""The text of docs/hpcpack-rest.md, made from the tables of operations and of properties."""

from collections.abc import Iterable
from typing import Final

from adapters.hpcpack import filters, job_properties, questions, task_properties, wanted
from adapters.hpcpack.error_names import NAMES
from adapters.hpcpack.operation import Operation
from adapters.hpcpack.operations import CLUSTER, JOBS, TASKS
from adapters.hpcpack.task_questions import SORTED_ROWS_MAX
from adapters.hpcpack.windows_operations import WINDOWS_OPERATIONS
from domain.checks import OWN_VARIABLES
from domain.submission import CORES_MAX
from domain.sweeps import INSTANCES_MAX
from domain.transitions import ALWAYS, CHANGE_JOB, CHANGE_TASK, PropertyRow
from ops.hpcpack_query import QUERY_FIELDS
from ops.markdown import table, wrapped

HEAD: Final = """\
# HPC Pack's REST

Programs written for Microsoft HPC Pack's REST find it here under `/hpc`, and the older XML edition
under `/WindowsHPC`, so that they need a new address and nothing else. What they cancel, finish and
requeue goes through the same use cases as everything else: the same policy, the same events, the
same trail; `origin` is `hpcpack`, and the client's address and user agent stand in the event. This
page is made from the code by `make contracts`. [Conformance](hpcpack-conformance.md) says operation
by operation what HPC Pack does and which test shows what is done here;
[moving from HPC Pack](../ops/moving-from-hpc-pack.md) is for the administrator.

**Nothing is answered with 2xx that was not done.** What the job model has no place for answers 501
with a sentence, whether it is a whole operation or one property of a body.

## Where it is

On HTTPS, as in the product, when the settings name a certificate:

```toml
https_certificate = "/etc/countermand/certificate.pem"
https_key = "/etc/countermand/key.pem"
https_host = "0.0.0.0"
https_port = 443
```

The certificate file may hold the chain after the certificate. The key must have no password and
must not be readable by everybody. TLS 1.2 and newer are spoken. `https_self_signed = true` makes a
certificate of the service's own instead, in `https` of the data directory; `countermand dev` does
that, and says which file to trust. `run/endpoint.json` has both: `https`, `https_certificate`. The
same paths are served on the Unix socket and on loopback HTTP.

## Who is asking

- Basic with the password of `countermand principals add --password`, which has 12 to 1024
  characters, or Bearer with a token of Countermand's. NTLM and Azure AD there are not.
- A cluster has one name space: `DOMAIN\\alice` is `alice`, for Basic, for `x-ms-as-user`, and for
  `UserName`.
- `x-ms-as-user` acts for somebody, with *that* person's rights. Both names stand in the event. Job
  administrators and administrators may; only an administrator may act for an administrator. Two of
  these headers in one request are refused with 400, and so is `Countermand-As`, which says the same
  to the native API; two `Authorization` headers are refused with 401.

## Forms

- JSON, or XML when `Accept` prefers it, in the shapes of .NET's data contracts: `ArrayOfProperty`,
  `ArrayOfObject`, `string`, `int`. A body is read as what `Content-Type` says, or else as what it
  looks like; a byte order mark may come before it.
- A message is a JSON string, `{}`, `null`, an XML `string` element, or no body at all.
- Paths, and names of properties and of query fields, are read without regard to case; booleans too
  (`True`, `false`). A query field that an operation does not have is refused with 400, and the
  sentence names those that it has; so is one that is given with two values.
- XML with a document type is refused, as is what is nested deeper than 16 elements. A body has at
  most 8 MiB. An element that has no place here, text between elements, an attribute where none is
  read, and a namespace other than those of HPC Pack's editions (or none) are refused with 400 and
  named. Comments, and attributes about the document such as `xsi:schemaLocation`, do not count.
- Times go out as `M/d/yyyy h:mm:ss tt` in UTC. `11/23/2026 07:00:00` is read too, and ISO 8601.
- A property that has no value yet (`StartTime` of a job that waits) is left out.
- Lists go on by `queryId` with the header `x-ms-continuation-queryId`, absent on the last page; or
  by `startRow`, with `x-ms-row-count`.
- `$filter` is `NAME eq VALUE`, joined by `and`. Of jobs: JobState (names with commas, or a sum of
  HPC Pack's numbers), ChangeTimeFrom. Of tasks: TaskState, TaskStates, TaskIds, TaskInstanceIds,
  ChangeTimeFrom.

## When it is refused

The body is `{"Message": ..., "Code": ..., "Name": ...}`, or `<Error>` with the same elements.
`Code` is HPC Pack's HRESULT as a signed number, `Name` its name; both stand at the end of the
message, too:

```json
{"Message": "job 42 is Finished; ... (Operation_InvalidCancelJobState, 0x80040208)",
 "Code": -2147220984, "Name": "Operation_InvalidCancelJobState"}
```

The status is that of the native API for the same refusal: 400 for what cannot be read, 401, 403 for
rights, 404, 409 for the state, 413, 422 for limits, 429, 501, 503. What the rules refuse on a job
is an event, as everywhere; what cannot be read, and what answers 501, is none.

A password in a body is dropped when it has been read: it reaches no event, no log and no view.
"""

WINDOWS: Final = """\
Paths are below `/WindowsHPC`, and below `/WindowsHPC/CLUSTER` as before 2016. Everything is XML and
every success is 200. `api-version` is read from the header, else from the query: 2011-11-01,
2012-03-31.3.4, 2012-11-01.4.0 or 2016-11-01.5.0. A refusal is an `HpcWebServiceFault` with `Code`
and `Message`; without an `api-version` it is a bare `string`, as it was before there were versions.
Here is what its known clients use; finishing and requeueing are under `/hpc`."""

AFTER: Final = """\
## What the job model lacks for the rest

- Properties of one subtask that are not those of its task: it can be looked at, canceled, finished
  and requeued, not changed.
- A service task that is concluded and goes on with what it has; it is canceled or finished.
- Resources beyond the one slot of a task (`MinCores` and its like above 1, `UnitType` Socket or
  Node); node groups that people make.
- Mails (`NotifyOnStart`, `NotifyOnCompletion`, `EmailAddress`), jobs that depend on jobs
  (`ParentJobIds`), groups of tasks that depend (`Dependencies` of a job file; `DependsOn` of a task
  is there).
- A task that is not to run again (`IsRerunnable` False).
"""
SHOWN_BY: Final = "test_jobs.py, test_properties.py, test_task_properties.py, test_lists.py"
SUBTASKS: Final = (
    "Tasks of type ParametricSweep, Service, NodePrep and NodeRelease have subtasks, numbered from "
    "1: the steps of the sweep, the instances, the nodes. A step can be named once it was reached; "
    "before, the answer is 404 with Operation_InvalidTaskId and the words *the specified subtask "
    "has not been expanded yet*. Instances can be named from the beginning, nodes when the job has "
    "got them. As in the product, a list with `expandParametric` (True unless it is given) has "
    "subtasks in the place of their task, which is not in it itself; with False it has tasks only. "
    "So a sweep of which nothing was reached is not in a list that is not asked otherwise.\n\n"
    "Rows are in the order of the numbers, of tasks and then of subtasks, rising or falling, and a "
    "page costs a page, however many there are; `queryId` goes on after the last row that was "
    "given, so that none is told twice when subtasks are reached meanwhile. Any other "
    f"order is there for at most {SORTED_ROWS_MAX} rows; for more it answers 501, for a filter or "
    "expandParametric=False can be asked instead. ChangeTime of a subtask, and so "
    "`ChangeTimeFrom`, is that of its task: it tells all that changed, and more. How an ended run "
    "of a subtask went comes from the views, with which a list may be a moment behind: then its "
    "ExitCode, ErrorCode and times are left out, never those of another run.\n\n"
    "Of a sweep, StartValue and IncrementValue are 1 unless they are given. The product runs a "
    "service task on all that its job is allocated, and no property says on how much: here a "
    "service has as many instances as its job's MaxCores says at the moment when it is added, "
    f"in a job file or later (1 without it; above {INSTANCES_MAX} the service is refused), each "
    "with one slot. TotalSubTaskNumber says how many there are."
)
QUERY: Final = (
    "Names are read without regard to case. A field that its operation does not have is refused "
    "with 400, so that nothing that was asked for is passed over; those of an operation stand in "
    "its row above."
)
HPC_NAMES: Final = {
    "run_as": "UserName",
    "runtime_seconds": "Runtime",
    "task_retry_count": "TaskExecutionFailureRetryLimit",
    "properties": "custom properties",
    "environment": "environment variables",
    "labels": "labels (through HTTP and the command line only)",
}
"""Where the product's name is not the one used here without its underscores."""


def document() -> str:
    """The page."""
    return "\n".join(
        (
            HEAD,
            wrapped(
                "## Operations\n\nPaths are below `/hpc`. *2016*, *2019*: which edition has it."
            ),
            "",
            section("Jobs", JOBS, f"{SHOWN_BY}, test_rights.py, test_hostile.py"),
            section("Tasks", TASKS, f"{SHOWN_BY}, test_subtasks.py, test_faults.py"),
            section("Cluster", CLUSTER, "test_cluster.py"),
            windows(),
            query_fields(),
            f"## Subtasks\n\n{wrapped(SUBTASKS)}\n",
            properties(),
            changes(),
            numbers(),
            AFTER,
        )
    )


def section(title: str, operations: Iterable[Operation], shown_by: str, before: str = "") -> str:
    """A table of operations."""
    rows = (
        (f"`{o.method} {o.path}`", o.id, listed(o.query), o.editions, here(o), words(o))
        for o in operations
    )
    head = ("operation", "name", "query", "edition", "here", "differences, or why not")
    where = (
        f"Shown by {', '.join(f'`{x}`' for x in shown_by.split(', '))} in tests/adapters/hpcpack."
    )
    told = "\n\n".join(filter(None, (f"### {title}", wrapped(before), wrapped(where))))
    return f"{told}\n\n{table(head, rows)}\n"


def words(operation: Operation) -> str:
    """What is to be said of an operation."""
    return operation.lacks or operation.refuses or operation.differs


def here(operation: Operation) -> str:
    """What becomes of it."""
    if not operation.works:
        return "**501**"
    return "**refused**" if operation.refuses else "works"


def windows() -> str:
    """The older edition."""
    return section("The older edition", WINDOWS_OPERATIONS, "test_windows.py", WINDOWS)


def query_fields() -> str:
    """What each field of a query means."""
    rows = (
        (f"`{x.name}`", listed(x.of) or x.where, x.meaning, x.allowed, x.default)
        for x in QUERY_FIELDS
    )
    head = ("field", "of", "meaning", "allowed", "without it")
    return f"## Query fields\n\n{wrapped(QUERY)}\n\n{table(head, rows)}\n"


def properties() -> str:
    """Which properties there are."""
    jobs, tasks = job_properties.READABLE.values(), task_properties.READABLE.values()
    kept_jobs = ", ".join(f"`{p.name}`" for p in jobs if p.name.lower() in wanted.JOB_KEPT)
    by_name = "custom properties, environment variables"
    kept_tasks = ", ".join(f"`{p.name}`" for p in tasks if p.name.lower() in wanted.TASK_KEPT)
    rows = (
        ("job", listed(p.name for p in jobs), f"{kept_jobs}, `Password` (dropped), {by_name}"),
        ("task", listed(p.name for p in tasks), f"{kept_tasks}, {by_name}"),
    )
    either = " and ".join(f"`{name}`" for name in wanted.EITHER_NAMES)
    fixed = {**job_properties.FIXED, **task_properties.FIXED}
    told = ", ".join(f"`{name}` {value or '(empty)'}" for name, value in fixed.items())
    text = (
        f"Every job and task here has these values, and a body may give no others: {told}."
        " Of a job `HoldUntil` is a time in UTC that is still to come, `Runtime` whole seconds or "
        "Infinite, `ValidExitCodes` numbers and ranges such as 0,10..20, `Progress` 0 to 100. Of a "
        "task `DependsOn` is names of tasks with commas, and the files of its standard streams are "
        "opened by the shell that runs it, with the rights of its account, from its work directory "
        "on. `MaxSockets` and `MaxNodes`, and `MaxCores` of a task, may be any number from 1 "
        f"to {CORES_MAX}: the one slot of a task is within them; `MaxCores` of a job says how many "
        "instances a service has. A number beyond its range is refused, never cut. "
        f"{either} of a job may be true or false, as every file that the product exports has "
        "them, and cannot be read back: whoever works it out, a task takes one slot, and a "
        "service as many as `MaxCores` says. `ExpandedPriority` may be given where it says what "
        f"`Priority` beside it says, {job_properties.EXPANDED_STEP} for each step from Lowest with "
        "0; another value answers 501. Variables that every run is given its own values of are "
        f"refused: {listed(OWN_VARIABLES)}."
        "\n\nJobs are sorted by "
        f"{listed(spelled(questions.JOB_SORTS))}; not by "
        f"{listed(spelled(questions.UNSORTED_JOBS))}. Tasks are sorted by any property. "
        f"Filters: {listed(filters.JOB_NAMES[:2])} of jobs, {listed(filters.TASK_NAMES)} of tasks. "
        "`nodeNames` is no filter but a question of its own, as in the product: every job that "
        "holds one of these nodes, with all properties; nothing else in the query counts then."
    )
    head = ("of a", "can be read", "can be given when it is made")
    return f"## Properties\n\n{table(head, rows)}\n\n{wrapped(text)}\n"


def changes() -> str:
    """Which property of a job may change in which state, and when a task may."""
    rows = ((hpc_name(name), states_of(row), row.source) for name, row in CHANGE_JOB.items())
    while_ = " or ".join(state for state, row in CHANGE_TASK.items() if row.accepted)
    text = (
        "All of a request is done, or nothing. What may not change in a state is refused with "
        "Operation_SetInvalidPropUnderCertainState, what only the cluster says with "
        f"Operation_PropertyIsReadOnly. The properties of a task may change while it is {while_}."
    )
    table_ = table(("of a job", "may change while it is", "because"), rows)
    return f"### Changes\n\n{wrapped(text)}\n\n{table_}\n"


def states_of(row: PropertyRow) -> str:
    """In which states a property may change."""
    return "any" if row.states == ALWAYS else ", ".join(sorted(row.states))


def hpc_name(name: str) -> str:
    """The product's name of a property."""
    names = {p.name.lower(): p.name for p in job_properties.READABLE.values()}
    found = names.get(name.replace("_", ""), HPC_NAMES.get(name, name))
    return found if " " in found else f"`{found}`"


def numbers() -> str:
    """The error numbers."""
    rows = ((f"0x{number:08X}", name) for number, name in sorted(NAMES.items()))
    return f"## Error numbers\n\n{table(('number', 'name'), rows)}\n"


def spelled(keys: Iterable[str]) -> list[str]:
    """Names of properties of jobs as the product spells them."""
    return sorted(job_properties.READABLE[key].name for key in keys)


def listed(names: Iterable[str]) -> str:
    """Names in a sentence or a cell."""
    return ", ".join(f"`{name}`" for name in names)
