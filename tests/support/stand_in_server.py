"""A small real server that speaks the HTTP contract, for the tests of the command line.

It listens on a Unix socket (whoever connects is ``alice``) and on loopback TCP (the bearer token
``the-token`` is ``carol``), writes ``endpoint.json``, keeps jobs and events in memory, remembers
every request. ``plan`` makes the next request of a route go wrong; ``cuts`` cut live streams.
"""

import json
import os
import socket
import socketserver
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.support.stand_in_jobs import ROUTES, Answer, Jobs, Request, Routes, problem
from tests.support.stand_in_views import VIEW_ROUTES, Views
from tests.support.web import Json

TOKEN: Final = "the-token"
HELLO: Final = b": hello\n\n"


@dataclass
class StandIn(Views, Jobs):
    """The server. ``with StandIn(directory=...) as server`` starts and ends it."""

    directory: Path = field(kw_only=True)
    chunked: bool = True
    slow: list[str] = field(default_factory=list)
    """Paths that are answered only when the server ends."""
    routes: Routes = ROUTES + VIEW_ROUTES

    def __enter__(self) -> "StandIn":
        self.run = self.directory / "run"
        self.run.mkdir(parents=True)
        self.socket = self.run / "countermand.sock"
        self.endpoint = self.run / "endpoint.json"
        self._servers = [Listener.unix(self, self.socket), Listener.tcp(self)]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.port = int(self._servers[1].server_address[1])
        token_file = self.run / "token"
        token_file.write_text(TOKEN + "\n")
        self.token_file = token_file
        self.write_endpoint()
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def write_endpoint(self, **changes: object) -> None:
        said = {
            "http": f"http://127.0.0.1:{self.port}",
            "socket": str(self.socket),
            "token_file": str(self.token_file),
            "cluster": "test",
            "pid": os.getpid(),
        }
        self.endpoint.write_text(json.dumps({**said, **changes}))


class Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One address of the server; a thread a connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, stand_in: StandIn, listening: socket.socket) -> None:
        self.stand_in = stand_in
        super().__init__(("", 0), Conversation, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.address_family = listening.family
        listening.listen(64)
        self.server_address = listening.getsockname()

    @classmethod
    def tcp(cls, stand_in: StandIn) -> "Listener":
        listening = socket.socket(socket.AF_INET)
        listening.bind(("127.0.0.1", 0))
        return cls(stand_in, listening)

    @classmethod
    def unix(cls, stand_in: StandIn, path: Path) -> "Listener":
        """Bound through the directory's descriptor, so that the path may have any length."""
        listening = socket.socket(socket.AF_UNIX)
        directory = os.open(path.parent, os.O_PATH)
        listening.bind(f"/proc/self/fd/{directory}/{path.name}")
        os.close(directory)
        return cls(stand_in, listening)


class Conversation(BaseHTTPRequestHandler):
    """One connection, one request."""

    protocol_version = "HTTP/1.1"

    @property
    def stand_in(self) -> StandIn:
        listener = self.server
        assert isinstance(listener, Listener)
        return listener.stand_in

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        with suppress(ConnectionError):
            super().finish()

    def address_string(self) -> str:
        return "client"

    def log_message(self, *_: object) -> None:
        """Nothing: tests read ``requests``."""

    def do_GET(self) -> None:
        self._converse()

    def do_POST(self) -> None:
        self._converse()

    def do_PUT(self) -> None:
        self._converse()

    def do_PATCH(self) -> None:
        self._converse()

    def _converse(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length", 0))
        text = self.rfile.read(size)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        body = json.loads(text) if text else {}
        request = Request(self.command, parts.path, query, headers, body, self._who(headers))
        self.close_connection = True
        if (request.method, request.path) == ("GET", "/api/v1/events"):
            self._stream(request)
            return
        answer = self.stand_in.answer(request)
        if request.path in self.stand_in.slow:
            with self.stand_in.changed:
                self.stand_in.changed.wait_for(lambda: self.stand_in.closing)
        if not answer.cut:
            self._send(answer)

    def _who(self, headers: dict[str, str]) -> str:
        if "authorization" in headers:
            return "carol" if headers["authorization"] == f"Bearer {TOKEN}" else ""
        return "alice" if self.connection.family == socket.AF_UNIX else ""

    def _send(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.stand_in.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(body), 7):
                piece = body[start : start + 7]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if not answer.unfinished:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    # --- the live stream --------------------------------------------------------------------------

    def _stream(self, request: Request) -> None:
        stand_in = self.stand_in
        with stand_in.changed:
            stand_in.requests.append(request)
            planned = stand_in.planned.get((request.method, request.path))
            answer = planned.pop(0) if planned else None
            self._left = stand_in.cuts.pop(0) if stand_in.cuts else -1
            stand_in.changed.notify_all()
        if answer is not None:
            if not answer.cut:
                self._send(answer)
            return
        if not request.who:
            self._send(problem(401, "not_authenticated", "nobody showed who they are"))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(Cut):
            self._tell(request)

    def _tell(self, request: Request) -> None:
        stand_in, query = self.stand_in, request.query
        sent, caught_up = int(query["after"][0]) if "after" in query else 0, False
        self._frame(HELLO)
        if "since" in query:
            sent = stand_in.begins_after(query["since"][0])
            self._frame(position_of(sent))
        while not stand_in.closing:
            with stand_in.changed:
                fresh = [x for x in stand_in.events if x["position"] > sent]
                end = len(stand_in.events)
            for found in fresh:
                sent = found["position"]
                if self._wanted(found, query):
                    self._frame(frame_of(found))
            if not caught_up:
                caught_up = True
                self._frame(mark_of(end))
            if query["follow"] == ["false"]:
                self.wfile.write(b"0\r\n\r\n")
                return
            stand_in.wait_for_event_after(sent)

    def _wanted(self, found: Json, query: dict[str, list[str]]) -> bool:
        if "unreadable" in found:
            return "type" not in query and "actor" not in query
        kind = found["event"]["type"].split(".")[1]
        if "type" in query and kind not in query["type"]:
            return False
        if "actor" in query and found["event"]["authid"] not in query["actor"]:
            return False
        return "job" not in query or found["aggregate"] == f"job/{query['job'][0]}"

    def _frame(self, data: bytes) -> None:
        """One frame in two chunks, or as much of it as the cut leaves."""
        half = len(data) // 2
        for piece in (data[:half], data[half:]):
            if 0 <= self._left < len(piece):
                piece = piece[: self._left]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if piece else b"")
                raise Cut
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self._left -= len(piece) if self._left >= 0 else 0
            if self._left == 0:
                raise Cut


def frame_of(found: Json) -> bytes:
    """An event as it goes over the wire."""
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return f"id: {found['position']}\r\nevent: e\r\ndata: {data}\r\n\r\n".encode()


def mark_of(position: int) -> bytes:
    """The end of the backlog."""
    return f'id: {position}\nevent: caught-up\ndata: {{"position": {position}}}\n\n'.encode()


def position_of(position: int) -> bytes:
    """Nothing more is to be seen up to here."""
    return f'id: {position}\nevent: position\ndata: {{"position": {position}}}\n\n'.encode()


class Cut(Exception):
    """The connection ends here."""
