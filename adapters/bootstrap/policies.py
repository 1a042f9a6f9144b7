"""``countermand policy``: the rules in force, those in a file, recorded decisions asked again."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from adapters.bootstrap.evidence import stream_spec
from adapters.bootstrap.reaching import stream_reached
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import Connection
from adapters.jetstream.log import identity_of
from adapters.jetstream.whole import info_of, whole_stream
from adapters.policy import (
    POLICY_BYTES_MAX,
    CedarPolicy,
    Flaw,
    default_policy,
    defaults,
    flaws,
    parsed_schema,
    schema_text,
    schemas,
)
from application.rechecking import Again, Recheck, Rechecked, recheck_stream
from application.settings import Settings
from domain.errors import Misconfigured
from domain.policy_table import TablePolicy

Told = Callable[[int, int], None]


class InForce(Struct, frozen=True):
    """The rules in force, what they may ask about, and what answers by them."""

    digest: str
    schema_digest: str
    engine: str
    rules: str
    schema: str


def in_force() -> InForce:
    """The rules that a service of this version goes by."""
    policy = default_policy()
    return InForce(policy.digest, policy.schema_digest, policy.engine, policy.text, schema_text())


def checked(file: Path) -> Sequence[Flaw]:
    """What is wrong with the rules in a file. Raises ``Misconfigured`` when it cannot be read."""
    return flaws(text_of(file), parsed_schema(schema_text()))


def text_of(file: Path) -> str:
    """What a file of rules says; of one that is far too long only that it is."""
    try:
        with file.open("rb") as opened:
            return opened.read(POLICY_BYTES_MAX + 1).decode("utf-8")
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{file}: byte {error.start} is not UTF-8") from error


def policies_here(files: Sequence[Path]) -> dict[tuple[str, str], Again]:
    """All shipped rules, those in the files, and the table that came before them, with each schema
    that they keep to; by the digests of both. Raises ``Misconfigured`` for what is no policy."""
    table = TablePolicy()
    found: dict[tuple[str, str], Again] = {(table.digest, table.schema_digest): table}
    for text in (*defaults().values(), *map(text_of, files)):
        for policy in with_each_schema(text):
            found[policy.digest, policy.schema_digest] = policy
    return found


def with_each_schema(text: str) -> Iterator[CedarPolicy]:
    """The rules of this text, with each schema that they keep to: one or more.

    Raises ``Misconfigured`` as with the schema in force, when there is none.
    """
    kept, wrong = False, list[Misconfigured]()
    for schema in schemas().values():
        try:
            yield CedarPolicy(text, schema)
            kept = True
        except Misconfigured as error:
            wrong.append(error)
    if not kept:
        raise wrong[0]


async def rechecked(settings: Settings, files: Sequence[Path], limit: int, told: Told) -> Rechecked:
    """Every recorded decision, computed again. Raises ``Misconfigured`` or ``Unavailable``."""
    recheck = Recheck(policies_here(files), limit)
    async with stream_reached(settings) as server:
        connection = await Connection.open(server.address(NatsRole.SERVICE))
        try:
            spec = stream_spec(settings)
            info = await info_of(connection, spec)
            last = info.state.last_seq
            stream = whole_stream(connection, spec, info)
            await recheck_stream(stream, last, recheck, lambda done: told(done, last))
            return recheck.report(identity_of(info), last)
        finally:
            await connection.close()
