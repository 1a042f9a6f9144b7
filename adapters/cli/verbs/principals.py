"""``countermand principals``: who may connect with a token, and what they may do."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar

import click

from adapters.cli.default_group import DefaultGroup
from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.exits import DONE, FAILURE, USAGE, Failure
from adapters.cli.typed import options as o
from adapters.cli.words import PASSWORD_CHARACTERS

if TYPE_CHECKING:
    from adapters.cli.doing.people import Entry, PeopleFile

ROLES: Final = ("user", "job-operator", "job-administrator", "administrator", "auditor")
HEADINGS: Final = ("NAME", "ROLES", "KIND", "UNIX", "PASSWORD", "TOKENS")
PASSWORD_BYTES_MAX: Final = 4096

Result = TypeVar("Result")

token_file_option = click.option(
    "--token-file", metavar="FILE", help="Write the token there (new, 0600), not to stdout."
)
name_argument = click.argument("name")


class Token(TypedDict):
    """A token without its secret."""

    id: str
    created: str


class Described(TypedDict):
    """An entry without its secrets."""

    name: str
    roles: list[str]
    kind: str
    unix: bool
    password: bool
    tokens: list[Token]


@click.group("principals", cls=DefaultGroup, default="list")
def verb() -> None:
    """Say who may connect with a token or a password, and what they may do.

    Changes take effect at once. On the socket a Unix login needs no entry: it is a user.

    \b
      countermand principals add ci --service-account --token-file ci.token
      countermand principals add alice --unix --role job-operator
      countermand principals remove ci
    """


@verb.command("list")
@chooses("data")
@o.prints
def list_them(asked: o.Asked, chosen: Chosen) -> int:
    """Everybody with an entry; never a token or a hash."""
    asked.out.check(Described)
    found = [described(entry) for entry in edit(chosen, lambda file: file.list())]
    asked.out.listed(found, Described, HEADINGS, row)
    return DONE


@verb.command("add")
@name_argument
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="Default: user.")
@click.option("--unix", is_flag=True, help="The Unix login of this name is the same person.")
@click.option("--service-account", is_flag=True, help="A program, not a person.")
@click.option("--no-token", is_flag=True, help="Make no token.")
@click.option(
    "--password",
    is_flag=True,
    help="Read a password of {} to {} characters from standard input.".format(*PASSWORD_CHARACTERS),
)
@token_file_option
@chooses("data")
def add(
    chosen: Chosen,
    name: str,
    roles: tuple[str, ...],
    unix: bool,
    service_account: bool,
    no_token: bool,
    password: bool,
    token_file: str | None,
) -> int:
    """Add somebody, and print their token: once, here, never again."""
    o.either(("--no-token", no_token), ("--token-file", token_file))
    secret = read_password() if password else None

    def make(file: "PeopleFile") -> str | None:
        from domain.identity import PrincipalKind, Role

        kind = PrincipalKind.SERVICE_ACCOUNT if service_account else PrincipalKind.USER
        chosen_roles = tuple(Role(role) for role in roles or ("user",))
        wants_token = not no_token and (token_file is not None or not password)
        token = file.add(name, chosen_roles, kind=kind, unix=unix, with_token=wants_token)
        if secret is not None:
            with taken_back(file, name):
                file.set_password(name, secret)
        return token

    with written(token_file) as write:
        token = edit(chosen, make)
        if token is not None:
            write(token)
    return DONE


@verb.command("token")
@name_argument
@token_file_option
@chooses("data")
def token(chosen: Chosen, name: str, token_file: str | None) -> int:
    """One more token for somebody; the old ones stay good until they are removed."""
    with written(token_file) as write:
        write(edit(chosen, lambda file: file.add_token(name)))
    return DONE


@verb.command("remove")
@name_argument
@click.option("--token-id", metavar="ID", help="Only this token (`list` shows the ids).")
@chooses("data")
def remove(chosen: Chosen, name: str, token_id: str | None) -> int:
    """Remove somebody with all tokens, or one token; it counts no more, at once."""
    if token_id is not None:
        edit(chosen, lambda file: file.remove_token(name, token_id))
    else:
        edit(chosen, lambda file: file.remove(name))
    return DONE


def edit(chosen: Chosen, work: "Callable[[PeopleFile], Result]") -> Result:
    """Work on the principals file of the data directory."""

    def ask() -> Result:
        from adapters.bootstrap import asked as bootstrap

        full = chosen.with_default_data()
        return work(bootstrap.principals(full.overrides, full.config_file))

    return asking_bootstrap(ask)


@contextmanager
def taken_back(file: "PeopleFile", name: str) -> Iterator[None]:
    """When this goes wrong, the new principal is not there either."""
    try:
        yield
    except BaseException:
        file.remove(name)
        raise


@contextmanager
def written(path: str | None) -> Iterator[Callable[[str], None]]:
    """Where a token goes: stdout, or a new file that only its owner reads, gone if all fails."""
    if path is None:
        yield print
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as e:
        raise Failure(FAILURE, f"{path} cannot be made: {e.strerror}") from e
    with open(descriptor, "w", encoding="ascii") as file:
        try:
            yield lambda token: print(token, file=file)
        except BaseException:
            os.unlink(path)
            raise


def read_password() -> str:
    """One line of standard input; typed twice and unseen on a terminal."""
    if sys.stdin is not None and sys.stdin.isatty():
        typed = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return str(typed)
    line = sys.stdin.readline(PASSWORD_BYTES_MAX) if sys.stdin is not None else ""
    if not line.strip():
        raise Failure(USAGE, "there is no password on standard input; give it as one line")
    return line.rstrip("\r\n")


def described(entry: "Entry") -> Described:
    """An entry without its secrets."""
    return {
        "name": entry.name,
        "roles": [str(role) for role in entry.roles],
        "kind": str(entry.kind),
        "unix": entry.unix,
        "password": bool(entry.password),
        "tokens": [{"id": x.id, "created": x.created} for x in entry.tokens],
    }


def row(x: Described) -> tuple[str, ...]:
    """An entry as a row."""
    yes = {True: "yes", False: ""}
    tokens = ", ".join(f"{t['id']} ({t['created'][:10]})" for t in x["tokens"])
    roles = ", ".join(x["roles"])
    return x["name"], roles, x["kind"], yes[x["unix"]], yes[x["password"]], tokens
