"""Jobs, events and answers of the stand-in server: the HTTP contract in small, in memory."""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import unquote

from tests.support.web import Json

NOW: Final = "2026-11-23T12:00:04.000000Z"
ENDED: Final = ("Finished", "Failed", "Canceled")
CANCELABLE: Final = ("Configuring", "Submitted", "Queued", "Running")
MESSAGE_UNITS_MAX: Final = 320


Routes = tuple[tuple[str, Callable[..., "Answer"]], ...]


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Json
    who: str


@dataclass(frozen=True)
class Answer:
    """What it gets: JSON, raw bytes, or (``cut``) a connection that ends without an answer.

    ``unfinished``: the body is sent, and the connection ends before its end is said.
    """

    status: int = 200
    body: Json | bytes = field(default_factory=dict)
    cut: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    unfinished: bool = False


@dataclass
class Jobs:
    """What the server holds, and how it answers. ``differs``: replay and live state do."""

    jobs: dict[str, Json] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    page_events: int = 1000
    requests: list[Request] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    answered: dict[str, Json] = field(default_factory=dict)
    differs: bool = False
    versions: dict[tuple[str, int], Json] = field(default_factory=dict)
    planned: dict[tuple[str, str], list[Answer | None]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    parameters: list[Json] = field(default_factory=lambda: [grace()])
    plans: dict[str, list[int]] = field(default_factory=dict)
    drifted: Json = field(default_factory=lambda: {"count": 0, "jobs": ""})
    closing: bool = False
    routes: Routes = field(default_factory=lambda: ROUTES)

    # --- what tests arrange -----------------------------------------------------------------------

    def plan(self, method: str, path: str, *answers: Answer | None) -> None:
        """The next requests of a route get these instead; None: the usual answer."""
        self.planned.setdefault((method, path), []).extend(answers)

    def add_job(self, number: int, state: str = "Running", **facts: object) -> Json:
        """A job with one task."""
        with self.changed:
            self.jobs[str(number)] = {**job(number, state), **facts}
            self.record(number, "JobAdded", name=f"job {number}")
            return self.jobs[str(number)]

    def record(self, number: int, kind: str, **data: object) -> int:
        """Append an event."""
        with self.changed:
            position = len(self.events) + 1
            self.events.append(stored(position, number, kind, data))
            if str(number) in self.jobs:
                self.jobs[str(number)]["position"] = position
            self.changed.notify_all()
            return position

    def end_job(self, number: int, state: str = "Canceled") -> None:
        """The job ends."""
        with self.changed:
            found = self.jobs[str(number)]
            found.update(state=state, ended_at=NOW)
            for task in found["tasks"]:
                task.update(state="Failed", ended_at=NOW)
            self.record(number, f"Job{state}")

    def wait_for(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        """Until ``true``; fails after ``seconds``."""
        with self.changed:
            assert self.changed.wait_for(true, seconds), "it did not happen in time"

    def wait_for_event_after(self, position: int) -> None:
        """Until there is one, or the server ends."""
        with self.changed:
            self.changed.wait_for(lambda: self.closing or len(self.events) > position)

    def begins_after(self, since: str) -> int:
        """The position just before the first event that is not earlier."""
        times = [x["event"]["time"] for x in self.events]
        return next((n for n, time in enumerate(times) if time >= since), len(times))

    def sent(self, method: str = "POST") -> list[Request]:
        """Requests of a method."""
        return [x for x in self.requests if x.method == method]

    # --- how it answers ---------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """The contract, in small."""
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
            planned = self.planned.get((request.method, request.path))
            instead = planned.pop(0) if planned else None
        if instead is not None:
            return instead
        if not request.who and "/health/" not in request.path:
            return problem(401, "not_authenticated", "nobody showed who they are")
        for pattern, handler in self.routes:
            found = re.fullmatch(pattern, f"{request.method} {request.path}")
            if found:
                return handler(self, request, *found.groups())
        return Answer(404, b"<html>not found</html>")

    def make(self, request: Request) -> Answer:
        """POST jobs."""
        number = len(self.jobs) + 1
        state = "Queued" if request.body["submit"] else "Configuring"
        self.add_job(number, state, name=request.body["name"])
        return Answer(201, self.receipt(request, "submit", number, "accepted", "created"))

    def command(self, request: Request, name: str, operation: str) -> Answer:
        """POST jobs/ID/OPERATION."""
        found = self.jobs.get(unquote(name))
        if found is None:
            receipt = self.receipt(request, operation, unquote(name), "unknown")
            return problem(404, "unknown_job", f"there is no job {unquote(name)}", receipt=receipt)
        if operation == "cancel":
            return self.cancel(request, found, None)
        words = f"job {name}: {operation} accepted"
        self.record(found["job_id"], f"Job{operation.title()}Requested")
        return Answer(200, self.receipt(request, operation, found["job_id"], "accepted", words))

    def cancel_jobs(self, request: Request) -> Answer:
        """POST cancellations."""
        return self.canceled(request, self.meant(request))

    def plan_jobs(self, request: Request) -> Answer:
        """POST cancellations/plans."""
        digest = f"{len(self.plans):064x}"
        numbers = self.meant(request)
        self.plans[digest] = numbers
        jobs = [
            {
                "job_id": number,
                "owner": "alice",
                "state": self.jobs[str(number)]["state"],
                "outcome": "accepted",
                "explanation": f"job {number}: cancel accepted",
            }
            for number in numbers
            if str(number) in self.jobs
        ]
        body = {"digest": digest, "position": 7, "total": len(jobs), "jobs": jobs}
        return Answer(200, body)

    def apply_plan(self, request: Request, digest: str) -> Answer:
        """POST cancellations/plans/DIGEST."""
        if digest not in self.plans:
            return problem(404, "unknown_plan", "you have no such plan")
        return self.canceled(request, self.plans[digest])

    def meant(self, request: Request) -> list[int]:
        """Jobs that are named, or those with the wanted part in their names."""
        if "jobs" in request.body:
            return list(request.body["jobs"])
        part = request.body["wanted"].get("name", "")
        return sorted(job["job_id"] for job in self.jobs.values() if part in job["name"])

    def canceled(self, request: Request, numbers: list[int]) -> Answer:
        """Some of them, as the request has it."""
        skip, take = request.body["skip"], request.body["take"]
        answers = [self.one_of_many(request, number) for number in numbers[skip : skip + take]]
        done = sum(answer["problem"] is None for answer in answers)
        body = {
            "request_id": request.headers.get("idempotency-key", "plan-1"),
            "plan": "",
            "total": len(numbers),
            "position": 7,
            "changed": self.drifted,
            "joined": {"count": 0, "jobs": ""},
            "done": done,
            "failed": len(answers) - done,
            "jobs": answers,
        }
        return Answer(200, body)

    def one_of_many(self, request: Request, number: int) -> Json:
        """What a request for this job alone would have been answered."""
        body = {"message": "", "mode": "normal", "reason_code": "", **request.body}
        headers = {"idempotency-key": "plan-1", **request.headers}
        one = replace(request, body=body, headers=headers)
        alone = self.command(one, str(number), "cancel")
        receipt, told = (alone.body, None) if alone.status == 200 else (None, alone.body)
        return {"job_id": number, "receipt": receipt, "problem": told}

    def add_tasks(self, request: Request, name: str) -> Answer:
        """POST jobs/ID/tasks."""
        return self.command(request, name, "add_tasks")

    def change(self, request: Request, name: str) -> Answer:
        """PATCH jobs/ID."""
        return self.command(request, name, "change")

    def change_task(self, request: Request, name: str, task: str) -> Answer:
        """PATCH jobs/ID/tasks/T."""
        number = self.jobs[name]["job_id"]
        self.record(number, "TaskPropertiesChanged", task=int(task))
        words = f"job {name}: task {task} changed"
        receipt = self.receipt(request, "change_task", number, "accepted", words)
        return Answer(200, {**receipt, "task_id": int(task)})

    def cancel_task(self, request: Request, name: str, task: str) -> Answer:
        """POST jobs/ID/tasks/T/cancel."""
        return self.cancel(request, self.jobs[name], int(task))

    def task_command(self, request: Request, name: str, task: str, operation: str) -> Answer:
        """POST jobs/ID/tasks/T/OPERATION."""
        number = self.jobs[name]["job_id"]
        words = f"job {name}: {operation} of task {task} accepted"
        self.record(number, f"Task{operation.title()}ed", task=int(task))
        receipt = self.receipt(request, f"{operation}_task", number, "accepted", words)
        return Answer(200, {**receipt, "task_id": int(task)})

    def cancel(self, request: Request, found: Json, task: int | None) -> Answer:
        """The rules of the contract that the command line can meet."""
        number, state, mode = found["job_id"], found["state"], request.body["mode"]
        key = f"{number} {request.headers['idempotency-key']}"
        if key in self.answered:
            return Answer(200, {**self.answered[key], "replayed": True})
        if len(request.body["message"].encode("utf-16-le")) // 2 > MESSAGE_UNITS_MAX:
            return self.no(request, found, 422, "message_too_long", "the message is too long", "")
        acting = request.headers.get("countermand-as", request.who)
        if acting not in (found["owner"], "carol"):
            words = f"{acting} may not cancel jobs of {found['owner']}"
            return self.no(request, found, 403, "not_permitted", words, "owner_or_operator")
        if state == "Canceling":
            receipt = self.receipt(request, "cancel", number, "repeated")
            return Answer(200, {**receipt, "under_way": found["under_way"]})
        if state not in CANCELABLE:
            words = f"job {number} is {state}; a cancel needs a job that has not ended"
            return self.no(request, found, 409, "illegal_transition", words, "job_states")
        words = f"job {number}: cancel accepted ({mode}); 1 running task"
        with self.changed:
            found["state"] = "Canceling" if task is None else state
            found["under_way"] = under_way(
                acting, mode, request.body["message"], len(self.events) + 1
            )
            found["cancel"] = {**found["under_way"], "reason_code": request.body["reason_code"]}
        self.record(number, "JobCancelRequested", mode=mode, message=request.body["message"])
        receipt = self.receipt(request, "cancel", number, "accepted", words)
        receipt["task_id"] = task
        self.answered[key] = receipt
        return Answer(200, receipt)

    def no(
        self, request: Request, found: Json, status: int, code: str, words: str, rule: str
    ) -> Answer:
        """A refusal that is on record."""
        position = self.record(found["job_id"], "JobCancelRefused", explanation=words)
        receipt = self.receipt(request, "cancel", found["job_id"], "refused", words)
        canceled = found["state"] == "Canceled" and code == "illegal_transition"
        receipt.update(code=code, rule=rule, already_canceled=canceled, position=position)
        receipt["under_way"] = found.get("under_way")
        return problem(status, code, words, receipt=receipt)

    def receipt(
        self, request: Request, operation: str, job_id: int | str, outcome: str, words: str = ""
    ) -> Json:
        """A receipt for what was just recorded."""
        found = self.jobs.get(str(job_id))
        return {
            "outcome": outcome,
            "operation": operation,
            "job_id": job_id,
            "task_id": None,
            "subtask_id": None,
            "request_id": request.headers.get("idempotency-key", ""),
            "event_id": "e1",
            "event_type": "",
            "version": 1,
            "position": len(self.events),
            "job_state": found["state"] if found else None,
            "explanation": words,
            "code": "",
            "hresult": "",
            "rule": "",
            "under_way": None,
            "already_canceled": False,
            "replayed": False,
            "trail": f"/api/v1/jobs/{job_id}/events",
        }

    def job(self, request: Request, name: str) -> Answer:
        """GET jobs/ID, also waiting for its end."""
        found = self.jobs.get(unquote(name))
        if found is None:
            return problem(404, "unknown_job", f"there is no job {unquote(name)}")
        if request.query.get("version") == ["99"]:
            return problem(404, "unknown_version", "job 17 has versions 1 to 4; there is no 99")
        if "version" in request.query:
            found = self.versions.get((name, int(request.query["version"][0])), found)
        if "until" in request.query:
            seconds = float(request.query["timeout_seconds"][0])
            with self.changed:
                self.changed.wait_for(lambda: self.closing or found["state"] in ENDED, seconds)
        with self.changed:
            return Answer(200, {k: v for k, v in found.items() if k != "under_way"})

    def job_events(self, request: Request, name: str) -> Answer:
        """GET jobs/ID/events."""
        if name not in self.jobs:
            return problem(404, "unknown_job", f"there is no job {name}")
        mine = [x for x in self.events if x["aggregate"] == f"job/{name}"]
        every = [{name: x[name] for name in x if name != "aggregate"} for x in mine]
        events, goes_on = self._page(request, every, "position")
        return Answer(200, {"job_id": int(name), "events": events, "next": goes_on})

    def replay(self, request: Request, name: str) -> Answer:
        """GET jobs/ID/replay."""
        every = [step(x) for x in self.events if x["aggregate"] == f"job/{name}"]
        steps, goes_on = self._page(request, every, "version")
        partly = "version" in request.query or "at" in request.query or goes_on is not None
        same = None if partly else not self.differs
        told = {"job_id": int(name), "steps": steps, "job": self.jobs[name], "next": goes_on}
        return Answer(200, {**told, "position": len(self.events), "matches_live": same})

    def _page(self, request: Request, every: list[Json], place: str) -> tuple[list[Json], Any]:
        """What comes after the place that was asked for, and where it goes on after that."""
        after = int(request.query.get("after", ["0"])[0])
        left = [x for x in every if x[place] > after]
        page = left[: min(self.page_events, int(request.query["limit"][0]))]
        return page, page[-1][place] if len(left) > len(page) else None

    def list_parameters(self, request: Request) -> Answer:
        """GET parameters."""
        return Answer(200, {"parameters": self.parameters})

    def set_parameter(self, request: Request, name: str) -> Answer:
        """PUT parameters/NAME."""
        if name != "TaskCancelGracePeriod":
            return problem(404, "unknown_parameter", f"there is no parameter {name}")
        if not request.body["value"].isdecimal():
            words = "the value must be 0 to 86400"
            return problem(422, "bad_parameter_value", words)
        words = f"{name} is {request.body['value']} (was 15)"
        return Answer(200, {**self.receipt(request, "set_parameter", "", "accepted", words)})

    def health(self, request: Request) -> Answer:
        """GET health/ready."""
        return Answer(200, {"status": "ready", "reasons": [], "position": len(self.events)})


def grace() -> Json:
    """The one parameter there is."""
    return {
        "name": "TaskCancelGracePeriod",
        "kind": "number",
        "words": [],
        "effect": True,
        "value": "15",
        "unit": "seconds",
        "default": "15",
        "minimum": 0,
        "maximum": 86400,
        "meaning": "time between the stop signal and SIGKILL",
    }


def problem(status: int, code: str, words: str, **more: object) -> Answer:
    """RFC 9457."""
    body = {"type": f"urn:countermand:problem:{code}", "title": code, "status": status}
    return Answer(status, {**body, "detail": words, "code": code, "what_to_do": "", **more})


def under_way(actor: str, mode: str, message: str, position: int) -> Json:
    """A cancel that is being carried out."""
    return {
        "request_id": "r1",
        "actor": actor,
        "on_behalf_of": None,
        "mode": mode,
        "message": message,
        "at": NOW,
        "position": position,
    }


def job(number: int, state: str) -> Json:
    """A JobDetail."""
    task = {
        "task_id": 1,
        "type": "Basic",
        "name": "",
        "command": "sleep 60",
        "work_directory": "",
        "state": "Running" if state == "Running" else state,
        "attempt": 1,
        "node": "n1",
        "exit_code": None,
        "exit_signal": None,
        "started_at": NOW,
        "ended_at": None,
        "survivors": 0,
        "code": "",
        "reason": "",
        "explicitly_canceled": False,
        "runtime_seconds": 0,
        "depends_on": [],
        "retry_count": None,
        "retries": 0,
    }
    return {
        "job_id": number,
        "name": f"job {number}",
        "owner": "alice",
        "job_type": "Batch",
        "priority": "Normal",
        "run_as": "",
        "properties": {},
        "fail_on_task_failure": False,
        "run_until_canceled": False,
        "runtime_seconds": 0,
        "limit_seconds": 0,
        "failing": None,
        "held": None,
        "state": state,
        "previous_state": None,
        "version": 4,
        "position": 4,
        "created_at": NOW,
        "submitted_at": NOW,
        "queued_at": NOW,
        "started_at": NOW,
        "ended_at": NOW if state in ENDED else None,
        "changed_at": NOW,
        "requeue_count": 0,
        "error_code": "",
        "error_message": "",
        "nodes": ["n1"],
        "cancel": None,
        "finish": None,
        "tasks": [task],
        "removed": False,
        "under_way": under_way("alice", "normal", "", 514) if "Cancel" in state else None,
    }


def stored(position: int, number: int, kind: str, data: Json) -> Json:
    """An event of the stream."""
    event = {
        "specversion": "1.0",
        "id": f"e{position}",
        "source": "/countermand/test",
        "type": f"countermand.{kind}.v1",
        "subject": f"job/{number}",
        "time": NOW,
        "aggregateversion": position,
        "authid": "alice",
        "data": data,
    }
    return {"position": position, "aggregate": f"job/{number}", "event": event}


def step(x: Json) -> Json:
    """A step of a replay."""
    return {
        "position": x["position"],
        "version": x["event"]["aggregateversion"],
        "type": x["event"]["type"].split(".")[1],
        "time": x["event"]["time"],
        "actor": "alice",
        "on_behalf_of": None,
        "state_before": "Running",
        "state_after": "Canceling",
        "tasks": [{"task": 1, "before": "Running", "after": "Canceling", "attempt": 1}],
        "summary": "a line for a person",
    }


ROUTES: Final[Routes] = (
    (r"POST /api/v1/jobs", Jobs.make),
    (r"GET /api/v1/jobs/([^/]+)", Jobs.job),
    (r"GET /api/v1/jobs/([^/]+)/events", Jobs.job_events),
    (r"GET /api/v1/jobs/([^/]+)/replay", Jobs.replay),
    (
        r"POST /api/v1/jobs/([^/]+)/"
        r"(submit|cancel|finish|configure|requeue|protect|unprotect|legal-hold(?:/release)?)",
        Jobs.command,
    ),
    (r"POST /api/v1/jobs/([^/]+)/tasks", Jobs.add_tasks),
    (r"PATCH /api/v1/jobs/([^/]+)", Jobs.change),
    (r"PATCH /api/v1/jobs/([^/]+)/tasks/(\d+)", Jobs.change_task),
    (r"POST /api/v1/jobs/([^/]+)/tasks/(\d+)/cancel", Jobs.cancel_task),
    (r"POST /api/v1/jobs/([^/]+)/tasks/(\d+)/(finish|requeue)", Jobs.task_command),
    (r"POST /api/v1/cancellations", Jobs.cancel_jobs),
    (r"POST /api/v1/cancellations/plans", Jobs.plan_jobs),
    (r"POST /api/v1/cancellations/plans/([0-9a-f]{64})", Jobs.apply_plan),
    (r"GET /api/v1/parameters", Jobs.list_parameters),
    (r"PUT /api/v1/parameters/([^/]+)", Jobs.set_parameter),
    (r"GET /api/v1/health/ready", Jobs.health),
)
