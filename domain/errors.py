"""The error families. Adapters translate them; no transport number appears here.

CountermandError(code, message)
  Refused          the rules said no; final; the job is unchanged. What the policy refuses, and what
                   is refused on a job, is recorded; what could never become a job is not
    IllegalTransition    not in this state
    NotPermitted         not by this person
    BadRequest           a limit or a form (a command line's length, a parameter's value)
  Throttled        too many refused requests of one principal; nothing was recorded
  Unknown          no such job, task or position
  Conflict         somebody else appended first, and it stayed so after the retries
  Unavailable      the outside is down or slow; safe to retry with the same request id
    OutcomeUnknown   it may have been stored; the retry finds out
    StoreFull        no room for new commands; running cancels go on
    ReadOnly         the stream is not what it was; a person must look before anything new is taken
  Corrupt          stored bytes, order or hash do not verify
  Misconfigured    found at start-up only
"""


class CountermandError(Exception):
    """Anything this service says no with: a stable ``code`` and a sentence for a person.

    The sentence says what was wrong, what is allowed and what to do.
    """

    code = "error"

    def __init__(
        self, message: str, *, code: str | None = None, hresult: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.hresult = hresult


class Refused(CountermandError):
    """The rules said no. Final; the job is unchanged."""

    code = "refused"


class IllegalTransition(Refused):
    """The command does not fit the state."""

    code = "illegal_transition"


class NotPermitted(Refused):
    """The policy said no."""

    code = "not_permitted"


class BadRequest(Refused):
    """A limit or a form was not kept."""

    code = "bad_request"


class Throttled(CountermandError):
    """Too many refused requests of one principal. ``retry_after_seconds``: when to come back."""

    code = "throttled"

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NotAuthenticated(CountermandError):
    """The caller could not be identified. Logged and counted, never history."""

    code = "not_authenticated"


class Unknown(CountermandError):
    """No such job, task, parameter or position."""

    code = "unknown"


class Conflict(CountermandError):
    """Another writer appended first."""

    code = "conflict"


class Unavailable(CountermandError):
    """The outside is down or slow. Safe to retry with the same request id."""

    code = "unavailable"


class OutcomeUnknown(Unavailable):
    """The event may have been stored. A retry with the same request id finds out."""

    code = "outcome_unknown"


class StoreFull(Unavailable):
    """The store has no room for new commands. Cancels under way go on from the reserve."""

    code = "store_full"


class ReadOnly(Unavailable):
    """The stream was changed, replaced or cut short under the running service.

    Nothing new is taken until a start has compared the stream with its witnesses.
    """

    code = "read_only"


class Corrupt(CountermandError):
    """Stored bytes, their order or their hash do not verify."""

    code = "corrupt"


class Misconfigured(CountermandError):
    """Found at start-up only: the service does not start."""

    code = "misconfigured"
