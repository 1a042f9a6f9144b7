"""Is each event of the stream one that the service may have written? One after the other.

Checked of every event: that it is where an event may be, its form and its name, its version and the
hash of the one before it in its aggregate, that its time rises, that its id is its own, that it is
by whom its decision was made for, that the state takes it (``evolve``), and that the rules make it
(``domain.remaking``). Memory is bounded: what is folded of an aggregate that has not been seen for
a while is put away (``Shelf``), and so are the ids.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from application.checking_decisions import Decisions
from application.checking_ids import bad_ids
from application.ports import Stored, Undecodable
from domain.cluster import Cluster, evolve_cluster
from domain.events import BULK, CLUSTER, JOB, POLICY, REQUEST, Aggregate, JobAdded, Recorded
from domain.evolve import evolve
from domain.glimpses import Glimpses, with_glimpse
from domain.job import Job
from domain.policy_life import PolicyLife, evolve_policy
from domain.remaking import begins, goes_on, job_facts_refused
from domain.remaking_bulk import bulk_fact_refused
from domain.remaking_callers import caller_differs
from domain.remaking_cluster import cluster_fact_refused, request_fact_refused
from domain.remaking_policy import Reigns, policy_fact_refused
from domain.remaking_texts import texts_refused

HOT_MAX: Final = 2048
HOT_TASKS_MAX: Final = 50_000
"""What is held in memory: aggregates, and tasks in them."""

WORDS_MAX: Final = 500


class Whole(Struct, frozen=True):
    """A message as it lies in the stream. ``stored`` is None where its subject is no event's.

    ``sha256``: of its bytes. ``previous_sha256``: what it says of the event before it in its
    aggregate, "" for the first. ``strange``: what its bytes hold beside the event that is read of
    them, "" for nothing.
    """

    position: int
    subject: str
    raw: bytes
    sha256: str
    stored: Stored | None
    previous_sha256: str = ""
    strange: str = ""


class Damage(Struct, frozen=True):
    """One thing that is not as it must be. ``position``: 0 for what is about no single event.

    ``kind``: a stable word (``KINDS``). ``event_id``, ``job``: "" where they cannot be told.
    """

    kind: str
    position: int
    subject: str
    event_id: str
    job: str
    expected: str
    found: str


KINDS: Final = {
    "identity": "the stream is another one than was known here",
    "configuration": "the stream can lose events, as it is configured",
    "missing": "the stream has no event at a position",
    "subject": "a message lies where no event may be",
    "form": "an event is no CloudEvent of a registered name, or its data are not the name's; a "
    "field is unknown, or stands there twice",
    "id": "the id of an event is none, or another event has it; or what it follows from is no id",
    "version": "the versions of an aggregate have a gap, or one twice",
    "chain": "an event does not carry the hash of the one before it",
    "time": "the time of an event is not later than that of the one before it",
    "caller": "an event is by somebody else than its decision was made for",
    "state": "the state does not take the event",
    "rules": "the rules do not make this event of the state before it",
    "facts": "a decision rests on what was not so, or answers another request than its event tells",
    "policy": "a decision is by other rules than those that were in force",
    "journal": "stream and journal have other bytes at a position, or the journal lacks one",
    "mark": "the stream does not reach the mark, or has another event there",
    "views": "the views are not what the stream folds to",
}


class Known(Struct, frozen=True):
    """What is known of an aggregate: where its chain stands, and a job's fold.

    ``unfolded``: why nothing is folded any more, "" while it is. ``lately``: what could be known
    of the job a moment ago. ``total``: how many jobs a request on many has.
    """

    version: int = 0
    sha256: str = ""
    at: datetime | None = None
    job: Job | None = None
    unfolded: str = ""
    lately: Glimpses = ()
    total: int = 0


class Shelf(Protocol):
    """Where aggregates and ids are put away. Holds any number of them outside of memory."""

    def get(self, aggregate: Aggregate) -> Known | None:
        """What was put there last, or None."""
        ...

    def put(self, aggregate: Aggregate, known: Known) -> None:
        """Keep this in place of what was there."""
        ...

    def first_with(self, key: bytes, position: int) -> int:
        """The position that came first with this key: ``position`` for a new one, which is kept."""
        ...


class Hot:
    """The aggregates seen last, in memory; all others on the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: OrderedDict[Aggregate, Known] = OrderedDict()
        self._tasks = 0

    def get(self, aggregate: Aggregate) -> Known:
        """What is known; nothing yet of a new one."""
        found = self._known.pop(aggregate, None)
        if found is not None:
            self._tasks -= tasks_in(found)
            return found
        return self._shelf.get(aggregate) or Known()

    def peek(self, aggregate: Aggregate) -> Known:
        """What is known, and stays where it is."""
        return self._known.get(aggregate) or self._shelf.get(aggregate) or Known()

    def put(self, aggregate: Aggregate, known: Known) -> None:
        """Remember, and put away what has not been looked at for the longest time."""
        self._known[aggregate] = known
        self._tasks += tasks_in(known)
        while len(self._known) > HOT_MAX or self._tasks > HOT_TASKS_MAX:
            oldest, put_away = self._known.popitem(last=False)
            self._tasks -= tasks_in(put_away)
            self._shelf.put(oldest, put_away)


def tasks_in(known: Known) -> int:
    """How many tasks are held with it."""
    return len(known.job.tasks) if known.job is not None else 0


class Group(Struct):
    """Facts of one append that are decided together, and the job before them."""

    whole: Whole
    before: Job | None
    facts: list[Recorded]


class Checker:
    """Checks events in the stream's order. ``events``: how many it has seen.

    ``unjudged``: events whose rules could not be asked, because their history is damaged.
    ``shipped``: the digests of the policies of this release and of earlier ones.
    """

    def __init__(self, cluster: str, shelf: Shelf, shipped: frozenset[str] = frozenset()) -> None:
        self.events = 0
        self.unjudged = 0
        self._cluster_id = Aggregate(CLUSTER, cluster)
        self._cluster: Cluster | None = Cluster()
        self._policy_id = Aggregate(POLICY, cluster)
        self._policy: PolicyLife | None = PolicyLife()
        self._reigns = Reigns(shipped)
        self._decisions = Decisions()
        self._totals = dict[Aggregate, int]()
        self._hot = Hot(shelf)
        self._first_with = shelf.first_with
        self._group: Group | None = None

    def take(self, whole: Whole) -> Iterator[Damage]:
        """What is wrong with this event; also with the ones before it, when that shows now."""
        self.events += 1
        stored = whole.stored
        if stored is None:
            yield from self._ends(stored)
            yield damage("subject", whole, "countermand.CLUSTER.KIND.ID.TYPE", whole.subject)
            return
        if not self._continues(stored):
            yield from self._ends(stored)
        known = self._hot.get(stored.aggregate)
        fact = stored.fact
        if isinstance(fact, Undecodable):
            yield damage("form", whole, "an event of this contract", fact.reason)
        yield from link_damage(whole, stored, known)
        after = replace(
            known,
            version=known.version + 1 if fact.version is None else fact.version,
            sha256=whole.sha256,
        )
        if isinstance(fact, Undecodable):
            after = replace(after, unfolded=f"event {whole.position} cannot be read", job=None)
            self._forget(stored.aggregate)
        else:
            yield from self._by_itself(whole, fact)
            yield from time_damage(whole, fact, known)
            yield from self._by_whom(whole, fact)
            untrue = self._told(whole, fact, known)
            after, found = self._judged(whole, fact, replace(after, at=fact.time))
            yield from found
            if not any(x.kind == "state" for x in found):
                yield from untrue
        self._hot.put(stored.aggregate, after)

    def _by_itself(self, whole: Whole, fact: Recorded) -> Iterator[Damage]:
        """What is wrong with an event that can be read, whatever came before it in its place."""
        if whole.strange:
            yield damage("form", whole, "an event of this contract", whole.strange)
        words = texts_refused(fact.data)
        if words:
            yield damage("rules", whole, "texts as they are stored", words)
        for bad in bad_ids(fact.event, whole.position, self._first_with):
            yield damage("id", whole, bad.expected, bad.found)
        for other in caller_differs(fact):
            name = other.attribute
            yield damage("caller", whole, f"{name} {other.expected}", f"{name} {other.found}")

    def end(self) -> Iterator[Damage]:
        """What is wrong with facts that waited for more of their append."""
        group, self._group = self._group, None
        if group is not None:
            reason = asked(lambda: job_facts_refused(group.before, group.facts))
            if reason:
                yield by_rules(group.whole, group.before, reason)

    def cut(self) -> None:
        """Events are missing here: an append that may have gone on is not judged without them."""
        group, self._group = self._group, None
        if group is not None:
            self.unjudged += len(group.facts)

    def _ends(self, stored: Stored | None) -> Iterator[Damage]:
        """No more of the append that waits: it is judged, unless what lies in its place is no event
        that could tell."""
        group = self._group
        if group is None:
            return
        if stored is None or self._torn(group, stored):
            self.cut()
        else:
            yield from self.end()

    @staticmethod
    def _torn(group: Group, stored: Stored) -> bool:
        """Whether this is of the same job, and cannot be read or does not follow."""
        if stored.aggregate != group.facts[0].aggregate:
            return False
        fact, next_one = stored.fact, group.facts[-1].version + 1
        return isinstance(fact, Undecodable) or fact.version != next_one

    def _continues(self, stored: Stored) -> bool:
        group, fact = self._group, stored.fact
        if group is None or isinstance(fact, Undecodable):
            return False
        follows = fact.version == group.facts[-1].version + 1
        return follows and goes_on(group.facts[0], fact)

    def _told(self, whole: Whole, fact: Recorded, known: Known) -> list[Damage]:
        """What its decision was told that was not so; not asked of a history that is damaged."""
        follows = fact.version == known.version + 1 and not known.unfolded
        if not follows or self._group is not None:  # what is of one append is compared with it
            self._decisions.take(fact)
            return []
        ask = lambda: self._decisions.wrong(fact, known.job, known.lately, known.at, self._total)  # noqa: E731
        reasons = asked_each(ask)
        self._decisions.take(fact)
        return [damage("facts", whole, "a decision on what was so", x) for x in reasons]

    def _total(self, place: Aggregate) -> int:
        """How many jobs the request on many jobs has that lies there; 1 where none does."""
        if place not in self._totals:
            if len(self._totals) >= HOT_MAX:
                self._totals.clear()
            self._totals[place] = self._hot.peek(place).total or 1
        return self._totals[place]

    # --- state and rules --------------------------------------------------------------------------

    def _judged(self, whole: Whole, fact: Recorded, known: Known) -> tuple[Known, list[Damage]]:
        """What is known after the fact, and what is wrong with it."""
        kind = fact.aggregate.kind
        if kind == JOB:
            return self._job(whole, fact, known)
        if fact.aggregate == self._cluster_id:
            return known, self._of_cluster(whole, fact)
        if fact.aggregate == self._policy_id:
            return known, self._of_policy(whole, fact)
        if kind == REQUEST:
            reason = request_fact_refused(fact)
        elif kind == BULK:
            reason = bulk_fact_refused(fact)
            known = replace(known, total=getattr(fact.data, "total", 0))
            self._totals.pop(fact.aggregate, None)
        else:
            reason = f"{fact.aggregate} is no job, no day of requests, no request on many jobs, and"
            reason += " not this cluster or its policy"
        return known, [by_rules(whole, None, reason)] if reason else []

    def _job(self, whole: Whole, fact: Recorded, known: Known) -> tuple[Known, list[Damage]]:
        if known.unfolded:
            self.unjudged += 1
            return known, []
        before = known.job
        try:
            after = evolve(before, fact)
        except Exception as error:  # whatever a fold cannot do with an impossible history
            found = str(error) or type(error).__name__
            broken = replace(known, job=None, unfolded=f"event {whole.position} does not fit")
            return broken, [damage("state", whole, f"a fact that {told(before)} takes", found)]
        lately = with_glimpse(known.lately, before, after, fact.time)
        return replace(known, job=after, lately=lately), self._by_rules(whole, fact, before)

    def _by_rules(self, whole: Whole, fact: Recorded, before: Job | None) -> list[Damage]:
        if self._group is not None:
            self._group.facts.append(fact)
            return []
        if begins(fact):
            self._group = Group(whole, before, [fact])
            return self._number(whole, fact)
        if before is not None and before.removed:
            return [by_rules(whole, before, "nothing follows JobRemoved")]
        reason = asked(lambda: job_facts_refused(before, [fact]))
        return [by_rules(whole, before, reason)] if reason else []

    def _number(self, whole: Whole, fact: Recorded) -> list[Damage]:
        """A job has a number that was reserved before."""
        if self._cluster is None or not isinstance(fact.data, JobAdded):
            return []
        last = self._cluster.job_id_last
        if 1 <= fact.data.job_id <= last:
            return []
        found = f"job {fact.data.job_id}"
        return [damage("rules", whole, f"a number that was reserved, 1 to {last}", found)]

    def _of_cluster(self, whole: Whole, fact: Recorded) -> list[Damage]:
        if self._cluster is None:
            self.unjudged += 1
            return []
        before = self._cluster
        try:
            self._cluster = evolve_cluster(before, fact)
        except Exception as error:  # as for a job
            self._cluster = None
            return [damage("state", whole, "a fact that the cluster takes", str(error))]
        reason = asked(lambda: cluster_fact_refused(before, fact))
        return [by_rules(whole, None, reason)] if reason else []

    def _of_policy(self, whole: Whole, fact: Recorded) -> list[Damage]:
        if self._policy is None:
            self.unjudged += 1
            return []
        before = self._policy
        try:
            self._policy = evolve_policy(before, fact)
        except Exception as error:  # as for a job
            self._policy = None
            return [damage("state", whole, "a fact that the policy takes", str(error))]
        reason = asked(lambda: policy_fact_refused(before, fact))
        self._reigns.take(fact)
        return [by_rules(whole, None, reason)] if reason else []

    def _by_whom(self, whole: Whole, fact: Recorded) -> Iterator[Damage]:
        """The decision in a fact is by the rules in force; not asked once these are not known."""
        reason = self._reigns.wrong(fact) if self._policy is not None else ""
        if reason:
            yield damage("policy", whole, "a decision by the rules in force", reason)

    def _forget(self, aggregate: Aggregate) -> None:
        if aggregate == self._cluster_id:
            self._cluster = None
        elif aggregate == self._policy_id:
            self._policy = None


def asked(ask: Callable[[], str]) -> str:
    """The rules' answer; what breaks them off is one too."""
    try:
        return ask()
    except Exception as error:  # facts that no rule ever made may hold anything
        return f"the rules cannot be asked about it: {type(error).__name__}: {error}"


def asked_each(ask: Callable[[], Iterator[str]]) -> list[str]:
    """As ``asked``, of what has more than one answer."""
    try:
        return [*ask()]
    except Exception as error:  # as there
        return [f"the rules cannot be asked about it: {type(error).__name__}: {error}"]


# --- words ----------------------------------------------------------------------------------------


def link_damage(whole: Whole, stored: Stored, known: Known) -> Iterator[Damage]:
    """The place in the aggregate, else the hash of the one before it, is another one."""
    version, expected = stored.fact.version, known.version + 1
    if version is None:
        return
    if version != expected:
        yield damage("version", whole, f"version {expected}", f"version {version}")
    elif whole.previous_sha256 != known.sha256:
        carries = f"previoushash {whole.previous_sha256 or 'none'}"
        yield damage("chain", whole, f"previoushash {known.sha256 or 'none'}", carries)


def time_damage(whole: Whole, fact: Recorded, known: Known) -> Iterator[Damage]:
    """Times within an aggregate rise."""
    if known.at is not None and fact.time <= known.at:
        yield damage("time", whole, f"later than {known.at.isoformat()}", fact.time.isoformat())


def by_rules(whole: Whole, before: Job | None, reason: str) -> Damage:
    """The rules do not make it."""
    return damage("rules", whole, f"what the rules make of {told(before)}", reason)


def told(job: Job | None) -> str:
    """The state before, in words."""
    if job is None:
        return "nothing before it"
    return f"job {job.id}, {job.state} at version {job.version}"


def damage(kind: str, whole: Whole, expected: str, found: str) -> Damage:
    """Damage at an event, which it names."""
    stored = whole.stored
    fact = stored.fact if stored is not None else None
    return Damage(
        kind=kind,
        position=whole.position,
        subject=whole.subject,
        event_id=fact.event.id if isinstance(fact, Recorded) else "",
        job=stored.aggregate.id if stored is not None and stored.aggregate.kind == JOB else "",
        expected=expected[:WORDS_MAX],
        found=found[:WORDS_MAX],
    )
