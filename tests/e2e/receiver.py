"""A webhook: a real HTTP server in the test's own process, on a free port of the loopback."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from msgspec import Struct

PATH: Final = "/hook/a-secret-in-the-path?token=a-secret-in-the-query"
DROP: Final = 0
"""Instead of a status: hang up without a word."""

Headers = dict[str, str]


class Reply(Struct, frozen=True):
    """What the receiver answers, and with which headers."""

    status: int
    headers: Headers = {}


class Receiver:
    """Answers what ``decide`` says, and remembers. Set ``decide`` at any time."""

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self.asked: list[tuple[Headers, bytes]] = []
        self.taken: list[tuple[Headers, bytes]] = []
        self.paths: list[str] = []
        self.decide: Callable[[Headers, bytes], Reply] = lambda _, __: Reply(204)
        self.lock = threading.Lock()

    @property
    def ids(self) -> list[str]:
        """The ids of the events that were taken, in order, as they came."""
        return [headers["webhook-id"] for headers, _ in self.taken]

    def answer(self, path: str, headers: Headers, body: bytes) -> Reply:
        """Decide about one request."""
        reply = self.decide(headers, body)
        with self.lock:
            self.paths.append(path)
            self.asked.append((headers, body))
            if 200 <= reply.status <= 299:
                self.taken.append((headers, body))
        return reply


def handler_for(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    """The class that ``http.server`` wants."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.answer(self.path, headers, body)
            if reply.status == DROP:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler


class Server(ThreadingHTTPServer):
    """Says nothing of clients that hang up, as a killed notifier does."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        return


@contextmanager
def receiving(
    receiver: Receiver | None = None, certificate: Path | None = None
) -> Iterator[Receiver]:
    """A receiver that answers; again on its port, when it had one. ``certificate``: with TLS."""
    one = receiver or Receiver()
    server = Server(("127.0.0.1", one.port), handler_for(one))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    one.port = server.server_port
    scheme = "https" if certificate else "http"
    one.url = f"{scheme}://127.0.0.1:{one.port}{PATH}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
