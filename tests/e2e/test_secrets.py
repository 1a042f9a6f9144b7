"""Tokens and passwords, right ones and wrong ones, are kept where only the service reads them."""

import os
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from adapters.principals import PrincipalsFile
from tests.e2e.hostile import check_log
from tests.e2e.service import Service, running_service
from tests.e2e.stream import check_history, login_in
from tests.support.web import basic

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PASSWORD: Final = "a password that nobody may read"
WRONG: Final = "cm_wrong_0123456789_that_nobody_may_read"


@pytest.fixture
def one() -> Iterator[Service]:
    """It tells its log all it can."""
    with running_service(log_level="debug") as found:
        yield found


def test_secrets_stand_nowhere(one: Service) -> None:
    """Neither right nor wrong ones: not in the stream, the log, or any answer."""
    one.set_grace(600)
    canceling = one.deaf_job()
    one.cancel(canceling)
    people = PrincipalsFile(one.data / "principals.json")
    token = people.add("alice")
    people.set_password("alice", PASSWORD)
    own = (one.data / "run" / "token").read_text().strip()
    assert token is not None
    answers = [
        asked_with(one, canceling, authorization)
        for authorization in (
            f"Bearer {token}",
            f"Bearer {own}",
            basic("alice", PASSWORD),
            f"Bearer {WRONG}",
            f"Bearer {token}x",
            basic("alice", PASSWORD + "x"),
            basic(WRONG, PASSWORD),
            f"Digest {WRONG}",
            f"Bearer {WRONG}\u202e",
        )
    ]
    assert [a.status_code for a in answers] == [403, 200, 403, *[401] * 6]
    logins = [login_in(one.credentials(r))["password"] for r in ("service", "reader", "operator")]
    secrets = [token, own, PASSWORD, WRONG, basic("alice", PASSWORD).split()[1], *logins]
    places = [one.log, *(a.text for a in answers), *(str(a.headers) for a in answers)]
    places += [e.raw.decode() for e in one.stream()]
    for secret in secrets:
        assert not [place for place in places if secret in place]
    check_private(one)
    check_history(one.stream())
    check_log(one.log)


def asked_with(one: Service, job: int, authorization: str) -> httpx.Response:
    """A cancel over TCP."""
    url = f"{one.endpoint['http']}/api/v1/jobs/{job}/cancel"
    headers = {b"Authorization": authorization.encode()}
    return httpx.post(url, json={}, headers=headers, timeout=30)


def check_private(one: Service) -> None:
    """Files with secrets are readable by nobody else."""
    private = [*(one.data / "credentials").iterdir(), one.data / "nats-server.conf"]
    private += [one.data / "run" / "token", one.data / "run" / "endpoint.json"]
    private += [one.data / "principals.json", one.data / "journal"]
    for path in private:
        assert os.stat(path).st_mode & 0o077 == 0, path
