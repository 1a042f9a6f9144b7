"""The notifier in a process of its own, between a real service and a real webhook."""

import hashlib
import json
import random
import signal
import sys
import threading
from collections.abc import Callable

import pytest

from tests.e2e.bare import Bare
from tests.e2e.consumer import Consumer
from tests.e2e.home import kill
from tests.e2e.hostile import TAKEN, shows_safely
from tests.e2e.notifying import check_taken, forced, id_in, notifier, once, until_taken
from tests.e2e.receiver import DROP, Headers, Receiver, Reply, receiving
from tests.e2e.service import Service
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e]

THINKING_SECONDS = 0.4
KILLS = 12
TASKS = 3


def forced_stops(service: Service) -> list[bytes]:
    """Every forced stop in the stream, as it is stored."""
    return [e.raw for e in service.stream() if e.type == "TaskForceStopped"]


def stop_some(service: Service) -> None:
    """Cancel a job of some tasks by force."""
    job = service.submit(*["exec sleep 600"] * TASKS)
    service.until_running(job)
    service.cancel(job, mode="forced")
    service.until_state(job, "Canceled")


# --- nothing is lost ------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_forced_stop_arrives_whatever_breaks(service: Service, receiver: Receiver) -> None:
    """Failing receiver, killed notifier, killed nats-server, restarted service: one story."""
    service.start()
    program = notifier(service, receiver).start()
    stop_some(service)
    until_taken(receiver, TASKS)

    receiver.decide = lambda _, __: Reply(503)
    stop_some(service)
    program.until_heard("not_taken", reason="status 503")
    program.kill()
    receiver.decide = lambda _, __: Reply(204)
    program.start()
    until_taken(receiver, 2 * TASKS)

    kill(service.nats_pid)
    program.until_heard("stream_lost")
    stop_some(service)
    until_taken(receiver, 3 * TASKS)

    service.stop()
    service.start()
    stop_some(service)
    until_taken(receiver, 4 * TASKS)
    assert program.stop() == 0
    check_taken(receiver, forced_stops(service))
    assert shows_safely(program.log)


@pytest.mark.slow
def test_killed_at_random(service: Service, receiver: Receiver) -> None:
    """With a receiver that fails now and then, too. The seed is printed."""
    seed = random.SystemRandom().randrange(10**6)
    sys.stderr.write(f"seed {seed}\n")
    chance = random.Random(seed)
    receiver.decide = lambda _, __: Reply(chance.choice((204, 204, 500, DROP)))
    service.start()
    program, kills = notifier(service, receiver), 0
    while kills < KILLS:
        job = service.submit(*["exec sleep 600"] * TASKS)
        service.until_running(job)
        service.cancel(job, mode="forced")
        kills += program.start().kill_after(chance.uniform(0.2, 1.2))
    receiver.decide = lambda _, __: Reply(200)
    program.start()
    until(lambda: len(set(receiver.ids)) == len(forced_stops(service)), "all have arrived")
    assert program.stop() == 0
    check_taken(receiver, forced_stops(service))


def test_killed_between_the_answer_and_the_note(bare: Bare, receiver: Receiver) -> None:
    """The event comes a second time, with the same id; those after it once."""
    stored = forced(5)
    bare.store_all(stored, "TaskForceStopped")
    program = notifier(bare, receiver)

    def kill_first(headers: Headers, _: bytes) -> Reply:
        if len(receiver.taken) == 2:
            program.kill()
        return Reply(204)

    receiver.decide = kill_first
    assert program.start().ended() == -signal.SIGKILL
    assert once(bare, receiver).run() == 0
    ids = [id_in(raw) for raw in stored]
    assert receiver.ids == [*ids[:3], *ids[2:]]


def test_the_same_event_twice_in_the_stream_is_sent_once(bare: Bare, receiver: Receiver) -> None:
    first, second, third = forced(3)
    bare.store_all([first, second, first, third, first], "TaskForceStopped")
    program = once(bare, receiver)
    assert program.run() == 0
    check_taken(receiver, [first, second, third])
    assert len(receiver.taken) == 3
    assert [x["position"] for x in program.heard("already_dealt_with")] == [3, 5]


def test_the_very_first_start_begins_with_what_comes(bare: Bare, receiver: Receiver) -> None:
    old, new, newer = forced(1), forced(2), forced(1)
    bare.store_all(old, "TaskForceStopped")
    program = notifier(bare, receiver, start="new").start()
    program.until_heard("caught_up")
    bare.store_all(new, "TaskForceStopped")
    until_taken(receiver, 2)
    assert program.stop(signal.SIGINT) == 130
    bare.store_all(newer, "TaskForceStopped")
    assert once(bare, receiver).run() == 0
    check_taken(receiver, new + newer)


def test_only_the_types_that_were_asked_for(bare: Bare, receiver: Receiver) -> None:
    stops, cancels, others = forced(2), forced(2, TAKEN["lines"]), forced(2)
    bare.store_all(others, "TaskStopped")
    bare.store_all(stops, "TaskForceStopped")
    bare.store_all(cancels, "JobCancelRequested")
    assert once(bare, receiver, "--type", "JobCancelRequested", "--start", "2").run() == 0
    check_taken(receiver, stops + cancels)


def test_hostile_messages_arrive_as_they_are(service: Service, receiver: Receiver) -> None:
    service.start().set_grace(600)
    job = service.deaf_job()
    for text in TAKEN.values():
        service.cancel(job, message=text)
    program = once(service, receiver, "--type", "JobCancelRequested", "--type", "JobCancelRepeated")
    assert program.run() == 0
    told = [json.loads(body)["data"]["message"] for _, body in receiver.taken]
    assert told == list(TAKEN.values())
    assert shows_safely(program.log)


# --- a receiver that does not take it -------------------------------------------------------------


def test_refused_for_good_is_kept_and_the_next_one_is_sent(bare: Bare, receiver: Receiver) -> None:
    """Also a redirect, which is not followed."""
    stored = forced(4, TAKEN["bidi"])
    bare.store_all(stored, "TaskForceStopped")
    answers = {id_in(stored[0]): Reply(404), id_in(stored[2]): Reply(302, {"Location": "/"})}
    receiver.decide = lambda headers, _: answers.get(headers["webhook-id"], Reply(200))
    program = once(bare, receiver)
    assert program.run() == 0
    check_taken(receiver, [stored[1], stored[3]])
    assert len(receiver.asked) == 4
    letters = dead_letters(bare)
    assert [(x["position"], x["reason"]) for x in letters] == [(1, "status 404"), (3, "status 302")]
    assert [x["event"].encode() for x in letters] == [stored[0], stored[2]]
    assert [x["id"] for x in program.heard("given_up")] == [x["id"] for x in letters]
    assert shows_safely((bare.home / "state" / "dead-letters.ndjson").read_text())


def dead_letters(bare: Bare) -> list[Json]:
    text = (bare.home / "state" / "dead-letters.ndjson").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 503, 599, DROP])
def test_refused_for_the_moment_is_tried_again(bare: Bare, receiver: Receiver, status: int) -> None:
    stored = forced(2)
    bare.store_all(stored, "TaskForceStopped")
    receiver.decide = lambda _, __: Reply(status if len(receiver.asked) < 3 else 202)
    program = once(bare, receiver)
    assert program.run() == 0
    check_taken(receiver, stored)
    assert len(receiver.asked) == 5
    assert [x["pause_seconds"] for x in program.heard("not_taken")] == [0.5, 0.6, 0.6]


def test_nobody_there_holds_everything_up_and_loses_nothing(bare: Bare) -> None:
    """However long it lasts: that does not count against an event, not even a little later."""
    stored = forced(2)
    bare.store_all(stored, "TaskForceStopped")
    with receiving() as one:
        pass
    program = once(bare, one, "--give-up-after", "1").start()
    program.until_heard("not_taken", attempts=4, reason="Connection refused")
    one.decide = lambda _, __: Reply(204 if one.asked else 500)
    with receiving(one):
        assert program.ended() == 0
    check_taken(one, stored)
    assert len(one.asked) == 3


@pytest.mark.parametrize("reply", [Reply(500), Reply(DROP), Reply(503, {"Retry-After": "7"})])
def test_one_event_does_not_hold_up_the_others_for_ever(
    bare: Bare, receiver: Receiver, reply: Reply
) -> None:
    stored = forced(3)
    bare.store_all(stored, "TaskForceStopped")
    poison = id_in(stored[0])
    receiver.decide = lambda h, _: reply if h["webhook-id"] == poison else Reply(200)
    assert once(bare, receiver, "--give-up-after", "1").run() == 0
    check_taken(receiver, stored[1:])
    (letter,) = dead_letters(bare)
    assert (letter["id"], letter["attempts"]) == (poison, 3)


def test_a_receiver_that_never_answers(bare: Bare, receiver: Receiver) -> None:
    """Time-outs count as holding the others up."""
    stored = forced(2)
    bare.store_all(stored, "TaskForceStopped")
    poison, over = id_in(stored[0]), threading.Event()

    def hang(headers: Headers, _: bytes) -> Reply:
        if headers["webhook-id"] == poison:
            over.wait(PATIENCE_SECONDS)
            return Reply(DROP)
        return Reply(200)

    receiver.decide = hang
    program = once(bare, receiver, "--timeout", "0.3", "--give-up-after", "0.5")
    assert program.run() == 0
    over.set()
    assert program.heard("given_up", reason="no answer in time")
    check_taken(receiver, stored[1:])


def test_retry_after_is_honoured_up_to_the_longest_pause(bare: Bare, receiver: Receiver) -> None:
    bare.store_all(forced(1), "TaskForceStopped")
    replies = iter([Reply(429, {"Retry-After": "1"}), Reply(429, {"Retry-After": "3600"})])
    receiver.decide = lambda _, __: next(replies, Reply(200))
    program = once(bare, receiver, "--pause-max", "1.5")
    assert program.run() == 0
    assert [x["pause_seconds"] for x in program.heard("not_taken")] == [1.0, 1.5]


def test_a_dead_letter_is_kept_once_also_across_a_crash(bare: Bare, receiver: Receiver) -> None:
    """The crash left half a line behind it, and one came between the letter and the note."""
    stored = forced(2)
    bare.store_all(stored, "TaskForceStopped")
    receiver.decide = lambda _, __: Reply(410)
    assert once(bare, receiver).run() == 0
    state = bare.home / "state"
    letters = (state / "dead-letters.ndjson").read_bytes()
    note = json.loads((state / "note.json").read_bytes())
    first = hashlib.sha256(stored[0]).hexdigest()
    note |= {"mark": note["mark"] | {"position": 1, "sha256": first}, "recent": []}
    (state / "note.json").write_text(json.dumps(note))
    (state / "dead-letters.ndjson").write_bytes(letters + b'{"position":3')
    assert once(bare, receiver).run() == 0
    assert (state / "dead-letters.ndjson").read_bytes() == letters


# --- how it ends ----------------------------------------------------------------------------------


def in_a_pause(program: Consumer, receiver: Receiver) -> None:
    receiver.decide = lambda _, __: Reply(500)
    program.until_heard("not_taken")


def in_an_attempt(program: Consumer, receiver: Receiver) -> None:
    asked, never = threading.Event(), threading.Event()

    def hang(_: Headers, __: bytes) -> Reply:
        asked.set()
        never.wait(5)
        return Reply(DROP)

    receiver.decide = hang
    assert asked.wait(PATIENCE_SECONDS)


def at_the_end(program: Consumer, receiver: Receiver) -> None:
    until_taken(receiver, 1)


def without_a_stream(program: Consumer, receiver: Receiver) -> None:
    program.until_heard("stream_lost")


@pytest.mark.parametrize("when", [in_a_pause, in_an_attempt, at_the_end, without_a_stream])
def test_sigterm_ends_it_within_seconds(
    bare: Bare, receiver: Receiver, when: Callable[[Consumer, Receiver], None]
) -> None:
    bare.store_all(forced(1), "TaskForceStopped")
    receiver.decide = lambda _, __: Reply(503)
    if when is at_the_end:
        receiver.decide = lambda _, __: Reply(200)
    if when is without_a_stream:
        bare.stop()
    program = notifier(bare, receiver, "--timeout", "20", "--pause-max", "30").start()
    when(program, receiver)
    assert program.stop() == 0
    assert program.last_word == "SIGTERM"
    assert "Traceback" not in program.log


def test_an_answer_under_way_is_waited_for_and_noted(bare: Bare, receiver: Receiver) -> None:
    """Told to end while the receiver thinks: its yes still counts, and nothing comes twice."""
    stored = forced(2)
    bare.store_all(stored, "TaskForceStopped")
    program = notifier(bare, receiver)

    def think(_: Headers, __: bytes) -> Reply:
        program.running.terminate()
        threading.Event().wait(THINKING_SECONDS)
        return Reply(204)

    receiver.decide = think
    assert program.start().ended() == 0
    receiver.decide = lambda _, __: Reply(204)
    assert once(bare, receiver).run() == 0
    assert receiver.ids == [id_in(raw) for raw in stored]


def test_one_notifier_a_directory(bare: Bare, receiver: Receiver) -> None:
    first = notifier(bare, receiver).start()
    first.until_heard("caught_up")
    second = notifier(bare, receiver)
    second.log_file = bare.home / "second.log"
    assert second.run() == 1
    assert "another program works in" in second.last_word
    assert first.stop() == 0


def test_another_history_is_refused(bare: Bare, receiver: Receiver) -> None:
    bare.store_all(forced(3), "TaskForceStopped")
    assert once(bare, receiver).run() == 0
    bare.stop()
    bare.put_store(bare.home / "none")
    bare.start().provision().store_all(forced(5), "TaskForceStopped")
    program = once(bare, receiver)
    assert program.run() == 1
    assert "this is another stream: " in program.last_word
    assert len(receiver.taken) == 3
    (bare.home / "state" / "note.json").write_text("{}")
    assert program.run() == 1
    assert "note.json is damaged" in program.last_word
