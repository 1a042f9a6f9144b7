"""One operation of HPC Pack's REST: its place, and whether the job model can honour it."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
NOTHING: Final = 204
ACCEPTED: Final = 202


class Operation(Struct, frozen=True):
    """``id``: its name in the published specification. ``path``: below ``/hpc``, as it is spelled
    there; clients write it in any case.

    ``status``: of an answer that honours it. ``query``: the names that are read, as the
    specification spells them; case does not count. ``body``: what is expected, in words.
    ``lacks``: the sentence for 501, why it cannot be honoured; "" when it is. ``refuses``: why it
    is understood and refused whoever asks; "" when it is not. ``differs``: what a client meets here
    and not there, on purpose.
    """

    id: str
    method: Method
    path: str
    status: int = 200
    query: tuple[str, ...] = ()
    body: str = ""
    lacks: str = ""
    refuses: str = ""
    differs: str = ""
    editions: str = "2016, 2019"

    @property
    def works(self) -> bool:
        """Whether it is served: done, or refused for a reason of its own."""
        return not self.lacks
