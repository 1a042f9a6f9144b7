"""The only server is killed again and again while many threads insert."""

import os
import signal
from pathlib import Path

import pytest

from tests.adapters.jetstream.recorder.load import Load
from tests.support.nats import AdminServer, threaded_server
from tests.support.recorder import environment, recorder_of

KILLS = 5


@pytest.mark.parametrize("threads", [4, 40])
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, threads: int) -> None:
    """With few threads events go out one by one, with many in batches."""
    with threaded_server(AdminServer, tmp_path) as server:
        env = environment(server.url, server.admin, NATS_TIMEOUT="15")
        with recorder_of(env) as recorder, recorder.subscribe() as subscription:
            load = Load(recorder, threads)
            for _ in range(KILLS):
                load.wait_for(100)
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)
            load.wait_for(100)
            load.end()
            load.check(subscription)
