"""Every operation of the older XML edition, ``/WindowsHPC``, that its known clients use.

Names are those of the same operations of ``/hpc``: the same is done.
"""

from typing import Final

from adapters.hpcpack.operation import Method, Operation
from adapters.hpcpack.operations import (
    JOBS_QUERY,
    MESSAGE,
    NODES_QUERY,
    NOT_CHANGED,
    ONE_SUBTASK,
    ONLY_CHANGES,
    PROPERTIES,
    TASKS_QUERY,
)

EDITIONS: Final = "2008 R2 to 2019"
SUBTASK: Final = "Job/{job_id}/Task/{task_id}/SubTask/{subtask_id}"


def operation(
    id: str,
    method: Method,
    path: str,
    query: tuple[str, ...] = (),
    body: str = "",
    lacks: str = "",
    differs: str = "",
    refuses: str = "",
) -> Operation:
    """An operation; all of them answer 200."""
    return Operation(
        id=id,
        method=method,
        path=path,
        query=query,
        body=body,
        lacks=lacks,
        differs=differs,
        refuses=refuses,
        editions=EDITIONS,
    )


WINDOWS_OPERATIONS: Final = (
    operation("getClusters", "GET", "Clusters"),
    operation("getJobs", "GET", "Jobs", JOBS_QUERY, differs="as getJobs of `/hpc`"),
    operation("createJob", "POST", "Jobs", body=PROPERTIES, differs="as createJob of `/hpc`"),
    operation("createJobFromXml", "POST", "Jobs/JobFile", body="a job file"),
    operation(
        "getJob",
        "GET",
        "Job/{job_id}",
        ("properties",),
        differs="a Render other than RestPropRender answers 501",
    ),
    operation("setJobProperties", "PUT", "Job/{job_id}", body=PROPERTIES, differs=ONLY_CHANGES),
    operation("submitJob", "POST", "Job/{job_id}/Submit", body="properties, or nothing"),
    operation("cancelJob", "POST", "Job/{job_id}/Cancel", ("forced",), MESSAGE),
    operation(
        "getTasks",
        "GET",
        "Job/{job_id}/Tasks",
        TASKS_QUERY,
        differs="as getTasks of `/hpc`",
    ),
    operation(
        "addTask", "POST", "Job/{job_id}/Tasks", body=PROPERTIES, differs="as addTask of `/hpc`"
    ),
    operation("getTask", "GET", "Job/{job_id}/Task/{task_id}", ("properties",)),
    operation(
        "setTaskProperties",
        "PUT",
        "Job/{job_id}/Task/{task_id}",
        body=PROPERTIES,
        differs="as setTaskProperties of `/hpc`",
    ),
    operation("cancelTask", "POST", "Job/{job_id}/Task/{task_id}/Cancel", ("forced",), MESSAGE),
    operation("getSubtask", "GET", SUBTASK, ("properties",), differs=ONE_SUBTASK),
    operation(
        "setSubtaskProperties",
        "PUT",
        SUBTASK,
        body=PROPERTIES,
        refuses=NOT_CHANGED,
    ),
    operation("cancelSubtask", "POST", f"{SUBTASK}/Cancel", ("forced",), MESSAGE),
    operation("getNodes", "GET", "Nodes", NODES_QUERY, differs="as getNodes of `/hpc`"),
    operation("getNode", "GET", "Node/{name}", ("properties",)),
    operation("getOldNodeGroups", "GET", "Nodegroups"),
    operation("getOldNodeGroup", "GET", "Nodegroup/{name}"),
)
