"""Which versions are installed."""

from importlib.metadata import PackageNotFoundError, version


def installed(name: str) -> str:
    """The version of a distribution, "" when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
