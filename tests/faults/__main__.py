"""The fault suite: ``make faults``, or ``make faults ARGS="kills"`` for some of it.

Real nats-servers, real service processes, real files, in temporary directories. It prints tables
in Markdown and ends with status 1 when a promise was broken. Results belong into ``ops/faults.md``.

``kills``: kill -9 at random moments; ``flips``: bits that flip in the store; ``cuts``: blocks that
lost their end; ``cluster``: three nodes whose leader is killed, and a follower that stands still;
``disk``: a disk that is full, and a file that cannot grow; ``clock``: our clock an hour back;
``administrator``: limits changed, the stream deleted; ``retries``: the truth table of lost answers.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from tests.benchmarks.figures import where
from tests.faults import administrator, blocks, clock, cluster, disk, kills, retries
from tests.faults.report import Row, table

Play = Callable[[int, int | None], Iterable[Row]]

SCENARIOS: Final[dict[str, Play]] = {
    "kills": kills.play,
    "flips": blocks.play_flips,
    "cuts": blocks.play_cuts,
    "cluster": cluster.play,
    "disk": disk.play,
    "clock": clock.play,
    "administrator": administrator.play,
    "retries": retries.play,
}
SEEDS: Final = 10**6


def main(arguments: Sequence[str]) -> int:
    """Play and print; 1 when a promise was broken."""
    asked = parsed(arguments)
    names = asked.names or list(SCENARIOS)
    began = time.monotonic()
    options = [f"--rounds {asked.rounds}"] if asked.rounds else []
    print(where(" ".join(["make faults", *asked.names, *options])) + f"; seed {asked.seed}\n")
    broken = 0
    for name in names:
        rows = [*played(name, SCENARIOS[name], asked.seed, asked.rounds)]
        print(f"### {name}\n\n{table(rows)}\n", flush=True)
        broken += sum(len(row.wrong) for row in rows)
    print(f"{time.monotonic() - began:.0f} s, {broken or 'no'} broken promises", flush=True)
    return 1 if broken else 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--seed", type=int, default=secrets.randbelow(SEEDS))
    parser.add_argument("--rounds", type=int, help="how many, where there are rounds")
    found = parser.parse_args(arguments)
    unknown = [name for name in found.names if name not in SCENARIOS]
    if unknown:
        parser.error(f"there is no scenario {unknown[0]}; there are {', '.join(SCENARIOS)}")
    return found


def played(name: str, play: Play, seed: int, rounds: int | None) -> Iterator[Row]:
    """Its rows; one that says so when it did not come to its end."""
    print(f"-- {name} --", file=sys.stderr, flush=True)
    try:
        yield from play(seed, rounds)
    except Exception as error:  # what the others found is told all the same
        words = f"it did not come to its end: {error!r}"
        yield Row(name, 0, "", "", 0, 0, wrong=(words,))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
