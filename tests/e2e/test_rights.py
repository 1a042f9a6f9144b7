"""HPC Pack's rights, row by row, through the native API and ``/hpc`` of the whole service.

Over HTTPS, by password and by token; each refusal is an event that names who asked.
"""

import ssl
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import httpx
import pytest

from adapters.principals import PrincipalsFile
from domain.identity import Role
from domain.policy import Action
from domain.states import JobType
from tests.domain.rights import ROLES, ROWS, Row, Who, Whose
from tests.e2e.service import Service, new_service
from tests.e2e.stream import SERVICE_NAME
from tests.support.waiting import PATIENCE_SECONDS
from tests.support.web import Json, basic

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("rights")]

DENIED: Final = 403
NAMES: Final = {
    Who.USER: "sam",
    Who.OPERATOR: "olga",
    Who.JOB_ADMINISTRATOR: "jane",
    Who.ADMINISTRATOR: "ada",
    Who.AUDITOR: "audrey",
}
OWNER: Final = "owen"
AS_HEADER: Final = {"native": "Countermand-As", "hpc": "x-ms-as-user"}
NATIVE_ONLY: Final = {Action.SET_PARAMETER, Action.CONFIGURE, Action.CHANGE}
"""HPC Pack's REST has no operation for the first two; the change is one of properties."""
HELD: Final = {"name": "held", "tasks": [{"command": "sleep 600"}], "submit": False}
SUBMITTED: Final = {**HELD, "submit": True}


class By(StrEnum):
    """How somebody says who they are."""

    PASSWORD = "password"
    TOKEN = "token"


def password_of(name: str) -> str:
    """The password of somebody, which nobody else has."""
    return f"the password of {name}"


class Cluster:
    """A service that is ready, and people with a role each."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.trusted = ssl.create_default_context(cafile=service.endpoint["https_certificate"])
        self.root = service.client()
        self.tokens: dict[str, str] = {}
        people = PrincipalsFile(service.data / "principals.json")
        roles = {NAMES[who]: ROLES[who] for who in Who} | {OWNER: Role.USER, "bob": Role.USER}
        for name, role in roles.items():
            token = people.add(name, (role,))
            assert token is not None
            self.tokens[name] = token
            people.set_password(name, password_of(name))

    def client(self, name: str, by: By, **headers: str) -> httpx.Client:
        """Somebody's client over HTTPS."""
        known = {
            By.PASSWORD: basic(name, password_of(name)),
            By.TOKEN: f"Bearer {self.tokens[name]}",
        }
        return httpx.Client(
            base_url=self.service.endpoint["https"],
            verify=self.trusted,
            headers={"Authorization": known[by], **headers},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )

    # --- jobs -------------------------------------------------------------------------------------

    def job(self, owner: str, body: Json) -> int:
        """A job that somebody owns: an administrator makes it for them; "" for their own."""
        headers = {"Countermand-As": owner} if owner else {}
        answer = self.root.post("/jobs", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["job_id"])

    def job_for(self, row: Row, person: str) -> int:
        """A job that the row's act fits: of that person, or of somebody else, in that state."""
        command_job = row.job_type is JobType.ADMIN
        owner = person if row.whose is Whose.OWN else OWNER
        runs = row.action is Action.FINISH
        body = (SUBMITTED if runs else HELD) | {"job_type": row.job_type}
        job = self.job("" if command_job else owner, body)
        if runs:
            self.service.until_state(job, "Queued", "Running")
        if row.action in (Action.REQUEUE, Action.CONFIGURE):
            self.service.cancel(job)
            self.service.until_state(job, "Canceled")
        return job

    def last(self, job: int) -> Json:
        """A job's last event by a person, as the API tells it: the service may go on after it."""
        found = self.root.get(f"/jobs/{job}/events").json()["events"]
        events: list[Json] = [x["event"] for x in found]
        return next(x for x in reversed(events) if x["authid"] != SERVICE_NAME)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with new_service(https_self_signed=True, https_port=0) as service:
        made = Cluster(service.start())
        with made.root:
            yield made


# --- the acts, by face ----------------------------------------------------------------------------


def native(client: httpx.Client, row: Row, job: int) -> httpx.Response:
    """The act, over the native API."""
    path = f"/api/v1/jobs/{job}"
    match row.action:
        case Action.CREATE:
            return client.post("/api/v1/jobs", json=HELD)
        case Action.CREATE_COMMAND_JOB:
            return client.post("/api/v1/jobs", json={**HELD, "job_type": "Admin"})
        case Action.SET_PARAMETER:
            return client.put("/api/v1/parameters/JobRetryCount", json={"value": "4"})
        case Action.VIEW:
            return client.get(path)
        case Action.CHANGE:
            return client.patch(path, json={"name": "changed"})
        case Action.CANCEL_TASK:
            return client.post(f"{path}/tasks/1/cancel", json={})
        case act:
            return client.post(f"{path}/{act}", json={})


def hpc(client: httpx.Client, row: Row, job: int) -> httpx.Response:
    """The act, over HPC Pack's REST."""
    path = f"/hpc/jobs/{job}"
    match row.action:
        case Action.CREATE:
            return client.post("/hpc/jobs", json=[{"Name": "Name", "Value": "mine"}])
        case Action.CREATE_COMMAND_JOB:
            return client.post("/hpc/jobs", json=[{"Name": "JobType", "Value": "Admin"}])
        case Action.VIEW:
            return client.get(path)
        case Action.CANCEL_TASK:
            return client.post(f"{path}/tasks/1/cancel")
        case act:
            return client.post(f"{path}/{act}")


FACES: Final = {"native": native, "hpc": hpc}
ACTS: Final = [row for row in ROWS if row.action is not Action.ACT_FOR_OTHERS]
ASKED: Final = [
    pytest.param(row, face, id=f"{row.name}-{face}")
    for row in ACTS
    for face in FACES
    if face == "native" or row.action not in NATIVE_ONLY
]


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize(("row", "face"), ASKED)
def test_who_may_do_what(cluster: Cluster, row: Row, face: str, by: By) -> None:
    for who, may in row.answers.items():
        name = NAMES[who]
        job = 0 if row.whose is Whose.NONE else cluster.job_for(row, name)
        with cluster.client(name, by) as client:
            answer = FACES[face](client, row, job)
        assert answer.is_success is may, (row.name, who, answer.text)
        assert (answer.status_code == DENIED) is not may, (row.name, who, answer.text)
        if job and not may and row.action is not Action.VIEW:
            event = cluster.last(job)
            assert (event["authid"], event["data"]["code"]) == (name, "not_permitted")
            assert event["data"]["decision"]["effect"] == "deny"


# --- acting for somebody --------------------------------------------------------------------------

ACTING: Final = next(row for row in ROWS if row.action is Action.ACT_FOR_OTHERS)
CANCEL: Final = Row(Action.CANCEL, Whose.OTHERS, "- + + + -")


def cancel_as(cluster: Cluster, face: str, by: By, actor: str, person: str, job: int) -> int:
    """A cancel by ``actor`` for ``person``; the status."""
    with cluster.client(actor, by, **{AS_HEADER[face]: person}) as client:
        return FACES[face](client, CANCEL, job).status_code


def both(event: Json) -> tuple[str, str]:
    """The actor, and for whom."""
    return event["authid"], event["onbehalfof"]


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("face", FACES)
def test_who_may_act_for_somebody(cluster: Cluster, face: str, by: By) -> None:
    for who, may in ACTING.answers.items():
        job = cluster.job(OWNER, HELD)
        status = cancel_as(cluster, face, by, NAMES[who], OWNER, job)
        assert (status < 300) is may, who
        assert (status == DENIED) is not may, who
        refusal = next(
            e["event"]
            for e in cluster.root.get(f"/jobs/{job}/events").json()["events"]
            if e["event"]["authid"] == NAMES[who]
        )
        assert both(refusal) == (NAMES[who], OWNER), "both are recorded, also when it is refused"


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("face", FACES)
def test_an_administrator_as_bob_may_not_cancel_the_administrators_own_job(
    cluster: Cluster, face: str, by: By
) -> None:
    ada = NAMES[Who.ADMINISTRATOR]
    job = cluster.job(ada, HELD)
    assert cancel_as(cluster, face, by, ada, "bob", job) == DENIED
    event = cluster.last(job)
    assert both(event) == (ada, "bob")
    facts = event["data"]["decision"]["facts"]
    assert (facts["actor"], facts["person"], facts["owner"]) == (ada, "bob", ada)
    assert cancel_as(cluster, face, by, ada, ada, job) < 300, "as themselves they may"


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("face", FACES)
def test_nobody_gains_an_administrators_rights(cluster: Cluster, face: str, by: By) -> None:
    jane, ada = NAMES[Who.JOB_ADMINISTRATOR], NAMES[Who.ADMINISTRATOR]
    job = cluster.job(OWNER, HELD)
    assert cancel_as(cluster, face, by, jane, ada, job) == DENIED
    assert cluster.last(job)["data"]["rule"] == "acting-for-others-raises-no-rights"


@pytest.mark.parametrize("face", FACES)
def test_who_is_acted_for_owns_what_is_made(cluster: Cluster, face: str) -> None:
    create = next(row for row in ROWS if row.action is Action.CREATE)
    headers = {AS_HEADER[face]: OWNER}
    with cluster.client(NAMES[Who.JOB_ADMINISTRATOR], By.TOKEN, **headers) as client:
        answer = FACES[face](client, create, 0)
    job = answer.json()["job_id"] if face == "native" else answer.json()
    assert cluster.root.get(f"/jobs/{job}").json()["owner"] == OWNER
    assert both(cluster.last(job)) == (NAMES[Who.JOB_ADMINISTRATOR], OWNER)
