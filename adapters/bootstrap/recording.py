"""What an administrator of the machine does to the stream itself, as the stream's next event."""

import os
import pwd

from adapters.bootstrap.system import SystemClock
from adapters.jetstream.log import JetStreamLog
from application.histories import token_after
from application.ledger import rising
from application.ports import Mark, Write
from domain.events import (
    CLUSTER,
    Aggregate,
    LossAccepted,
    NewEvent,
    Recorded,
    StreamMended,
    StreamRestored,
)
from domain.identity import Caller, Origin, Principal, Role


async def record(
    log: JetStreamLog,
    cluster: str,
    fact: StreamMended | LossAccepted | StreamRestored,
    event_id: str,
) -> Mark:
    """Append the fact, once, whoever tries how often; the stream's head, as a mark has it."""
    place = Aggregate(CLUSTER, cluster)
    stored = await log.load(place)
    facts = [x.fact for x in stored if isinstance(x.fact, Recorded)]
    if not any(x.event.id == event_id for x in facts):
        now = rising(SystemClock().now(), facts[-1].time if facts else None)
        event = NewEvent(event_id, now, administrator(), event_id, event_id, fact)
        (token,) = await log.append([Write(place, (event,), token_after(stored))])
    else:
        token = token_after(stored)
    return Mark(log.id, token.position, token.sha256)


def administrator() -> Caller:
    """Who runs this: whoever may write the data directory is an administrator of it."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    principal = Principal(name, (Role.ADMINISTRATOR,), method="unix")
    address = f"unix:pid={os.getpid()},uid={uid}"
    return Caller(principal, origin=Origin.CLI, address=address, program="countermand")
