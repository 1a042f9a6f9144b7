"""What HPC Pack's methods do, what becomes of them here, and which tests show it.

The methods are those of the page of ``IScheduler::CancelJob_2``, of the pages it links to, and of
the acts around them. A test is named as pytest names it; one checks that each of them is there.
"""

from typing import Final

from msgspec import Struct

CANCEL: Final = "tests/domain/test_cancel_story.py"
FINISH: Final = "tests/domain/test_finish_story.py"
REQUEUE: Final = "tests/domain/test_requeue_story.py"
STOPPED_BY: Final = "tests/domain/test_stopped_by.py"
JOBS: Final = "tests/adapters/hpcpack/test_jobs.py"
STATES: Final = "tests/domain/test_transitions.py"
TASKS: Final = "tests/domain/test_task_story.py"
TASK_TYPES: Final = "tests/domain/test_task_types.py"
JOB_COMMANDS: Final = "tests/domain/test_job_commands.py"
MESSAGE: Final = "tests/domain/test_message.py"
MAKING: Final = "tests/application/test_making_jobs.py"
CLUSTER: Final = "tests/domain/test_cluster.py"


class Method(Struct, frozen=True):
    """``name``: as HPC Pack has it. ``theirs``: what it does there. ``ours``: what is done here,
    beginning with the use case's name. ``differs``: on purpose, and why; "" for nothing."""

    name: str
    theirs: str
    ours: str
    tests: tuple[str, ...]
    differs: str = ""


METHODS: Final = (
    Method(
        "IScheduler::CreateJob",
        "a job object with the defaults of the default template, on the client's side: no number, "
        "nothing stored",
        "`create_job`: the same",
        (f"{MAKING}::test_a_job_is_created_added_given_tasks_changed_and_submitted",),
        "no templates: the defaults are those of `docs/parameters.md` and of the job model",
    ),
    Method(
        "IScheduler::AddJob",
        "stores the job and gives it its number; it is Configuring",
        "`add_job`: the same; `JobAdded` has all of it",
        (
            f"{MAKING}::test_a_job_is_created_added_given_tasks_changed_and_submitted",
            "tests/e2e/test_making_jobs.py::"
            "test_a_job_is_created_given_tasks_one_by_one_and_submitted",
        ),
        "Operation_JobAlreadyCreatedOnServer cannot come about: a second add is another request "
        "and makes another job, the same request again is answered as before",
    ),
    Method(
        "ISchedulerJob::AddTask, AddTasks, SubmitTask",
        "tasks for a job that is Configuring; submitted one by one to one that is queued or runs; "
        "node preparation, node release and service tasks never late",
        "`add_tasks`: the same, in Configuring, Queued and Running",
        (f"{JOB_COMMANDS}::test_a_task_of_every_type_for_a_job_in_every_state",),
        "not while a job is validated, nor while it ends: what was looked at is what is queued",
    ),
    Method(
        "ISchedulerJob::Commit",
        "new values of properties, as far as the state lets them change",
        "`set_job_properties`: all or none; which change in which state is a table, below",
        (f"{JOB_COMMANDS}::test_every_property_of_a_job_in_every_state",),
    ),
    Method(
        "ISchedulerTask's properties",
        "new values while a task is Configuring",
        "`set_task_properties`: the same, all or none",
        (
            f"{TASK_TYPES}::test_every_command_on_a_task_of_every_type_in_every_state",
            "tests/domain/test_changing_tasks.py::"
            "test_a_task_in_configuring_gets_other_values_and_keeps_the_rest",
        ),
        "also while the task is Queued, for its next run",
    ),
    Method(
        "IScheduler::SubmitJob",
        "adds the job if need be, and hands it to the scheduler",
        "`submit_job`: both in one append, so that no half of it can be there",
        (f"{MAKING}::test_submit_job_adds_and_submits_in_one_append",),
        "a password is dropped: tasks run as an account of the settings",
    ),
    Method(
        "IScheduler::SubmitJobById",
        "the same for a job that has a number; from Configuring only",
        "`submit_job_by_id`: the same",
        (
            f"{STATES}::test_every_other_command_in_every_state",
            f"{REQUEUE}::test_a_submission_may_name_the_account_and_sets_the_time",
        ),
    ),
    Method(
        "IScheduler::ConfigureJob",
        "a Canceled, Failed or Queued job goes back to Configuring; RequeueCount rises",
        "`configure_job`: the same",
        (
            f"{STATES}::test_every_other_command_in_every_state",
            f"{REQUEUE}::test_a_queued_job_goes_back_to_configuring",
        ),
        "not from Submitted: HPC Pack's documentation and product disagree, and the documentation "
        "is kept",
    ),
    Method(
        "IScheduler::CancelJob",
        "CancelJob_2 without force",
        "`cancel_job`: one implementation with `cancel_job_2`",
        (f"{MAKING}::test_cancel_job_is_cancel_job_2_without_force",),
    ),
    Method(
        "IScheduler::CancelJob_2",
        "takes the job off the queue; running tasks are stopped and marked as failed; the grace "
        "period and node release, or with force neither",
        "`cancel_job_2`: the same, as an event before anything happens",
        (
            f"{STATES}::test_a_cancel_of_a_job_in_every_state",
            f"{CANCEL}::test_a_normal_cancel_from_request_to_end",
            f"{CANCEL}::test_a_forced_cancel_kills_at_once_and_skips_node_release",
        ),
        "does not wait for the end (`--wait` does); a repeat of the same or a weaker cancel is "
        "recorded and changes nothing, where HPC Pack replaces the first; a forced one is taken "
        "while a job is Finishing, to cut that short; a graceful one has no counterpart in the COM "
        "method, but in CancelJob of 2012 R2",
    ),
    Method(
        "Message of CancelJob_2",
        "at most 320 characters by its page, 128 by the client library; may be empty; stored with "
        "the job, which keeps the last one",
        "the same; 320 UTF-16 units, or 128 by the setting `message_units_max`; every message ever "
        "given stays in the trail",
        (
            f"{MESSAGE}::test_one_unit_too_many_is_refused_with_hpc_packs_number",
            f"{MESSAGE}::test_exactly_320_units_are_accepted_and_stored_as_given",
            f"{MESSAGE}::test_a_site_that_matches_the_hpc_pack_client_refuses_129",
        ),
        "control characters are refused; none may be null, a missing one is empty",
    ),
    Method(
        "ISchedulerJob::ErrorMessage",
        "rendered from the error code and the last message",
        "`error_message`: rendered in the same way, so that clients that look for their text find "
        "it",
        (
            f"{CLUSTER}::test_the_error_message_is_rendered_as_hpc_pack_does",
            f"{JOBS}::test_finish_requeue_and_the_error_message",
        ),
    ),
    Method(
        "ISchedulerTask::ErrorMessage",
        "of a task that somebody stopped, the message of the cancel or finish",
        "the message too, after who it was: `canceled by alice: wrong input`, `its job was "
        "canceled by alice: wrong input`",
        (
            f"{STOPPED_BY}::test_a_task_that_was_canceled",
            f"{STOPPED_BY}::test_a_task_that_was_finished",
            f"{STOPPED_BY}::test_tasks_of_a_job_that_was_canceled",
            f"{STOPPED_BY}::test_of_a_finished_job_the_message_is_not_kept_with_its_tasks",
            f"{JOBS}::test_a_task_says_what_the_cancel_of_its_job_said",
        ),
        "without a message it is not empty; a task that a limit, a failure or a dependency ended "
        "has a sentence of its own",
    ),
    Method(
        "Queueing a canceled job again (CancelJob_2, remarks)",
        "finished tasks stay finished; tasks explicitly canceled before they ran stay canceled; "
        "all others are queued, the failed ones too",
        "`requeue_job`, or `configure_job` and `submit_job_by_id`: the same",
        (
            f"{REQUEUE}::test_a_requeue_keeps_what_the_seed_says_and_runs_the_rest_again",
            f"{REQUEUE}::test_attempts_count_on_and_explicit_cancels_survive_every_round",
            f"{REQUEUE}::test_a_requeue_says_why_and_a_message_that_is_too_long_is_refused",
        ),
        "`requeue_job` has a message, which its event and the trail keep",
    ),
    Method(
        "FinishJob",
        "stops as a cancel does, but the job is Finished, and node release runs",
        "`finish_job`: the same, from Queued and Running",
        (
            f"{STATES}::test_every_other_command_in_every_state",
            f"{FINISH}::test_a_finish_stops_as_a_normal_cancel_but_the_outcome_is_finished",
        ),
        "the message is kept, where HPC Pack loses it; there is no forced finish, which HPC Pack's "
        "own client does not carry out either: a forced cancel cuts a finish short",
    ),
    Method(
        "CancelTask",
        "a running task is stopped and Failed, a waiting one Canceled",
        "`cancel_task`: the same",
        (
            "tests/domain/test_task_transitions.py::test_a_cancel_of_a_task_in_every_state",
            f"{TASK_TYPES}::test_every_command_on_a_task_of_every_type_in_every_state",
        ),
        "the node release task is not canceled alone (0x8004020F): it belongs to the job",
    ),
    Method(
        "FinishTask",
        "a running or queued task is Finished, and never queued again",
        "`finish_task`: the same",
        (
            f"{TASKS}::test_a_finish_stops_a_running_task_as_a_normal_cancel_but_the_outcome_is_"
            "finished",
            f"{TASK_TYPES}::test_every_command_on_a_task_of_every_type_in_every_state",
        ),
        "also before the job is queued: what was done by hand need not run",
    ),
    Method(
        "RequeueTask",
        "a Failed or Canceled task of a running job runs again; never node preparation, node "
        "release or service tasks",
        "`requeue_task`: the same",
        (
            f"{TASKS}::test_a_failed_task_runs_again_in_the_same_round",
            f"{TASKS}::test_a_requeue_says_why_and_a_message_that_is_too_long_is_refused_and_"
            "kept_in_part",
            f"{TASK_TYPES}::test_every_command_on_every_task_of_a_job_in_every_state",
        ),
        "the message is kept by its event and in the trail, with the limits of every message",
    ),
    Method(
        "IScheduler::SetClusterParameter, TTLCompletedJobs",
        "administrators give a parameter of the catalogue a value; ended jobs leave the scheduler "
        "after TTLCompletedJobs days",
        "`set_cluster_parameter`: the same; the previous value stands in the event; a job leaves "
        "the view when its time is over, its events never",
        (
            f"{CLUSTER}::test_the_defaults_are_the_products",
            f"{CLUSTER}::test_each_kind_says_what_it_allows",
            "tests/application/test_retention.py::"
            "test_an_ended_job_leaves_the_view_when_its_time_is_over",
        ),
        "at once when it is due, where HPC Pack cleans up at an hour of the day",
    ),
    Method(
        "Task types: ParametricSweep, NodePrep, NodeRelease, Service",
        "a sweep's subtasks come about when they are first reached; preparation and release run "
        "once on each node, and a failed preparation drops its node; a service's instances are "
        "replaced until the job ends",
        "the same",
        (
            "tests/domain/test_sweep_story.py::test_subtasks_start_in_order_and_end_one_by_one",
            "tests/domain/test_sweep_story.py::test_what_was_not_reached_cannot_be_named_yet",
            "tests/domain/test_several_nodes.py::"
            "test_a_failed_preparation_drops_its_node_and_the_job_goes_on",
            "tests/domain/test_several_nodes.py::"
            "test_a_node_whose_preparation_failed_stays_the_jobs_and_is_released",
            "tests/domain/test_several_nodes.py::"
            "test_release_runs_on_each_node_and_the_end_waits_for_all",
            "tests/domain/test_several_nodes.py::test_a_service_goes_on_until_its_job_is_canceled",
        ),
        "nodes are named parts of one machine; a node whose preparation failed gets no task, but "
        "stays in the job's nodes, and release runs there too: what a preparation had done before "
        "it failed is put in order",
    ),
    Method(
        "SubmissionFilterProgram, ActivationFilterProgram",
        "a program of the site is asked about each job, when it is submitted and when it is about "
        "to start; no answer in time refuses the job in the first case and starts it in the second",
        "the same, with programs of Linux; the job is ExternalValidation while the first runs",
        (
            "tests/domain/test_filtering.py::test_every_way_to_refuse_a_job",
            "tests/domain/test_filtering.py::test_every_exit_code_that_holds",
            "tests/application/test_filters.py::test_no_answer_in_time_starts_the_job",
            "tests/e2e/test_filters.py::"
            "test_a_job_is_seen_in_external_validation_while_its_filter_runs",
        ),
        "each answer that holds or refuses a job is an event with the filter's words",
    ),
)
