"""What goes with an exported file: what it holds, of which stream, for whom, and its digest."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict

from adapters.cli.doing.versions import installed
from adapters.cli.reaching.view_shapes import WhoAmI
from adapters.cli.typed.audit_filter import in_words
from adapters.cli.typed.moments import rfc3339


class Manifest(TypedDict):
    """``position``: the views knew the stream up to here when the export began.

    ``behind``: how many events the stream had beyond that; ``stopped``: why the views went no
    further and never would by themselves, null while they went on.

    ``first_position``, ``last_position``: of the first and the last row, null for none.
    """

    file: str
    format: str
    filter: str
    query: str
    exported_by: WhoAmI
    exported_at: str
    cluster: str
    stream: str
    position: int
    behind: int
    stopped: str | None
    rows: int
    first_position: int | None
    last_position: int | None
    columns: list[str]
    bytes: int
    sha256: str
    countermand: str


class Written(TypedDict):
    """What was written: rows without the names of the columns."""

    rows: int
    columns: list[str]
    bytes: int
    sha256: str


def manifest_of(
    file: str,
    form: str,
    query: Sequence[tuple[str, str]],
    query_text: str,
    who: WhoAmI,
    headers: Mapping[str, str],
    written: Written,
) -> Manifest:
    """The manifest of a whole file. ``headers``: what the server said of it."""
    return {
        "file": file,
        "format": form,
        "filter": in_words(query),
        "query": query_text,
        "exported_by": who,
        "exported_at": rfc3339(datetime.now(UTC)),
        "cluster": headers.get("countermand-cluster", ""),
        "stream": headers.get("countermand-stream", ""),
        "position": int(headers["countermand-position"]),
        "behind": place(headers, "countermand-behind") or 0,
        "stopped": headers.get("countermand-stopped") or None,
        "rows": written["rows"],
        "first_position": place(headers, "countermand-first"),
        "last_position": place(headers, "countermand-last"),
        "columns": written["columns"],
        "bytes": written["bytes"],
        "sha256": written["sha256"],
        "countermand": installed("countermand"),
    }


def place(headers: Mapping[str, str], name: str) -> int | None:
    """A position or a number that the server named, or None."""
    return int(headers[name]) if name in headers else None


def as_text(value: Mapping[str, Any]) -> str:
    """JSON, ASCII only: it is read everywhere, and nothing in it acts on a terminal."""
    return json.dumps(value, indent=2) + "\n"
