"""Of two writers who decided on the same version at most one wins, whatever the order of events."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.recorder_log import memory_log
from application.ports import Token
from domain.errors import Conflict
from tests.support.events import job, rejected, write

WRITERS = 3
acts = st.lists(st.tuples(st.integers(0, WRITERS - 1), st.booleans()), max_size=30)


@settings(max_examples=150, deadline=None)
@given(acts)
def test_only_who_has_seen_the_last_event_can_append(happens: list[tuple[int, bool]]) -> None:
    asyncio.run(race(happens))


async def race(happens: list[tuple[int, bool]]) -> None:
    """Each writer loads (True) or appends after what it saw last (False)."""
    log = memory_log("hpc1")
    seen = [Token()] * WRITERS
    end, won = Token(), 0
    for n, (writer, loads) in enumerate(happens):
        if loads:
            seen[writer] = end
            continue
        current = seen[writer] == end
        try:
            (seen[writer],) = await log.append([write(seen[writer], rejected(f"event {n}"))])
        except Conflict:
            assert not current
        else:
            assert current
            end, won = seen[writer], won + 1
    stored = await log.load(job())
    assert [event.fact.version for event in stored] == list(range(1, won + 1))
