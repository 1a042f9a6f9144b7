"""Objects of which there is one: Litestar copies its routes deeply, and must not copy these."""

from typing import Any, Self


class OneOfAKind:
    """Copying gives the same object: it holds locks and connections, and there is one."""

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self
