"""The text of docs/parameters.md: the catalogue of cluster parameters, as the domain has it."""

from typing import Final

from domain.parameters import EFFECTIVE, KEPT, NOT_HERE, Kind, Parameter
from ops.markdown import table, wrapped

HEAD: Final = """\
# Cluster parameters

`countermand params NAME VALUE` or `PUT /api/v1/parameters/NAME` gives one a new value;
administrators only. Names have no case, values are strings, and no parameter is ever deleted. Every
change is an event, `ClusterParameterSet`, with the value before; a name or a value that is not
allowed is refused with what is allowed, and the refusal is an event too. This page is made from the
code by `make contracts`."""
EFFECT: Final = "## With an effect"
NO_EFFECT: Final = """\
## Kept, without an effect

HPC Pack has these, and a program that sets them is not stopped. Nothing here depends on them, and
`countermand params` says so."""
REFUSED: Final = """\
## Refused

HPC Pack has these too. Who sets one relies on something that does not happen here, so it is
refused with the reason. The code is `unknown_parameter`."""


def document() -> str:
    """The whole page."""
    parts = (
        wrapped(HEAD),
        EFFECT,
        rows(EFFECTIVE),
        wrapped(NO_EFFECT),
        rows(KEPT),
        wrapped(REFUSED),
        table(("name", "why"), [(f"`{name}`", why) for name, why in sorted(NOT_HERE.items())]),
    )
    return "\n\n".join(parts) + "\n"


def rows(parameters: tuple[Parameter, ...]) -> str:
    """A table of parameters."""
    headings = ("name", "default", "allowed", "meaning", "source")
    return table(headings, [row(x) for x in sorted(parameters, key=lambda x: x.name.casefold())])


def row(x: Parameter) -> tuple[str, ...]:
    """A parameter."""
    unit = f" {x.unit}" if x.kind is Kind.NUMBER else ""
    default = f"{x.default}{unit}" if x.default != "" else "(empty)"
    return f"`{x.name}`", default, x.allowed, x.meaning, x.source
