"""Who may act: the file of principals in the data directory."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from adapters.principals import Principals, PrincipalsFile
from adapters.principals.people import ROOT, login_of
from application.administration import Known
from application.settings import Settings
from application.waiting_cancels import RolesNow
from domain.errors import NotPermitted, Unknown
from domain.identity import Principal, PrincipalKind, Role


def principals_file(settings: Settings) -> PrincipalsFile:
    """The file, edited by ``countermand principals``."""
    return PrincipalsFile(Path(settings.data_directory) / "principals.json")


def administrators(settings: Settings) -> Callable[[], Awaitable[Sequence[Principal]]]:
    """Everybody who is an administrator: root, whoever runs the service, people of the file.

    Programs (service accounts) are none: what takes two persons is not for them.
    """
    file = principals_file(settings)

    async def found() -> Sequence[Principal]:
        entries = await asyncio.to_thread(file.list)
        named = {
            x.name: Principal(x.name, x.roles, x.kind)
            for x in entries
            if Role.ADMINISTRATOR in x.roles and x.kind is PrincipalKind.USER
        }
        for uid in (os.geteuid(), ROOT):
            login = await asyncio.to_thread(login_of, uid)
            if login is not None:
                named[login] = Principal(login, (Role.ADMINISTRATOR,))
        return [named[name] for name in sorted(named)]

    return found


def people(settings: Settings) -> Principals:
    """Who may act: Unix logins and the principals file, but no account that tasks run as."""
    own_accounts = os.geteuid() == 0 and not settings.allow_root_tasks
    tasks = (settings.task_account, *settings.run_as_accounts) if own_accounts else ()
    return Principals(principals_file(settings), own_uid=os.geteuid(), task_accounts=tasks)


def roles_now(settings: Settings) -> RolesNow:
    """Somebody with the roles that they have now, known in the way they were known."""
    known = people(settings)

    async def now(person: Principal) -> Principal:
        try:
            found = await known.still(person)
        except NotPermitted as error:
            raise Unknown(error.message, code="unknown_person") from error
        return replace(person, roles=found.roles, kind=found.kind)

    return now


def known_people(settings: Settings) -> Callable[[], Awaitable[Sequence[Known]]]:
    """Everybody with an entry, without any secret."""
    file = principals_file(settings)

    async def known() -> Sequence[Known]:
        return [
            Known(
                name=entry.name,
                roles=entry.roles,
                kind=entry.kind,
                unix=entry.unix,
                has_password=bool(entry.password),
                token_ids=tuple(token.id for token in entry.tokens),
            )
            for entry in sorted(await asyncio.to_thread(file.list), key=lambda e: e.name)
        ]

    return known
