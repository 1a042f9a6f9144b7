"""``countermand config``."""

from typing import cast

import click

from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.exits import DONE
from adapters.cli.typed import options as o


@click.command("config")
@chooses("data", "port", "slots", "cluster", "task_account", "stop_tasks", "nats_url")
@o.prints
def verb(asked: o.Asked, chosen: Chosen) -> int:
    """Print the settings in force: the file's, the options', and the defaults.

    \b
      countermand config --config /etc/countermand.toml
    """

    def settings() -> dict[str, object]:
        import msgspec

        from adapters.bootstrap import asked as bootstrap

        full = chosen.with_default_data()
        found = bootstrap.settings(full.overrides, full.config_file)
        return cast(dict[str, object], msgspec.to_builtins(found))

    found = asking_bootstrap(settings)
    if asked.out.for_people:
        asked.out.table(("SETTING", "VALUE"), ((k, plain(v)) for k, v in found.items()))
    else:
        asked.out.value(found)
    return DONE


def plain(value: object) -> str:
    """The value as the file would have it, without quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {plain(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"{{{plain(x)}}}" if isinstance(x, dict) else plain(x) for x in value)
    return str(value)
