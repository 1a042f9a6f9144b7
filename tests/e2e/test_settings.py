"""What a service is told before it starts, what it makes of it, and what it refuses."""

import json
import socket
from contextlib import closing

import pytest

from application.settings import Settings
from tests.e2e.service import Service
from tests.support.processes import belonging_to

pytestmark = [pytest.mark.e2e]


def test_provision_and_then_serve(service: Service) -> None:
    first = service.program("provision", "--data", str(service.data))
    again = service.program("provision", "--data", str(service.data))
    assert (first.status, again.status) == (0, 0), first.err + again.err
    assert "made" in first.out
    assert "is there already" in again.out

    service.start()

    service.until_state(service.submit("true"), "Finished")


# --- ports ----------------------------------------------------------------------------------------


def test_a_taken_port_is_replaced_by_another_and_said(service: Service) -> None:
    default = Settings("").http_port
    with closing(socket.socket()) as taken:
        try:
            taken.bind(("127.0.0.1", default))
            taken.listen()
        except OSError:
            pass  # taken by somebody else is as good
        service.configure(http_port="")
        service.start("--slots", "1")
        assert not service.endpoint["http"].endswith(f":{default}")
    assert "port_taken" in service.log
    assert str(default) in service.log


def test_a_taken_port_that_was_asked_for_is_refused(service: Service) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = service.program("serve", "--data", str(service.data), "--port", str(port))
    assert done.status == 1
    assert str(port) in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert not belonging_to(str(service.data))
    service.start()


# --- looking around -------------------------------------------------------------------------------


def test_config_doctor_and_version(service: Service) -> None:
    service.start()
    service.environment = {"COUNTERMAND_DATA": str(service.data)}
    version = service.program("version")
    assert (version.status, version.out.startswith("countermand ")) == (0, True), version

    settings = service.program("config", "-o", "json")
    assert settings.status == 0, settings
    assert str(service.data) in json.dumps(json.loads(settings.out))

    findings = json.loads(service.program("doctor", "-o", "json").out)
    told = json.dumps(findings)
    assert f"process {service.pid} is running" in told
    assert "error" not in {finding["level"] for finding in findings}
    service.kill()
    assert "has ended without cleaning up" in service.program("doctor").out


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("grace = 3", "there is no setting grace"),
        ("slots = 'many'", "slots"),
        ("slots = -1", "slots"),
        ("http_port = 70000", "http_port"),
        ("cluster = 'a b'", "cluster"),
        ("stop_signal = 'SIGKILL'", "stop_signal"),
        ("accept_loss = 'yes'", "accept_loss"),
        ("allow_root_tasks = 'yes'", "allow_root_tasks"),
        ("message_units_max = 321", "message_units_max"),
        ("slots =", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_one_sentence(service: Service, toml: str, words: str) -> None:
    file = service.home / "countermand.toml"
    file.write_text(toml)

    done = service.program("serve", "--data", str(service.data), "--config", str(file))

    assert done.status == 1
    assert words in done.refusal(lines_max=2)
    assert not service.data.exists()


@pytest.mark.parametrize("options", [["--slots", "0"], ["--port", "65536"], ["--no-such"]])
def test_a_wrong_option_is_a_usage_error(service: Service, options: list[str]) -> None:
    done = service.program("serve", "--data", str(service.data), *options)

    assert done.status == 2
    assert options[0] in done.err
    assert "Traceback" not in done.err
    assert not service.data.exists()
