"""One Countermand server, asked as one person: /api/v1, with its errors as ``Failure``."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar, cast

from adapters.cli.exits import FAILURE, UNAVAILABLE, Failure, status_of
from adapters.cli.reaching.bulk_shapes import Canceled, Plan
from adapters.cli.reaching.client import CONNECT_SECONDS_MAX, Lost, Response, Unreachable, ask
from adapters.cli.reaching.endpoint import START_ONE, Endpoint
from adapters.cli.reaching.policy_shapes import Answer, Policy, PolicyHistory, Shadow
from adapters.cli.reaching.shapes import (
    EmergencyStopped,
    Health,
    JobDetail,
    JobEvents,
    OpenReviews,
    Parameters,
    PendingCancels,
    Problem,
    Receipt,
    Replay,
    SubtaskBody,
)
from adapters.cli.reaching.view_shapes import Explanation, Nodes, Projections, WhoAmI

API: Final = "/api/v1"
UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~")
ATTEMPTS_MAX: Final = 3
KEY: Final = "Idempotency-Key"
ANSWER_SECONDS_MAX: Final = 60.0
STREAM_SILENCE_SECONDS_MAX: Final = 45.0
PAGE_EVENTS: Final = 2000
POLL_SECONDS_MAX: Final = 30.0

Answered = TypeVar("Answered")
Query = Sequence[tuple[str, str]]


class Patience(NamedTuple):
    """How long an answer may be silent, and how often it may be lost on the way."""

    seconds: float = ANSWER_SECONDS_MAX
    attempts: int = ATTEMPTS_MAX


class Rejected(Failure):
    """The server answered no. ``problem`` is what it said, with the receipt if it gave one."""

    def __init__(self, http_status: int, problem: Problem, address: str) -> None:
        code = problem.get("code") or (problem.get("receipt") or {}).get("code") or ""
        status = status_of(code, http_status) if code else unexplained(http_status)
        sentence = (
            problem.get("detail")
            or problem.get("title")
            or (f"{address} answered with HTTP status {http_status} and no explanation")
        )
        incident = f" (incident {problem['incident']})" if problem.get("incident") else ""
        advice = (problem.get("what_to_do") or "") + incident
        super().__init__(status, sentence, advice.strip(), code or "failed")
        self.http_status = http_status
        self.problem = problem


class Server:
    """Asks; asks again with the same request id when the answer was lost on the way.

    ``find`` is called for each connection anew: a server that was restarted may be elsewhere.
    """

    def __init__(
        self,
        find: Callable[[], Endpoint],
        acts_for: str = "",
        patience: Patience = Patience(),  # noqa: B008
    ) -> None:
        self._find = find
        self._acts_for = acts_for
        self._patience = patience

    def command(
        self,
        path: str,
        body: Mapping[str, object],
        key: str,
        method: str = "POST",
        if_version: int | None = None,
    ) -> Receipt:
        """Send a command under a request id, for one version only if one is given.

        ``Rejected`` when it was refused.
        """
        text = json.dumps(body, ensure_ascii=False).encode("utf-8")
        headers = {KEY: key}
        if if_version is not None:
            headers["If-Match"] = f'"{if_version}"'
        return cast(Receipt, self._json(method, path, text, headers))

    def emergency_stop(self, job: str, body: Mapping[str, object]) -> EmergencyStopped:
        """Stop a job while the stream is away. Not asked again when the answer is lost."""
        text, path = json.dumps(body, ensure_ascii=False).encode("utf-8"), quoted(job)
        return cast(EmergencyStopped, self._json("POST", f"/jobs/{path}/emergency-stop", text))

    def cancel_jobs(self, path: str, body: Mapping[str, object], key: str) -> Canceled:
        """Cancel many jobs under one request id, "" for that of a plan; an answer for each."""
        text, headers = json.dumps(body, ensure_ascii=False).encode("utf-8"), {KEY: key}
        return cast(Canceled, self._json("POST", path, text, headers if key else {}))

    def plan(self, path: str, body: Mapping[str, object]) -> Plan:
        """What canceling many jobs would mean now."""
        text = json.dumps(body, ensure_ascii=False).encode("utf-8")
        return cast(Plan, self._json("POST", path, text))

    def job(self, job: str, query: Query = ()) -> JobDetail:
        """A job, now or then."""
        return cast(JobDetail, self._json("GET", f"/jobs/{quoted(job)}{query_of(query)}"))

    def subtask(self, path: str) -> SubtaskBody:
        """One subtask."""
        return cast(SubtaskBody, self._json("GET", path))

    def poll(self, job: str, seconds: float) -> JobDetail:
        """The job when it has ended, or as it is after so many seconds (30 at most)."""
        wait = f"{min(seconds, POLL_SECONDS_MAX):.3f}"
        return self.job(job, [("until", "ended"), ("timeout_seconds", wait)])

    def events(self, job: str, after: int = 0) -> Iterator[JobEvents]:
        """Every event of a job after a position, page by page."""
        return cast(Iterator[JobEvents], self._pages(f"/jobs/{quoted(job)}/events", (), after))

    def replay(self, job: str, query: Query, after: int = 0) -> Iterator[Replay]:
        """A job told again after a version, page by page."""
        return cast(Iterator[Replay], self._pages(f"/jobs/{quoted(job)}/replay", query, after))

    def parameters(self) -> Parameters:
        """The cluster's parameters."""
        return cast(Parameters, self._json("GET", "/parameters"))

    def policy(self, query: Query = ()) -> Policy:
        """The rules in force, or others that are asked for."""
        return cast(Policy, self._json("GET", f"/policy{query_of(query)}"))

    def policy_shadow(self, query: Query = ()) -> Shadow:
        """The rules that run in shadow, or did."""
        return cast(Shadow, self._json("GET", f"/policy/shadow{query_of(query)}"))

    def policy_history(self) -> PolicyHistory:
        """Every fact about the policy."""
        return cast(PolicyHistory, self._json("GET", "/policy/history"))

    def policy_answer(self, query: Query) -> Answer:
        """What the rules in force would say."""
        return cast(Answer, self._json("GET", f"/policy/answer{query_of(query)}"))

    def nodes(self) -> Nodes:
        """The nodes and what is on them."""
        return cast(Nodes, self._json("GET", "/nodes"))

    def pending(self) -> PendingCancels:
        """The cancels that wait."""
        return cast(PendingCancels, self._json("GET", "/pending"))

    def reviews(self) -> OpenReviews:
        """What overrode the rules and nobody else has reviewed."""
        return cast(OpenReviews, self._json("GET", "/reviews"))

    def health(self) -> Health:
        """Readiness; also of a service that is not ready."""
        try:
            return cast(Health, self._json("GET", "/health/ready"))
        except Rejected as e:
            if "reasons" in e.problem:
                return cast(Health, e.problem)
            raise

    def page(self, path: str, query: Query) -> dict[str, Any]:
        """A page of one of the lists."""
        return cast(dict[str, Any], self._json("GET", f"{path}{query_of(query)}"))

    def explanation(self, job: str, query: Query) -> Explanation:
        """Why a job ended, or has not."""
        path = f"/jobs/{quoted(job)}/explanation{query_of(query)}"
        return cast(Explanation, self._json("GET", path))

    def projections(self) -> Projections:
        """The views and how they are."""
        return cast(Projections, self._json("GET", "/projections"))

    def rebuild(self) -> Projections:
        """Have the views built anew. ``Rejected`` while they are."""
        return cast(Projections, self._json("POST", "/projections/rebuild", b"{}"))

    def whoami(self) -> WhoAmI:
        """Whom the server takes us for."""
        return cast(WhoAmI, self._json("GET", "/whoami"))

    def export(self, query: Query) -> Response:
        """The trail as a file, open."""
        path = f"/audit/export{query_of(query)}"
        return again(lambda: self._ask("GET", path, b"", {}, ANSWER_SECONDS_MAX))

    def stream(self, query: Query) -> Response:
        """The live stream, open."""
        path, headers = f"/events{query_of(query)}", {"Accept": "text/event-stream"}
        return again(lambda: self._ask("GET", path, b"", headers, STREAM_SILENCE_SECONDS_MAX))

    def _pages(self, path: str, query: Query, after: int = 0) -> Iterator[Any]:
        """Answers that say in ``next`` after what there is more; at least one."""
        goes_on = True
        while goes_on:
            place = [("after", str(after))] if after else []
            place.append(("limit", str(PAGE_EVENTS)))
            body = self._json("GET", f"{path}{query_of([*query, *place])}")
            yield body
            goes_on = (body.get("next") or 0) > after
            after = body.get("next") or 0

    def _json(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Any:
        def once() -> Any:
            with self._ask(method, path, body, headers or {}, self._patience.seconds) as answer:
                return parsed(answer.read())

        return again(once, self._patience.attempts)

    def _ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], silence: float
    ) -> Response:
        endpoint = self._find()
        sent = {"User-Agent": "countermand-cli", "Countermand-Client": "cli", **headers}
        if body:
            sent["Content-Type"] = "application/json"
        if endpoint.token:
            sent["Authorization"] = f"Bearer {endpoint.token}"
        if self._acts_for:
            sent["Countermand-As"] = self._acts_for
        try:
            connect_seconds = min(silence, CONNECT_SECONDS_MAX)
            answer = ask(endpoint.address, method, API + path, sent, body, silence, connect_seconds)
        except Unreachable as e:
            raise Failure(UNAVAILABLE, str(e), START_ONE, "unavailable") from e
        if 200 <= answer.status < 300:
            return answer
        with answer:
            raise Rejected(answer.status, problem_of(answer.read()), str(endpoint.address))


def again(once: Callable[[], Answered], attempts: int = ATTEMPTS_MAX) -> Answered:
    """What ``once`` returns; done again, a few times, when its answer is lost on the way."""
    for _ in range(attempts - 1):
        with suppress(Lost):
            return once()
    try:
        return once()
    except Lost as e:
        raise Failure(UNAVAILABLE, str(e), code="outcome_unknown") from e


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Failure(FAILURE, "the server's answer is not a JSON object; is it Countermand?")
    return value


def problem_of(body: bytes) -> Problem:
    """The explanation that came with an error, or an empty one."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return cast(Problem, value) if isinstance(value, dict) else {}


def unexplained(http_status: int) -> int:
    """The exit status when there is no code: a path that does not exist is not a missing job."""
    return FAILURE if http_status == 404 else status_of("", http_status)


def quoted(text: str) -> str:
    """Percent-encoded, so that it is one segment of a path and nothing else."""
    return "".join(chr(b) if b in UNRESERVED else f"%{b:02X}" for b in text.encode("utf-8"))


def query_of(pairs: Query) -> str:
    """The query string, with its question mark when there is one."""
    text = "&".join(f"{name}={quoted(value)}" for name, value in pairs)
    return f"?{text}" if text else ""
