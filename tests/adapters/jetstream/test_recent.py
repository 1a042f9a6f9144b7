"""What several readers share is what each would have decoded."""

from msgspec.structs import replace

from adapters.jetstream.direct import Raw
from adapters.jetstream.recent import EVENTS_KEPT, Recent
from adapters.jetstream.subjects import place_of
from application.ports import Stored, Undecodable

FIRST = Raw(1, "countermand.hpc1.job.7.JobQueued", b"{}")


class Decoder:
    """Counts what it decodes."""

    def __init__(self) -> None:
        self.decoded: list[Raw] = []
        self.recent = Recent(self.decode)

    def decode(self, raw: Raw) -> Stored:
        self.decoded.append(raw)
        aggregate, type_ = place_of(raw.subject)
        fact = Undecodable(aggregate, None, type_, f"number {len(self.decoded)}")
        return Stored(raw.sequence, aggregate, type_, raw.data, fact)


def test_the_same_message_is_decoded_once() -> None:
    decoder = Decoder()
    assert decoder.recent.stored(FIRST) is decoder.recent.stored(replace(FIRST, id="seen before"))
    assert len(decoder.decoded) == 1


def test_other_bytes_or_another_place_are_another_event() -> None:
    decoder = Decoder()
    others = (
        FIRST,
        replace(FIRST, data=b"{ }"),
        replace(FIRST, subject="countermand.hpc1.job.7.JobRejected"),
        replace(FIRST, subject="countermand.hpc1.job.8.JobRejected"),
        replace(FIRST, sequence=FIRST.sequence + EVENTS_KEPT),
    )
    for other in others:
        found = decoder.recent.stored(other)
        assert (found.position, found.raw) == (other.sequence, other.data)
        assert (found.aggregate, found.type) == place_of(other.subject)
    assert decoder.decoded == list(others)


def test_only_the_newest_are_kept() -> None:
    decoder = Decoder()
    later = replace(FIRST, sequence=FIRST.sequence + EVENTS_KEPT)
    for raw in (FIRST, later, later, FIRST):
        decoder.recent.stored(raw)
    assert decoder.decoded == [FIRST, later, FIRST]
