"""Cluster parameters, and who asks, as they go out."""

from msgspec import Struct

from adapters.http.bodies.shapes import KindOfParameter, ParameterNumber
from domain.parameters import Kind, Parameter, Value


class ParameterBody(Struct, frozen=True):
    """A cluster parameter and the value in force: a number, or the text of every other kind.

    ``minimum``, ``maximum``: null for what is no number. ``words``: the values of an enumeration or
    a boolean. ``effect``: whether anything here depends on it.
    """

    name: str
    kind: KindOfParameter
    value: ParameterNumber | str
    unit: str
    default: ParameterNumber | str
    minimum: ParameterNumber | None
    maximum: ParameterNumber | None
    words: tuple[str, ...]
    effect: bool
    meaning: str


class ParametersBody(Struct, frozen=True):
    """All cluster parameters."""

    parameters: tuple[ParameterBody, ...]


class WhoAmI(Struct, frozen=True):
    """Who the server takes the caller for."""

    name: str
    roles: tuple[str, ...]
    method: str
    acting_for: str | None


def parameter_body(parameter: Parameter, value: Value) -> ParameterBody:
    """A parameter as it goes out."""
    number = parameter.kind is Kind.NUMBER
    return ParameterBody(
        name=parameter.name,
        kind=parameter.kind,
        value=value,
        unit=parameter.unit,
        default=parameter.default,
        minimum=parameter.minimum if number else None,
        maximum=parameter.maximum if number else None,
        words=parameter.words,
        effect=parameter.effect,
        meaning=parameter.meaning,
    )
