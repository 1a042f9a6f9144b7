"""An empty value is not the same as no option: where it means nothing, it is a usage error."""

from typing import Final

import click
import pytest

from adapters.cli.verb_group import verbs
from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn

LINES: Final = (
    "audit",
    "audit export -f /nowhere/x.csv",
    "ls",
    "watch --no-follow",
    "show 17",
    "explain 17",
    "replay 17",
    "cancel 17",
    "finish 17",
    "requeue 17",
    "configure 17",
    "params",
    "nodes",
    "projections list",
    "projections rebuild",
    "submit",
    "schema",
    "serve",
    "config",
    "doctor",
    "provision",
    "principals list",
)
MESSAGE: Final = "-m"


def options_of(line: str) -> list[str]:
    """Each option of a verb that takes a value, a message aside."""
    words = line.split()
    with verbs.make_context("countermand", [*words, "--help"], resilient_parsing=True) as context:
        found = verbs.get_command(context, words[0])
        assert found is not None
        if words[:2] == ["audit", "export"]:
            from adapters.cli.verbs.audit_export import verb as found
        elif isinstance(found, click.Group):
            found = found.get_command(context, words[1])
    assert found is not None
    options = (x for x in found.params if isinstance(x, click.Option) and not x.is_flag)
    return [x.opts[0] for x in options if x.opts[0] != MESSAGE]


CASES: Final = [(line, option) for line in LINES for option in options_of(line)]


@pytest.mark.parametrize(("line", "option"), CASES, ids=lambda x: x.replace(" ", "_"))
def test_an_option_with_an_empty_value(line: str, option: str) -> None:
    empty = [f"{option}="] if option.startswith("--") else [option, ""]
    with pytest.raises(click.UsageError) as caught:
        verbs.main([*line.split(), *empty], standalone_mode=False)
    assert option in caught.value.format_message()


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", ""),
        ("audit", "disk", ""),
        ("params", ""),
        ("audit", "--actor", "bob", "--actor", ""),
        ("audit", "export", "--since", "", "-f", "-", "-o", "csv"),
    ],
)
def test_nothing_is_asked(server: StandIn, cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is empty; leave it out or give a value" in done.stderr
    assert server.requests == []


def test_an_empty_message_is_one(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert cli("cancel", "17", "-m", "").returncode == 0


def test_a_command_may_have_empty_arguments(server: StandIn, cli: Cli) -> None:
    assert cli("submit", "--", "test", "").returncode == 0
