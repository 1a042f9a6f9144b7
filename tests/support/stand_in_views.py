"""What the stand-in server answers as the views do: lists, the trail, explanations, rebuilds."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.support.stand_in_jobs import NOW, Answer, Jobs, Request, Routes, problem
from tests.support.web import Json

MOST: Final = 1000


@dataclass
class Views:
    """What the views hold. ``rebuilds``: what is said of a rebuild, one answer after the other.

    ``promised``: how many rows an export is said to have, else as many as it has.
    """

    trail: list[Json] = field(default_factory=list)
    cancellations: list[Json] = field(default_factory=list)
    sentences: list[Json] = field(default_factory=list)
    rebuilds: list[Json] = field(default_factory=list)
    nodes: list[Json] = field(default_factory=lambda: [node("n1", in_use=1), node("n2")])
    behind: int = 0
    stopped: str | None = None
    promised: int | None = None
    unfinished: bool = False

    def add_row(self, position: int, **facts: object) -> Json:
        """A row of the trail."""
        self.trail.append({**audit_row(position), **facts})
        return self.trail[-1]

    def page(self, name: str, rows: Sequence[Json], request: Request) -> Answer:
        """A page of rows; a cursor is the number of rows before."""
        query = request.query
        first = int(query.get("cursor", ["0"])[0])
        size = int(query.get("limit", ["100"])[0])
        if size > MOST:
            return problem(400, "malformed", f"limit is a whole number from 1 to {MOST}")
        after = str(first + size) if first + size < len(rows) else None
        body = {name: rows[first : first + size], "next": after}
        return Answer(200, {**body, "position": 99, **self.lack()})

    def lack(self) -> Json:
        """What an answer does not know; nothing of ``stopped`` while the views go on."""
        return {"behind": self.behind, **({"stopped": self.stopped} if self.stopped else {})}


def jobs_page(server: "StandInViews", request: Request) -> Answer:
    """GET jobs."""
    query = request.query
    found = [job_item(x) for x in reversed(server.jobs.values())]
    for name, values in query.items():
        if name in ("state", "owner"):
            found = [x for x in found if x[name] in values]
        if name == "id":
            found = [x for x in found if str(x["job_id"]) in values]
    return server.page("jobs", found, request)


def audit_page(server: "StandInViews", request: Request) -> Answer:
    """GET audit."""
    rows = [{**x, "event": f"/api/v1/events/{x['position']}"} for x in server.trail]
    oldest_first = request.query.get("sort") == ["position"]
    return server.page("rows", rows if oldest_first else rows[::-1], request)


def export(server: "StandInViews", request: Request) -> Answer:
    """GET audit/export."""
    rows, form = server.trail, request.query["format"][0]
    promised = len(rows) if server.promised is None else server.promised
    headers = {"Countermand-Position": "99", "Countermand-Count": str(promised)}
    headers |= {"Countermand-Cluster": "test", "Countermand-Stream": "STREAM one/today"}
    if rows:
        headers["Countermand-First"] = str(rows[0]["position"])
        headers["Countermand-Last"] = str(rows[-1]["position"])
    if server.stopped:
        headers |= {"Countermand-Behind": str(server.behind), "Countermand-Stopped": server.stopped}
    body = csv_of(rows) if form == "csv" else "".join(json.dumps(x) + "\n" for x in rows)
    return Answer(200, body.encode(), headers=headers, unfinished=server.unfinished)


def csv_of(rows: Sequence[Json]) -> str:
    """Rows below the names of the columns."""
    text = io.StringIO()
    lines = csv.DictWriter(text, audit_row(0), lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return text.getvalue()


def cancellations_page(server: "StandInViews", request: Request) -> Answer:
    """GET cancellations."""
    return server.page("cancellations", server.cancellations, request)


def explanation(server: "StandInViews", request: Request, name: str) -> Answer:
    """GET jobs/ID/explanation."""
    if name not in server.jobs:
        return problem(404, "unknown_job", f"there is no job {name}")
    body = {"job_id": int(name), "sentences": server.sentences, "position": 99}
    return Answer(200, body)


def projections(server: "StandInViews", request: Request) -> Answer:
    """GET projections; each look finds the rebuild one answer further."""
    rebuild = server.rebuilds[0] if server.rebuilds else None
    if len(server.rebuilds) > 1:
        server.rebuilds.pop(0)
    return Answer(200, {**projections_body(rebuild), **server.lack()})


def begin_rebuild(server: "StandInViews", request: Request) -> Answer:
    """POST projections/rebuild."""
    return Answer(202, projections_body(server.rebuilds.pop(0)))


def nodes(server: "StandInViews", request: Request) -> Answer:
    """GET nodes."""
    return Answer(200, {"position": 99, "nodes": server.nodes})


def whoami(server: "StandInViews", request: Request) -> Answer:
    """GET whoami."""
    body = {"name": request.who, "roles": ["user"], "method": "unix", "acting_for": None}
    return Answer(200, body)


class StandInViews(Views, Jobs):
    """What the handlers are given."""


VIEW_ROUTES: Final[Routes] = (
    (r"GET /api/v1/jobs", jobs_page),
    (r"GET /api/v1/jobs/([^/]+)/explanation", explanation),
    (r"GET /api/v1/audit", audit_page),
    (r"GET /api/v1/audit/export", export),
    (r"GET /api/v1/cancellations", cancellations_page),
    (r"GET /api/v1/projections", projections),
    (r"POST /api/v1/projections/rebuild", begin_rebuild),
    (r"GET /api/v1/nodes", nodes),
    (r"GET /api/v1/whoami", whoami),
)


# --- bodies ---------------------------------------------------------------------------------------


def node(name: str, in_use: int = 0, **facts: object) -> Json:
    """A node of four slots."""
    body = {"name": name, "state": "Online", "slots": 4, "slots_in_use": in_use, "runs": in_use}
    return {**body, **facts}


def job_item(job: Json) -> Json:
    """A job as a list has it."""
    left_out = ("properties", "finish", "removed", "under_way", "tasks", "cancel")
    states = [task["state"] for task in job["tasks"]]
    counts = {
        "total": len(states),
        "waiting": states.count("Queued"),
        "running": states.count("Running"),
        "finished": states.count("Finished"),
        "failed": states.count("Failed"),
        "canceled": states.count("Canceled"),
    }
    cancel = job["cancel"] and {**last_cancel(), **job["cancel"]}
    kept = {name: value for name, value in job.items() if name not in left_out}
    return {**kept, "tasks": counts, "survivors": 0, "cancel": cancel}


def last_cancel() -> Json:
    """The last cancel of a job in a list."""
    return {
        "actor": "alice",
        "on_behalf_of": "",
        "at": NOW,
        "mode": "normal",
        "message": "",
        "reason_code": "",
        "request_id": "r1",
        "version": 4,
    }


def audit_row(position: int) -> Json:
    """A row of the trail: a cancel of job 17 that was accepted."""
    return {
        "position": position,
        "time": NOW,
        "event_id": f"e{position}",
        "type": "JobCancelRequested",
        "kind": "request",
        "operation": "cancel",
        "outcome": "accepted",
        "job_id": 17,
        "tasks": "",
        "subject": "",
        "owner": "alice",
        "actor": "alice",
        "on_behalf_of": "",
        "origin": "cli",
        "address": "",
        "program": "",
        "request_id": "r1",
        "request_position": None,
        "requested_by": "",
        "mode": "normal",
        "message": "",
        "reason_code": "",
        "rule": "",
        "explanation": "",
        "code": "",
        "detail": "",
    }


def cancellation(position: int, **facts: object) -> Json:
    """An accepted cancel that is stuck."""
    steps = dict.fromkeys(("order_ms", "signal_ms", "stop_ms", "release_ms", "total_ms"))
    numbers = ("running", "waiting", "stopped", "force_stopped", "ended_otherwise", "killed")
    times = ("ordered_at", "signalled_at", "stopped_at", "released_at", "ended_at")
    return {
        "position": position,
        "job_id": 17,
        "task_id": None,
        "subtask_id": None,
        "owner": "alice",
        "trouble": "stuck",
        "stage": "signalled",
        "open": True,
        "mode": "normal",
        "message": "",
        "reason_code": "",
        "actor": "alice",
        "on_behalf_of": "",
        "request_id": "r1",
        **dict.fromkeys(numbers, 0),
        "survivors": 0,
        "release": "none",
        "requested_at": NOW,
        "due_at": NOW,
        **dict.fromkeys(times),
        "end_position": None,
        "taken_over_by": None,
        "steps": steps,
        **facts,
    }


def rebuild(**facts: object) -> Json:
    """A rebuild under way."""
    return {
        "running": True,
        "began_at": NOW,
        "ended_at": None,
        "position": 0,
        "last": 100,
        "compared": False,
        "equal": None,
        "differences": [],
        "error": "",
        **facts,
    }


def projections_body(rebuild: Json | None) -> Json:
    """All views."""
    names = ("job_view", "audit_trail", "cancellations", "tally")
    return {
        "version": 1,
        "position": 99,
        "behind": 0,
        "failure": "",
        "projections": [{"name": name, "meaning": f"what {name} means"} for name in names],
        "rebuild": rebuild,
    }
