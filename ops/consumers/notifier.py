"""Posts every forced stop to a webhook: at least once, in order, through crashes and outages.

    python -m ops.consumers.notifier --url https://example.org/hook --state /var/lib/notifier

An event counts as delivered when the receiver answered 2xx; then the position is noted and synced,
and only then the next event is sent. A crash in between sends one event again, with the same
``webhook-id``. Refusals of the moment (5xx, 408, 425, 429, no answer) are retried with growing
pauses. An event that the receiver refuses for good (any other status), or that has held up those
behind it for ``--give-up-after`` seconds, goes to ``dead-letters.ndjson``, and the next one is
sent. While nobody takes the connection at all no event is given up: none would get through.
"""

import argparse
import re
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from ops.consumers import place, running
from ops.consumers.errors import Misuse
from ops.consumers.following import Event, feed
from ops.consumers.keeping import locked
from ops.consumers.log import log
from ops.consumers.notes import Note, Notes, id_of, subjects
from ops.consumers.private import header_from, private_text, secret_from, trusting, url_from
from ops.consumers.running import Session, ending, in_sessions, run, seconds
from ops.consumers.sending import GivenUp, Patience, Sender, finished
from ops.consumers.webhook import Webhook

FORCED_STOP: Final = "TaskForceStopped"
TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
START: Final = re.compile(r"new|all|[0-9]{1,18}")
TIMEOUT_SECONDS: Final = 10.0
PAUSE_SECONDS_MAX: Final = 60.0
GIVE_UP_SECONDS: Final = 3600.0


class Notifier:
    """Sends events on, one after the other, and notes each."""

    def __init__(
        self, webhook: Webhook, patience: Patience, notes: Notes, types: list[str], start: str
    ) -> None:
        self._shown = webhook.shown
        self._sender = Sender(webhook, patience)
        self._notes = notes
        self._types = types
        self._start = start
        self._note = notes.load()

    async def session(self, session: Session) -> None:
        """From the noted position on, for as long as the connection lasts."""
        note = await self._noted(session)
        cluster = session.connection.place.cluster
        async with feed(
            session.connection, note.mark.position, subjects(cluster, self._types)
        ) as events:
            await session.each(events, self._deliver_all)

    async def _noted(self, session: Session) -> Note:
        """The note, checked against the stream; at the very first start a new one."""
        connection = session.connection
        if self._note is not None:
            await connection.check(self._note.mark, str(self._notes.directory))
            return self._note
        state = await connection.state()
        first = {"new": state.last, "all": 0}.get(self._start)
        position = int(self._start) if first is None else first
        if position > state.last:
            raise Misuse(f"--start {position} lies beyond the stream's end, {state.last}")
        self._note = Note(await connection.mark(position))
        self._notes.save(self._note)
        log("started", after=position, stream=state.stream, webhook=self._shown)
        return self._note

    async def _deliver_all(self, events: list[Event]) -> None:
        for event in events:
            await finished(self._deliver(event))

    async def _deliver(self, event: Event) -> None:
        """See one event to the receiver or into the dead letters, and note it."""
        assert self._note is not None
        event_id = id_of(event, self._note.mark.stream)
        if event_id in self._note.recent:
            log("already_dealt_with", position=event.position, id=event_id)
        else:
            await self._send(event, event_id)
        digest = sha256(event.raw).hexdigest()
        mark = replace(self._note.mark, position=event.position, sha256=digest)
        self._note = self._note.after(mark, event_id)
        self._notes.save(self._note)

    async def _send(self, event: Event, event_id: str) -> None:
        outcome = await self._sender.send(event, event_id)
        if isinstance(outcome, GivenUp):
            self._notes.give_up(event, event_id, outcome.reason, outcome.attempts)
            log(
                "given_up",
                "error",
                position=event.position,
                id=event_id,
                reason=outcome.reason,
                attempts=outcome.attempts,
                kept_in="dead-letters.ndjson",
            )
        else:
            log("sent", position=event.position, id=event_id, status=outcome.status)


# --- from the command line ------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Run the notifier; the exit status."""
    options = parser().parse_args(arguments)
    return run(lambda: notify(options))


async def notify(options: argparse.Namespace) -> None:
    """Everything, with these options. Raises ``Misuse``, ``Refused``, ``Unavailable``."""
    told = place.told(options)
    webhook = webhook_of(options)
    types = [FORCED_STOP, *checked(options.type, TYPE, "--type")]
    (start,) = checked([options.start], START, "--start")
    patience = Patience(options.pause_max, options.give_up_after)
    with locked(options.state, 0o700):
        notifier = Notifier(webhook, patience, Notes(options.state), types, start)
        await in_sessions(told, notifier.session, ending(options))


def webhook_of(options: argparse.Namespace) -> Webhook:
    """Where to post, and with what. Raises ``Misuse``."""
    url = url_from(options.url or private_text(options.url_file))
    return Webhook(
        url=url,
        timeout_seconds=options.timeout,
        headers=(header_from(options.header_file),) if options.header_file else (),
        secret=secret_from(options.secret_file) if options.secret_file else b"",
        tls=trusting(options.ca) if url.scheme == "https" else None,
    )


def checked(texts: list[str], pattern: re.Pattern[str], option: str) -> list[str]:
    """The texts, when each is of this form. Raises ``Misuse``."""
    for text in texts:
        if not pattern.fullmatch(text):
            raise Misuse(f"{option} cannot be {text!r}; see --help")
    return texts


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="notifier",
        description="Post every forced stop to a webhook, at least once and in order.",
    )
    option = made.add_argument
    url = made.add_mutually_exclusive_group(required=True)
    url.add_argument("--url", help="the webhook; http or https")
    url.add_argument(
        "--url-file",
        metavar="FILE",
        type=Path,
        help="a private file (0600) that holds it, when it is a secret",
    )
    option(
        "--state",
        metavar="DIR",
        type=Path,
        required=True,
        help="where position, recent ids and dead letters are kept; one notifier a directory",
    )
    option(
        "--type",
        metavar="NAME",
        action="append",
        default=[],
        help=f"post this type of event besides {FORCED_STOP}, such as JobCancelRequested",
    )
    option(
        "--start",
        metavar="WHERE",
        default="new",
        help="where the very first start begins: new (the default), all, or after a position",
    )
    option(
        "--secret-file",
        metavar="FILE",
        type=Path,
        help="sign with the key in this private file (webhook-signature)",
    )
    option(
        "--header-file",
        metavar="FILE",
        type=Path,
        help="send the header 'Name: value' in this private file",
    )
    option(
        "--ca",
        metavar="FILE",
        type=Path,
        help="trust these certificate authorities instead of the system's",
    )
    option(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=TIMEOUT_SECONDS,
        help=f"for connecting and for the answer ({TIMEOUT_SECONDS:.0f})",
    )
    option(
        "--pause-max",
        metavar="SECONDS",
        type=seconds,
        default=PAUSE_SECONDS_MAX,
        help=f"between two attempts ({PAUSE_SECONDS_MAX:.0f})",
    )
    option(
        "--give-up-after",
        metavar="SECONDS",
        type=seconds,
        default=GIVE_UP_SECONDS,
        help="how long one event that is answered with errors may hold up the others "
        f"({GIVE_UP_SECONDS:.0f})",
    )
    running.add_options(made)
    place.add_options(made)
    return made


if __name__ == "__main__":
    sys.exit(main())
