"""Cluster parameters, and who asks, as they go out."""

from msgspec import Struct

from adapters.http.bodies.shapes import Count
from domain.parameters import Parameter


class ParameterBody(Struct, frozen=True):
    """A cluster parameter and the value in force."""

    name: str
    value: Count
    unit: str
    default: Count
    minimum: Count
    maximum: Count
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


def parameter_body(parameter: Parameter, value: int) -> ParameterBody:
    """A parameter as it goes out."""
    return ParameterBody(
        name=parameter.name,
        value=value,
        unit=parameter.unit,
        default=parameter.default,
        minimum=parameter.minimum,
        maximum=parameter.maximum,
        meaning=parameter.meaning,
    )
