"""Who asks through HPC Pack's REST: Basic or Bearer, and ``x-ms-as-user`` for somebody else."""

from typing import Final

from adapters.web.authentication import Face
from domain.identity import Origin


def login(name: str) -> str:
    """The name without its domain: ``HPC\\alice`` is alice, for a cluster has one name space."""
    return name.rpartition("\\")[2]


HPC_PACK: Final = Face("x-ms-as-user", lambda _: Origin.HPCPACK, login)
