"""Each fact as one line for a person. The operator's text is quoted and cannot break the line."""

from collections.abc import Iterable
from typing import Final, assert_never

from domain import events as e
from domain.demands import approvals
from domain.numbers import Numbers
from domain.states import ActivationHold, CancelMode, TaskState
from domain.subtasks import task_words
from projections.emergency_words import emergency
from projections.quoting import plain, quoted, word

HELD = {
    ActivationHold.QUEUE: "the queue waits with it",
    ActivationHold.SLOTS: "its slots are kept",
    ActivationHold.JOB: "others start",
}
NODES_NAMED_MAX: Final = 10
PLAN_CHARACTERS: Final = 12
DIGEST_CHARACTERS: Final = 12
KINDS_OF_STOP = {"signal": "the stop signal", "kill": "SIGKILL"}


def summary(fact: e.Event) -> str:
    """What happened, without who and when."""
    if isinstance(fact, e.ClusterEvent):
        return of_cluster(fact)
    if isinstance(fact, e.RefusalEvent):
        return refused(fact)
    if isinstance(fact, e.BulkEvent):
        return of_many(fact)
    if isinstance(fact, e.PolicyEvent):
        return of_policy(fact)
    return of_request(fact) or of_start(fact) or of_course(fact)


def of_request(fact: e.JobEvent) -> str:
    """What people asked for and got; "" for the rest."""
    match fact:
        case e.JobAdded():
            what = f"job {quoted(fact.name)} of {fact.owner}"
            return f"{what} created with {many_tasks(len(fact.tasks))}"
        case e.TasksAdded():
            return f"{many_tasks(len(fact.tasks))} added"
        case e.JobPropertiesChanged():
            return f"properties changed: {', '.join(word(x, ',') for x in sorted(fact.named))}"
        case e.JobSubmitted():
            return "submitted"
        case e.JobCancelRequested():
            return canceling(fact)
        case e.EmergencyStopRecorded():
            return f"emergency stop{saying(fact.message)}; {emergency(fact)}"
        case e.JobCancelRepeated():
            return f"asked again to cancel ({fact.mode}){saying(fact.message)}; already under way"
        case e.JobFinishRequested():
            return f"finish accepted{saying(fact.message)}; {grace(fact.grace_seconds)}"
        case e.JobConfigured():
            return f"back in Configuring; {again(fact.queued, fact.kept)}"
        case e.JobRequeued():
            return f"queued again{saying(fact.message)}; {again(fact.queued, fact.kept)}"
        case _:
            return of_waiting(fact) or of_task_request(fact) or of_mark(fact)


def of_mark(fact: e.JobEvent) -> str:
    """That a job is marked, or a mark taken back; "" for the rest."""
    match fact:
        case e.JobProtected():
            return f"protected{saying(fact.message)}"
        case e.JobProtectionLifted():
            return f"not protected any more{saying(fact.message)}"
        case e.JobLegalHoldPlaced():
            return f"under legal hold{saying(fact.message)}"
        case e.JobLegalHoldReleased():
            return f"legal hold released{saying(fact.message)}"
        case _:
            return ""


def of_waiting(fact: e.JobEvent) -> str:
    """What is said of cancels that wait; "" for the rest."""
    match fact:
        case e.JobCancelHeld():
            return f"cancel ({fact.mode}) waits{saying(fact.message)}: {waits_for(fact)}"
        case e.JobCancelApprovalRequested():
            return f"cancel {fact.cancel_id} needs {approvals(fact.needed)} by {fact.expires}"
        case e.JobCancelApproved():
            how_far = f"{fact.given} of {fact.needed}"
            return f"cancel {fact.cancel_id} approved, {how_far}{saying(fact.message)}"
        case e.BreakGlassUsed():
            return overriding(fact)
        case e.BreakGlassReviewed():
            late = "" if fact.in_time else ", too late"
            return f"{fact.reviewed} ({fact.kind}) reviewed{late}{saying(fact.message)}"
        case e.JobCancelWithdrawn():
            return f"cancel {fact.cancel_id} withdrawn{saying(fact.message)}"
        case e.JobCancelLapsed():
            why = f"({fact.cause}): {plain(fact.explanation)}"
            return f"cancel {fact.cancel_id} never takes effect {why}"
        case _:
            return ""


def of_task_request(fact: e.JobEvent) -> str:
    """What people asked of one task and got; "" for the rest."""
    match fact:
        case e.TaskCancelRequested():
            return f"cancel of {on(fact)} accepted ({fact.mode}){saying(fact.message)}"
        case e.TaskCancelRepeated():
            return f"asked again to cancel {on(fact)}{saying(fact.message)}; under way"
        case e.TaskFinishRequested():
            how = grace(fact.grace_seconds) if fact.running.count else "it never runs"
            return f"finish of {on(fact)} accepted{saying(fact.message)}; {how}"
        case e.TaskRequeued(from_state=TaskState.QUEUED):
            return f"asked to queue {on(fact)} again{saying(fact.message)}; it waits already"
        case e.TaskRequeued():
            what = f"{on(fact)} queued again from {fact.from_state}{saying(fact.message)}"
            return f"{what}; its next run is attempt {fact.attempt}"
        case e.TaskPropertiesChanged():
            return f"properties of task {fact.task} changed: {', '.join(sorted(fact.named))}"
        case _:
            return ""


def of_start(fact: e.JobEvent) -> str:
    """What the service and the filters of the site did before it ran; "" for the rest."""
    match fact:
        case e.JobValidationStarted():
            return "validation began"
        case e.JobExternalValidationStarted():
            return f"submission filter {quoted(fact.filter)} began"
        case e.JobQueued():
            return "valid; waits for a slot"
        case e.JobRejected():
            return f"rejected: {plain(fact.reason)}"
        case e.JobActivationHeld():
            return held(fact)
        case e.JobStarted():
            late = fact.filter_outcome == "timed_out"
            how = (
                f"; activation filter {quoted(fact.filter)} gave no answer in time" if late else ""
            )
            return f"started on {', '.join(fact.nodes)}{how}"
        case _:
            return ""


def of_course(fact: e.JobEvent) -> str:
    """What the service did or saw."""
    match fact:
        case e.JobEnding():
            return f"all tasks have ended; going to be {fact.outcome} after node release"
        case e.JobFinished() | e.JobFailed():
            word = "finished" if isinstance(fact, e.JobFinished) else "failed"
            return f"{word}{saying(fact.message)}"
        case e.JobCanceled():
            return canceled(fact)
        case e.JobRemoved():
            return f"removed from the job view ({plain(fact.reason)})"
        case e.NodeReleaseSkipped():
            return f"node release skipped ({plain(fact.reason)})"
        case e.TaskCanceled():
            return canceled_unrun(fact)
        case _:
            return of_runs(fact)


def of_runs(fact: e.JobEvent) -> str:
    """What happened to processes."""
    match fact:
        case e.TaskStarted():
            return f"{tasks(fact.runs)} started"
        case e.TaskFinished():
            return f"{tasks(fact.runs)} finished"
        case e.TaskFailed():
            again = "; it runs again" if fact.runs_again else ""
            return f"{tasks(fact.runs)} failed: {plain(fact.reason) or ending(fact.exit)}{again}"
        case e.JobFailing():
            return f"being ended as Failed: {plain(fact.message)}; {grace(fact.grace_seconds)}"
        case e.TaskRuntimeExpired():
            limit = f"the run-time limit of {fact.runtime_seconds} s"
            return f"{limit} ran out for {tasks(fact.runs)}; {grace(fact.grace_seconds)}"
        case e.TaskStopOrdered():
            return f"{KINDS_OF_STOP[fact.step]} ordered for {tasks(fact.runs)}"
        case e.TaskStopped():
            return f"{tasks(fact.runs)} stopped after {fact.after_ms} ms ({ending(fact.exit)})"
        case e.TaskForceStopped():
            left = f", {fact.survivors} survived" if fact.survivors else ""
            words = f"killed after {fact.after_ms} ms{on_nodes(fact.runs)} ({fact.why})"
            return f"{tasks(fact.runs)} {words}: {processes(fact.killed)}{left}"
        case e.TaskSurvivorsGone():
            return f"the last processes of {tasks(fact.runs)} are gone"
        case e.NodeReleaseStarted():
            return f"node release started on {fact.node}"
        case e.NodeReleaseEnded():
            return f"node release {release_end(fact)}"
        case _:
            return type(fact).__name__


def release_end(fact: e.NodeReleaseEnded) -> str:
    """How it ended where: killed by force or because its time ran out, not run, or by itself."""
    left = f", {fact.survivors} survived" if fact.survivors else ""
    killed = f": {processes(fact.killed)}{left}" if fact.killed else ""
    if fact.request_id:
        return f"was killed by force on {fact.node}{killed}"
    if fact.timed_out:
        return f"was killed on {fact.node}, because its time ran out{killed}"
    if fact.reason:
        return f"failed on {fact.node}: {plain(fact.reason)}"
    return f"ended on {fact.node} ({ending(fact.exit)})"


def of_cluster(fact: e.ClusterEvent) -> str:
    """What happened to the cluster."""
    match fact:
        case e.ClusterParameterSet():
            value, previous = plain(fact.value) or "none", plain(fact.previous) or "none"
            return f"{fact.name} set to {value} (was {previous})"
        case e.ClusterCommandRefused():
            return refused(fact)
        case e.JobIdsReserved():
            return f"job ids {fact.first} to {fact.last} reserved"
        case e.StreamMended():
            lost = f"; {fact.missing} later ones are nowhere" if fact.missing else ""
            return f"the stream was made again from the journal, up to {fact.restored}{lost}"
        case e.StreamRestored():
            lost = f"; {fact.missing} later ones are nowhere" if fact.missing else ""
            return f"the stream was restored from a backup, up to {fact.restored}{lost}"
        case e.LossAccepted():
            words = f"the stream ends at {fact.last}, {fact.known_last} was known"
            return f"a loss was accepted: {words}{saying(fact.reason)}"
        case _:
            assert_never(fact)


def of_policy(
    fact: e.PolicySchemaRecorded
    | e.PolicyProposed
    | e.PolicyActivated
    | e.PolicyShadowStarted
    | e.PolicyShadowStopped,
) -> str:
    """What became of the rules."""
    digest = fact.digest[:DIGEST_CHARACTERS]
    match fact:
        case e.PolicySchemaRecorded():
            return f"rules may ask about what the schema {digest} has"
        case e.PolicyProposed():
            what = f"the rules {digest} ({fact.rule_count}) proposed"
            return f"{what}; another person has to activate them{saying(fact.note)}"
        case e.PolicyActivated(approver=""):
            return f"the rules {digest} ({fact.rule_count}) that came with Countermand are in force"
        case e.PolicyActivated():
            before = fact.previous[:DIGEST_CHARACTERS]
            what = f"the rules {digest} ({fact.rule_count}) of {fact.author} are in force"
            ended = "; with that they run in shadow no more" if fact.shadow_version else ""
            return f"{what} (were {before}){ended}{saying(fact.note)}"
        case e.PolicyShadowStarted():
            what = f"the rules {digest} ({fact.rule_count}) run in shadow"
            return f"{what}; what they say binds nobody{saying(fact.note)}"
        case e.PolicyShadowStopped():
            return f"the rules {digest} run in shadow no more{saying(fact.note)}"
        case _:
            assert_never(fact)


def of_many(fact: e.BulkCancelRequested) -> str:
    """A request on many jobs: how many, found by what, and what a plan had missed."""
    jobs = f"{fact.total} job{'' if fact.total == 1 else 's'}"
    words = f"cancel of {jobs} asked for ({fact.mode}){saying(fact.message)}; {found_by(fact)}"
    if fact.changed.count:
        words += f"; {fact.changed.count} had changed since"
    if fact.joined.count:
        words += f"; {fact.joined.count} more are found by now and left alone"
    return words if fact.parts == 1 else f"{words} (part {fact.part} of {fact.parts})"


def found_by(fact: e.BulkCancelRequested) -> str:
    """What the jobs were found by."""
    how = f"as planned in {fact.plan[:PLAN_CHARACTERS]}" if fact.plan else "named one by one"
    if fact.wanted is None:
        return how
    given = {name: getattr(fact.wanted, name) for name in fact.wanted.__struct_fields__}
    texts = {k: [v] if isinstance(v, str) else [*v] for k, v in given.items() if v}
    told = ", ".join(f"{k} {any_or_all(k).join(word(x, ',') for x in v)}" for k, v in texts.items())
    found = f"found at {fact.resolved_at} by {told or 'not being over'}"
    return f"{how}, {found}" if fact.plan else found


def any_or_all(kind: str) -> str:
    """The word between several values of one kind."""
    return " and " if kind == "labels" else " or "


def refused(fact: e.RefusalEvent) -> str:
    """A refusal in the words it was given."""
    match fact:
        case e.ClusterCommandRefused():
            message = ""
        case e.PolicyCommandRefused():
            message = fact.note
        case _:
            message = fact.message
    return f"refused ({fact.code}): {plain(fact.explanation)}{saying(message)}"


def canceling(fact: e.JobCancelRequested) -> str:
    """An accepted cancel."""
    over = ", taking over from a weaker one" if fact.escalates else ""
    what = f"{fact.running.count} running, {fact.waiting.count} waiting"
    time = f"; {grace(fact.grace_seconds)}" if fact.mode is CancelMode.NORMAL else ""
    return f"cancel accepted ({fact.mode}){over}{saying(fact.message)}: {what}{time}"


def overriding(fact: e.BreakGlassUsed) -> str:
    """Rules that did not count."""
    what = f"{fact.overridden_effect} by {', '.join(fact.overridden_rules)}"
    why = f" ({plain(fact.overridden_explanation)})" if fact.overridden_explanation else ""
    return f"overrode the rules{saying(fact.message)}: {what}{why}; review by {fact.review_by}"


def waits_for(fact: e.JobCancelHeld) -> str:
    """What a cancel waits for."""
    held_until = f"held until {fact.due}" if fact.hold_seconds else ""
    wanted = approvals(fact.approvals_needed)
    needs = f"needs {wanted} by {fact.expires}" if fact.approvals_needed else ""
    return "; ".join(filter(None, (held_until, needs)))


def canceled(fact: e.JobCanceled) -> str:
    """The end of a cancel."""
    release = ", node release ran" if fact.released else ""
    ends = f"{fact.stopped} stopped, {fact.force_stopped} killed"
    return f"canceled in {fact.lasted_ms} ms: {ends}{release}"


def held(fact: e.JobActivationHeld) -> str:
    """A job that its filter does not let start."""
    why = f": {plain(fact.reason)}" if fact.reason else ""
    return f"held by activation filter {quoted(fact.filter)} ({HELD[fact.hold]}){why}"


def again(queued: e.TaskSet, kept: e.TaskSet) -> str:
    """What waits again and what stays."""
    verb = "waits" if queued.count == 1 else "wait"
    return f"{many_tasks(queued.count)} {verb} again, {kept.count} as before"


def canceled_unrun(fact: e.TaskCanceled) -> str:
    """Tasks and subtasks that were canceled while they waited."""
    ids = fact.tasks
    one = ids.isdecimal() and all(x.instances.isdecimal() for x in fact.subtasks)
    what = f"{'task' if ids.isdecimal() else 'tasks'} {ids}"
    if fact.subtasks:
        what = ", ".join(subtasks(x.task, x.instances) for x in fact.subtasks)
    return f"{what} was canceled before it ran" if one else f"{what} were canceled before they ran"


def many_tasks(number: int) -> str:
    """How many."""
    return f"{number} task{'' if number == 1 else 's'}"


def grace(seconds: int) -> str:
    """How long tasks have."""
    return f"{seconds} s grace"


def tasks(runs: tuple[e.RunRange, ...]) -> str:
    """Which tasks and subtasks, wherever they run."""
    ids = sorted({run.task for run in runs if run.instances == "0"})
    whole = ("task " if len(ids) == 1 else "tasks ") + ", ".join(str(n) for n in ids)
    some: dict[int, str] = {}
    for run in runs:
        if run.instances != "0":
            known = some.get(run.task, "")
            some[run.task] = f"{known},{run.instances}" if known else run.instances
    parts = [subtasks(task, in_order(instances)) for task, instances in some.items()]
    return ", ".join(([whole] if ids else []) + parts)


def in_order(instances: str) -> str:
    """Ranges as one text, rising; as they are where they are none."""
    try:
        return instances if instances.isdecimal() else str(Numbers.read(instances))
    except ValueError:
        return instances


def on_nodes(runs: Iterable[e.RunRange]) -> str:
    """Where they ran; of many nodes the first ones."""
    names = tuple(dict.fromkeys(run.node for run in runs if run.node))
    more = f" and {len(names) - NODES_NAMED_MAX} more" if len(names) > NODES_NAMED_MAX else ""
    return f" on {', '.join(names[:NODES_NAMED_MAX])}{more}" if names else ""


def processes(number: int) -> str:
    """How many."""
    return f"{number} process{'' if number == 1 else 'es'}"


def subtasks(task: int, instances: str) -> str:
    """Subtasks, named by ranges."""
    return f"subtask{'' if instances.isdecimal() else 's'} {instances} of task {task}"


def ending(exit_: e.Exit) -> str:
    """How a process ended."""
    if exit_.signal is not None:
        return f"signal {exit_.signal}"
    return "nobody saw how" if exit_.code is None else f"exit code {exit_.code}"


def saying(message: str) -> str:
    """The operator's words, quoted; "" for none."""
    return f" {quoted(message)}" if message else ""


def on(
    fact: e.TaskCancelRequested
    | e.TaskCancelRepeated
    | e.TaskCancelRefused
    | e.TaskFinishRequested
    | e.TaskRequeued
    | e.JobCommandRefused,
) -> str:
    """The task or subtask that a request is about; ``it`` for the job itself."""
    return "it" if fact.task is None else task_words(fact.task, fact.instance)
