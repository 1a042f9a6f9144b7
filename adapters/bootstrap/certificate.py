"""The certificate that HTTPS is served with: the one of the settings, or one made here."""

from datetime import datetime
from pathlib import Path

from msgspec import Struct

from application.settings import Settings


class Pair(Struct, frozen=True):
    """A certificate and its private key, both PEM files."""

    certificate: Path
    key: Path


def certificate_of(settings: Settings, now: datetime) -> Pair | None:
    """The files to serve HTTPS with; None for no HTTPS."""
    if settings.https_certificate:
        return Pair(Path(settings.https_certificate), Path(settings.https_key))
    if settings.https_self_signed:
        # What makes certificates takes its time to load, and most services are given one.
        from adapters.bootstrap.self_signed import self_signed

        return self_signed(Path(settings.data_directory) / "https", settings.https_host, now)
    return None
