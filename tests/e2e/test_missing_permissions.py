"""Commands whose NATS user lacks a permission name it, within seconds, on an outside server."""

import time
from collections.abc import Iterator
from typing import Final

import pytest
from msgspec import Struct

from adapters.jetstream.accounts import NatsRole
from tests.e2e.denying import denied
from tests.e2e.home import new_home
from tests.e2e.outside import Outside, outside_server
from tests.e2e.said import said_by
from tests.e2e.service import Service
from tests.e2e.test_store_faults import STREAM

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SOON_SECONDS: Final = 15.0
"""The start of a Python program on a busy machine included; a time-out of ours would be 10 s more
at the least."""


class Case(Struct, frozen=True):
    """A command, what its user may not publish or subscribe to, and how that is named."""

    verb: str
    role: NatsRole
    denials: dict[str, str]
    named: str


def publish(verb: str, role: NatsRole, subject: str, named: str = "") -> Case:
    return Case(verb, role, {"publish": subject}, f"publish to '{named or subject}")


INFO: Final = f"$JS.API.STREAM.INFO.{STREAM}"
CREATE: Final = f"$JS.API.CONSUMER.CREATE.{STREAM}."
NEXT: Final = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}."
SNAPSHOT: Final = f"$JS.API.STREAM.SNAPSHOT.{STREAM}"
INBOX: Final = "subscribe to '_INBOX."

CASES: Final = (
    *(publish(verb, NatsRole.SERVICE, INFO) for verb in ("serve", "doctor", "fsck", "backup")),
    *(publish(v, NatsRole.SERVICE, f"{CREATE}>", CREATE) for v in ("serve", "doctor", "fsck")),
    *(publish(v, NatsRole.SERVICE, f"{NEXT}>", NEXT) for v in ("doctor", "fsck")),
    publish("doctor", NatsRole.SERVICE, "countermand.local.job.>", "countermand.local.job."),
    *(Case(v, NatsRole.SERVICE, {"subscribe": "_INBOX.>"}, INBOX) for v in ("doctor", "fsck")),
    publish("backup", NatsRole.OPERATOR, INFO),
    publish("backup", NatsRole.OPERATOR, SNAPSHOT),
    Case("backup", NatsRole.OPERATOR, {"subscribe": "_INBOX.>"}, INBOX),
)


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    with new_home() as made, outside_server(made / "nats", sync="always") as found:
        yield found


@pytest.fixture(scope="module")
def stopped(outside: Outside) -> Iterator[Service]:
    """A service that has finished jobs, and was stopped."""
    operator = str(outside.credentials / "operator.json")
    settings = outside.settings | {"nats_operator_credentials_file": operator}
    with new_home() as made, Service(made, **settings) as one:
        one.start()
        for _ in range(3):
            one.until_state(one.submit("true"), "Finished")
        one.stop()
        yield one


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.verb}-{case.named}")
def test_what_is_missing_is_named_soon(outside: Outside, stopped: Service, case: Case) -> None:
    file = stopped.home / "a-backup"
    options = [str(file)] if case.verb == "backup" else []
    command = stopped.command(case.verb, *options)
    with denied(outside, case.role, **case.denials):
        began = time.monotonic()
        said = said_by(command, stopped.clean_environment(), stopped.home)
        lasted = time.monotonic() - began
    assert said.status in (1, 75), said
    words = said.out + said.err
    user = f"of {outside.credentials / case.role}.json"
    assert f"NATS user {user} is not permitted to {case.named}" in words, words
    assert "give it that permission on the NATS server" in words
    assert "Traceback" not in words
    assert lasted < SOON_SECONDS, words
    assert not file.exists(), "nothing is left of a backup that was not made"
    assert not list(stopped.home.glob("*a-backup*"))


def test_with_its_permissions_back_every_command_works(outside: Outside, stopped: Service) -> None:
    """What the cases above found was not something else."""
    environment = stopped.clean_environment()
    for verb in ("doctor", "fsck", "backup"):
        options = [str(stopped.home / "a-backup")] if verb == "backup" else []
        said = said_by(stopped.command(verb, *options), environment, stopped.home)
        assert said.status == 0, said
