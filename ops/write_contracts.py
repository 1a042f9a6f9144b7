"""Write the published contract to docs: schemas, AsyncAPI, OpenAPI, and the pages made from code.

    python -m ops.write_contracts          (or: make contracts)

All of it is made from the code, byte for byte the same each time. A schema whose
event there is no longer is removed. ``tests/adapters/test_contract_files.py`` fails when the files
are not those of the code.
"""

import tomllib
from pathlib import Path
from typing import Final

from adapters.http.contract.document import openapi_bytes
from adapters.wire.schemas import asyncapi_bytes, entries, schema_bytes
from ops import (
    cli_docs,
    conformance_docs,
    event_docs,
    fsck_docs,
    hpcpack_docs,
    http_docs,
    parameter_docs,
)

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
EVENTS: Final = DOCS / "schema" / "events"


def files() -> dict[Path, bytes]:
    """What the files must hold."""
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    schemas = {EVENTS / f"{x.stem}.json": schema_bytes(x) for x in entries()}
    return schemas | {
        DOCS / "schema" / "openapi.json": openapi_bytes(release),
        DOCS / "schema" / "asyncapi.json": asyncapi_bytes(release),
        DOCS / "events.md": event_docs.document().encode(),
        DOCS / "fsck.md": fsck_docs.document().encode(),
        DOCS / "cli.md": cli_docs.document().encode(),
        DOCS / "http.md": http_docs.document().encode(),
        DOCS / "hpcpack-rest.md": hpcpack_docs.document().encode(),
        DOCS / "hpcpack-conformance.md": conformance_docs.document().encode(),
        DOCS / "parameters.md": parameter_docs.document().encode(),
    }


def differing() -> dict[Path, bytes | None]:
    """Files that are not as they must be, with what they must hold; None: they must go."""
    wanted = files()
    stale = {path: None for path in EVENTS.glob("*.json") if path not in wanted}
    wrong = {p: b for p, b in wanted.items() if not p.exists() or p.read_bytes() != b}
    return {**stale, **wrong}


def main() -> None:
    """Make the files what they must be, and say which were not."""
    for path, content in differing().items():
        if content is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        print(f"{'removed' if content is None else 'written'}: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
