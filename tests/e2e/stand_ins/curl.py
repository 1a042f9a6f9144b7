"""Stands in for the ``curl`` command where there is none: the few options that documents show.

python -m tests.e2e.stand_ins.curl [-sSNf] [--unix-socket PATH] [-H HEADER]... [-d DATA] [-X METHOD]
    [-o FILE] URL
"""

import argparse
import sys

import httpx

FAILED_STATUS = 22


def main() -> None:
    """One request; the body of its answer goes to stdout."""
    parser = argparse.ArgumentParser("curl", allow_abbrev=False)
    for switch in ("-s", "-S", "-N", "-f"):
        parser.add_argument(switch, action="store_true")
    parser.add_argument("--unix-socket")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("-X")
    parser.add_argument("-o")
    parser.add_argument("url")
    asked = parser.parse_intermixed_args()
    headers = [(name, value.strip()) for name, _, value in (x.partition(":") for x in asked.H)]
    transport = httpx.HTTPTransport(uds=asked.unix_socket)
    method = asked.X or ("GET" if asked.d is None else "POST")
    with (
        httpx.Client(transport=transport, timeout=None) as client,
        client.stream(method, asked.url, headers=headers, content=asked.d) as answer,
        open(asked.o, "wb") if asked.o else sys.stdout.buffer as out,
    ):
        if asked.f and answer.status_code >= 400:
            sys.exit(FAILED_STATUS)
        for piece in answer.iter_raw():
            out.write(piece)
            out.flush()


if __name__ == "__main__":
    main()
