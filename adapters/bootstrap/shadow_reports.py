"""``countermand policy shadow``: what rules in shadow said, as the stream has it."""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from adapters.bootstrap.backtests import carried_out, keep, remembering_recheck
from adapters.bootstrap.policies import Told
from adapters.bootstrap.reaching import Read, stream_read
from application.backtesting import Backtest, Backtested, Wanted
from application.policy_library import ends_shadow
from application.settings import Settings
from application.shadow_report import SaidInShadow
from domain.errors import Unknown
from domain.events import POLICY, Aggregate, PolicyShadowStarted, Recorded


class ShadowRun(Struct, frozen=True):
    """Rules that run in shadow, or did. ``started``, ``ended``: positions of the events that say
    so, ``ended`` 0 while they run. ``at``: when they were started, RFC 3339."""

    digest: str
    schema_digest: str
    rule_count: int
    started: int
    ended: int
    at: str
    started_by: str
    note: str


class ShadowReported(Struct, frozen=True):
    """The last run of these rules, and all that they ever said in shadow."""

    run: ShadowRun
    report: Backtested


async def shadow_reported(
    settings: Settings, digest: str, files: Sequence[Path], wanted: Wanted, told: Told
) -> ShadowReported:
    """Of the rules whose digest begins so; "": those that ran last. ``files``: rules that were in
    force before. It is kept as a backtest is. Raises ``Unknown`` where none ran, ``Misconfigured``
    or ``Unavailable``."""
    recheck = remembering_recheck(files, wanted.limit)
    async with stream_read(settings) as read:
        run = last_run(await runs_in(read), digest)
        said = SaidInShadow(run.digest, run.schema_digest, recheck.shadow_of)
        backtest = Backtest(said, recheck, replace(wanted, shadow=run.digest))
        report = await carried_out(backtest, read, told)
    keep(settings, report)
    return ShadowReported(run, report)


def last_run(runs: Sequence[ShadowRun], digest: str) -> ShadowRun:
    """The last of these rules. Raises ``Unknown``."""
    found = [run for run in runs if run.digest.startswith(digest)]
    if len({run.digest for run in found}) > 1 and digest:
        raise Unknown(f"several rules that ran in shadow have a digest that begins with {digest}")
    if not found:
        which = f"whose digest begins with {digest} " if digest else ""
        raise Unknown(f"no rules {which}ever ran in shadow: see countermand policy history")
    return found[-1]


async def runs_in(read: Read) -> list[ShadowRun]:
    """All of them, in order."""
    runs = list[ShadowRun]()
    async with aclosing(read.events(of=Aggregate(POLICY, read.spec.cluster))) as batches:
        async for batch in batches:
            for whole in batch:
                if whole.stored is not None and isinstance(whole.stored.fact, Recorded):
                    runs = with_fact(runs, whole.position, whole.stored.fact)
    return runs


def with_fact(runs: list[ShadowRun], position: int, recorded: Recorded) -> list[ShadowRun]:
    """After one more fact about the policy."""
    fact = recorded.data
    if isinstance(fact, PolicyShadowStarted):
        return [*runs, run_of(fact, position, recorded)]
    if runs and not runs[-1].ended and ends_shadow(fact):
        return [*runs[:-1], replace(runs[-1], ended=position)]
    return runs


def run_of(fact: PolicyShadowStarted, position: int, recorded: Recorded) -> ShadowRun:
    """One that begins."""
    return ShadowRun(
        digest=fact.digest,
        schema_digest=fact.schema_digest,
        rule_count=fact.rule_count,
        started=position,
        ended=0,
        at=recorded.time.isoformat(),
        started_by=fact.started_by,
        note=fact.note,
    )
