"""What backtests have found, kept beside the stream: a digest that somebody names can be looked up.

<data>/backtests/<id>.json   the basis of a report, whose SHA-256 is its id

0600, owned by whoever owns the data directory, and no crash leaves one halfway. Of many the oldest
are removed.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from adapters.durable_file import replacing
from adapters.wire import sha256
from application.backtesting import Basis, as_json, id_of

KEPT_MAX: Final = 1000
FILE_BYTES_MAX: Final = 64 * 1024


class KeptBacktests:
    """In a directory, which is made with the first. Raises ``OSError``."""

    def __init__(self, directory: Path, kept_max: int = KEPT_MAX) -> None:
        self._directory = directory
        self._kept_max = kept_max

    def keep(self, basis: Basis) -> None:
        """Keep it; durable on return."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._give_to_owner(self._directory)
        with replacing(self._path(id_of(basis))) as file:
            self._give_to_owner(file.fileno())
            file.write(as_json(basis))
        found = sorted(self._directory.glob("*.json"), key=lambda x: x.stat().st_mtime_ns)
        for path in found[: -self._kept_max]:
            path.unlink(missing_ok=True)

    def rules_of(self, backtest: str) -> str:
        """The digest of the rules that this one tried; "" when there is none, or it was changed.

        ``backtest``: 64 of 0-9a-f.
        """
        try:
            with self._path(backtest).open("rb") as file:
                raw = file.read(FILE_BYTES_MAX)
            if sha256(raw) != backtest:
                return ""
            return msgspec.json.decode(raw, type=Basis).candidate
        except (FileNotFoundError, msgspec.MsgspecError):
            return ""

    def _path(self, backtest: str) -> Path:
        return self._directory / f"{backtest}.json"

    def _give_to_owner(self, what: Path | int) -> None:
        """Root makes it for whoever owns the data directory."""
        if os.geteuid() == 0:
            owner = self._directory.parent.stat()
            os.chown(what, owner.st_uid, owner.st_gid)
