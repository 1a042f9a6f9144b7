"""Writes snapshots of one large job, over and over, until it is killed: ``... DIRECTORY``."""

import sys
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from adapters.snapshots.files import SnapshotFiles
from tests.adapters.snapshots.made import AGGREGATE, FOLD, lived, snapshot

SIZE_BYTES = 4_000_000


def main(directory: Path) -> None:
    files = SnapshotFiles(directory, FOLD, lambda event, **_: sys.exit(event))
    job = replace(lived(), name="x" * SIZE_BYTES)
    for version in count(1):
        files.write(AGGREGATE, snapshot(replace(job, version=version)))
        sys.stdout.write("written\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
