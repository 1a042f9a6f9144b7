"""Our client sends headers as nats-py's own does."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nats import errors
from nats.aio.client import Client

from adapters.jetstream.client import QuickClient, has_status

NAMES = st.one_of(
    st.text(max_size=5), st.sampled_from(["Nats-Msg-Id", "Nats-Batch-Sequence", " a ", ""])
)
VALUES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["countermand.test.job.7.*", "COUNTERMAND", "17", "a\r\nb", " a ", ""]),
)


async def sent(client: Client, headers: dict[str, str]) -> tuple[list[bytes], dict[str, int]]:
    """What goes out, and what is counted."""
    await client._send_publish("a.b", "c.d", b"payload", 7, headers)
    return client._pending, client.stats


async def both(headers: dict[str, str]) -> None:
    try:
        expected = await sent(Client(), headers)
    except (errors.BadHeaderError, UnicodeEncodeError) as error:
        with pytest.raises(type(error)):
            await sent(QuickClient(), headers)
    else:
        assert await sent(QuickClient(), headers) == expected


@given(st.dictionaries(NAMES, VALUES, max_size=6))
@example({})
@example({"Nats-Expected-Stream": "COUNTERMAND", "Nats-Msg-Id": "0193"})
def test_headers_are_written_alike(headers: dict[str, str]) -> None:
    asyncio.run(both(headers))


def test_a_status_is_told_from_headers() -> None:
    assert has_status(b"NATS/1.0 408 Request Timeout\r\n\r\n")
    assert not has_status(b"NATS/1.0\r\nName: value\r\n\r\n")
