"""Who may act: the file of principals in the data directory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from adapters.principals import PrincipalsFile
from application.administration import Known
from application.settings import Settings


def principals_file(settings: Settings) -> PrincipalsFile:
    """The file, edited by ``countermand principals``."""
    return PrincipalsFile(Path(settings.data_directory) / "principals.json")


def known_people(settings: Settings) -> Callable[[], Awaitable[Sequence[Known]]]:
    """Everybody with an entry, without any secret."""
    file = principals_file(settings)

    async def known() -> Sequence[Known]:
        return [
            Known(
                name=entry.name,
                roles=entry.roles,
                kind=entry.kind,
                unix=entry.unix,
                has_password=bool(entry.password),
                token_ids=tuple(token.id for token in entry.tokens),
            )
            for entry in sorted(await asyncio.to_thread(file.list), key=lambda e: e.name)
        ]

    return known
