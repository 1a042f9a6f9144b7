"""Stands in for the ``nats`` command where there is none: the same flags, the same requests.

It knows no more of NATS than ``nats sub`` needs, and takes its flags and its calls from the sources
of natscli (cli/sub_command.go and nats/main.go as they stood after the fix of issue 1504 and pull
request 1532, so newer than 0.3.0) and of nats.go 1.5x (package jetstream: stream.go, consumer.go,
pull.go), read in November 2026. A flag that natscli does not have is an error here too, and so is
one that natscli has but this program does not carry out.

    python -m tests.e2e.stand_ins.nats sub SUBJECT --all --raw
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
from typing import Any, Final

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

SECOND: Final = 1_000_000_000
VALUED: Final = (
    "queue", "durable", "translate", "count", "dump", "start-sequence", "since", "stream",
    "ignore-subject", "wait", "report-top", "server", "user", "password", "token",
    "connection-name", "creds", "nkey", "tlscert", "tlskey", "tlsca", "timeout", "socks-proxy",
    "js-api-prefix", "js-event-prefix", "js-domain", "inbox-prefix", "colors", "context",
)  # fmt: skip
SWITCHES: Final = (
    "raw", "ack", "match-replies", "inbox", "headers-only", "subjects-only", "all", "new",
    "last", "last-per-subject", "terminate-at-end", "report-subjects", "report-subscriptions",
    "timestamp", "delta-time", "graph", "direct", "tlsfirst", "trace", "no-context",
)  # fmt: skip
SHORT: Final = {"raw": "r", "inbox": "i", "terminate-at-end": "T", "ignore-subject": "I",
                "timestamp": "t", "delta-time": "d", "server": "s"}  # fmt: skip
ENVIRONMENT: Final = {"server": "NATS_URL", "user": "NATS_USER", "password": "NATS_PASSWORD"}
CARRIED_OUT: Final = {"raw", "all", "count", "start-sequence", "stream", *ENVIRONMENT}
ANSWER_SECONDS: Final = 5


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command line, or an end with status 1 as natscli's."""
    parser = argparse.ArgumentParser("nats", allow_abbrev=False)
    parser.add_argument("command", choices=["sub", "subscribe"])
    parser.add_argument("subjects", nargs="*")
    for name in [*VALUED, *SWITCHES]:
        short = [f"-{SHORT[name]}"] if name in SHORT else []
        action = "store_true" if name in SWITCHES else "store"
        parser.add_argument(*short, f"--{name}", action=action)
    found = parser.parse_intermixed_args(arguments)
    asked = {name for name in [*VALUED, *SWITCHES] if getattr(found, name.replace("-", "_"))}
    if not asked <= CARRIED_OUT:
        parser.error(f"the stand-in does not carry out {sorted(asked - CARRIED_OUT)}")
    if not {"all", "start-sequence", "stream"} & asked or len(found.subjects) > 1:
        parser.error("the stand-in only reads a stream, one subject")
    for name, variable in ENVIRONMENT.items():
        setattr(found, name, getattr(found, name) or os.environ.get(variable))
    return found


async def ask(client: Client, subject: str, body: dict[str, object]) -> dict[str, Any]:
    """A request to JetStream's API."""
    data = json.dumps(body).encode()
    answer = await client.request(f"$JS.API.{subject}", data, timeout=ANSWER_SECONDS)
    found: dict[str, Any] = json.loads(answer.data)
    assert "error" not in found, (subject, found["error"])
    return found


async def subscribe(told: argparse.Namespace) -> None:
    """As ``nats sub`` does with JetStream: an ephemeral pull consumer, without acknowledgement.

    One pull, of what natscli asks for at first: 500 messages in 30 seconds are enough for a test.
    """
    client = await nats.connect(told.server, user=told.user, password=told.password)
    subject = told.subjects[0] if told.subjects else ""
    stream = told.stream or (await ask(client, "STREAM.NAMES", {"subject": subject}))["streams"][0]
    await ask(client, f"STREAM.INFO.{stream}", {})
    config: dict[str, object] = {"ack_policy": "none", "deliver_policy": "all"}
    config |= {"replay_policy": "instant", "filter_subject": subject}
    if told.start_sequence:
        config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": int(told.start_sequence)}
    name = secrets.token_hex(4)
    body: dict[str, object] = {"stream_name": stream, "config": config, "action": "create"}
    await ask(client, f"CONSUMER.CREATE.{stream}.{name}.{subject}", body)
    inbox, arrived = client.new_inbox(), asyncio.Queue[Msg]()
    await client.subscribe(inbox, cb=arrived.put)
    pull = {"expires": 30 * SECOND, "batch": 500, "idle_heartbeat": 15 * SECOND}
    next_one = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"
    await client.publish(next_one, json.dumps(pull).encode(), reply=inbox)
    seen = 0
    while seen != int(told.count or 0) or not told.count:
        message = await arrived.get()
        if not (message.headers or {}).get("Status"):
            seen += 1
            show(message, seen, told.raw)
    await client.close()


def show(message: Msg, number: int, raw: bool) -> None:
    """Print a message as natscli does."""
    if not raw:
        sys.stdout.write(f"[#{number}] Received JetStream message: {message.subject}\n")
    sys.stdout.write(message.data.decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        asyncio.run(subscribe(parsed(sys.argv[1:])))
    except KeyboardInterrupt:
        sys.exit(130)
