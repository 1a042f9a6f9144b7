"""Run as a process: append events to a job, one by one.

python -m tests.support.append_events URL PASSWORD CLUSTER STREAM COUNT
"""

import asyncio
import sys

from adapters.jetstream.accounts import Login
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.log import JetStreamLog
from application.ports import Token
from application.settings import ACCEPT_LOSS
from tests.support.events import rejected, write
from tests.support.nats import TEST_MAX_BYTES


async def append(url: str, password: str, cluster: str, stream: str, count: int) -> None:
    address = ServerAddress((url,), Login("service", password))
    spec = StreamSpec(cluster, stream, TEST_MAX_BYTES)
    log = await JetStreamLog.open(address, spec, monitor_urls=(), accept_loss=ACCEPT_LOSS)
    token = Token()
    for n in range(count):
        (token,) = await log.append([write(token, rejected(str(n)))])
    await log.close()


if __name__ == "__main__":
    url, password, cluster, stream, count = sys.argv[1:]
    asyncio.run(append(url, password, cluster, stream, int(count)))
