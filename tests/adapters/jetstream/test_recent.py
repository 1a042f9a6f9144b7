"""What several followers share is what each would have decoded."""

from msgspec.structs import replace

from adapters.jetstream.direct import Raw
from adapters.jetstream.recent import EVENTS_KEPT, Recent
from adapters.jetstream.subjects import place_of, subject_and_filter
from adapters.wire.chain import encode_writes, to_stored
from application.ports import Stored, Token, Undecodable
from domain.events import Aggregate
from tests.support.events import job, rejected, write

CLUSTER = "hpc1"
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


def numbered(position: int) -> Raw:
    return replace(FIRST, sequence=position)


def test_the_newest_are_kept_in_order() -> None:
    decoder = Decoder()
    for position in range(1, EVENTS_KEPT + 3):
        decoder.recent.stored(numbered(position))
    between = decoder.recent.between
    assert between(1, 4) == (), "two are gone"
    assert [x.position for x in between(2, 5)] == [3, 4, 5]
    assert [x.position for x in between(EVENTS_KEPT, EVENTS_KEPT + 9)] == [
        EVENTS_KEPT + 1,
        EVENTS_KEPT + 2,
    ]
    assert between(5, 5) == ()


def test_what_comes_again_from_an_earlier_place_hides_what_is_gone() -> None:
    decoder = Decoder()
    for position in (1, 2, EVENTS_KEPT + 1, 3):
        decoder.recent.stored(numbered(position))
    assert [x.position for x in decoder.recent.between(1, 3)] == [2, 3]
    assert decoder.recent.between(0, 3) == ()


def test_our_own_are_not_decoded_and_are_what_they_decode_to() -> None:
    decoder = Decoder()
    ours = write(Token(), rejected("ours"), rejected("too"))
    (encoded,) = encode_writes([ours], CLUSTER)
    for position, event in enumerate(encoded, 1):
        decoder.recent.expect(ours.aggregate, event)
        subject, _ = subject_and_filter(CLUSTER, ours.aggregate, event.type)
        found = decoder.recent.stored(Raw(position, subject, event.raw))
        assert found == to_stored(position, ours.aggregate, event.type, event.raw, CLUSTER)
    assert decoder.decoded == []


def test_other_bytes_or_another_place_are_somebody_elses() -> None:
    ours = write(Token(), rejected("ours"))
    ((event,),) = encode_writes([ours], CLUSTER)
    subject, _ = subject_and_filter(CLUSTER, job(), event.type)
    elsewhere, _ = subject_and_filter(CLUSTER, Aggregate("job", "8"), event.type)
    another, _ = subject_and_filter(CLUSTER, job(), "JobQueued")
    for raw in (
        Raw(1, subject, event.raw + b" "),
        Raw(1, elsewhere, event.raw),
        Raw(1, another, event.raw),
    ):
        decoder = Decoder()
        decoder.recent.expect(ours.aggregate, event)
        decoder.recent.stored(raw)
        assert decoder.decoded == [raw]


def test_what_never_comes_is_forgotten() -> None:
    decoder = Decoder()
    writes = [write(Token(), rejected(str(n)), job=n) for n in range(EVENTS_KEPT + 1)]
    encoded = [encode_writes([one], CLUSTER)[0][0] for one in writes]
    for one, event in zip(writes, encoded, strict=True):
        decoder.recent.expect(one.aggregate, event)
    for n in (0, EVENTS_KEPT):
        subject, _ = subject_and_filter(CLUSTER, writes[n].aggregate, encoded[n].type)
        decoder.recent.stored(Raw(n + 1, subject, encoded[n].raw))
    assert [raw.sequence for raw in decoder.decoded] == [1]
