"""What a release reads of a newer one's events: the rule of rollback in docs/operations.md."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from adapters.wire.codec import decode
from application.ports import Undecodable
from domain.events import JOB, Aggregate, JobSubmitted, Recorded

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "countermand.JobSubmitted.v1.json"
STORED: Final = msgspec.json.decode(GOLDEN.read_bytes())


def read(change: dict[str, Any], token: str = "JobSubmitted") -> Recorded | Undecodable:
    """The golden event with these attributes, as it is read."""
    raw = msgspec.json.encode(STORED | change)
    return decode(raw, "hpc1", Aggregate(JOB, "42"), token).fact


def test_a_field_in_data_that_it_does_not_know_is_passed_over() -> None:
    fact = read({"data": STORED["data"] | {"added_later": {"by": "a newer release"}}})
    assert isinstance(fact, Recorded)
    assert isinstance(fact.data, JobSubmitted)
    assert fact == read({})


@pytest.mark.parametrize(
    ("change", "token"),
    [
        ({"type": "countermand.JobTeleported.v1"}, "JobTeleported"),
        ({"type": "countermand.JobSubmitted.v2"}, "JobSubmitted"),
        ({"addedlater": "an attribute"}, "JobSubmitted"),
    ],
)
def test_a_name_or_an_attribute_that_it_does_not_know_is_not_read(
    change: dict[str, Any], token: str
) -> None:
    assert isinstance(read(change, token), Undecodable)
