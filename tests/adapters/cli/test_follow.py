"""Following through cuts, in this process: at every byte, and with the pauses counted."""

import json
from itertools import islice

import pytest

from adapters.cli.exits import FAILURE, REFUSED, Failure
from adapters.cli.reaching.client import Unix
from adapters.cli.reaching.endpoint import Endpoint
from adapters.cli.reaching.follow import PAUSES_SECONDS, Mark, Open, Seen, follow
from adapters.cli.reaching.server import Server
from tests.support.stand_in_jobs import Answer, problem
from tests.support.stand_in_server import HELLO, StandIn, frame_of, mark_of

EVENTS = "/api/v1/events"


def test_every_single_byte_can_be_the_cut(server: StandIn) -> None:
    server.add_job(1)
    server.add_job(2)
    server.cuts = list(range(700))
    following = follow(opener(server), 0, pause=lambda _: None)
    found = list(islice((x for x in following if isinstance(x, Seen)), 2))
    assert [x.position for x in found] == [1, 2]
    assert [x.event for x in found] == [x["event"] for x in server.events]


def test_pauses_grow_while_nothing_comes_and_begin_anew_after_an_event(server: StandIn) -> None:
    server.add_job(1)
    after_the_event = len(HELLO + frame_of(server.events[0]))
    server.cuts = [0, 0, 0, after_the_event, 0]
    pauses: list[float] = []
    following = follow(opener(server), 0, pause=pauses.append)
    assert [x.words for x in islice(following, 6) if isinstance(x, Mark)][::2] == [
        "connection lost"
    ] * 3
    while not (isinstance(found := next(following), Mark) and found.words == "caught up"):
        pass
    assert pauses == [*PAUSES_SECONDS[:3], *PAUSES_SECONDS[:2]]


def test_a_lost_connection_is_marked_once_however_often_it_fails(server: StandIn) -> None:
    server.add_job(1)
    server.plan("GET", EVENTS, None, *[problem(503, "unavailable", "starting")] * 9)
    server.cuts = [20]
    pauses: list[float] = []
    following = follow(opener(server), 0, pause=pauses.append)
    marks = [x.words for x in islice(following, 4) if isinstance(x, Mark)]
    assert marks == ["connection lost", "connected again", "caught up"]
    assert pauses == [*PAUSES_SECONDS, PAUSES_SECONDS[-1], PAUSES_SECONDS[-1], PAUSES_SECONDS[-1]]


def test_a_refusal_ends_it_even_later(server: StandIn) -> None:
    server.add_job(1)
    server.plan("GET", EVENTS, None, problem(403, "not_permitted", "no more"))
    server.cuts = [20]
    with pytest.raises(Failure) as refused:
        list(follow(opener(server), 0, pause=lambda _: None))
    assert refused.value.status == REFUSED


def test_a_stream_that_is_none_ends_it(server: StandIn) -> None:
    server.plan("GET", EVENTS, Answer(200, b"data: this is not JSON\n\n"))
    with pytest.raises(Failure) as refused:
        list(follow(opener(server), 0, pause=lambda _: None))
    assert refused.value.status == FAILURE


def opener(server: StandIn) -> Open:
    asks = Server(lambda: Endpoint(Unix(str(server.socket)), ""))
    return lambda after: asks.stream([("after", str(after or 0)), ("follow", "true")])


def error_frame(status: int, code: str, detail: str) -> bytes:
    body = json.dumps({"status": status, "code": code, "detail": detail})
    return f"event: error\ndata: {body}\n\n".encode()


def test_an_error_that_the_server_streams_ends_it_with_the_servers_words(server: StandIn) -> None:
    stream = HELLO + error_frame(500, "corrupt", "the stream has no event 7, but 8")
    server.plan("GET", EVENTS, Answer(200, stream))
    with pytest.raises(Failure, match="no event 7, but 8") as ended:
        list(follow(opener(server), 0, pause=lambda _: None))
    assert ended.value.status == FAILURE


def test_an_outage_that_the_server_streams_is_waited_out(server: StandIn) -> None:
    server.add_job(1)
    stream = HELLO + error_frame(503, "unavailable", "nats-server does not answer")
    server.plan("GET", EVENTS, Answer(200, stream), None)
    following = follow(opener(server), 0, live=False, pause=lambda _: None)
    said = [x.words if isinstance(x, Mark) else x.position for x in following]
    assert said == ["connection lost", "connected again", 1, "caught up"]


def test_what_passes_unseen_moves_the_place_to_go_on_from(server: StandIn) -> None:
    """A long backlog that does not fit a filter is looked at once, also through cuts."""
    mark = b'id: 5\nevent: position\ndata: {"position": 5}\n\n'
    server.plan("GET", EVENTS, Answer(200, HELLO + mark), Answer(200, HELLO + mark_of(7)), None)
    following = follow(opener(server), 0, pause=lambda _: None)
    marks = [x for x in islice(following, 6) if isinstance(x, Mark)]
    assert marks == [
        Mark("passed", 5),
        Mark("connection lost", 5),
        Mark("connected again", 5),
        Mark("caught up", 7),
        Mark("connection lost", 7),
        Mark("connected again", 7),
    ]
    assert [x.query["after"] for x in server.requests] == [["0"], ["5"], ["7"]]


def test_an_outage_is_told_with_the_servers_words(server: StandIn) -> None:
    stream = HELLO + error_frame(503, "unavailable", "the journal's disk is full")
    server.plan("GET", EVENTS, Answer(200, stream))
    lost = next(x for x in follow(opener(server), 0) if isinstance(x, Mark))
    assert lost == Mark("connection lost", 0, "the journal's disk is full")
