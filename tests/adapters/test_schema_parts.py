"""What schemas and examples are made from: docstrings, limits, and values."""

import pytest
from msgspec import Struct

from adapters.http.contract.parts import KEY
from adapters.web.requests import Malformed
from adapters.wire.schemas.docstrings import meaning, read, told
from adapters.wire.schemas.examples import sample
from adapters.wire.schemas.limits import (
    ACCOUNT_CHARACTERS_MAX,
    ASKED_JOB_UNITS_MAX,
    LIMITS,
    REQUEST_ID_CHARACTERS_MAX,
)
from adapters.wire.schemas.parts import parts
from adapters.wire.schemas.sample_values import VALUES
from domain.checks import ACCOUNT_NAME
from domain.events import JobCancelRefused, RunRange, TaskCancelRefused
from domain.requests import JOB_ID_UNITS_MAX
from domain.states import CancelMode, TaskState

DOC = """Something happened. ``one``: the first, such as ``x``; ``two``: the second, or "".

It was like this:

* here: so
* there: otherwise, and that
  in two lines

``three`` and ``four``: both of them. ``other``: no field at all
"""


def test_a_docstring_is_taken_apart() -> None:
    said = read(DOC, frozenset({"one", "two", "three", "four"}))
    assert said.summary == "Something happened."
    assert said.text == (
        "Something happened.\n\nIt was like this:\n\n"
        "* here: so\n* there: otherwise, and that in two lines"
    )
    assert dict(said.fields) == {
        "one": "The first, such as `x`.",
        "two": 'The second, or "".',
        "three": "Both of them. `other`: no field at all.",
        "four": "Both of them. `other`: no field at all.",
    }


def test_meanings_come_from_the_struct_from_another_or_from_what_all_share() -> None:
    assert meaning(TaskCancelRefused, "task") == "The number that was asked for."
    message = meaning(TaskCancelRefused, "message")
    assert message == told(JobCancelRefused).fields["message"]
    assert message.startswith("The message, or the longest prefix")
    assert meaning(TaskCancelRefused, "hresult").startswith("HPC Pack's error number")
    assert meaning(TaskCancelRefused, "nonsense") == ""


class Part(Struct, frozen=True):
    """Something inside."""

    depth: int


class Unheard(Struct, frozen=True):
    """A fact of which nobody has thought yet."""

    text: str
    number: int
    attempt: int
    flag: bool
    word: CancelMode
    part: Part
    list_: tuple[RunRange, ...]
    texts: dict[str, str]
    maybe: TaskState | None
    code: int
    later: tuple[str, ...] = ("a",)


def test_a_new_fact_has_an_example_at_once() -> None:
    run = RunRange(1, 1, "n1")
    assert sample(Unheard) == Unheard(  # type: ignore[arg-type, comparison-overlap]
        text="text",
        number=0,
        attempt=1,
        flag=False,
        word=CancelMode.GRACEFUL,
        part=Part(0),
        list_=(run,),
        texts={},
        maybe=None,
        code=0,
    )


@pytest.mark.parametrize("table", [VALUES, LIMITS], ids=["values", "limits"])
def test_no_row_is_about_a_field_that_there_is_not(table: dict[str, object]) -> None:
    fields = {
        (name, field)
        for name, part in parts().items()
        for field in (part.properties if isinstance(part.properties, dict) else ())
    }
    known = {f"{name}.{field}" for name, field in fields} | {field for _, field in fields}
    assert set(table) <= known


def test_limits_that_stand_elsewhere_are_those() -> None:
    longest = "x" * REQUEST_ID_CHARACTERS_MAX
    assert KEY.read(longest, "Idempotency-Key") == longest
    with pytest.raises(Malformed):
        KEY.read(f"{longest}x", "Idempotency-Key")
    account = "x" * ACCOUNT_CHARACTERS_MAX
    assert ACCOUNT_NAME.fullmatch(account)
    assert not ACCOUNT_NAME.fullmatch(f"{account}x")
    assert ASKED_JOB_UNITS_MAX == JOB_ID_UNITS_MAX
