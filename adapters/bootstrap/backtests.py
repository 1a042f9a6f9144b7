"""``countermand policy backtest``: the recorded requests, put to the rules of a file."""

from collections.abc import Sequence
from pathlib import Path

from adapters.bootstrap.evidence import stream_spec
from adapters.bootstrap.policies import Told, policies_here, read_again, text_of
from adapters.bootstrap.reaching import stream_reached
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import Connection
from adapters.jetstream.log import identity_of
from adapters.jetstream.whole import info_of, whole_stream
from adapters.policy import CedarPolicy, FromMemory, OnHistory, schema_text, schemas
from application.backtesting import Backtest, Backtested, Wanted, backtest_stream
from application.rechecking import Again, Recheck
from application.settings import Settings


async def backtested(
    settings: Settings, file: Path, files: Sequence[Path], wanted: Wanted, told: Told
) -> Backtested:
    """What the rules of ``file`` would have answered. ``files``: rules that were in force before.

    Raises ``Misconfigured`` for a file that is no policy, or ``Unavailable``.
    """
    candidate = candidate_of(file)
    here = [remembering(policy) for policy in policies_here(files)]
    recheck = Recheck(here, wanted.limit, lambda *texts: remembering(read_again(*texts)))
    backtest = Backtest(candidate, recheck, wanted)
    async with stream_reached(settings) as server:
        connection = await Connection.open(server.address(NatsRole.SERVICE))
        try:
            spec = stream_spec(settings)
            info = await info_of(connection, spec)
            last = info.state.last_seq
            stream = whole_stream(connection, spec, info)
            await backtest_stream(stream, last, backtest, lambda done: told(done, last))
            return backtest.report(identity_of(info), last)
        finally:
            await connection.close()


def candidate_of(file: Path) -> OnHistory:
    """The rules of a file, to be asked what was asked before. Raises ``Misconfigured``."""
    return OnHistory(CedarPolicy(text_of(file), schema_text()), schemas())


def remembering(policy: Again) -> Again:
    """The same, remembering its answers: far quicker for a long history."""
    return FromMemory(policy) if isinstance(policy, CedarPolicy) else policy
