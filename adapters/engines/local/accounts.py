"""Under which account a run may run, and what it finds in its environment."""

import os
import pwd
from typing import Final

from msgspec import Struct

from application.engine import RunKey, RunSpec
from domain.errors import Refused

STAY: Final = -1
PATH_DEFAULT: Final = "/usr/local/bin:/usr/bin:/bin"
MARKER: Final = "COUNTERMAND_RUN"
"""Every process of a run inherits this name of its run: proof, should its warden die."""


class Account(Struct, frozen=True):
    """Whose rights a run has. ``uid`` is ``STAY`` where it runs as the service itself does."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class Accounts(Struct, frozen=True):
    """Which accounts runs may have.

    ``default``: used when a run names none, and the service is root. ``others``: further accounts
    that a run may name. ``root_allowed``: the settings say so in words.
    """

    default: str
    others: frozenset[str]
    root_allowed: bool

    def resolve(self, name: str) -> Account:
        """The account for a run that asks for ``name`` (or ""). Raises ``Refused``."""
        return self._other(name or self.default) if os.geteuid() == 0 else _own(name)

    def _other(self, name: str) -> Account:
        if name != self.default and name not in self.others:
            allowed = ", ".join(sorted({self.default, *self.others}))
            raise Refused(
                f"runs may not use the account {name!r}; the settings task_account and "
                f"run_as_accounts allow: {allowed}",
                code="account_not_allowed",
            )
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise Refused(f"there is no account {name!r}", code="no_such_account") from None
        if entry.pw_uid == 0 and not self.root_allowed:
            raise Refused("the settings do not allow tasks to run as root", code="root_forbidden")
        groups = tuple(os.getgrouplist(name, entry.pw_gid))
        return Account(name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir)


def _own(name: str) -> Account:
    """The service's account: without root nothing else is possible."""
    try:
        entry = pwd.getpwuid(os.geteuid())
        own, home = entry.pw_name, entry.pw_dir
    except KeyError:
        own, home = str(os.geteuid()), "/"
    if name not in ("", own):
        raise Refused(
            f"the service runs as {own!r}, not as root: it cannot run tasks as {name!r}",
            code="account_not_allowed",
        )
    return Account(own, STAY, STAY, (), home)


def environment(key: RunKey, spec: RunSpec, account: Account, run_name: str) -> dict[str, str]:
    """Defaults of the account, then the run's own, then what the engine says. Nothing else.

    What the engine says is in ``OWN_VARIABLES`` of the domain, so that nobody gives it in vain.

    CCP_NODES, CCP_NODES_CORES: how many nodes, then name and cores of each, as HPC Pack has it and
    ``mpiexec -hosts`` takes it. They tell what this run holds: one core of one node.

    Raises ``Refused`` for what no environment can hold.
    """
    defaults = {
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "SHELL": "/bin/sh",
        "PATH": PATH_DEFAULT,
    }
    ours = {
        "CCP_JOBID": str(key.job),
        "CCP_TASKID": str(key.task),
        "CCP_TASKINSTANCEID": str(key.instance),
        "CCP_NODES": f"1 {spec.node} 1",
        "CCP_NODES_CORES": f"1 {spec.node} 1",
        MARKER: run_name,
    }
    for name, value in spec.environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise Refused(f"not a variable of an environment: {name!r}", code="bad_environment")
    return {**defaults, **spec.environment, **ours}


class Exposure(Struct, frozen=True):
    """What a task could read or do that it should not, and what would end that: two sentences."""

    sentence: str
    what_to_do: str


def exposure(accounts: Accounts, runs_directory: str) -> tuple[Exposure, ...]:
    """Everything of that kind. Where jobs may name accounts of their own, those are apart."""
    if os.geteuid() != 0:
        help_ = "run the service as root with a task_account"
        return (
            Exposure(
                "Tasks run under the service's own account: they can read everything the service "
                "can, its data directory and its credentials included, and the notes in "
                f"{runs_directory}.",
                help_,
            ),
            Exposure("They can kill the service and their wardens.", help_),
        )
    if accounts.root_allowed and accounts.default == "root":
        return (
            Exposure(
                "Tasks run as root: they can read and change everything on this machine.",
                "set task_account to another account, and take allow_root_tasks away",
            ),
        )
    if accounts.others - {accounts.default}:
        return ()
    return (
        Exposure(
            f"All tasks run as {accounts.default!r}: they can read and signal each other.",
            "where they must not, name further accounts in run_as_accounts, and submit with "
            "--run-as (or UserName)",
        ),
    )
