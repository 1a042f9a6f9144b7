"""The values that examples hold: one job of alice's, its cancel, and what happens around it.

By field, or by Struct and field where the field says something else there. The sentences are those
that the service writes.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final, TypeAlias

from domain.hresult import HResult
from domain.identity import SYSTEM_CALLER, Caller, Origin, Principal, Role

Value: TypeAlias = "str | int | bool | list[Value] | dict[str, Value] | None"

POLICY: Final = "b98f79eddeb0cbb30c410ce0c46f9a23c3ce211a43f4ef700535e65c156e11b6"
SCHEMA: Final = "31c1cf2ad7e4b1c5e5b8be0aaf9a5bd6b2f3f66dd6b0aabf2a6c1c7c5d3c1a52"
CONTENT: Final = "238b44626c1c670dfb2a4430618ab0c59e9fa5ba359c10d9f62810d84585d85d"
BOB_MAY_NOT: Final = (
    "bob may not cancel this job: allowed are administrator, job-administrator, job-operator, owner"
)
NO_POLICY: Final = "alice may not propose or activate policies: allowed are administrator"
ALICE_MAY_NOT: Final = "alice may not set cluster parameters: allowed are administrator"
DENIED: Final = "no-rule-allows"
ON_THE_CLUSTER: Final = frozenset({"set_parameter", "activate_policy"})
RULES: Final = """\
@id("administrator-everything")
permit (principal in Role::"administrator", action, resource);
"""
ASKED_WITH: Final = """\
entity Role enum ["administrator", "user"];
entity User in [Role];
entity Job, Cluster;
action "cancel" appliesTo { principal: [User], resource: [Job] };
"""


def person(name: str, role: Role = Role.USER) -> Caller:
    """Somebody at the command line of this machine."""
    actor = Principal(name, (role,), method="unix")
    return Caller(actor, origin=Origin.CLI, address="unix:pid=4711,uid=1000", program="countermand")


ALICE: Final = person("alice")
CALLERS: Final[Mapping[str, Caller]] = {
    "JobCancelRefused": person("bob"),
    "BulkCancelRequested": ALICE,
    "PolicyProposed": person("ada", Role.ADMINISTRATOR),
    "PolicyActivated": person("root", Role.ADMINISTRATOR),
    "PolicySchemaRecorded": SYSTEM_CALLER,
    "PolicyShadowStarted": person("ada", Role.ADMINISTRATOR),
    "PolicyShadowStopped": person("ada", Role.ADMINISTRATOR),
    "JobCancelApprovalRequested": ALICE,
    "JobCancelApproved": person("olga", Role.JOB_OPERATOR),
    "JobCancelLapsed": SYSTEM_CALLER,
    "BreakGlassUsed": person("root", Role.ADMINISTRATOR),
    "BreakGlassReviewed": person("jan", Role.JOB_ADMINISTRATOR),
    "ClusterParameterSet": person("root", Role.ADMINISTRATOR),
    "JobProtectionLifted": person("alice", Role.JOB_ADMINISTRATOR),
    "JobLegalHoldPlaced": person("root", Role.ADMINISTRATOR),
    "JobLegalHoldReleased": person("root", Role.ADMINISTRATOR),
    "EmergencyStopRecorded": person("root", Role.ADMINISTRATOR),
    "StreamMended": person("root", Role.ADMINISTRATOR),
    "LossAccepted": person("root", Role.ADMINISTRATOR),
    "StreamRestored": person("root", Role.ADMINISTRATOR),
}


def decision(
    action: str,
    *,
    person: str = "alice",
    role: str = "user",
    rule: str = "owner-controls",
    no: str = "",
) -> Value:
    """A policy's answer; ``no``: why not."""
    facts: dict[str, Value] = {"action": action, "actor": person, "person": person, "roles": role}
    if action not in ON_THE_CLUSTER:
        facts |= {"owner": "alice", "job_type": "Batch"}
    return {
        "effect": "deny" if no else "allow",
        "digest": POLICY,
        "rules": [rule],
        "facts": facts,
        "errors": [],
        "explanation": no,
        "schema_digest": SCHEMA,
        "engine": "cedarpy 4.12.2, cedar-policy 4.12.0",
        "requests": [told(action, person, role)],
    }


def held_decision() -> Value:
    """A policy's answer that holds a cancel, and demands approvals."""
    answer = decision("cancel")
    assert isinstance(answer, dict)
    return {**answer, "effect": "hold", "hold_seconds": 60, "approvals": 2}


ADA: Final = {"person": "ada", "role": "administrator", "rule": "administrator-everything"}
ROOT: Final = {**ADA, "person": "root"}


def shadowed_decision() -> Value:
    """A policy's answer, with what the rules that ran in shadow said to the same."""
    answer = decision("activate_policy", **ADA)
    assert isinstance(answer, dict)
    said: Value = {"effect": "allow", "rules": ["administrator-everything"]}
    assert isinstance(said, dict)
    return {**answer, "shadow": {"digest": sha256(RULES.encode()).hexdigest(), **said}}


def told(action: str, person: str, role: str) -> Value:
    """What the policy was told."""
    job: dict[str, Value] = {"owner": "alice", "job_type": "Batch", "name": "nightly-render"}
    resource: Value = {"type": "Job", "id": "" if action == "create" else "42", "attributes": job}
    if action in ON_THE_CLUSTER:
        resource = {"type": "Cluster", "id": "cluster"}
    names: dict[str, Value] = {"name": person, "kind": "user"}
    return {
        "principal": {"type": "User", "id": person, "attributes": names, "roles": [role]},
        "action": action,
        "resource": resource,
        "context": {"origin": "cli", "actor": person, "hour": 7, "weekday": "Monday"},
    }


HOLDS: Final = decision(
    "legal_hold", person="root", role="administrator", rule="administrator-everything"
)


def run(task: int) -> Value:
    """The first attempt of a task."""
    return {"task": task, "attempt": 1, "node": "n1", "instances": "0"}


def exited(code: int | None = None, signal: int | None = None) -> Value:
    """How a process ended."""
    return {"code": code, "signal": signal}


DAMAGED: Final = "75c0ffee-0000-4000-8000-000000000001/2026-11-20T07:00:00.123456789Z"
MENDED: Final = "75c0ffee-0000-4000-8000-000000000002/2026-11-23T07:00:00.123456789Z"

VALUES: Final[Mapping[str, Value]] = {
    # the stream itself
    "StreamMended.request_id": "mend-1",
    "LossAccepted.request_id": "loss-1",
    "StreamRestored.request_id": "restore-1",
    "backup_stream": DAMAGED,
    "backup_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "taken_at": "2026-11-22T23:00:00+00:00",
    "StreamRestored.kept_as": "replaced/20261123T070000Z",
    "damage": "it lacks the last 9 events that were there",
    "damaged_stream": DAMAGED,
    "known_stream": DAMAGED,
    "stream": MENDED,
    "LossAccepted.stream": DAMAGED,
    "restored": 41,
    "from_stream": 0,
    "missing": 0,
    "kept_as": "damaged/20261123T070000Z",
    "LossAccepted.last": 32,
    "known_last": 41,
    "LossAccepted.reason": "the disk failed and there is no copy of the journal",
    # identity
    "request_id": "disk-17",
    "JobAdded.request_id": "render-1",
    "JobSubmitted.key": "render-1",
    "JobFinishRequested.request_id": "enough-3",
    "JobFinished.request_id": "enough-3",
    "JobConfigured.request_id": "again-1",
    "JobRequeued.request_id": "again-1",
    "TaskFinishRequested.request_id": "enough-4",
    "TaskRequeued.request_id": "again-2",
    "EmergencyStopRecorded.request_id": "0193571e-9a40-7000-8000-0000000000e1",
    "EmergencyStopRecorded.mode": "forced",
    "EmergencyStopRecorded.message": "the room is on fire",
    "EmergencyStopRecorded.reason_code": "fire",
    "EmergencyStopRecorded.grace_seconds": 0,
    "EmergencyStopRecorded.in_effect": True,
    "EmergencyStopRecorded.review_seconds": 259200,
    "ordered_at": "2026-11-23T06:58:12.004711Z",
    "uid": 0,
    "unreachable": "nats-server does not answer: there is no connection",
    "known_position": 31,
    "known_version": 7,
    "known_state": "Running",
    "EmergencyStop.outcome": "stopped",
    "ended": 1,
    "spool_sha256": "1f8ac10f23c5b5bc1167bda84b833e5c057a77d2f4c1b2a3d90e1f0c8a7b6d54",
    "JobCancelRepeated.request_id": "disk-18",
    "TaskCancelRepeated.request_id": "disk-18",
    "JobCancelHeld.decision": held_decision(),
    "hold_seconds": 60,
    "JobCancelHeld.due": "2026-11-23T07:01:00.123456Z",
    "approvals_needed": 2,
    "approvals": 2,
    "approval_seconds": 86_400,
    "expires": "2026-11-24T07:00:00.123456Z",
    "cancel_id": "disk-17",
    "needed": 2,
    "given": 1,
    "JobCancelApproved.request_id": "yes-1",
    "JobCancelApproved.message": "seen, it may go",
    "JobCancelWithdrawn.request_id": "no-1",
    "JobCancelWithdrawn.message": "the disk was cleared",
    "JobCancelLapsed.decision": None,
    "JobCancelLapsed.cause": "expired",
    "JobCancelLapsed.code": "illegal_transition",
    "JobCancelLapsed.hresult": HResult.INVALID_CANCEL_JOB_STATE,
    "JobCancelLapsed.rule": "approvals-in-time",
    "JobCancelLapsed.explanation": "1 of 2 approvals were given by 2026-11-24 07:00:00 UTC: ask "
    "for the cancel of job 42 again",
    "held_version": 0,
    "BreakGlassUsed.overridden": held_decision(),
    "overridden_effect": "hold",
    "overridden_rules": ["owner-controls"],
    "overridden_explanation": "",
    "review_seconds": 259_200,
    "review_by": "2026-11-26T07:00:00.123456Z",
    "reviewed": "disk-17",
    "in_time": True,
    "BreakGlassReviewed.request_id": "review-1",
    "BreakGlassReviewed.message": "right: the disk was full",
    "NodeReleaseEnded.request_id": "",
    "ClusterParameterSet.request_id": "grace-1",
    "ClusterCommandRefused.request_id": "grace-2",
    "JobPropertiesChanged.request_id": "project-1",
    "TaskPropertiesChanged.request_id": "frames-1",
    "under_way": "disk-17",
    "under_way_version": 8,
    "request_version": 8,
    "escalates": "",
    "content_sha256": CONTENT,
    "job_id": 42,
    "task": 1,
    "attempt": 1,
    "first": 1,
    "last": 100,
    # the request
    "mode": "normal",
    "message": "the disk is filling up",
    "message_units": 22,
    "message_sha256": "",
    "reason_code": "disk_full",
    "from_state": "Running",
    "JobConfigured.from_state": "Canceled",
    "JobRequeued.from_state": "Canceled",
    "TaskRequeued.from_state": "Failed",
    "running": {"count": 1, "runs": [run(1)]},
    "waiting": {"count": 1, "tasks": "2"},
    "TaskCancelRequested.waiting": {"count": 0, "tasks": ""},
    "TaskFinishRequested.waiting": {"count": 0, "tasks": ""},
    "grace_seconds": 15,
    "node_release": "run",
    "decision": decision("cancel"),
    "JobAdded.decision": decision("create", rule="user-creates"),
    "JobSubmitted.decision": decision("submit"),
    "JobPropertiesChanged.decision": decision("change"),
    "TaskPropertiesChanged.decision": decision("change"),
    "JobFinishRequested.decision": decision("finish"),
    "JobConfigured.decision": decision("configure"),
    "JobRequeued.decision": decision("requeue"),
    "TaskFinishRequested.decision": decision("finish"),
    "TaskRequeued.decision": decision("requeue"),
    "TaskCancelRequested.decision": decision("cancel_task"),
    "TaskCancelRepeated.decision": decision("cancel_task"),
    "TaskCancelRefused.decision": decision("cancel_task"),
    "JobCommandRefused.decision": decision("finish"),
    "JobCancelRefused.decision": decision("cancel", person="bob", rule=DENIED, no=BOB_MAY_NOT),
    "ClusterParameterSet.decision": decision(
        "set_parameter", person="root", role="administrator", rule="administrator-everything"
    ),
    "ClusterCommandRefused.decision": decision("set_parameter", rule=DENIED, no=ALICE_MAY_NOT),
    # refusals
    "state": "Finished",
    "JobCancelRefused.state": "Running",
    "TaskCancelRefused.job_state": "Running",
    "code": "illegal_transition",
    "hresult": HResult.INVALID_OPERATION,
    "rule": "finish-states",
    "explanation": "job 42 is Finished; finish is possible from Queued, Running",
    "JobCommandRefused.command": "finish",
    "JobCommandRefused.task": None,
    "JobCommandRefused.asked_at": "",
    "JobCommandRefused.unreachable": "",
    "JobCancelRefused.code": "not_permitted",
    "JobCancelRefused.hresult": HResult.PERMISSION_DENIED,
    "JobCancelRefused.rule": DENIED,
    "JobCancelRefused.explanation": BOB_MAY_NOT,
    "TaskCancelRefused.hresult": HResult.INVALID_CANCEL_TASK_STATE,
    "TaskCancelRefused.rule": "cancel-task-from-Finished",
    "TaskCancelRefused.explanation": "task 1 of job 42 is Finished and cannot be canceled",
    "ClusterCommandRefused.command": "set_parameter",
    "ClusterCommandRefused.code": "not_permitted",
    "ClusterCommandRefused.hresult": HResult.PERMISSION_DENIED,
    "ClusterCommandRefused.rule": DENIED,
    "ClusterCommandRefused.explanation": ALICE_MAY_NOT,
    "asked_for": {"name": "TaskCancelGracePeriod", "value": "30"},
    "CancelRefused.job": "4711",
    "CancelRefused.task": None,
    "CancelRefused.code": "unknown_job",
    "CancelRefused.hresult": HResult.INVALID_JOB_ID,
    "CancelRefused.rule": "job-exists",
    "CancelRefused.explanation": "there is no job 4711; job ids are numbers from 1 to 2147483647",
    # many jobs
    "jobs": {"count": 3, "jobs": "42-43,47"},
    "part": 1,
    "parts": 1,
    "total": 3,
    "wanted": {
        "owners": ["alice"],
        "states": ["Running"],
        "job_types": [],
        "priorities": [],
        "name": "",
        "nodes": [],
    },
    "resolved_at": 1207,
    "plan": "",
    "changed": {"count": 0, "jobs": ""},
    "joined": {"count": 0, "jobs": ""},
    # the policy
    "PolicySchemaRecorded.digest": sha256(ASKED_WITH.encode()).hexdigest(),
    "PolicySchemaRecorded.text": ASKED_WITH,
    "PolicyProposed.digest": sha256(RULES.encode()).hexdigest(),
    "PolicyProposed.text": RULES,
    "PolicyActivated.digest": sha256(RULES.encode()).hexdigest(),
    "PolicyActivated.text": RULES,
    "PolicyActivated.previous": POLICY,
    "PolicyCommandRefused.digest": sha256(RULES.encode()).hexdigest(),
    "schema_digest": sha256(ASKED_WITH.encode()).hexdigest(),
    "rule_count": 1,
    "author": "ada",
    "approver": "root",
    "proposed_version": 7,
    "backtest": "",
    "note": "only administrators while the cluster moves",
    "PolicyShadowStarted.digest": sha256(RULES.encode()).hexdigest(),
    "PolicyShadowStarted.text": RULES,
    "PolicyShadowStarted.started_by": "ada",
    "PolicyShadowStarted.note": "what would fewer rules change?",
    "PolicyShadowStarted.request_id": "trying-1",
    "PolicyShadowStarted.decision": decision("activate_policy", **ADA),
    "PolicyShadowStopped.digest": sha256(RULES.encode()).hexdigest(),
    "PolicyShadowStopped.started_version": 6,
    "PolicyShadowStopped.note": "seen enough",
    "PolicyShadowStopped.request_id": "trying-2",
    "PolicyShadowStopped.decision": shadowed_decision(),
    "PolicyProposed.request_id": "moving-1",
    "PolicyActivated.request_id": "moving-2",
    "PolicyCommandRefused.request_id": "moving-3",
    "PolicyProposed.decision": decision("activate_policy", **ADA),
    "PolicyActivated.decision": decision("activate_policy", **ROOT),
    "PolicyCommandRefused.decision": decision("activate_policy", rule=DENIED, no=NO_POLICY),
    "PolicyCommandRefused.command": "propose_policy",
    "PolicyCommandRefused.code": "not_permitted",
    "PolicyCommandRefused.hresult": HResult.PERMISSION_DENIED,
    "PolicyCommandRefused.rule": DENIED,
    "PolicyCommandRefused.explanation": NO_POLICY,
    # what a job is made of
    "JobAdded.name": "nightly-render",
    "owner": "alice",
    "job_type": "Batch",
    "priority": "Normal",
    "run_as": "",
    "properties": {"project": "p-17"},
    "changes": {"project": "p-18"},
    "TaskSpec.id": 1,
    "TaskSpec.command": "./render --frames 1-100",
    "TaskSpec.type": "Basic",
    "TaskSpec.work_directory": "/home/alice/render",
    "TaskSpec.environment": {"OMP_NUM_THREADS": "4"},
    "TasksAdded.tasks": [{"id": 3, "command": "./tidy-up", "type": "NodeRelease"}],
    "filter": "/usr/local/lib/hpc/check-budget",
    "JobRejected.code": "submission_filter_failed",
    "JobRejected.reason": "the submission filter /usr/local/lib/hpc/check-budget refused the job: "
    "exit code 2, the project p-17 has no budget left",
    "JobRejected.hresult": HResult.SUBMISSION_FILTER_FAILED,
    "JobActivationHeld.filter": "/usr/local/lib/hpc/check-licenses",
    "hold": "slots",
    "exit_code": 2,
    "JobActivationHeld.code": "held_by_activation_filter",
    "JobActivationHeld.reason": "2 of 4 licenses are free",
    "again_seconds": 1,
    "JobStarted.filter": "/usr/local/lib/hpc/check-licenses",
    "filter_outcome": "passed",
    # running and stopping
    "runs": [run(1)],
    "NodeReleaseStarted.runs": [run(3)],
    "NodeReleaseEnded.runs": [run(3)],
    "node": "n1",
    "nodes": ["n1"],
    "handle": {
        "engine": "local",
        "boot_id": "5b0f2c0e-7d1b-4c5e-9a51-0e6a1c2b7f43",
        "pid": 4021,
        "start_ticks": 183042,
        "warden": "42.1.0-1.9f3c21ab",
    },
    "exit": exited(signal=15),
    "TaskFinished.exit": exited(code=0),
    "TaskFailed.exit": exited(code=1),
    "TaskForceStopped.exit": exited(signal=9),
    "NodeReleaseEnded.exit": exited(code=0),
    "TaskFinished.code": "",
    "TaskFailed.code": "task_failure",
    "TaskFailed.reason": "ended by itself with exit code 1",
    "cause": "job_cancel",
    "step": "signal",
    "signal": 15,
    "grace_ms": 15000,
    "after_ms": 212,
    "TaskForceStopped.after_ms": 15031,
    "TaskForceStopped.why": "grace_expired",
    "TaskForceStopped.killed": 3,
    "outcome": "Failed",
    "JobEnding.outcome": "Finished",
    "TaskCanceled.tasks": "2",
    "NodeReleaseSkipped.reason": "forced",
    # the end
    "lasted_ms": 240,
    "stopped": 1,
    "released": True,
    "JobEnding.message": "",
    "JobFinished.code": "finished_by_user",
    "JobFinished.message": "enough for today",
    "JobFinished.hresult": HResult.FINISHED_BY_USER,
    "JobFinishRequested.message": "enough for today",
    "JobProtected.request_id": "keep-1",
    "JobProtected.message": "the last run before the deadline",
    "JobProtected.decision": decision("protect"),
    "JobProtectionLifted.request_id": "keep-2",
    "JobProtectionLifted.message": "the paper is handed in",
    "JobProtectionLifted.decision": decision(
        "unprotect", role="job-administrator", rule="job-administrator-controls"
    ),
    "JobLegalHoldPlaced.request_id": "hold-1",
    "JobLegalHoldPlaced.message": "case 2026-117",
    "JobLegalHoldPlaced.decision": HOLDS,
    "JobLegalHoldReleased.request_id": "hold-2",
    "JobLegalHoldReleased.message": "case 2026-117 is closed",
    "JobLegalHoldReleased.decision": HOLDS,
    "TaskFinishRequested.message": "this one has converged",
    "JobRequeued.message": "the disk has room again",
    "TaskRequeued.message": "its input is there now",
    "JobFailing.cause": "task_failure",
    "JobFailing.message": "task 1 failed, and FailOnTaskFailure stops the rest",
    "JobFailing.code": "task_failure",
    "JobFailing.hresult": HResult.TASK_FAILURE,
    "runtime_seconds": 0,
    "TaskRuntimeExpired.runtime_seconds": 3600,
    "TaskSpec.depends_on": [],
    "TaskSpec.retry_count": None,
    "TaskFailed.runs_again": False,
    "fail_on_task_failure": False,
    "run_until_canceled": False,
    "JobPropertiesChanged.fail_on_task_failure": None,
    "JobPropertiesChanged.run_until_canceled": None,
    "JobPropertiesChanged.runtime_seconds": None,
    "environment": {},
    "JobPropertiesChanged.environment": {"OMP_NUM_THREADS": "8"},
    "valid_exit_codes": "",
    "JobPropertiesChanged.valid_exit_codes": None,
    "task_retry_count": 0,
    "JobPropertiesChanged.task_retry_count": None,
    "hold_until": "",
    "JobPropertiesChanged.hold_until": None,
    "project": "winter film",
    "JobPropertiesChanged.project": None,
    "service_name": "",
    "JobPropertiesChanged.service_name": None,
    "client_source": "",
    "JobPropertiesChanged.client_source": None,
    "progress": 0,
    "JobPropertiesChanged.progress": 40,
    "progress_message": "",
    "JobPropertiesChanged.progress_message": "40 of 100 frames",
    "max_cores": 0,
    "labels": {"env": "prod"},
    "JobPropertiesChanged.labels": None,
    "JobPropertiesChanged.max_cores": None,
    "TaskSpec.properties": {},
    "stdin": "",
    "stdout": "",
    "stderr": "",
    "TaskPropertiesChanged.name": None,
    "TaskPropertiesChanged.command": "./render --frames 1-50",
    "TaskPropertiesChanged.work_directory": None,
    "TaskPropertiesChanged.runtime_seconds": 3600,
    "TaskPropertiesChanged.depends_on": None,
    "TaskPropertiesChanged.retry_count": None,
    "TaskPropertiesChanged.valid_exit_codes": "0,3",
    "TaskPropertiesChanged.stdin": None,
    "TaskPropertiesChanged.stdout": None,
    "TaskPropertiesChanged.stderr": None,
    "TaskPropertiesChanged.environment": {"OMP_NUM_THREADS": "8"},
    "TaskPropertiesChanged.properties": None,
    "JobFailed.message": "1 of 2 tasks failed, 0 canceled",
    "JobFailed.code": "task_failure",
    "JobFailed.hresult": HResult.TASK_FAILURE,
    "JobEnding.code": "",
    "JobEnding.hresult": 0,
    "requeue_count": 1,
    "queued": {"count": 2, "tasks": "1-2"},
    "kept": {"count": 0, "tasks": ""},
    "JobRemoved.reason": "ttl",
    # the cluster
    "ClusterParameterSet.name": "TaskCancelGracePeriod",
    "value": "30",
    "previous": "15",
}
