"""Server-sent events: whole frames from the pieces of a body."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

FRAME_BYTES_MAX: Final = 4 * 1024 * 1024


class Frame(NamedTuple):
    """One event of the stream; ``id`` and ``data`` are "" when it has none."""

    id: str
    event: str
    data: str


def frames(pieces: Iterable[bytes]) -> Iterator[Frame]:
    """Complete frames only: what a cut left unfinished is not given. Comments are passed over."""
    lines: list[str] = []
    size = 0
    for line in whole_lines(pieces):
        if line:
            lines.append(line)
            size += len(line)
            if size > FRAME_BYTES_MAX:
                raise ValueError(f"an event of the stream is longer than {FRAME_BYTES_MAX} bytes")
            continue
        frame = frame_of(lines)
        lines, size = [], 0
        if frame is not None:
            yield frame


def whole_lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines that have ended, without their ends."""
    rest = b""
    for piece in pieces:
        *done, rest = (rest + piece).split(b"\n")
        for line in done:
            yield line.removesuffix(b"\r").decode("utf-8", "surrogatepass")
        if len(rest) > FRAME_BYTES_MAX:
            raise ValueError(f"an event of the stream is longer than {FRAME_BYTES_MAX} bytes")


def frame_of(lines: list[str]) -> Frame | None:
    """The frame that the lines make, or None when they hold no data (a heartbeat)."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    if "data" not in fields:
        return None
    last = {name: values[-1] for name, values in fields.items()}
    return Frame(last.get("id", ""), last.get("event", "message"), "\n".join(fields["data"]))
