"""Our client reads headers as nats-py's own does."""

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from adapters.jetstream.client import QuickClient

LINES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"Nats-Msg-Id: 0193",
                b"Nats-Expected-Stream:COUNTERMAND",
                b"two words: no",
                b" around \t: \t value ",
                b": nameless",
                b"\x1cname: value",
                b"na\x1fme: value",
                b"n\xc3\xa4me: value",
                b"name: v\xff",
                b"no colon",
                b"a:b:c",
                b"name: again",
            ]
        ),
    ),
    max_size=6,
)


@given(LINES)
@example([])
def test_headers_are_read_alike(lines: list[bytes]) -> None:
    raw = b"\r\n".join(lines)
    assert QuickClient._parse_header_lines(raw) == Client._parse_header_lines(raw)
