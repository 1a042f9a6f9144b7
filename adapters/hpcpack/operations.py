"""Every operation of HPC Pack's ``/hpc``, of both editions, in the order of the specification.

Source: the published specifications of 2016 Update 3 and 2019. What the job model cannot honour
stands here with the sentence that it is answered with.
"""

from typing import Final

from adapters.hpcpack.operation import ACCEPTED, NOTHING, Operation

MESSAGE: Final = "the message, or nothing"
PROPERTIES: Final = "properties"
NEW: Final = "2019"
OLD: Final = "2016"

PAGES: Final = ("asc", "startRow", "rowsPerRead", "queryId")
JOBS_QUERY: Final = ("nodeNames", "properties", "owner", "$filter", "sortJobsBy", *PAGES)
TASKS_QUERY: Final = ("properties", "expandParametric", "$filter", "sortTasksBy", *PAGES)
NODES_QUERY: Final = ("$filter", "properties", "sortNodesBy", *PAGES)

ONLY_CHANGES: Final = "which properties may change depends on the state: see below"
TAKEN_AWAY: Final = "an empty value takes one away"
VARIABLES: Final = (
    "an empty value takes one away; names are those of shells, and differ by case; those of the "
    "job and of a task together have at most 32 KiB"
)
ONE_SUBTASK: Final = (
    "a subtask that waits to run again tells nothing of its last run; ErrorCode is left out where "
    "two could be meant; ErrorMessage of one that was canceled or finished before it ran is empty; "
    "ChangeTime is its task's"
)
NO_MESSAGE: Final = (
    "there is no message: a body that says anything is refused with 400, not passed over"
)
NOT_CHANGED: Final = (
    "Operation_PropertyIsReadOnly: a subtask has no properties of its own; change its task"
)
NO_METRICS: Final = "HPC Pack's metrics are not kept; GET /api/v1/metrics has this service's own"
NO_NODE_WORK: Final = "nothing can be done to nodes here"
NO_GROUPS: Final = "node groups are fixed here: they cannot be made, changed or removed"

CLUSTER: Final = (
    Operation(
        "getClusterVersion",
        "GET",
        "cluster/version",
        differs="6.0.0.0: the edition of the REST; no build of the vendor's has it",
    ),
    Operation("getClusterActiveHeadNode", "GET", "cluster/activeHeadNode"),
    Operation("getClusterDateTimeFormat", "GET", "cluster/info/dateTimeFormat"),
    Operation(
        "getUserRoles",
        "GET",
        "cluster/userRoles",
        editions=NEW,
        differs="an auditor, which HPC Pack has not, has no role",
    ),
    Operation(
        "getClusterMetricDefintions",
        "GET",
        "cluster/metrics/definitions",
        lacks=NO_METRICS,
        editions=NEW,
    ),
    Operation(
        "getClusterMetricHistory",
        "GET",
        "cluster/metrics/history/{name}",
        lacks=NO_METRICS,
        editions=NEW,
    ),
    Operation(
        "getClusterJobMetrics", "GET", "cluster/metrics/jobs", lacks=NO_METRICS, editions=NEW
    ),
    Operation(
        "getClusterNodes",
        "GET",
        "cluster/nodes",
        query=("names", "jobs", "group", "state", "health"),
        editions=NEW,
        differs="always Online; Cores are slots; what is not known of a node (memory, sockets, "
        "template, location) is left out; jobs= answers 501",
    ),
    Operation("getClusterNode", "GET", "cluster/nodes/{name}", editions=NEW),
    Operation(
        "operateClusterNode",
        "POST",
        "cluster/nodes/{name}/operations/{operation}",
        ACCEPTED,
        lacks=NO_NODE_WORK,
        editions=NEW,
    ),
    Operation(
        "getClusterNodeMetrics", "GET", "cluster/nodes/metrics", lacks=NO_METRICS, editions=NEW
    ),
    Operation(
        "getClusterNodeStatOfState",
        "GET",
        "cluster/nodes/stats/state",
        editions=NEW,
    ),
    Operation(
        "getClusterNodeStatOfHealth",
        "GET",
        "cluster/nodes/stats/health",
        editions=NEW,
    ),
    Operation(
        "getClusterOperations",
        "GET",
        "cluster/operations",
        query=("fromTime", "toTime", "limit", "nodeNames", "withDetail"),
        editions=NEW,
        differs="the log of what was done to nodes is always empty: nothing can be done to them",
    ),
    Operation(
        "getClusterFirstOperation",
        "GET",
        "cluster/operations/first",
        query=("fromTime", "toTime", "nodeNames"),
        editions=NEW,
        differs="always 404: the log is empty",
    ),
    Operation(
        "getClusterOperation",
        "GET",
        "cluster/operations/{id}",
        editions=NEW,
        differs="always 404: the log is empty",
    ),
    Operation("getNodeGroups", "GET", "cluster/nodeGroups", editions=NEW),
    Operation("createNodeGroup", "POST", "cluster/nodeGroups", lacks=NO_GROUPS, editions=NEW),
    Operation("getNodeGroup", "GET", "cluster/nodeGroups/{name}", editions=NEW),
    Operation("updateNodeGroup", "PUT", "cluster/nodeGroups/{name}", lacks=NO_GROUPS, editions=NEW),
    Operation(
        "deleteNodeGroup",
        "DELETE",
        "cluster/nodeGroups/{name}",
        NOTHING,
        lacks=NO_GROUPS,
        editions=NEW,
    ),
    Operation("getNodesOfGroup", "GET", "cluster/nodeGroups/{name}/nodes", editions=NEW),
    Operation(
        "moveNodesOfGroup",
        "PATCH",
        "cluster/nodeGroups/{name}/nodes",
        lacks=NO_GROUPS,
        editions=NEW,
    ),
    Operation(
        "getNodes",
        "GET",
        "nodes",
        query=NODES_QUERY,
        editions=OLD,
        differs="always Online; NumberOfCores are slots",
    ),
    Operation("getNode", "GET", "nodes/{name}", query=("properties",), editions=OLD),
    Operation("getOldNodeGroups", "GET", "nodes/groups", editions=OLD),
    Operation("getOldNodeGroup", "GET", "nodes/groups/{name}", editions=OLD),
)

JOBS: Final = (
    Operation(
        "getJobs",
        "GET",
        "jobs",
        query=JOBS_QUERY,
        differs="a user sees own jobs only; a filter by NodeGroup, and an order by a property "
        "that the views keep no order by (see below), answer 501; at most 1000 rows a page; "
        "nodeNames= also finds jobs that are being finished or canceled on these nodes",
    ),
    Operation(
        "createJob",
        "POST",
        "jobs",
        body=PROPERTIES,
        differs="a property that the job model has no place for answers 501, unless it is given "
        "with the value that all jobs have; `AutoCalculateMax` and `AutoCalculateMin` may say "
        "either",
    ),
    Operation(
        "createJobFromXml",
        "POST",
        "jobs/jobFile",
        body="a job file",
        differs="as createJob; a document type is refused; what an exported file says of its old "
        "job is left out",
    ),
    Operation(
        "getJob",
        "GET",
        "jobs/{job_id}",
        query=("properties",),
        differs="a property that has no value yet is left out",
    ),
    Operation(
        "setJobProperties",
        "PUT",
        "jobs/{job_id}",
        NOTHING,
        body=PROPERTIES,
        differs=ONLY_CHANGES,
    ),
    Operation(
        "getJobCustomProperties",
        "GET",
        "jobs/{job_id}/customProperties",
        query=("names",),
    ),
    Operation(
        "setJobCustomProperties",
        "POST",
        "jobs/{job_id}/customProperties",
        NOTHING,
        body=PROPERTIES,
        differs=TAKEN_AWAY,
    ),
    Operation(
        "getJobEnvironmentVariables",
        "GET",
        "jobs/{job_id}/envVariables",
        query=("names",),
    ),
    Operation(
        "setJobEnvironmentVariables",
        "POST",
        "jobs/{job_id}/envVariables",
        NOTHING,
        body=PROPERTIES,
        differs=VARIABLES,
    ),
    Operation(
        "submitJob",
        "POST",
        "jobs/{job_id}/submit",
        NOTHING,
        body="properties, or nothing",
        differs="UserName is the account that tasks run as, and must be one of the settings; the "
        "password is dropped; where there are other properties, all are changed first, as a "
        "request of its own: what is changed then stays so when the submission itself is refused",
    ),
    Operation(
        "cancelJob",
        "POST",
        "jobs/{job_id}/cancel",
        NOTHING,
        query=("forced",),
        body=MESSAGE,
        differs="the limit of the message is a setting, 320 or 128; a repeat of the same cancel is "
        "answered as the first; the answer waits neither for the end nor for a rule that holds it: "
        "then the job is as it was",
    ),
    Operation("finishJob", "POST", "jobs/{job_id}/finish", NOTHING, body=MESSAGE),
    Operation("requeueJob", "POST", "jobs/{job_id}/requeue", NOTHING, differs=NO_MESSAGE),
)

TASKS: Final = (
    Operation(
        "getTasks",
        "GET",
        "jobs/{job_id}/tasks",
        query=TASKS_QUERY,
        differs="subtasks of all types are listed, as far as they were reached, in the place of "
        "their task, rising by number; more than 1000 rows are sorted by number only; a subtask "
        "changes with its task; TaskState and TaskStates in one filter must both hold; at most "
        "1000 rows a page",
    ),
    Operation(
        "addTask",
        "POST",
        "jobs/{job_id}/tasks",
        body=PROPERTIES,
        differs="while a job is validated or ends, none is added; once it is submitted, Basic and "
        "ParametricSweep only",
    ),
    Operation(
        "getTask",
        "GET",
        "jobs/{job_id}/tasks/{task_id}",
        query=("properties",),
        differs="the exit code of what a signal ended is 128 and the signal's number; ErrorMessage "
        "says who stopped the task or its job, and then the message",
    ),
    Operation(
        "setTaskProperties",
        "PUT",
        "jobs/{job_id}/tasks/{task_id}",
        NOTHING,
        body=PROPERTIES,
        differs="also while the task is Queued; its Type stays",
    ),
    Operation(
        "getTaskCustomProperties",
        "GET",
        "jobs/{job_id}/tasks/{task_id}/customProperties",
        query=("names",),
    ),
    Operation(
        "setTaskCustomProperties",
        "POST",
        "jobs/{job_id}/tasks/{task_id}/customProperties",
        NOTHING,
        body=PROPERTIES,
        differs=TAKEN_AWAY,
    ),
    Operation(
        "getTaskEnvironmentVariables",
        "GET",
        "jobs/{job_id}/tasks/{task_id}/envVariables",
        query=("names",),
    ),
    Operation(
        "setTaskEnvironmentVariables",
        "POST",
        "jobs/{job_id}/tasks/{task_id}/envVariables",
        NOTHING,
        body=PROPERTIES,
        differs=VARIABLES,
    ),
    Operation(
        "cancelTask",
        "POST",
        "jobs/{job_id}/tasks/{task_id}/cancel",
        NOTHING,
        query=("forced",),
        body=MESSAGE,
    ),
    Operation("finishTask", "POST", "jobs/{job_id}/tasks/{task_id}/finish", NOTHING, body=MESSAGE),
    Operation(
        "requeueTask", "POST", "jobs/{job_id}/tasks/{task_id}/requeue", NOTHING, body=MESSAGE
    ),
    Operation(
        "getSubtask",
        "GET",
        "jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}",
        query=("properties",),
        differs=ONE_SUBTASK,
    ),
    Operation(
        "setSubtaskProperties",
        "PUT",
        "jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}",
        NOTHING,
        body=PROPERTIES,
        refuses=NOT_CHANGED,
    ),
    Operation(
        "cancelSubtask",
        "POST",
        "jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}/cancel",
        NOTHING,
        query=("forced",),
        body=MESSAGE,
    ),
    Operation(
        "finishSubtask",
        "POST",
        "jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}/finish",
        NOTHING,
        body=MESSAGE,
    ),
    Operation(
        "requeueSubtask",
        "POST",
        "jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}/requeue",
        NOTHING,
        differs=NO_MESSAGE,
    ),
    Operation("getJobTemplates", "GET", "jobs/templates"),
)

OPERATIONS: Final = (*CLUSTER, *JOBS, *TASKS)
