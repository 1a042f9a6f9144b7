"""What every reader of events must know, as Markdown. It stands in each document we publish."""

from typing import Final

SUBJECTS: Final = """\
Each event lies under the NATS subject `countermand.<cluster>.<aggregate>.<id>.<EventType>`. The \
aggregate is `job` with the job's number, `cluster` with the cluster's name, `request` with a day \
in UTC (`20261123`), where the requests on jobs that do not exist lie, `bulk` with a digest of \
who asked and of the request id, where a request on many jobs says which they are, or `policy` \
with the cluster's name, where the rules that decide lie. Filters choose: \
`countermand.*.job.*.JobCancelRequested` is every accepted cancel, `countermand.*.job.42.*` all of \
one job, `countermand.hpc1.>` everything of a cluster."""

CONSUMING: Final = """\
- Read through a **JetStream consumer** of the stream (`COUNTERMAND`, unless the settings name it \
otherwise), never through a core subscription: that would also see publishes which the stream then \
refuses, and it is denied to readers.
- Delivery is **at least once**. Acknowledge an event when your work on it is done, and know one \
that comes again by its `id`.
- The **order** is that of the stream: the sequence of the NATS message. It is not that of the \
clock.
- **Resume** with a durable consumer, or with one that starts after the sequence that you dealt \
with last. The stream drops nothing, so a new consumer may begin with the first event.
- **Ignore** fields and events that you do not know: there will be more of them."""

CHAIN: Final = """\
Each event carries its place in its aggregate, `aggregateversion`: 1, 2, 3, without a gap; and \
from the second on `previoushash`, the SHA-256 of the exact bytes of the one before. So a removed, \
edited or reordered event shows. Hash the bytes as they came: the same event written anew may have \
others."""

VERSIONS: Final = """\
A released name is never used for anything else, and a released field is never taken away and \
never changes its meaning. In place, an event may only gain fields with defaults: events of \
earlier releases lack them, and that means the default. Any other change is a new name that ends \
in `.v2`."""


def described(*rules: str) -> str:
    """Rules as one text."""
    return "\n\n".join(rules)
