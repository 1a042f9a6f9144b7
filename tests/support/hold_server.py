"""Run as a process: lock a directory, start its nats-server, provision, say so, and wait.

    python -m tests.support.hold_server DIRECTORY

Prints one JSON line: pid, server_pid, url. Ends cleanly when its standard input ends.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.support.nats import fresh_stream, own_server


async def hold(directory: Path) -> None:
    async with own_server(directory) as server:
        nats = await fresh_stream(server)
        log = await nats.open()
        facts = {
            "pid": os.getpid(),
            "server_pid": server.pid,
            "url": server.url,
            "cluster": nats.spec.cluster,
            "stream": nats.spec.stream,
        }
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        await log.close()


if __name__ == "__main__":
    asyncio.run(hold(Path(sys.argv[1])))
