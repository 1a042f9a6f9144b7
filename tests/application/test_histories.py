"""Reading a history while the journal, which is behind the log, catches up."""

from contextlib import aclosing

from adapters.journal import SqliteJournal
from application.histories import Histories
from application.ports import CaughtUp, Stored
from domain.events import Aggregate, job_aggregate
from tests.support.stack import CLUSTER, Stack, World


class CatchingUp(SqliteJournal):
    """A journal that gets the first events of ``coming`` right after it was asked for a page."""

    coming: tuple[Stored, ...] = ()

    def page(
        self, aggregate: Aggregate, after: int, limit: int, bytes_max: int | None = None
    ) -> tuple[Stored, ...]:
        found = super().page(aggregate, after, limit, bytes_max)
        coming, self.coming = self.coming, ()
        if coming:
            self.append(coming)
        return found


async def test_a_page_has_the_newest_events_whatever_the_journal_gets_meanwhile(
    world: World,
) -> None:
    async with Stack(world, carry=False) as stack:
        job = int((await stack.add("run")).job_id)
        await stack.cancel(job)
        aggregate = job_aggregate(job)
        everything = await stored_in(stack)
        events = await stack.log.load(aggregate)
        for few in range(1, len(everything)):
            journal = CatchingUp(world.directory / f"{few}.sqlite", CLUSTER)
            journal.adopt((await stack.log.identity()).id)
            journal.coming = everything[:few]
            page = await Histories(stack.log, journal).page(aggregate, 0, 100)
            assert [x.position for x in page] == [x.position for x in events]
            journal.close()


async def stored_in(stack: Stack) -> tuple[Stored, ...]:
    """All events of the log."""
    async with aclosing(stack.log.read(0, follow=False)) as batches:
        found = [batch async for batch in batches if not isinstance(batch, CaughtUp)]
    return tuple(stored for batch in found for stored in batch)
