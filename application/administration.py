"""What administrators do and see beside jobs: the views' upkeep, and who may act."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from application.ports import Policy
from application.projector import Projector
from application.view_building import RebuildStatus, ViewBuilder
from application.visibility import Visibility, not_permitted
from domain.identity import Caller, PrincipalKind, Role
from domain.policy import Action, Question
from domain.states import Effect
from projections.version import VIEWS_VERSION


class Known(Struct, frozen=True):
    """Somebody who may act, without any secret. ``unix``: the login of this name is the person.

    ``token_ids``: of the tokens given out; a token's id is no secret.
    """

    name: str
    roles: tuple[Role, ...]
    kind: PrincipalKind
    unix: bool
    has_password: bool
    token_ids: tuple[str, ...]


class ViewsStatus(Struct, frozen=True):
    """How the views are. ``behind``: events of the stream they do not know yet.

    ``failure``: why they go no further, or "".
    """

    version: int
    position: int
    behind: int
    failure: str
    rebuild: RebuildStatus | None


class Administration:
    """``known``: the latest position of the stream. ``people``: everybody with an entry."""

    def __init__(
        self,
        policy: Policy,
        projector: Projector,
        builder: ViewBuilder,
        known: Callable[[], int],
        people: Callable[[], Awaitable[Sequence[Known]]],
    ) -> None:
        self._policy = policy
        self._projector = projector
        self._builder = builder
        self._known = known
        self._people = people

    def views(self, caller: Caller) -> ViewsStatus:
        """How the views are now. ``NotPermitted`` for who may not act for whom they name."""
        Visibility(self._policy).check_acting(caller)
        failure, position = self._projector.failure, self._projector.position
        return ViewsStatus(
            version=VIEWS_VERSION,
            position=position,
            behind=max(0, self._known() - position),
            failure=failure.message if failure else "",
            rebuild=self._builder.status,
        )

    async def rebuild(self, caller: Caller) -> RebuildStatus:
        """Begin to build the views anew. Raises ``NotPermitted``, and as ``ViewBuilder.ask``."""
        self._check(caller, Action.REBUILD_VIEWS)
        return await self._builder.ask()

    async def principals(self, caller: Caller) -> Sequence[Known]:
        """Everybody with an entry, by name. Raises ``NotPermitted``."""
        self._check(caller, Action.VIEW_PRINCIPALS)
        return await self._people()

    def _check(self, caller: Caller, action: Action) -> None:
        answer = self._policy.decide(Question(caller, action))
        if answer.effect is not Effect.ALLOW:
            raise not_permitted(answer)
