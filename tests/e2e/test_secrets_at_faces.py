"""What is secret in a request reaches no event, no log and no view, whatever becomes of it.

Each place where a client can put a secret gets one of its own; afterwards every file of the
service, every event and every answer is searched for all of them, as they are and encoded.
"""

import base64
import html
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from adapters.principals import PrincipalsFile
from tests.e2e.hostile import check_log
from tests.e2e.service import Service, new_service
from tests.support.waiting import PATIENCE_SECONDS
from tests.support.web import basic

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PASSWORD: Final = "Zq7-of-alice-who-comes-in-by-it"
COMMON: Final = "http://schemas.microsoft.com/HPCS2008R2/common"
JSON: Final = "application/json"
XML: Final = "application/xml"
ERASED: Final = 8
"""Of a secret's base64 at either end: what depends on the bytes beside it."""


def secret(where: str) -> str:
    """A secret of its own, with what JSON, XML and addresses write in another way."""
    return f'Zq7"{where}<&>Ünsaid'


class Sent:
    """Requests that hold a secret each. ``secrets``: those that were sent."""

    def __init__(self, service: Service, client: httpx.Client) -> None:
        self.service = service
        self.client = client
        self.secrets: dict[str, str] = {}
        self.answers: list[httpx.Response] = []

    def new(self, where: str) -> str:
        """A secret for this place."""
        return self.secrets.setdefault(where, secret(where))

    def ask(
        self,
        method: str,
        path: str,
        body: str | bytes = b"",
        media_type: str = JSON,
        **headers: str,
    ) -> httpx.Response:
        """One request of alice's."""
        content = body.encode() if isinstance(body, str) else body
        told = {"Content-Type": media_type, **headers}
        answer = self.client.request(method, path, content=content, headers=told)
        self.answers.append(answer)
        return answer

    def job(self) -> int:
        """A job in Configuring."""
        body = {"tasks": [{"command": "true"}], "submit": False}
        return int(self.ask("POST", "/api/v1/jobs", json.dumps(body)).json()["job_id"])


# --- bodies ---------------------------------------------------------------------------------------


def pairs(**values: str) -> str:
    """Properties in JSON."""
    return json.dumps([{"Name": k, "Value": v} for k, v in values.items()])


def elements(**values: str) -> str:
    """Properties in XML."""
    rows = "".join(
        f"<Property><Name>{k}</Name><Value>{html.escape(v)}</Value></Property>"
        for k, v in values.items()
    )
    return f'<ArrayOfProperty xmlns="{COMMON}">{rows}</ArrayOfProperty>'


def job_file(password: str, inner: str = '<Task CommandLine="true"/>') -> str:
    """A job file with a password, as an exported one may have it."""
    told = f'UserName="" Password="{html.escape(password)}"'
    return f"<Job {told}><Tasks>{inner}</Tasks></Job>"


def submitted(sent: Sent) -> None:
    """Passwords in the body of a submit: accepted, in every form and case."""
    forms: tuple[tuple[str, str, Callable[..., str], str], ...] = (
        ("/hpc/jobs/{}/submit", JSON, pairs, "submit-json"),
        ("/hpc/jobs/{}/submit", XML, elements, "submit-xml"),
        ("/WindowsHPC/Job/{}/Submit", XML, elements, "submit-windows"),
    )
    for path, media_type, form, where in forms:
        for name in ("Password", "password", "PASSWORD"):
            body = form(UserName="", **{name: sent.new(f"{where}-{name}")})
            answer = sent.ask("POST", path.format(sent.job()), body, media_type)
            assert answer.is_success, answer.text


def created(sent: Sent) -> None:
    """Passwords of a job that is made: accepted, by properties and by job file."""
    made = (
        ("/hpc/jobs", JSON, pairs(Name="a", Password=sent.new("create-json"))),
        ("/hpc/jobs", XML, elements(Name="a", Password=sent.new("create-xml"))),
        ("/WindowsHPC/Jobs", XML, elements(Name="a", Password=sent.new("create-windows"))),
        ("/hpc/jobs/jobFile", JSON, json.dumps(job_file(sent.new("file-json")))),
        ("/hpc/jobs/jobFile", XML, job_file(sent.new("file-xml"))),
        ("/WindowsHPC/Jobs/JobFile", XML, job_file(sent.new("file-windows"))),
    )
    for path, media_type, body in made:
        answer = sent.ask("POST", path, body, media_type)
        assert answer.is_success, answer.text


def refused(sent: Sent) -> None:
    """Bodies that hold a password and are refused, or cannot be read at all."""
    job = sent.job()
    submit, windows = f"/hpc/jobs/{job}/submit", f"/WindowsHPC/Job/{job}/Submit"
    long = sent.new("too-long") + "x" * 127
    twice = pairs(Password=sent.new("twice"), PASSWORD=sent.new("twice-again"))
    bad_account = pairs(UserName="no such account!", Password=sent.new("bad-account"))
    not_here = pairs(NodeGroups="gpu", Password=sent.new("not-here"))
    in_task = f'<Task CommandLine="a" Password="{html.escape(sent.new("in-a-task"))}"/>'
    broken_file = json.dumps(job_file(sent.new("broken-file"))[:-6])
    bodies = (
        (submit, JSON, pairs(Password=long)),
        (submit, JSON, twice),
        (submit, JSON, bad_account),
        (submit, JSON, not_here),
        (submit, JSON, pairs(Password=sent.new("broken-json"))[:-2]),
        (submit, JSON, json.dumps({"Password": sent.new("no-list")})),
        (submit, JSON, json.dumps([{"Name": "Password", "Values": sent.new("no-value")}])),
        (submit, JSON, json.dumps([[sent.new("nested")]])),
        (submit, JSON, b"\xff" + pairs(Password=sent.new("no-utf-8")).encode()),
        (submit, XML, elements(Password=sent.new("broken-xml"))[:-4]),
        (submit, XML, f"<!DOCTYPE x>{elements(Password=sent.new('document-type'))}"),
        (submit, XML, f"<Password>{html.escape(sent.new('other-element'))}</Password>"),
        (windows, XML, elements(Password=sent.new("broken-windows"))[:-4]),
        (windows, XML, elements(NodeGroups="gpu", Password=sent.new("not-here-windows"))),
        ("/hpc/jobs/jobFile", JSON, broken_file),
        ("/hpc/jobs/jobFile", XML, job_file(sent.new("file-task"), in_task)),
        ("/hpc/jobs/jobFile", XML, job_file(sent.new("file-empty"), "<Task/>")),
        ("/hpc/jobs/no-such-place", JSON, pairs(Password=sent.new("no-place"))),
        ("/hpc/jobs/999999/submit", JSON, pairs(Password=sent.new("no-job"))),
        (f"/api/v1/jobs/{job}/submit", JSON, json.dumps({"password": sent.new("native")})),
        ("/api/v1/jobs", JSON, json.dumps({"tasks": [], "password": sent.new("native-new")})),
        ("/api/v1/jobs", JSON, json.dumps({"password": sent.new("native-broken")})[:-1]),
        ("/no-face", JSON, pairs(Password=sent.new("no-face"))),
    )
    for path, media_type, body in bodies:
        assert sent.ask("POST", path, body, media_type).status_code >= 400, (path, body)
    submitted_again = pairs(Password=sent.new("wrong-state"))
    assert sent.ask("POST", submit, pairs(), JSON).is_success
    assert sent.ask("POST", submit, submitted_again, JSON).status_code == 409
    put = sent.ask("PUT", f"/hpc/jobs/{job}", pairs(Password=sent.new("changed")))
    assert put.status_code in (204, 409, 422, 501), put.text


# --- who asks -------------------------------------------------------------------------------------


def identified(sent: Sent) -> None:
    """Wrong passwords and tokens, misspelled headers, and secrets where none belong."""
    token = f"cm_{'0' * 12}_Zq7{'w' * 40}"
    sent.secrets["wrong-token"] = token
    in_base64 = base64.b64encode(sent.new("no-colon").encode()).decode()
    headers = (
        {"Authorization": basic("alice", sent.new("wrong-password"))},
        {"Authorization": basic("nobody-so-called", sent.new("of-nobody"))},
        {"Authorization": basic(sent.new("as-a-name"), "x")},
        {"Authorization": f"Basic {in_base64}"},
        {"Authorization": f"Basic {quote(sent.new('not-base64'))}"},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Digest {quote(sent.new('digest'))}"},
        {"Authorization": quote(sent.new("no-scheme"))},
        {"Proxy-Authorization": basic("alice", sent.new("proxy"))},
        {"Cookie": f"session={quote(sent.new('cookie'))}"},
        {"X-Api-Key": quote(sent.new("api-key"))},
    )
    for face in ("/api/v1/jobs", "/hpc/jobs", "/WindowsHPC/Jobs"):
        for told in headers:
            status = sent.ask("GET", face, **told).status_code
            assert status in ((401, 429) if "Authorization" in told else (200,)), told
    for name in ("password", "access_token"):
        sent.ask("GET", f"/hpc/jobs?{name}={quote(sent.new(f'query-{name}'))}")


# --- where they may not be ------------------------------------------------------------------------


def spelled(text: str) -> Iterator[bytes]:
    """A secret as it is, and as others write it; also within something longer."""
    raw = text.encode()
    yield from (raw, text.encode("utf-16-le"), raw.hex().encode(), raw[::-1])
    yield from (quote(text).encode(), quote(text, safe="").encode())
    yield from (html.escape(text).encode(), json.dumps(text)[1:-1].encode())
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    for ahead in range(3):
        coded = base64.b64encode(b"x" * ahead + raw)
        yield coded[4 * (ahead > 0) : -ERASED]
        yield base64.urlsafe_b64encode(b"x" * ahead + raw)[4 * (ahead > 0) : -ERASED]


def found_in(content: bytes, text: str) -> bool:
    """Whether the secret is there, in any spelling. Indexes of words know lower case only."""
    wanted = {*spelled(text), *spelled(text.lower())}
    lower = content.lower()
    return any(one in content or one.lower() in lower for one in wanted)


def everything(service: Service) -> dict[str, bytes]:
    """All that the service has written, by place."""
    places = {str(p): p.read_bytes() for p in service.home.rglob("*") if p.is_file()}
    assert {"journal", "views", "jetstream", "principals.json"} <= {
        Path(p).relative_to(service.data).parts[0] for p in places if str(service.data) in p
    }
    return places


@pytest.fixture
def one() -> Iterator[Service]:
    """It tells its log all it can, and has HTTPS."""
    with new_service(log_level="debug", https_self_signed=True, https_port=0) as service:
        yield service.start()


def test_no_secret_stands_anywhere(one: Service) -> None:
    people = PrincipalsFile(one.data / "principals.json")
    token = people.add("alice")
    assert token is not None
    people.set_password("alice", PASSWORD)
    sent = send_all(one, token)
    stream = b"\n".join(e.raw for e in one.stream())
    assert b"JobSubmitted" in stream
    assert b"JobCommandRefused" in stream, "what was refused in its state is there"
    one.stop()
    secrets = sent.secrets | {
        "password": PASSWORD,
        "token": token,
        "header": basic("alice", PASSWORD).split()[1],
    }
    answers = b"\n".join(f"{a.headers}".encode() + a.content for a in sent.answers)
    places = everything(one) | {"stream": stream, "answers": answers}
    found = [(w, p) for w, text in secrets.items() for p, x in places.items() if found_in(x, text)]
    assert found == []
    check_log(one.log)


def test_the_search_finds_what_is_there() -> None:
    text = secret("somewhere")
    coded = basic("alice", text).encode()
    for content in (
        text.encode(),
        b"..." + coded,
        json.dumps([text]).encode(),
        elements(Password=text).encode(),
        quote(text).encode(),
        text.lower().encode(),
    ):
        assert found_in(content, text)
    assert not found_in(secret("elsewhere").encode(), text)


def send_all(service: Service, token: str) -> Sent:
    """Everything, by password and by token, over HTTPS; what is refused for who asks comes last."""
    by_token, by_password = f"Bearer {token}", basic("alice", PASSWORD)
    with client_of(service, by_token) as first, client_of(service, by_password) as second:
        sent = Sent(service, first)
        for sent.client in (first, second):
            for part in (submitted, created, refused):
                part(sent)
        identified(sent)
        return sent


def client_of(service: Service, authorization: str) -> httpx.Client:
    """A client over HTTPS."""
    trusted = ssl.create_default_context(cafile=service.endpoint["https_certificate"])
    return httpx.Client(
        base_url=service.endpoint["https"],
        verify=trusted,
        headers={"Authorization": authorization, "api-version": "2016-11-01.5.0"},
        timeout=PATIENCE_SECONDS,
        trust_env=False,
    )
