"""The text of docs/fsck.md: how each event is checked, as the domain has it."""

from typing import Final

from adapters.wire import type_token
from application.checking import HOT_MAX, HOT_TASKS_MAX, KINDS
from application.remedies import WHAT_TO_DO
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
DAMAGE: Final = "## Kinds of damage"
DAMAGE_WORDS: Final = """\
The first damage is the one with the lowest position; damage that is about no single event comes
before it (`identity`, `configuration`, a `mark` or a `journal` that is not there or cannot be read)
or after all (`mark` where the stream ends before it, `views`). Where the data directory knows a
stream (`stream.json`), both witnesses must be there; where they are stands in the settings, so run
it with those of the service (`--config`). One cause may show more than once: a missing event is
also a gap in its job's versions, and what comes after it in its job cannot be judged by the rules
any more (`unjudged` says of how many events that is true; their form and their chain are checked
all the same)."""
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
        MEMORY,
    )
    return "\n\n".join(parts) + "\n"
