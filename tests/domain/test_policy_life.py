"""Two persons for each policy: given what was recorded, when somebody asks, then this is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.errors import Corrupt
from domain.identity import SYSTEM_CALLER, Caller, Principal, PrincipalKind, Role
from domain.policy_life import (
    ActivatePolicy,
    Candidate,
    Command,
    PolicyLife,
    ProposePolicy,
    begin,
    decide_policy,
    digest_of,
    evolve_policy,
)
from domain.remaking_policy import Reigns, policy_fact_refused
from domain.states import Effect

PLACE: Final = e.Aggregate(e.POLICY, "hpc1")
START: Final = datetime(2026, 11, 23, 7, tzinfo=UTC)
SCHEMA: Final = digest_of("schema")
SHIPPED: Final = Candidate(digest_of("shipped"), "shipped", SCHEMA, 8)
OTHER: Final = Candidate(digest_of("other"), "other", SCHEMA, 9)


def person(name: str, for_whom: str = "") -> Caller:
    """An administrator."""
    whom = Principal(for_whom, (Role.ADMINISTRATOR,)) if for_whom else None
    return Caller(Principal(name, (Role.ADMINISTRATOR,)), whom)


ADA, BOB = person("ada"), person("bob")


class Story:
    """The policy of one stream, which grows a minute with each fact."""

    def __init__(self) -> None:
        self.life = PolicyLife()
        self.history: list[e.Recorded] = []
        self.befores: list[PolicyLife] = []
        for fact in begin(self.life, SHIPPED, "schema"):
            self.record(fact, SYSTEM_CALLER)

    def record(self, fact: e.Event, caller: Caller) -> e.Recorded:
        """One more fact."""
        version = self.life.version + 1
        time = START + timedelta(minutes=version)
        recorded = e.Recorded(PLACE, version, e.NewEvent(str(version), time, caller, "", "", fact))
        self.befores.append(self.life)
        self.life = evolve_policy(self.life, recorded)
        self.history.append(recorded)
        return recorded

    def ask(self, command: Command) -> e.PolicyEvent | None:
        """What becomes of it."""
        fact = decide_policy(self.life, command)
        if fact is not None:
            self.record(fact, command.by)
        return fact

    def propose(self, by: Caller, candidate: Candidate = OTHER, request_id: str = "p") -> e.Event:
        """Proposed by somebody."""
        fact = self.ask(ProposePolicy(self.asked(by, request_id), by, candidate))
        assert fact is not None
        return fact

    def activate(self, by: Caller, candidate: Candidate = OTHER, request_id: str = "a") -> e.Event:
        """Activated by somebody."""
        fact = self.ask(ActivatePolicy(self.asked(by, request_id), by, candidate))
        assert fact is not None
        return fact

    def asked(self, by: Caller, request_id: str, effect: Effect = Effect.ALLOW) -> c.Asked:
        """Decided by the rules in force."""
        active = self.life.active
        assert active is not None
        decision = e.Decision(effect, active.digest, ("r",), {}, schema_digest=SCHEMA)
        return c.Asked(request_id, by.asker, START, decision)

    def wrong(self) -> list[str]:
        """What fsck would say of it."""
        pairs = zip(self.befores, self.history, strict=True)
        return [words for before, fact in pairs if (words := policy_fact_refused(before, fact))]


def test_a_stream_begins_with_the_schema_and_the_rules_of_the_release() -> None:
    story = Story()
    schema, first = (x.data for x in story.history)
    assert schema == e.PolicySchemaRecorded(SCHEMA, "schema")
    assert isinstance(first, e.PolicyActivated)
    assert (first.author, first.approver, first.decision, first.previous) == ("", "", None, "")
    assert begin(story.life, SHIPPED, "schema") == ()
    assert story.wrong() == []


def test_a_release_with_another_schema_records_it_and_the_rules_stay() -> None:
    story = Story()
    newer = replace(SHIPPED, schema_digest=digest_of("newer"), text="x", digest=digest_of("x"))
    (fact,) = begin(story.life, newer, "newer")
    assert fact == e.PolicySchemaRecorded(digest_of("newer"), "newer")
    story.record(fact, SYSTEM_CALLER)
    assert story.life.active is not None
    assert (story.life.active.digest, story.life.active.schema_digest) == (
        SHIPPED.digest,
        digest_of("newer"),
    )
    assert begin(story.life, SHIPPED, "schema") == (), "an older release finds its schema there"
    assert story.wrong() == []


def test_what_one_proposes_another_activates() -> None:
    story = Story()
    assert isinstance(story.propose(ADA), e.PolicyProposed)
    fact = story.activate(BOB)
    assert isinstance(fact, e.PolicyActivated)
    assert (fact.author, fact.approver, fact.previous) == ("ada", "bob", SHIPPED.digest)
    assert fact.proposed_version == 3
    assert story.life.proposals == {}
    assert story.wrong() == []


def robot(name: str = "robot", for_whom: str = "") -> Caller:
    """A program with an administrator's role, or one that acts for somebody."""
    program = Principal(name, (Role.ADMINISTRATOR,), PrincipalKind.SERVICE_ACCOUNT)
    return replace(person(name, for_whom), actor=program)


@pytest.mark.parametrize("by", [robot(), robot(for_whom="bob")])
def test_a_program_is_no_second_person_and_no_first(by: Caller) -> None:
    story = Story()
    story.propose(ADA)
    for fact in (story.activate(by), story.propose(by, request_id="p2")):
        assert isinstance(fact, e.PolicyCommandRefused)
        assert (fact.code, fact.rule) == ("not_permitted", "a-person-decides")
        assert "robot is a service account" in fact.explanation
    assert isinstance(story.activate(BOB), e.PolicyActivated)
    assert story.wrong() == []


@pytest.mark.parametrize(
    ("author", "approver"),
    [
        (ADA, ADA),
        (ADA, person("bob", "ada")),
        (person("bob", "ada"), ADA),
        (person("bob", "ada"), BOB),
        (person("carl", "ada"), person("dora", "ada")),
    ],
    ids=lambda x: x.asker,
)
def test_nobody_activates_their_own_not_through_others_either(
    author: Caller, approver: Caller
) -> None:
    story = Story()
    story.propose(author)
    fact = story.activate(approver)
    assert isinstance(fact, e.PolicyCommandRefused)
    assert (fact.code, fact.rule) == ("waiting_for_another_person", "approver-is-not-the-author")
    assert story.life.active is not None
    assert story.life.active.digest == SHIPPED.digest
    assert story.wrong() == []


def test_an_activation_that_nobody_has_proposed_is_a_proposal() -> None:
    story = Story()
    assert isinstance(story.activate(ADA), e.PolicyProposed)
    assert isinstance(story.activate(BOB), e.PolicyActivated)
    assert story.wrong() == []


def test_the_same_request_again_is_nothing_new_and_another_under_its_id_is_refused() -> None:
    story = Story()
    story.propose(ADA)
    assert story.ask(ProposePolicy(story.asked(ADA, "p"), ADA, OTHER)) is None
    fact = story.propose(ADA, replace(OTHER, digest=digest_of("third"), text="third"))
    assert isinstance(fact, e.PolicyCommandRefused)
    assert fact.code == "request_id_reused"
    story.activate(BOB)
    assert story.ask(ActivatePolicy(story.asked(BOB, "a"), BOB, OTHER)) is None


@pytest.mark.parametrize(
    ("candidate", "code"),
    [
        (replace(OTHER, flaw="line 3: no"), "policy_invalid"),
        (replace(OTHER, locks_out="nobody could"), "policy_locks_out"),
        (replace(OTHER, schema_digest=digest_of("newer")), "policy_invalid"),
        (SHIPPED, "policy_in_force"),
    ],
    ids=["flawed", "locks out", "another schema", "in force"],
)
def test_what_cannot_be_in_force_is_refused_at_both(candidate: Candidate, code: str) -> None:
    story = Story()
    for fact in (story.propose(ADA, candidate), story.activate(BOB, candidate)):
        assert isinstance(fact, e.PolicyCommandRefused)
        assert fact.code == code
    assert story.wrong() == []


def test_a_backtest_of_something_else_is_refused() -> None:
    story = Story()
    story.propose(ADA)
    named = ActivatePolicy(story.asked(BOB, "a"), BOB, OTHER, backtest="b" * 64)
    fact = story.ask(replace(named, untried="that is a backtest of other rules"))
    assert isinstance(fact, e.PolicyCommandRefused)
    assert (fact.code, fact.rule) == ("backtest_unknown", "backtest-is-of-these-rules")
    fact = story.ask(replace(named, asked=story.asked(BOB, "a2")))
    assert isinstance(fact, e.PolicyActivated)
    assert fact.backtest == "b" * 64
    assert story.wrong() == []


def test_who_may_not_is_refused_before_anything_is_looked_at() -> None:
    story = Story()
    asked = story.asked(ADA, "p", Effect.DENY)
    fact = story.ask(ProposePolicy(asked, ADA, replace(OTHER, flaw="line 3: no")))
    assert isinstance(fact, e.PolicyCommandRefused)
    assert fact.code == "not_permitted"
    assert story.wrong() == []


# --- what fsck says -------------------------------------------------------------------------------


def activated(**changes: object) -> e.PolicyActivated:
    """A legal activation of what ada proposed, but for ``changes``."""
    story = Story()
    story.propose(ADA)
    fact = story.activate(BOB)
    assert isinstance(fact, e.PolicyActivated)
    return replace(fact, **changes)


@pytest.mark.parametrize(
    "forged",
    [
        activated(approver="ada"),
        activated(text="another"),
        activated(digest=digest_of("another"), text="another"),
        activated(previous=digest_of("another")),
        activated(author="carl"),
        activated(decision=None),
        activated(approver=""),
        activated(proposed_version=1),
        activated(schema_digest=digest_of("newer")),
    ],
)
def test_an_activation_that_nobody_can_have_made_is_damage(forged: e.PolicyActivated) -> None:
    story = Story()
    story.propose(ADA)
    story.record(forged, BOB)
    assert len(story.wrong()) == 1


def test_rules_that_nobody_chose_come_once_and_from_the_service() -> None:
    story = Story()
    first = story.history[1].data
    story.record(first, SYSTEM_CALLER)
    assert len(story.wrong()) == 1
    story = Story()
    story.record(e.PolicySchemaRecorded(digest_of("x"), "x"), ADA)
    story.record(e.PolicySchemaRecorded(SCHEMA, "schema"), SYSTEM_CALLER)
    story.record(e.PolicySchemaRecorded(digest_of("y"), "not y"), SYSTEM_CALLER)
    assert len(story.wrong()) == 3


def decided_by(digest: str, minutes: int, schema: str = SCHEMA) -> e.Recorded:
    """A refusal, so many minutes after the start."""
    decision = e.Decision(Effect.DENY, digest, ("r",), {}, schema_digest=schema)
    fact = e.ClusterCommandRefused("r", "set_parameter", "no", 0, "r", "no", decision)
    event = e.NewEvent("x", START + timedelta(minutes=minutes), ADA, "", "", fact)
    return e.Recorded(e.Aggregate(e.CLUSTER, "hpc1"), 2, event)


def reigns(texts: Sequence[str]) -> Reigns:
    """The shipped rules, and others after them, a minute each."""
    story, found = Story(), Reigns(frozenset({"of a release"}))
    for text in texts:
        candidate = Candidate(digest_of(text), text, SCHEMA, 1)
        story.propose(ADA, candidate, f"p{text}")
        story.activate(BOB, candidate, f"a{text}")
    for recorded in story.history:
        found.take(recorded)
    return found


def test_a_decision_is_by_the_rules_in_force_or_those_before() -> None:
    found = reigns(["a", "b"])
    assert found.wrong(decided_by(digest_of("b"), 600)) == ""
    assert found.wrong(decided_by(digest_of("a"), 600)) == ""
    assert found.wrong(decided_by(SHIPPED.digest, 7)) == "", "still on its way"
    assert "are in force" in found.wrong(decided_by(SHIPPED.digest, 600))
    assert "are in force" in found.wrong(decided_by(digest_of("c"), 7))
    assert "are in force" in found.wrong(decided_by(digest_of("b"), 600, digest_of("newer")))
    assert "are in force" in found.wrong(decided_by("of a release", 7))
    assert found.wrong(decided_by("", 7)) == "", "no policy decided"


def test_of_a_stream_that_says_nothing_of_rules_nothing_is_said() -> None:
    assert Reigns().wrong(decided_by("whatever", 1)) == ""


def test_only_the_policy_is_folded() -> None:
    story = Story()
    fact = e.JobIdsReserved(1, 2)
    event = e.NewEvent("x", START, SYSTEM_CALLER, "", "", fact)
    with pytest.raises(Corrupt):
        evolve_policy(story.life, e.Recorded(PLACE, story.life.version + 1, event))
    with pytest.raises(Corrupt):
        evolve_policy(story.life, replace(story.history[-1], version=9))
