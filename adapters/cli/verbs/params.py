"""``countermand params``: cluster parameters."""

import click

from adapters.cli.doing.outcome import say, settle
from adapters.cli.exits import DONE, NO_SUCH_JOB, Failure
from adapters.cli.reaching.server import quoted
from adapters.cli.reaching.shapes import Parameter, Receipt
from adapters.cli.typed import options as o
from adapters.cli.typed.kinds import beginning
from adapters.cli.typed.negative import TakesNegativeNumbers
from adapters.cli.words import parameter_names

HEADINGS = ("NAME", "VALUE", "UNIT", "DEFAULT", "ALLOWED", "MEANING")


def completed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of parameters, for a shell that completes a command line."""
    return beginning(parameter_names(), incomplete)


@click.command("params", cls=TakesNegativeNumbers)
@click.argument("name", required=False, shell_complete=completed)
@click.argument("value", required=False)
@o.key_option
@o.talks
def verb(asked: o.Asked, name: str | None, value: str | None, key: str) -> int:
    """Show all cluster parameters, or one; or give one a new value (administrators only).

    Names have no case. Where HPC Pack has a parameter that does nothing here, it says so.

    \b
      countermand params
      countermand params TaskCancelGracePeriod 30
    """
    if name is not None and value is not None:
        return change(asked, name, value, key)
    out = asked.out
    out.check(Parameter)
    found = asked.server.parameters()["parameters"]
    if name is not None and not out.for_people:
        out.value(one(found, name), Parameter)
        return DONE
    wanted = found if name is None else [one(found, name)]
    out.listed(wanted, Parameter, HEADINGS, row)
    return DONE


def one(parameters: list[Parameter], name: str) -> Parameter:
    """The parameter of that name, in any case."""
    for parameter in parameters:
        if parameter["name"].casefold() == name.casefold():
            return parameter
    names = ", ".join(x["name"] for x in parameters)
    raise Failure(NO_SUCH_JOB, f"there is no parameter {name}; there are {names}")


def row(x: Parameter) -> tuple[object, ...]:
    """A parameter as a row."""
    allowed = f"{x['minimum']} to {x['maximum']}" if x["kind"] == "number" else " ".join(x["words"])
    meaning = x["meaning"] if x["effect"] else f"(no effect here) {x['meaning']}"
    return x["name"], x["value"], x["unit"], x["default"], allowed, meaning


def change(asked: o.Asked, name: str, value: str, key: str) -> int:
    """Set one."""
    asked.out.check(Receipt)
    mine, path = o.the_key(key), f"/parameters/{quoted(name)}"
    outcome = settle(
        "",
        "set_parameter",
        mine,
        lambda: asked.server.command(path, {"value": value}, mine, method="PUT"),
    )
    if asked.out.for_people:
        say(asked.out, outcome)
    else:
        asked.out.value(outcome.receipt, Receipt)
    return outcome.status
