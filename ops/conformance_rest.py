"""What the operations of HPC Pack's REST do there, and which tests show what they do here.

By the names that ``adapters/hpcpack/operations.py`` has; what is different stands there.
"""

from typing import Final

HERE: Final = "tests/adapters/hpcpack"
JOBS: Final = f"{HERE}/test_jobs.py"
LISTS: Final = f"{HERE}/test_lists.py"
PROPERTIES: Final = f"{HERE}/test_properties.py"
TASKS: Final = f"{HERE}/test_task_properties.py"
CLUSTER: Final = f"{HERE}/test_cluster.py"
FAULTS: Final = f"{HERE}/test_faults.py"
SUBTASKS: Final = f"{HERE}/test_subtasks.py"
WINDOWS: Final = f"{HERE}/test_windows.py"
LIFE: Final = "tests/e2e/test_hpcpack.py::test_a_job_from_its_file_to_its_end"
SWEEP: Final = "tests/e2e/test_hpcpack.py::test_a_sweep_from_its_file_to_its_end"
LACKING: Final = (f"{CLUSTER}::test_what_cannot_be_honoured_says_so",)
"""Of every operation that answers 501."""
WINDOWS_LACKING: Final[tuple[str, ...]] = ()
"""None of the older edition's does."""

THEIRS: Final = {
    "getClusterVersion": "the version of HPC Pack",
    "getClusterActiveHeadNode": "the name of the head node that serves now",
    "getClusterDateTimeFormat": "the form of dates in answers",
    "getUserRoles": "the caller's roles on the cluster",
    "getClusterMetricDefintions": "the names and units of metrics",
    "getClusterMetricHistory": "one metric over time",
    "getClusterJobMetrics": "jobs by state over time",
    "getClusterNodes": "nodes, chosen by name, group, state, health or jobs",
    "getClusterNode": "one node",
    "operateClusterNode": "starts work on a node, such as bringing it online",
    "getClusterNodeMetrics": "metrics of each node",
    "getClusterNodeStatOfState": "how many nodes are in which state",
    "getClusterNodeStatOfHealth": "how many nodes have which health",
    "getClusterOperations": "the log of work on nodes and the cluster",
    "getClusterFirstOperation": "the first entry of that log",
    "getClusterOperation": "one entry of that log",
    "getNodeGroups": "the node groups",
    "createNodeGroup": "makes a node group",
    "getNodeGroup": "one node group",
    "updateNodeGroup": "changes a node group",
    "deleteNodeGroup": "removes a node group",
    "getNodesOfGroup": "the names of a group's nodes",
    "moveNodesOfGroup": "puts nodes into a group, or takes them out",
    "getClusters": "the names of the clusters that are served",
    "getNodes": "nodes with chosen properties",
    "getNode": "one node's properties",
    "getOldNodeGroups": "the node groups",
    "getOldNodeGroup": "the names of a group's nodes",
    "getJobs": "jobs with chosen properties, filtered, sorted, in pages of ten",
    "createJob": "a job in Configuring, of properties",
    "createJobFromXml": "a job in Configuring with its tasks, of a job file",
    "getJob": "a job's properties, all or those named",
    "setJobProperties": "gives properties of a job new values",
    "getJobCustomProperties": "properties of the site's own",
    "setJobCustomProperties": "sets properties of the site's own",
    "getJobEnvironmentVariables": "variables that all tasks of a job get",
    "setJobEnvironmentVariables": "sets variables that all tasks of a job get",
    "submitJob": "hands a job to the scheduler, as a user whose password may be given",
    "cancelJob": "CancelJob_2: a message, and `forced`",
    "finishJob": "stops a job so that it counts as Finished",
    "requeueJob": "submits a Failed or Canceled job again",
    "getTasks": "a job's tasks, or with `expandParametric` the subtasks of sweeps too",
    "addTask": "one more task for a job",
    "getTask": "a task's properties, all or those named",
    "setTaskProperties": "gives properties of a task new values",
    "getTaskCustomProperties": "a task's properties of the site's own",
    "setTaskCustomProperties": "sets a task's properties of the site's own",
    "getTaskEnvironmentVariables": "a task's variables",
    "setTaskEnvironmentVariables": "sets a task's variables",
    "cancelTask": "stops one task; a message, and `forced`",
    "finishTask": "stops one task so that it counts as Finished",
    "requeueTask": "runs a Failed or Canceled task again; a message",
    "getSubtask": "a subtask's properties",
    "setSubtaskProperties": "gives properties of a subtask new values",
    "cancelSubtask": "stops one subtask; a message, and `forced`",
    "finishSubtask": "stops one subtask so that it counts as Finished",
    "requeueSubtask": "runs a Failed or Canceled subtask again",
    "getJobTemplates": "the names of job templates",
}

FIRST: Final = (f"{CLUSTER}::test_what_a_client_asks_first",)
NODES: Final = (f"{CLUSTER}::test_the_nodes_of_the_2019_edition",)
STATS: Final = (f"{HERE}/test_node_stats.py::test_all_nodes_are_counted_as_they_are_listed",)
GROUPS: Final = (f"{CLUSTER}::test_node_groups_of_the_2019_edition",)
OLD_NODES: Final = (
    f"{CLUSTER}::test_nodes_and_groups_of_the_2016_edition",
    f"{CLUSTER}::test_pages_of_nodes",
)
LOG: Final = (f"{CLUSTER}::test_nothing_was_done_to_nodes",)
CUSTOM: Final = (f"{PROPERTIES}::test_custom_properties_are_set_changed_and_taken_away",)
VARIABLES: Final = (f"{PROPERTIES}::test_variables_are_set_changed_and_taken_away",)
OF_A_TASK: Final = (f"{TASKS}::test_custom_properties_and_variables_of_a_task",)
ENDED: Final = f"{JOBS}::test_finish_requeue_and_the_error_message"
OF_TASKS: Final = f"{JOBS}::test_tasks_are_canceled_finished_and_requeued"
OF_SUBTASKS: Final = f"{SUBTASKS}::test_one_is_canceled_one_finished_and_one_runs_again"
NO_BODY: Final = f"{JOBS}::test_a_requeue_that_has_no_message_takes_no_body"
NO_SUBTASK: Final = f"{SUBTASKS}::test_what_nobody_can_name"

SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "getClusterVersion": FIRST,
    "getClusterActiveHeadNode": FIRST,
    "getClusterDateTimeFormat": FIRST,
    "getUserRoles": (f"{CLUSTER}::test_roles_have_the_product_s_names",),
    "getClusterNodes": NODES,
    "getClusterNode": NODES,
    "getClusterNodeStatOfState": STATS,
    "getClusterNodeStatOfHealth": STATS,
    "getClusterOperations": LOG,
    "getClusterFirstOperation": LOG,
    "getClusterOperation": LOG,
    "getNodeGroups": GROUPS,
    "getNodeGroup": GROUPS,
    "getNodesOfGroup": GROUPS,
    "getNodes": OLD_NODES,
    "getNode": OLD_NODES,
    "getOldNodeGroups": OLD_NODES,
    "getOldNodeGroup": OLD_NODES,
    "getJobs": (
        f"{LISTS}::test_ten_jobs_a_page_by_number_with_five_properties",
        f"{LISTS}::test_pages_go_on_by_query_id",
        f"{LISTS}::test_a_start_row_counts_and_no_query_id_does",
        f"{LISTS}::test_jobs_are_filtered_by_state",
        f"{LISTS}::test_jobs_are_sorted",
    ),
    "createJob": (f"{JOBS}::test_a_job_is_made_of_properties_in_configuring",),
    "createJobFromXml": (
        f"{JOBS}::test_a_job_is_made_of_a_job_file",
        f"{SUBTASKS}::test_every_type_of_task_is_made_by_a_job_file_and_read_back",
        LIFE,
    ),
    "getJob": (f"{JOBS}::test_a_job_is_made_of_properties_in_configuring",),
    "setJobProperties": (
        f"{PROPERTIES}::test_what_a_job_is_changed_to_is_read_back",
        f"{PROPERTIES}::test_what_a_job_cannot_be_changed_to",
        f"{PROPERTIES}::test_a_property_that_stands_still_in_a_state",
    ),
    "getJobCustomProperties": CUSTOM,
    "setJobCustomProperties": CUSTOM,
    "getJobEnvironmentVariables": VARIABLES,
    "setJobEnvironmentVariables": VARIABLES,
    "submitJob": (
        f"{JOBS}::test_a_submit_without_properties",
        f"{JOBS}::test_the_account_of_a_submit_is_kept_and_its_password_is_not",
        LIFE,
    ),
    "cancelJob": (
        f"{JOBS}::test_a_job_runs_and_is_canceled",
        f"{JOBS}::test_forced_overtakes_normal",
        f"{JOBS}::test_a_cancel_without_a_message",
        LIFE,
    ),
    "finishJob": (ENDED,),
    "requeueJob": (ENDED, NO_BODY),
    "getTasks": (
        f"{LISTS}::test_tasks_with_eight_properties",
        f"{LISTS}::test_tasks_by_pages_filters_and_orders",
        f"{SUBTASKS}::test_a_list_has_subtasks_in_the_place_of_their_task",
        f"{SUBTASKS}::test_pages_of_subtasks_both_ways",
        f"{SUBTASKS}::test_filters_of_subtasks",
        f"{SUBTASKS}::test_more_than_a_page_has_is_in_the_order_of_its_numbers_only",
    ),
    "getTask": (f"{JOBS}::test_a_job_is_made_of_a_job_file",),
    "addTask": (
        f"{TASKS}::test_a_task_is_added_and_read_back",
        f"{TASKS}::test_no_task_is_added_to_a_job_that_is_over",
    ),
    "setTaskProperties": (
        f"{TASKS}::test_a_task_in_configuring_is_changed",
        f"{TASKS}::test_a_task_is_changed_while_it_waits_and_not_once_it_runs",
    ),
    "getTaskCustomProperties": OF_A_TASK,
    "setTaskCustomProperties": OF_A_TASK,
    "getTaskEnvironmentVariables": OF_A_TASK,
    "setTaskEnvironmentVariables": OF_A_TASK,
    "cancelTask": (OF_TASKS,),
    "finishTask": (OF_TASKS,),
    "requeueTask": (OF_TASKS,),
    "getSubtask": (
        f"{SUBTASKS}::test_a_subtask_is_told_with_its_index_and_how_it_ended",
        NO_SUBTASK,
    ),
    "setSubtaskProperties": (f"{SUBTASKS}::test_nothing_of_one_subtask_can_be_changed",),
    "cancelSubtask": (OF_SUBTASKS, NO_SUBTASK, SWEEP),
    "finishSubtask": (OF_SUBTASKS, NO_SUBTASK),
    "requeueSubtask": (OF_SUBTASKS, NO_SUBTASK, NO_BODY),
    "getJobTemplates": FIRST,
}
"""Of ``/hpc``. An operation that is honoured and missing here makes a test fail."""

MADE: Final = (f"{WINDOWS}::test_a_job_is_made_submitted_and_canceled",)
OF_OLD_TASKS: Final = (f"{WINDOWS}::test_tasks",)
OF_OLD_SUBTASKS: Final = (f"{SUBTASKS}::test_the_older_edition",)
OF_OLD_NODES: Final = (f"{WINDOWS}::test_the_cluster_and_its_nodes",)

CHANGED: Final = (f"{WINDOWS}::test_properties_change_and_tasks_are_added",)

WINDOWS_SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "getClusters": OF_OLD_NODES,
    "getJobs": (f"{WINDOWS}::test_lists_go_on",),
    "createJob": MADE,
    "createJobFromXml": MADE,
    "getJob": MADE,
    "setJobProperties": CHANGED,
    "submitJob": MADE,
    "cancelJob": MADE,
    "getTasks": (*OF_OLD_TASKS, *OF_OLD_SUBTASKS),
    "addTask": CHANGED,
    "getTask": OF_OLD_TASKS,
    "setTaskProperties": CHANGED,
    "cancelTask": OF_OLD_TASKS,
    "getSubtask": OF_OLD_SUBTASKS,
    "setSubtaskProperties": OF_OLD_SUBTASKS,
    "cancelSubtask": OF_OLD_SUBTASKS,
    "getNodes": OF_OLD_NODES,
    "getNode": OF_OLD_NODES,
    "getOldNodeGroups": OF_OLD_NODES,
    "getOldNodeGroup": OF_OLD_NODES,
}
"""Of ``/WindowsHPC``."""
