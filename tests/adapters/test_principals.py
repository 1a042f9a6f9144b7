"""The principals file and the one name space of people."""

import asyncio
import multiprocessing
import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from adapters.principals import Principals, PrincipalsFile
from adapters.principals.hashing import hashed, matches, token_id_of
from domain.errors import (
    BadRequest,
    CountermandError,
    Misconfigured,
    NotAuthenticated,
    NotPermitted,
    Throttled,
    Unavailable,
    Unknown,
)
from domain.identity import Principal, PrincipalKind, Role

PASSWORD = "correct horse battery"


class Peer(NamedTuple):
    uid: int


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> PrincipalsFile:
    return PrincipalsFile(tmp_path / "principals.json")


@pytest.fixture
def people(file: PrincipalsFile) -> Principals:
    return Principals(file, own_uid=os.geteuid())


# --- the file -------------------------------------------------------------------------------------


def test_what_is_added_is_listed_without_secrets(file: PrincipalsFile, tmp_path: Path) -> None:
    assert file.list() == ()
    token = file.add("alice", (Role.USER, Role.JOB_OPERATOR, Role.USER))
    assert (
        file.add("robot", (Role.USER,), kind=PrincipalKind.SERVICE_ACCOUNT, with_token=False)
        is None
    )
    alice, robot = file.list()
    assert (alice.name, alice.roles) == ("alice", (Role.JOB_OPERATOR, Role.USER))
    assert robot.kind is PrincipalKind.SERVICE_ACCOUNT
    assert token is not None
    assert token_id_of(token) == alice.tokens[0].id
    text = (tmp_path / "principals.json").read_text()
    assert token not in text
    assert token.rpartition("_")[2] not in text


def test_the_file_is_for_the_service_alone(file: PrincipalsFile, tmp_path: Path) -> None:
    file.add("alice")
    path = tmp_path / "principals.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="0600"):
        file.read()
    with pytest.raises(Misconfigured, match="0600"):
        file.add("bob")


@pytest.mark.parametrize("name", ["", "7up", "a b", "a/b", "ä", "x" * 65, "-x", "a\n", "a:b"])
def test_names_have_their_form(file: PrincipalsFile, name: str) -> None:
    with pytest.raises(BadRequest, match="cannot be a name"):
        file.add(name)


def test_what_cannot_be_added(file: PrincipalsFile) -> None:
    file.add("alice")
    with pytest.raises(BadRequest, match="already"):
        file.add("alice")
    with pytest.raises(BadRequest, match="--unix"):
        file.add("daemon")
    with pytest.raises(BadRequest, match="own name"):
        file.add("countermand")
    with pytest.raises(BadRequest, match="needs a role"):
        file.add("bob", ())
    with pytest.raises(BadRequest, match="kind system"):
        file.add("bob", kind=PrincipalKind.SYSTEM)
    assert [entry.name for entry in file.list()] == ["alice"]


def test_what_is_not_there(file: PrincipalsFile) -> None:
    with pytest.raises(Unknown):
        file.remove("alice")
    with pytest.raises(Unknown):
        file.set_password("alice", PASSWORD)
    with pytest.raises(Unknown):
        file.add_token("alice")
    file.add("alice")
    with pytest.raises(Unknown):
        file.remove_token("alice", "000000000000")
    file.remove("alice")
    assert file.list() == ()


def test_a_password_has_a_length(file: PrincipalsFile) -> None:
    file.add("alice")
    for password in ("short", "x" * 1025):
        with pytest.raises(BadRequest, match="12 to 1024"):
            file.set_password("alice", password)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version":2,"principals":[]}',
        '{"version":1,"principals":[{"name":"a"},{"name":"a"}]}',
        '{"version":1,"principals":[{"name":"a b"}]}',
        '{"version":1,"principals":[{"name":"a","roles":["king"]}]}',
        '{"version":1,"principals":[{"name":"a","kind":"system"}]}',
        '{"version":1,"principals":[{"name":"a","password":"plain"}]}',
        '{"version":1,"principals":[{"name":"a","password":"scrypt$16384$8$1$!!$!!"}]}',
        '{"version":1,"principals":[{"name":"a","password":"scrypt$1048576$8$1$YQ==$YQ=="}]}',
        '{"version":1,"principals":[{"name":"a","admin":true}]}',
    ],
)
def test_a_file_that_cannot_be_understood(file: PrincipalsFile, tmp_path: Path, text: str) -> None:
    path = tmp_path / "principals.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="cannot be understood") as caught:
        file.read()
    assert "plain" not in str(caught.value)
    with pytest.raises(Misconfigured):
        file.add("bob")
    assert path.read_text() == text


def add_some(path: Path, prefix: str) -> None:
    for n in range(10):
        PrincipalsFile(path).add(f"{prefix}{n}", with_token=False)


def test_two_who_edit_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "principals.json"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=add_some, args=(path, x)) for x in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(PrincipalsFile(path).list()) == 20


def test_hashes() -> None:
    one, two = hashed("secret"), hashed("secret")
    assert one != two
    assert matches("secret", one)
    assert not matches("Secret", one)
    assert "secret" not in one
    with pytest.raises(ValueError, match="form"):
        matches("secret", "plain")


# --- people ---------------------------------------------------------------------------------------


async def test_a_token_is_its_principal(file: PrincipalsFile, people: Principals) -> None:
    token = file.add("robot", (Role.USER,), kind=PrincipalKind.SERVICE_ACCOUNT)
    second = file.add_token("robot")
    assert token is not None
    expected = Principal("robot", (Role.USER,), PrincipalKind.SERVICE_ACCOUNT, "token")
    assert await people.by_token(token) == expected
    assert await people.by_token(second) == expected
    assert token_id_of(token) != token_id_of(second)


async def test_another_secret_with_a_known_id_is_refused(
    file: PrincipalsFile, people: Principals
) -> None:
    one, two = file.add("alice"), file.add("bob")
    assert one is not None
    assert two is not None
    mixed = one[:16] + two[16:]
    for token in (mixed, one + "x", one[:-1], "", "cm__", "cm_000000000000_" + one[16:]):
        with pytest.raises(NotAuthenticated) as caught:
            await people.by_token(token)
        assert one[16:] not in str(caught.value)


async def test_a_password(file: PrincipalsFile, people: Principals) -> None:
    file.add("alice", with_token=False)
    with pytest.raises(NotAuthenticated):
        await people.by_password("alice", "")
    file.set_password("alice", PASSWORD)
    assert (await people.by_password("alice", PASSWORD)).method == "basic"
    for name, password in (("alice", "x"), ("bob", PASSWORD), ("a b", PASSWORD), ("", "")):
        with pytest.raises(NotAuthenticated, match="name or the password"):
            await people.by_password(name, password)


async def test_a_change_counts_at_once(file: PrincipalsFile, people: Principals) -> None:
    token = file.add("alice")
    file.set_password("alice", PASSWORD)
    assert token is not None
    await people.by_token(token)
    await people.by_password("alice", PASSWORD)
    file.set_password("alice", PASSWORD + "2")
    with pytest.raises(NotAuthenticated):
        await people.by_password("alice", PASSWORD)
    await people.by_token(token)
    file.remove("alice")
    with pytest.raises(NotAuthenticated):
        await people.by_token(token)


async def test_who_is_not_in_the_file_any_more_is_not_known(
    file: PrincipalsFile, people: Principals
) -> None:
    """Not even when a Unix login has the same name."""
    token = file.add("nobody2", (Role.JOB_OPERATOR,))
    assert token is not None
    person = await people.by_token(token)
    assert (await people.still(person)).roles == (Role.JOB_OPERATOR,)
    file.remove("nobody2")
    with pytest.raises(Unknown):
        await people.still(person)
    with pytest.raises(Unknown):
        await people.still(Principal("root", method="token"))
    assert (await people.still(Principal("root", method="unix"))).has(Role.ADMINISTRATOR)


async def test_many_checks_of_one_token_cost_one_hash(
    file: PrincipalsFile, people: Principals
) -> None:
    token = file.add("alice")
    assert token is not None
    found = await asyncio.gather(*(people.by_token(token) for _ in range(90)))
    assert {x.name for x in found} == {"alice"}


async def test_guessing_becomes_slow_and_time_heals(file: PrincipalsFile) -> None:
    hand = Hand()
    people = Principals(file, own_uid=0, monotonic=hand)
    file.add("alice", with_token=False)
    file.set_password("alice", PASSWORD)
    for n in range(10):
        with pytest.raises(NotAuthenticated):
            await people.by_password("alice", f"guess {n}")
    with pytest.raises(Throttled) as caught:
        await people.by_password("alice", PASSWORD)
    assert 0 < caught.value.retry_after_seconds <= 3
    hand.now += 3
    assert (await people.by_password("alice", PASSWORD)).name == "alice"


async def test_the_same_wrong_secret_again_is_no_further_guess(file: PrincipalsFile) -> None:
    """A script with an old password locks nobody out."""
    people = Principals(file, own_uid=0, monotonic=Hand())
    file.add("alice", with_token=False)
    file.set_password("alice", PASSWORD)
    for _ in range(30):
        with pytest.raises(NotAuthenticated):
            await people.by_password("alice", "the one of last year")
    assert (await people.by_password("alice", PASSWORD)).name == "alice"
    file.set_password("alice", "the one of last year")
    assert (await people.by_password("alice", "the one of last year")).name == "alice"
    with pytest.raises(NotAuthenticated):
        await people.by_password("alice", PASSWORD)


async def test_too_many_checks_at_once_are_turned_away(
    file: PrincipalsFile, people: Principals
) -> None:
    tries = [people.by_password(f"name{n}", "guess") for n in range(110)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(x) for x in found} == {NotAuthenticated, Throttled}


# --- one name space -------------------------------------------------------------------------------


def uid(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


async def test_logins(file: PrincipalsFile) -> None:
    people = Principals(file, own_uid=uid("mail"))
    assert await people.by_peer(Peer(uid("daemon"))) == Principal("daemon", method="unix")
    for name in ("root", "mail"):
        found = await people.by_peer(Peer(uid(name)))
        assert (found.name, found.roles) == (name, (Role.ADMINISTRATOR,))
    for stranger in (uid("nobody"), 54_321):
        with pytest.raises(NotAuthenticated):
            await people.by_peer(Peer(stranger))


async def test_the_own_account_may_also_be_that_of_tasks(file: PrincipalsFile) -> None:
    people = Principals(file, own_uid=uid("nobody"))
    assert (await people.by_peer(Peer(uid("nobody")))).has(Role.ADMINISTRATOR)


async def test_a_login_is_its_entry_only_when_that_was_said(
    file: PrincipalsFile, people: Principals, tmp_path: Path
) -> None:
    file.add("daemon", (Role.AUDITOR,), unix=True)
    assert (await people.by_peer(Peer(uid("daemon")))).roles == (Role.AUDITOR,)
    path = tmp_path / "principals.json"
    path.write_bytes(path.read_bytes().replace(b'"unix": true', b'"unix": false'))
    with pytest.raises(NotAuthenticated, match="--unix"):
        await people.by_peer(Peer(uid("daemon")))


async def test_people_by_name(file: PrincipalsFile) -> None:
    people = Principals(file, own_uid=uid("mail"))
    file.add("alice", (Role.JOB_ADMINISTRATOR,))
    assert (await people.named("alice")).roles == (Role.JOB_ADMINISTRATOR,)
    assert (await people.named("daemon")).roles == (Role.USER,)
    assert (await people.named("root")).roles == (Role.ADMINISTRATOR,)
    with pytest.raises(NotPermitted):
        await people.named("nobody")
    for name in ("no-such-person", "a b", "", "\ud800"):
        with pytest.raises(Unknown):
            await people.named(name)


async def test_a_broken_file_leaves_only_the_administrators_of_the_machine(
    file: PrincipalsFile, people: Principals, tmp_path: Path
) -> None:
    token = file.add("alice")
    assert token is not None
    await people.by_token(token)
    (tmp_path / "principals.json").write_text("{")
    asked: list[CountermandError] = []
    for attempt in (people.by_token(token), people.by_peer(Peer(uid("daemon")))):
        with pytest.raises(Unavailable) as caught:
            await attempt
        asked.append(caught.value)
    assert all(token not in error.message for error in asked)
    assert (await people.by_peer(Peer(0))).has(Role.ADMINISTRATOR)


def test_the_file_is_json_that_a_person_can_read(file: PrincipalsFile, tmp_path: Path) -> None:
    file.add("alice")
    raw = (tmp_path / "principals.json").read_bytes()
    assert raw.count(b"\n") > 5
    assert msgspec.json.decode(raw)["principals"][0]["name"] == "alice"
