"""What each query field of HPC Pack's REST means, for ``docs/hpcpack-rest.md``.

Which operation has which field stands in the tables of operations; a test holds that every one of
them has exactly one row here, and that no row is of a field that there is not.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from adapters.hpcpack import filters, job_properties, task_properties
from adapters.hpcpack.fields import NAMES_MAX, NUMBER_MAX
from adapters.hpcpack.nodes import HEALTHS, NODE_PROPERTIES, SORTS, STATES
from adapters.hpcpack.paging import ROWS_DEFAULT
from application.views import PAGE_ROWS_MAX

READS: Final = (
    "getJobCustomProperties",
    "getJobEnvironmentVariables",
    "getTaskCustomProperties",
    "getTaskEnvironmentVariables",
)
LISTS: Final = ("getJobs", "getTasks", "getNodes")
CANCELS: Final = ("cancelJob", "cancelTask", "cancelSubtask")
LOG: Final = ("getClusterOperations", "getClusterFirstOperation")
NAMES: Final = f"at most {NAMES_MAX} names, with commas between them"


def some_of(words: Sequence[str]) -> str:
    """A few of these words."""
    return f"some of {', '.join(words)}, with commas between them; another word answers 400"


YES_NO: Final = "`true` or `false`, `1` or `0`"
ALL: Final = "all"
EVERY: Final = "every operation"


class QueryField(Struct, frozen=True):
    """``of``: the operations that have it; empty for every one of an edition, which ``where`` names
    then. ``allowed``: what it may be. ``default``: what counts without it."""

    name: str
    of: tuple[str, ...]
    meaning: str
    allowed: str
    default: str
    where: str = ""


def listed(names: tuple[str, ...]) -> str:
    """Names in a cell."""
    return ", ".join(names)


QUERY_FIELDS: Final = (
    QueryField(
        "properties",
        ("getJobs",),
        "which properties of each job, in this order",
        f"{NAMES}; see Properties below",
        listed(job_properties.DEFAULTS),
    ),
    QueryField(
        "properties",
        ("getTasks",),
        "which properties of each task or subtask, in this order",
        f"{NAMES}; see Properties below",
        listed(task_properties.DEFAULTS),
    ),
    QueryField(
        "properties",
        ("getJob", "getTask", "getSubtask"),
        "which properties, in this order",
        f"{NAMES}; see Properties below",
        ALL,
    ),
    QueryField(
        "properties",
        ("getNodes", "getNode"),
        "which properties of a node, in this order",
        f"{NAMES}: {listed(tuple(name for name, _ in NODE_PROPERTIES.values()))}",
        ALL,
    ),
    QueryField(
        "names",
        READS,
        "which of them; one that is not there comes back with an empty value",
        NAMES,
        ALL,
    ),
    QueryField(
        "owner",
        ("getJobs",),
        "jobs of this person only",
        "a name, as the jobs have it",
        "of everybody whose jobs the caller may see",
    ),
    QueryField(
        "nodeNames",
        ("getJobs",),
        "every job that holds one of these nodes, with all properties; the other fields do not "
        "count then",
        NAMES,
        "jobs wherever they are",
    ),
    QueryField(
        "$filter",
        ("getJobs",),
        "jobs that fit",
        f"NAME eq VALUE, joined by and, of {listed(filters.JOB_NAMES[:2])}; at most "
        f"{filters.CHARACTERS_MAX} characters",
        ALL,
    ),
    QueryField(
        "$filter",
        ("getTasks",),
        "tasks and subtasks that fit",
        f"NAME eq VALUE, joined by and, of {listed(filters.TASK_NAMES)}; at most "
        f"{filters.CHARACTERS_MAX} characters",
        ALL,
    ),
    QueryField("$filter", ("getNodes",), "nodes that fit", "NodeState eq VALUE", "Online, all are"),
    QueryField(
        "sortJobsBy",
        ("getJobs",),
        "the order of the jobs",
        "a property; see Properties below for those that answer 501. A name that no property has "
        "is as Id, as in the product",
        "Id",
    ),
    QueryField(
        "sortTasksBy",
        ("getTasks",),
        "the order of tasks and subtasks",
        "any property; a name that no property has is as TaskId, as in the product",
        "TaskId",
    ),
    QueryField(
        "sortNodesBy",
        ("getNodes",),
        "the order of the nodes",
        f"{listed(tuple(NODE_PROPERTIES[key][0] for key in SORTS))}; other properties answer 501, "
        "and a name that no property has is as Id",
        "Id, as in the settings",
    ),
    QueryField("asc", LISTS, "whether the order rises", YES_NO, "true"),
    QueryField(
        "rowsPerRead",
        LISTS,
        "how many rows a page has",
        f"a whole number from 1 to {NUMBER_MAX}; a page has {PAGE_ROWS_MAX} at most",
        str(ROWS_DEFAULT),
    ),
    QueryField(
        "startRow",
        LISTS,
        "the page that begins with this row; `queryId` does not count then, and the header "
        "`x-ms-row-count` says how many rows there are of all",
        f"a whole number from 0 to {NUMBER_MAX}",
        "the first page, or as `queryId` says",
    ),
    QueryField(
        "queryId",
        LISTS,
        "goes on after the page that came with it, with the same filter and order",
        "what the header `x-ms-continuation-queryId` said; anything else, and what came with "
        "another question, answers 404: there is no such place in this list",
        "the first page",
    ),
    QueryField(
        "expandParametric",
        ("getTasks",),
        "whether subtasks stand in the place of their task; see Subtasks below",
        YES_NO,
        "true",
    ),
    QueryField(
        "forced",
        CANCELS,
        "whether tasks are killed at once: no grace period, no node release",
        YES_NO,
        "false",
    ),
    QueryField("names", ("getClusterNodes",), "nodes of these names", NAMES, ALL),
    QueryField("group", ("getClusterNodes",), "nodes in one of these groups", NAMES, ALL),
    QueryField("state", ("getClusterNodes",), "nodes in one of these states", some_of(STATES), ALL),
    QueryField(
        "health", ("getClusterNodes",), "nodes of one of these healths", some_of(HEALTHS), ALL
    ),
    QueryField("jobs", ("getClusterNodes",), "nodes of these jobs", "nothing: it answers 501", ALL),
    QueryField("fromTime", LOG, "entries from then on", "a time", "from the beginning"),
    QueryField("toTime", LOG, "entries until then", "a time", "to the end"),
    QueryField("nodeNames", LOG, "entries of these nodes", NAMES, ALL),
    QueryField(
        "limit",
        ("getClusterOperations",),
        "how many entries at most",
        f"a whole number from 0 to {NUMBER_MAX}",
        "no limit",
    ),
    QueryField(
        "withDetail",
        ("getClusterOperations",),
        "whether an entry has its messages",
        YES_NO,
        "false",
    ),
    QueryField(
        "api-version",
        (),
        "the version that the client speaks; the header of that name wins",
        "anything below `/hpc`; below `/WindowsHPC` one of its versions",
        "below `/WindowsHPC` the first, whose faults are a bare text",
        where=EVERY,
    ),
    QueryField(
        "Render",
        (),
        "how properties are written",
        "RestPropRender; anything else answers 501",
        "RestPropRender",
        where=f"{EVERY} below `/WindowsHPC`",
    ),
)
