"""The small readers of HPC Pack's REST, at their edges."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.hpcpack.face import login
from adapters.hpcpack.fields import Fields
from adapters.hpcpack.forms import Form, form_of
from adapters.hpcpack.times import hpc_time, read_time
from adapters.hpcpack.xml_reading import (
    DEPTH_MAX,
    ELEMENTS_MAX,
    NAMESPACES,
    check_content,
    read_xml,
)
from adapters.web.requests import Malformed


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 0, 3, 4, tzinfo=UTC), "1/2/2026 12:03:04 AM"),
        (datetime(2026, 11, 23, 12, 0, 0, 999_999, tzinfo=UTC), "11/23/2026 12:00:00 PM"),
        (datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC), "11/23/2026 11:59:59 PM"),
        (
            datetime(2026, 11, 23, 1, 0, tzinfo=timezone(timedelta(hours=2))),
            "11/22/2026 11:00:00 PM",
        ),
    ],
)
def test_times(moment: datetime, text: str) -> None:
    assert hpc_time(moment) == text
    assert read_time(text, "x") == moment.replace(microsecond=0)


@pytest.mark.parametrize("text", ["", "now", "13/1/2026 00:00:00", "1/1/0000 1:00:00 AM", "0" * 99])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Malformed, match="it is a time in UTC"):
        read_time(text, "x")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.JSON),
        ("application/xml;q=0", Form.JSON),
        ("application/json;q=0.2,application/xml;q=0.3", Form.XML),
        ("application/*", Form.JSON),
        ("APPLICATION/XML", Form.XML),
        ("application/xml;q=x", Form.XML),
        (";;;,,,q=1", Form.JSON),
    ],
)
def test_forms(accept: str, form: Form) -> None:
    assert form_of(accept) is form


def test_a_field_given_twice_with_two_values_is_refused() -> None:
    assert Fields(b"forced=true&Forced=true").yes("forced", default=False)
    with pytest.raises(Malformed, match="two values"):
        Fields(b"forced=true&Forced=false")
    with pytest.raises(Malformed, match="more than"):
        Fields(b"&".join(b"a%d=1" % n for n in range(200)))


def test_the_limits_of_xml() -> None:
    def nested(depth: int) -> str:
        return "<a>" * depth + "</a>" * depth

    assert read_xml(nested(DEPTH_MAX)).name == "a"
    with pytest.raises(Malformed, match="deeper"):
        read_xml(nested(DEPTH_MAX + 1))
    with pytest.raises(Malformed, match="deeper"):
        read_xml("<a>" + "<b/>" * ELEMENTS_MAX + "</a>")
    for bad in (b'<?xml version="1.0" encoding="no-such"?><a/>', b"\x00", "\ud800", "<a/><b/>"):
        with pytest.raises(Malformed, match="cannot be read"):
            read_xml(bad)


@pytest.mark.parametrize("space", [*NAMESPACES, *(x.rstrip("/") for x in NAMESPACES)])
def test_which_of_hpc_pack_s_namespaces_it_is_does_not_count(space: str) -> None:
    root = read_xml(f'<p:a xmlns:p="{space}" b="1"> <p:c>text</p:c> </p:a>')
    assert (root.name, root.attributes) == ("a", {"b": "1"})
    check_content(root, ("c",), ("b",))
    child = root.first("c")
    assert child is not None
    assert child.text == "text"


def test_attributes_about_the_document_are_left_out() -> None:
    xsi, own = "http://www.w3.org/2001/XMLSchema-instance", NAMESPACES[-1]
    root = read_xml(
        f'<a xmlns:xsi="{xsi}" xmlns:z="{own}" xsi:schemaLocation="u v" xsi:nil="true" z:Id="i1" '
        'xml:space="preserve" b="1"/>'
    )
    assert root.attributes == {"b": "1"}


def test_a_domain_is_left_out() -> None:
    assert [login(x) for x in ("alice", "HPC\\alice", "a\\b\\c")] == ["alice", "alice", "c"]
