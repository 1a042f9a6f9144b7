"""The catalogue of cluster parameters: name, unit, default, limits, source.

Names are compared without case; values are strings; a parameter is updated, never deleted.
Source: ``IScheduler::SetClusterParameter`` and the product's cluster property constants.
"""

from typing import Final

from msgspec import Struct

from domain.errors import BadRequest, Unknown
from domain.hresult import HResult


class Parameter(Struct, frozen=True):
    """A whole number of ``unit`` between ``minimum`` and ``maximum``, both included."""

    name: str
    unit: str
    default: int
    minimum: int
    maximum: int
    meaning: str
    source: str


TASK_CANCEL_GRACE_PERIOD: Final = Parameter(
    "TaskCancelGracePeriod",
    "seconds",
    15,
    0,
    86_400,
    "time a running task has between the stop signal and SIGKILL",
    "product: default 15 seconds; 0 means none",
)
NODE_RELEASE_TASK_TIMEOUT: Final = Parameter(
    "NodeReleaseTaskTimeout",
    "seconds",
    10,
    1,
    86_400,
    "run time after which a node release task is killed",
    "product: default 10 seconds (unverified)",
)
TTL_COMPLETED_JOBS: Final = Parameter(
    "TTLCompletedJobs",
    "days",
    5,
    0,
    36_500,
    "time after its end at which a job leaves the job view; its events stay",
    "seed, Remarks; product: default 5 days; 0 removes a job as soon as it has ended",
)

CATALOGUE: Final = {
    p.name.casefold(): p
    for p in (TASK_CANCEL_GRACE_PERIOD, NODE_RELEASE_TASK_TIMEOUT, TTL_COMPLETED_JOBS)
}


def find(name: str) -> Parameter:
    """The parameter of this name, without regard to case; ``Unknown`` says which there are."""
    try:
        return CATALOGUE[name.casefold()]
    except KeyError:
        names = ", ".join(p.name for p in CATALOGUE.values())
        raise Unknown(
            f"there is no cluster parameter {name[:80]!r}; there are {names}",
            code="unknown_parameter",
            hresult=HResult.ARGUMENT_OUT_OF_RANGE,
        ) from None


def parsed(parameter: Parameter, value: str) -> int:
    """The value as a number; ``BadRequest`` gives the limits."""
    text = value.strip()
    digits = text.isascii() and text.isdigit() and len(text) <= 10
    if not digits or not parameter.minimum <= int(text) <= parameter.maximum:
        raise BadRequest(
            f"{parameter.name} cannot be {value[:80]!r}: it is a whole number of {parameter.unit} "
            f"from {parameter.minimum} to {parameter.maximum}",
            code="bad_parameter_value",
            hresult=HResult.ARGUMENT_OUT_OF_RANGE,
        )
    return int(text)
