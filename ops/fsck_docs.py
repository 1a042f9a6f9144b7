"""The text of docs/fsck.md: how each event is checked, as the domain has it."""

from typing import Final

from adapters.wire import type_token
from application.checking import HOT_MAX, HOT_TASKS_MAX, KINDS
from application.checking_decisions import STEPS_KEPT_EVENTS
from application.remedies import WHAT_TO_DO
from domain.glimpses import GLIMPSES_MAX, LATE_MAX
from domain.remaking import CHECKED
from ops.markdown import table

HEAD: Final = """\
# What fsck checks

`countermand fsck` reads the whole stream, up to the event that was the last one when it began, and
looks at each event as somebody who believes nobody: its form, its place, its chain, and whether the
rules of Countermand could have made it at all. It changes nothing, works while the service runs
and while it does not, and ends with status 10 when anything is damaged. What it prints stands in
[operations](operations.md#is-everything-whole). This page is made from the code by
`make contracts`."""
MINUTES: Final = int(LATE_MAX.total_seconds()) // 60
DAMAGE: Final = "## Kinds of damage"
DAMAGE_WORDS: Final = """\
The first damage is the one with the lowest position; damage that is about no single event comes
before it (`identity`, `configuration`, a `mark` or a `journal` that is not there or cannot be read)
or after all (`mark` where the stream ends before it, `views`). Where the data directory knows a
stream (`stream.json`), both witnesses must be there; where they are stands in the settings, so run
it with those of the service (`--config`). One cause may show more than once: a missing event is
also a gap in its job's versions, and what comes after it in its job cannot be judged by the rules
any more (`unjudged` says of how many events that is true; their form and their chain are checked
all the same). So it is with events of one append (a job with its tasks and its submission) of which
one is missing: they are judged together or not at all. Where there is no stream any more and
`stream.json`, journal or mark know of one, that is damage too: `identity`, and all that was known
of is `missing`."""
RULES: Final = "## Each event, and how the rules are asked about it"
RULES_WORDS: Final = """\
Of every event the form is checked (CloudEvents attributes and data, by the same types of which the
published [schemas](schema) are made; a field that they do not have, and a member that stands twice
in one object, is damage, though readers pass over both: so a stream that a newer release wrote is
for the `fsck` of that release), that its id is a UUID of version 7 that no other event of the
stream has, that what it follows from has the form of an id, that its type is registered and is the
one in its subject, its version and `previoushash`, that its time is later than that of the one
before it in its aggregate, and that the state takes it (`evolve`). Who it is by (`authid`,
`authtype`, `authroles`, `onbehalfof...`, `origin`) must be whom its decision was made for, as the
facts and the requests of the policy in its data have them; how the server knew them (`authmethod`)
and from where they asked stand in the envelope alone. Texts of a request must be as long as a
request may have them, and those of a refusal what it keeps; texts of the service and its engine are
taken as they stand. Then its command is made again from it and decided again on the state before
it; what comes out must be this event, field by field. What an event does not hold of its command is
taken as it stands, and the table says what that is. Facts of the service must be by the service;
facts of people must have been allowed."""
TOLD: Final = "## What each decision was told"
TOLD_WORDS: Final = f"""\
Every decision holds what the policy was told. `countermand policy recheck` asks the rules the same
again, and trusts that it was so; fsck proves that it was (`facts`), and does not ask the rules.
Both together say that the rules gave this answer to what was so. What was told is put together
again from the event and from what the events before it fold to, by the same functions by which the
service puts it together:

- `facts` and each request: the action; of the resource its type, id, owner, job type, state,
  priority, project, name, labels, node count, how long it has been running, and whether it is
  protected or under legal hold; of the context mode, `message_units`, `reason_code`, `bulk_size`,
  `requester`, `approvals`, `hour` and `weekday`. How often the policy was asked follows from
  whether somebody acts for somebody else. Anything more that it was told is damage; so is anything
  less, where the schema of the decision is in the stream and names it.
- The answer by itself: some rules, sorted, that the policy of that digest has (where it is in the
  stream); errors, explanation, `hold_seconds` and `approvals` only where such an answer has them.
- `request_id` (`key` of a submission) and `correlationid` are the same; `bulk_size` is 1 or that of
  the request on many jobs that this person made under that id.

A request is decided a moment after the policy was asked, and other events may come in between. So
it may have been told what was so at any one moment of the {MINUTES} minutes before its event; hour,
weekday and running time may be those of any moment in that time. The {MINUTES} minutes before the
event that comes before it in the stream count as well, and those before the clock was put back, for
{STEPS_KEPT_EVENTS} events; and of an event that is a microsecond later than the one before it in
its aggregate (so it is while the clock is behind) these three are not compared. Of a job that
changed {GLIMPSES_MAX} times in these minutes, a decision on what it was before is not damage. An
emergency stop is held against the job at its `known_version`, where that was the latest or is as
short ago; an approval that was asked about again at the end of a hold against the job of then and
the moment when it was given.

`message_units` is the length of what can be read in a message, or of all of it, as earlier releases
told it; of a message that a refusal keeps only a part of it may be any length between. Earlier
releases did not tell `freeze_windows` where policies and emergency stops were asked about, nor the
`bulk_size` of the latter: there they may be missing.

Taken as they stand: roles and kind of who asked (they must be those of the envelope), the names of
`freeze_windows` (the settings have them; that they are names, sorted, is looked at), `engine`, the
words of `errors` and `explanation`, whether the rules give this answer at all, and what rules in
shadow said (`recheck` looks at both). Of refusals also: priority, project and labels of a job that
was not made, which cancel a refused approval or withdrawal was about, and all that was told of an
emergency stop that was refused without the stream, for it does not say how the job was known then.
Decisions by the table that came before Cedar have `facts` alone,
and what a schema does not name, or one that is not in the stream, may be missing. A submission
filter's decision rests on nothing."""
MEMORY: Final = f"""\
## Memory

Of each aggregate the version, the hash and the fold are needed, also after its end, for an ended
job may be asked to cancel and be queued again. The {HOT_MAX} aggregates seen last, with at most
{HOT_TASKS_MAX} tasks, are held in memory; all others are put away in a file of the temporary
directory (`TMPDIR`), which is gone when fsck ends, and are fetched when an event of theirs comes.
The ids of all events are in that file too, 16 bytes each and as much again for their order.
So memory does not grow with the number of events or jobs; the file takes about a kilobyte a job
and 40 bytes an event.
The views are folded anew into the temporary directory as well: about as much room as they have
themselves. `--no-views` leaves that out. Views in PostgreSQL are compared with the same scratch
file, row by row in the order of their keys, in one transaction that only reads; what finds words in
the trail there (`audit.words`) is made of the rows, and is not looked at."""


def document() -> str:
    """The whole page."""
    kinds = [(f"`{kind}`", words, WHAT_TO_DO[kind]) for kind, words in KINDS.items()]
    rows = sorted((type_token(fact), words) for fact, words in CHECKED.items())
    parts = (
        HEAD,
        DAMAGE,
        table(("kind", "means", "what to do"), kinds),
        DAMAGE_WORDS,
        RULES,
        RULES_WORDS,
        table(("event", "the rules"), [(f"`{name}`", words) for name, words in rows]),
        TOLD,
        TOLD_WORDS,
        MEMORY,
    )
    return "\n\n".join(parts) + "\n"
