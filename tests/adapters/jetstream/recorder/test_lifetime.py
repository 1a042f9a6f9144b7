"""The thread behind a recorder: whose it is, when it ends, and what it refuses."""

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
import traceback

import pytest
from eventsourcing.persistence import InterfaceError, ProgrammingError

from adapters.jetstream.recorder import JetStreamFactory
from adapters.jetstream.recorder.background import Background
from tests.adapters.jetstream.recorder.events import new_event
from tests.support.nats import AdminServer, admin_server
from tests.support.recorder import environment, opened, recorder_of
from tests.support.waiting import until

__all__ = ["admin_server"]

SECONDS = 30
ENDS = 50


@pytest.fixture
def env(admin_server: AdminServer) -> dict[str, str]:
    proven = {"NATS_MONITOR_URLS": admin_server.monitor_url}
    return environment(admin_server.url, admin_server.admin) | proven


def threads_of(env: dict[str, str]) -> list[threading.Thread]:
    name = f"recorder of {env['NATS_STREAM']}"
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_a_factory_has_one_thread_from_its_first_recorder_to_its_close(
    env: dict[str, str],
) -> None:
    with opened(env) as factory:
        assert threads_of(env) == []
        recorder = factory.application_recorder()
        factory.aggregate_recorder("snapshots")
        assert len(threads_of(env)) == 1
        factory.close()
        factory.close()
        assert threads_of(env) == []
        with pytest.raises(InterfaceError, match="the recorder was closed"):
            recorder.insert_events([new_event()])
        with pytest.raises(InterfaceError, match="the recorder was closed"):
            factory.application_recorder()


def test_the_thread_of_a_forgotten_factory_ends(env: dict[str, str]) -> None:
    recorder = JetStreamFactory(env).application_recorder()
    gc.collect()
    recorder.insert_events([new_event()])
    assert len(threads_of(env)) == 1
    del recorder
    gc.collect()
    until(lambda: not threads_of(env), "the thread has ended")


def test_a_program_that_closes_nothing_ends(env: dict[str, str]) -> None:
    program = (
        "from eventsourcing.application import Application\n"
        "from eventsourcing.domain import Aggregate\n"
        "application = Application()\n"
        "subscription = application.recorder.subscribe()\n"
        "print(application.save(Aggregate())[0].notification.id, next(subscription).id)\n"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    ended = subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1 1\n", "")


def test_a_forked_child_is_told(env: dict[str, str]) -> None:
    with recorder_of(env) as recorder:
        recorder.insert_events([new_event()])
        child = os.fork()
        if child == 0:
            try:
                recorder.insert_events([new_event()])
            except InterfaceError:
                os._exit(7)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert recorder.insert_events([new_event()]) == [2]


def test_its_own_loop_must_not_wait_for_itself() -> None:
    background = Background("a loop")

    async def nothing() -> None: ...

    async def wait_for_itself() -> None:
        background.run(nothing())

    with pytest.raises(ProgrammingError, match="its own event loop"):
        background.run(wait_for_itself())
    background.close()


def test_closing_ends_the_waiting_of_others() -> None:
    background = Background("a loop")
    waiting = threading.Event()
    told = list[str]()

    async def for_ever() -> None:
        waiting.set()
        await asyncio.Event().wait()

    def wait() -> None:
        try:
            background.run(for_ever())
        except InterfaceError as error:
            told.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(SECONDS)
    background.close()
    thread.join(SECONDS)
    assert told == ["the recorder was closed while it was in use"]


def test_nobody_is_left_waiting_when_it_closes_under_load() -> None:
    """Each call is carried out or refused, at whatever moment the end comes."""

    async def nothing() -> None:
        await asyncio.sleep(0)

    def call_until_closed(background: Background) -> None:
        with contextlib.suppress(InterfaceError):
            while True:
                background.run(nothing())

    for _ in range(ENDS):
        background = Background("a loop")
        threads = [threading.Thread(target=call_until_closed, args=(background,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        background.run(nothing())
        background.close()
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
