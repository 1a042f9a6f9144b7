"""How requests of the native API say who is acted for, and through which program they came."""

from typing import Final

from adapters.web.authentication import Connection, Face
from adapters.web.requests import Malformed, only
from domain.identity import Origin

ORIGINS: Final = {"cli": Origin.CLI, "http": Origin.HTTP}


def origin_of(connection: Connection) -> Origin:
    """Through which face the request came: by the header ``Countermand-Client``."""
    said = only(connection.headers, "Countermand-Client")
    try:
        return ORIGINS["http" if said is None else said]
    except KeyError:
        raise Malformed("Countermand-Client says cli or http") from None


NATIVE: Final = Face("Countermand-As", origin_of)
