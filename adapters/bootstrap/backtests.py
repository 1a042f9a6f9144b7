"""``countermand policy backtest``: the recorded requests, put to the rules of a file."""

from collections.abc import Sequence
from pathlib import Path

from adapters.bootstrap.backtests_kept import kept_backtests
from adapters.bootstrap.policies import Told, policies_here, read_again, text_of
from adapters.bootstrap.reaching import Read, stream_read
from adapters.jetstream.log import identity_of
from adapters.policy import CedarPolicy, FromMemory, OnHistory, schema_text, schemas
from application.backtesting import Backtest, Backtested, Wanted
from application.rechecking import Again, Recheck, take_each
from application.settings import Settings
from domain.errors import Unavailable


async def backtested(
    settings: Settings, file: Path, files: Sequence[Path], wanted: Wanted, told: Told
) -> Backtested:
    """What the rules of ``file`` would have answered. ``files``: rules that were in force before.

    It is kept in the data directory. Raises ``Misconfigured`` for a file that is no policy, or
    ``Unavailable``.
    """
    backtest = Backtest(candidate_of(file), remembering_recheck(files, wanted.limit), wanted)
    async with stream_read(settings) as read:
        report = await carried_out(backtest, read, told)
    keep(settings, report)
    return report


def remembering_recheck(files: Sequence[Path], limit: int) -> Recheck:
    """By the rules here and those of the stream; each remembers its answers."""
    here = [remembering(policy) for policy in policies_here(files)]
    return Recheck(here, limit, lambda *texts: remembering(read_again(*texts)))


async def carried_out(backtest: Backtest, read: Read, told: Told) -> Backtested:
    """On every event of a stream."""
    await take_each(read.events(), read.last, backtest.take, lambda done: told(done, read.last))
    return backtest.report(identity_of(read.info), read.last)


def keep(settings: Settings, report: Backtested) -> None:
    """Have ``policy activate --backtest`` find it, where the recorded decisions can be trusted.

    Raises ``Unavailable``.
    """
    if report.rechecked.different or report.rechecked.unknown:
        return
    try:
        kept_backtests(settings).keep(report.basis)
    except OSError as error:
        raise Unavailable(f"what the backtest found could not be kept: {error}") from error


def candidate_of(file: Path) -> OnHistory:
    """The rules of a file, to be asked what was asked before. Raises ``Misconfigured``."""
    return OnHistory(CedarPolicy(text_of(file), schema_text()), schemas())


def remembering(policy: Again) -> Again:
    """The same, remembering its answers: far quicker for a long history."""
    return FromMemory(policy) if isinstance(policy, CedarPolicy) else policy
