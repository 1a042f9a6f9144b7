"""``countermand policy why``: one recorded decision, with the rules that gave it."""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from msgspec import Struct

from adapters.bootstrap.policies import policies_here, read_again
from adapters.bootstrap.reaching import stream_read
from adapters.policy import CedarPolicy
from application.checking import Whole
from application.ports import Stored, Undecodable
from application.rechecking import Again, Recheck, differences, shadow_differences
from application.settings import Settings
from domain.errors import Unknown
from domain.events import POLICY, Aggregate, BreakGlassUsed, Decision, Event, Recorded
from domain.policy_table import TablePolicy
from domain.remaking_policy import NO_POLICY, decision_of


class RuleText(Struct, frozen=True):
    """A rule that determined the answer. ``text``: "" where it is not here, or is no rule."""

    id: str
    text: str


class Why(Struct, frozen=True):
    """What a decision rests on.

    ``recomputed``: "same", "different", or "rules not here". ``table``: whether it was made by the
    table that came before Cedar. ``decision``: all of it, as it was recorded. ``in_shadow``: as
    ``recomputed``, of what rules in shadow said; "" where none did.
    """

    position: int
    type: str
    aggregate: str
    time: str
    actor: str
    recomputed: str
    table: bool
    rules: tuple[RuleText, ...]
    decision: Decision
    in_shadow: str = ""


async def why(settings: Settings, position: int, files: Sequence[Path]) -> Why:
    """Of the event at this position. ``files``: rules that were in force before.

    Raises ``Unknown`` where there is no decision, ``Misconfigured`` or ``Unavailable``.
    """
    recheck = Recheck(policies_here(files), read=read_again)
    stored = await event_at(settings, position, recheck)
    if isinstance(stored.fact, Undecodable):
        raise Unknown(f"event {position} cannot be read: see countermand fsck")
    decision = asked_of(stored.fact.data)
    if decision is None or decision.digest == NO_POLICY:
        words = getattr(stored.fact.data, "explanation", "")
        why = f"; it says: {words}" if words else ""
        raise Unknown(f"no policy was asked for event {position}, {stored.type}{why}")
    return told(
        stored,
        stored.fact,
        decision,
        recheck.policy_of(decision),
        recheck.shadow_of(decision),
    )


def asked_of(fact: Event) -> Decision | None:
    """The decision in a fact; of one that overrode the rules, what they had said."""
    return fact.overridden if isinstance(fact, BreakGlassUsed) else decision_of(fact)


def told(
    stored: Stored,
    fact: Recorded,
    decision: Decision,
    policy: Again | None,
    shadow: Again | None,
) -> Why:
    """With the rules, where they are here."""
    return Why(
        position=stored.position,
        type=stored.type,
        aggregate=str(stored.aggregate),
        time=fact.time.isoformat(),
        actor=stored.actor,
        recomputed=recomputed(stored, decision, policy),
        table=isinstance(policy, TablePolicy),
        rules=tuple(RuleText(rule, text_in(policy, rule)) for rule in decision.rules),
        decision=decision,
        in_shadow=again_in_shadow(stored, decision, shadow),
    )


def again_in_shadow(stored: Stored, decision: Decision, policy: Again | None) -> str:
    """Whether the rules in shadow really say what is recorded of them."""
    answer = decision.shadow
    if answer is None:
        return ""
    if policy is None:
        return "rules not here"
    return "different" if list(shadow_differences(stored, decision, answer, policy)) else "same"


def recomputed(stored: Stored, decision: Decision, policy: Again | None) -> str:
    """Whether the rules really say so."""
    if policy is None:
        return "rules not here"
    return "different" if list(differences(stored, decision, policy)) else "same"


def text_in(policy: Again | None, rule: str) -> str:
    """The text of a rule."""
    return policy.rule_text(rule) if isinstance(policy, CedarPolicy) else ""


async def event_at(settings: Settings, position: int, recheck: Recheck) -> Stored:
    """The event at a position; ``recheck`` learns the rules of the stream. Raises ``Unknown``."""
    async with stream_read(settings) as read:
        if not 1 <= position <= read.last:
            raise Unknown(f"there is no event {position}: there are 1 to {read.last}")
        policy = Aggregate(POLICY, read.spec.cluster)
        async with aclosing(read.events(of=policy)) as batches:
            async for batch in batches:
                learn(recheck, batch)
        async with aclosing(read.events(position - 1)) as batches:
            async for batch in batches:
                if batch[0].position == position and batch[0].stored is not None:
                    return batch[0].stored
                break
    raise Unknown(f"there is no event at position {position}: see countermand fsck")


def learn(recheck: Recheck, batch: Sequence[Whole]) -> None:
    """What rules and schemas there were."""
    for whole in batch:
        if whole.stored is not None and isinstance(whole.stored.fact, Recorded):
            recheck.learn(whole.stored.fact.data)
