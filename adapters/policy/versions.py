"""Which versions answer: the library's, and the engine's inside it, by its bill of materials."""

from functools import cache
from importlib.metadata import distribution
from typing import Final

import msgspec
from msgspec import Struct

LIBRARY: Final = "cedarpy"
ENGINE: Final = "cedar-policy"


class Component(Struct):
    """A part of the library."""

    name: str
    version: str = ""


class Materials(Struct):
    """A CycloneDX document, as far as it is needed."""

    components: list[Component] = []


@cache
def engine() -> str:
    """Such as ``cedarpy 4.12.2, cedar-policy 4.12.0``; an engine that is not named is "unknown"."""
    library = distribution(LIBRARY)
    found = (
        component.version
        for file in library.files or ()
        if file.name.endswith(".cyclonedx.json")
        for component in msgspec.json.decode(file.read_binary(), type=Materials).components
        if component.name == ENGINE
    )
    return f"{LIBRARY} {library.version}, {ENGINE} {next(found, 'unknown')}"
