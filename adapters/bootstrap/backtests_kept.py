"""Where what backtests have found is kept."""

from pathlib import Path

from adapters.kept_backtests import KeptBacktests
from application.settings import Settings


def kept_backtests(settings: Settings) -> KeptBacktests:
    """Those of a data directory."""
    return KeptBacktests(Path(settings.data_directory) / "backtests")
