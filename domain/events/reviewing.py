"""Rules that were overridden, and what became of that."""

from msgspec import Struct

from domain.events.parts import Decision
from domain.states import CancelMode, Effect, ReviewKind


class BreakGlassUsed(Struct, frozen=True):
    """The cancel of the event before this one took effect although the rules held or denied it.

    ``overridden_effect``, ``overridden_rules``, ``overridden_explanation``: what they had said;
    ``overridden``: all of that answer. By which right it was done stands in the decision of the
    cancel. ``review_seconds``: how long another person has to review it; ``review_by``: until when
    that is.
    """

    request_id: str
    mode: CancelMode
    message: str
    overridden_effect: Effect
    overridden_rules: tuple[str, ...]
    overridden_explanation: str
    overridden: Decision
    review_seconds: int
    review_by: str


class BreakGlassReviewed(Struct, frozen=True):
    """Another person looked at it, and says what they found.

    ``kind``: what was reviewed. ``reviewed``: the request id of the cancel that overrode the rules.
    ``message``: what was found. ``in_time``: whether the time for it had not run out.
    """

    request_id: str
    kind: ReviewKind
    reviewed: str
    message: str
    in_time: bool
    decision: Decision
