"""What was told of a message, and of an approval that is asked about again: honest, and changed."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import msgspec

from adapters.policy import CedarPolicy, default_text, schema_text
from application.ledger import Cause
from application.ports import Stored
from application.scheduler import Cancel
from domain.identity import Role
from domain.message import said_units, units
from domain.policy_life import Candidate, begin, digest_of
from domain.states import CancelMode, JobState
from tests.application.test_checking_told import stored
from tests.support.checked import damage_among, retold
from tests.support.stack import ADMIN, ALICE, BOB, CLUSTER, JOB_ADMIN, OPERATOR, Stack, World, until

HOLD_SECONDS: Final = 4000
OWNERS: Final = '@id("owner-controls")\n@who("owner")'
BOTH: Final = default_text().replace(OWNERS, f'{OWNERS}\n@hold("{HOLD_SECONDS}s") @approvals("2")')
SAID: Final = ("", "  \n", " disk full \n", "\u200b", "\U0001f4be ", "disk", "x" * 400 + " " * 9)


@asynccontextmanager
async def ruled(world: World, text: str) -> AsyncIterator[Stack]:
    """A service by these rules, whose stream begins with them."""
    policy, schema = CedarPolicy(text, schema_text()), schema_text()
    first = Candidate(digest_of(text), text, digest_of(schema), policy.rule_count)
    async with Stack(world, policy=policy) as stack:
        await stack.ledger.change_policy(lambda life, _: begin(life, first, schema), Cause())
        yield stack


async def messages(world: World) -> list[Stored]:
    """Requests of all kinds that say something, with every message."""
    async with ruled(world, default_text()) as stack:
        ask = stack.scheduler
        job = await stack.running("ignore")
        for n, said in enumerate(SAID):
            await stack.cancel(job, message=said, caller=BOB, key=f"b{n}")
            await ask.finish_job(BOB, str(job), said, f"f{n}")
            await ask.requeue_job(BOB, str(job), f"q{n}", message=said)
            await ask.approve_cancel(OPERATOR, str(job), "none", said, f"a{n}")
            how = Cancel(CancelMode.NORMAL, said, break_glass=True)
            await ask.cancel_job_2(BOB, str(job), how, f"g{n}")
        for n, said in enumerate(SAID):
            await stack.cancel(job, message=said, key=f"c{n}")
        await stack.cancel(job, CancelMode.FORCED, message=" now ", key="k")
        await stack.state(job, JobState.CANCELED)
        await ask.requeue_job(ALICE, str(job), "q", message=" once more ")
        await stack.caught_up()
    return [x async for x in stored(world)]


def lengths_told(events: list[Stored]) -> Iterator[tuple[Stored, int, int]]:
    """What was told of the length of each message, and what an older release would have told."""
    for one in events:
        data = msgspec.json.decode(one.raw)["data"]
        if data.get("decision"):
            told = data["decision"]["requests"][-1]["context"].get("message_units")
            if told is not None:
                yield one, told, data.get("message_units", units(data["message"]))


def tell(length: int) -> Callable[[Any], None]:
    """Say that so long a message was told of."""

    def change(data: Any) -> None:
        data["decision"]["requests"][-1]["context"]["message_units"] = length

    return change


async def test_the_length_of_a_message_is_what_can_be_read_or_all_of_it(world: World) -> None:
    events = await messages(world)
    assert damage_among(events, CLUSTER) == []
    found = list(lengths_told(events))
    assert len(found) > 5 * len(SAID)
    assert any(told != older for _, told, older in found)
    before = retold(events, CLUSTER, {x.position: tell(older) for x, _, older in found})
    assert damage_among(before, CLUSTER) == []
    wrong = retold(events, CLUSTER, {x.position: tell(max(of) + 1) for x, *of in found})
    named = [(x.position, x.kind) for x in damage_among(wrong, CLUSTER)]
    assert named == [(x.position, "facts") for x, *_ in found]


async def uncounted(world: World) -> list[Stored]:
    """A cancel that lapses because one who approved it may not any more, hours later."""
    async with ruled(world, BOTH) as stack:
        job = await stack.running("handle 3")
        await stack.cancel(job, message=" because ")
        for caller in (JOB_ADMIN, OPERATOR):
            world.clock.advance(timedelta(minutes=20))
            await stack.scheduler.approve_cancel(caller, str(job), "c1", " yes ", caller.asker)
        world.roles["olga"] = (Role.USER,)
        await stack.caught_up()
        world.clock.advance(timedelta(seconds=HOLD_SECONDS))
        await stack.waiting.settle_due()
        await until(lambda: not stack.board.waiting, "it lapses")
        await stack.cancel(job, CancelMode.FORCED, message="now", caller=ADMIN, key="k")
        await stack.state(job, JobState.CANCELED)
    return [x async for x in stored(world)]


async def test_an_approval_that_is_asked_about_again_is_held_against_its_moment(
    world: World,
) -> None:
    events = await uncounted(world)
    assert damage_among(events, CLUSTER) == []
    (lapse,) = (x for x in events if x.type == "JobCancelLapsed")
    data = msgspec.json.decode(lapse.raw)["data"]
    context = data["decision"]["requests"][-1]["context"]
    assert (data["uncounted"], context["approvals"], context["message_units"]) == ("olga", 1, 3)
    assert said_units(" yes ") == 3
    for name, other in (("approvals", 0), ("message_units", 4), ("hour", 3), ("requester", "bob")):

        def change(data: Any, name: str = name, other: object = other) -> None:
            data["decision"]["requests"][-1]["context"][name] = other

        found = damage_among(retold(events, CLUSTER, {lapse.position: change}), CLUSTER)
        assert [x.kind for x in found] == ["facts"], name
