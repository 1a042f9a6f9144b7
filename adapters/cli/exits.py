"""Exit statuses, and the one exception that carries a status and a sentence to the person."""

from typing import Final

DONE: Final = 0
FAILURE: Final = 1
USAGE: Final = 2
NO_SUCH_JOB: Final = 3
NOT_AUTHENTICATED: Final = 4
REFUSED: Final = 5
ILLEGAL_STATE: Final = 6
CONFLICT: Final = 7
SOME_FAILED: Final = 8
WAITING: Final = 9
DIFFERENT: Final = 10
OTHERWISE: Final = 11
UNAVAILABLE: Final = 75
WAIT_RAN_OUT: Final = 124
INTERRUPTED: Final = 130

MEANINGS: Final = {
    DONE: "done; also: already canceled",
    FAILURE: "failure; also: replay and live state differ, `doctor` found an error",
    USAGE: "the command line, or the request, is not right",
    NO_SUCH_JOB: "no such job, task, version or parameter",
    NOT_AUTHENTICATED: "not authenticated",
    REFUSED: "refused by a rule: rights, policy, a limit such as the message's",
    ILLEGAL_STATE: "illegal in this state",
    CONFLICT: "conflict: somebody else was faster",
    SOME_FAILED: "some of several failed",
    WAITING: "waits: for the end of a hold, for approvals, or for another person who has to agree",
    DIFFERENT: "what was compared differs; `fsck` found damage",
    OTHERWISE: "other rules would have decided otherwise, or cannot be tried on everything",
    UNAVAILABLE: "temporarily unavailable: try again, with the same --id",
    WAIT_RAN_OUT: "--wait ran out",
    INTERRUPTED: "interrupted",
}
"""What each means, for the documentation."""

BY_CODE: Final = {
    "illegal_transition": ILLEGAL_STATE,
    "not_permitted": REFUSED,
    "stream_reachable": REFUSED,
    "policy_error": REFUSED,
    "policy_in_force": ILLEGAL_STATE,
    "policy_in_shadow": ILLEGAL_STATE,
    "no_policy_in_shadow": ILLEGAL_STATE,
    "waiting_for_another_person": WAITING,
    "conflict": CONFLICT,
    "version_mismatch": CONFLICT,
    "throttled": UNAVAILABLE,
    "unknown_person": REFUSED,
    "unknown_parameter": REFUSED,
}
BY_HTTP_STATUS: Final = {
    400: USAGE,
    401: NOT_AUTHENTICATED,
    403: REFUSED,
    404: NO_SUCH_JOB,
    409: CONFLICT,
    412: CONFLICT,
    413: REFUSED,
    422: REFUSED,
    429: UNAVAILABLE,
    503: UNAVAILABLE,
}


class Failure(Exception):
    """The verb ends with ``status``; ``sentence`` says why, ``what_to_do`` what helps, or ""."""

    def __init__(
        self, status: int, sentence: str, what_to_do: str = "", code: str = "failed"
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.what_to_do = what_to_do
        self.code = code

    @property
    def words(self) -> str:
        """Sentence and advice in one line."""
        return f"{self.sentence}; {self.what_to_do}" if self.what_to_do else self.sentence


def status_of(code: str, http_status: int) -> int:
    """The exit status for a refusal: its code says more than the HTTP status."""
    return BY_CODE.get(code) or BY_HTTP_STATUS.get(http_status, FAILURE)


def combined(statuses: list[int]) -> int:
    """One status for several jobs: all alike, that one; 9 when some wait and none failed; else 8,
    some of several failed."""
    found = set(statuses)
    if len(found) == 1:
        return statuses[0]
    return WAITING if found == {DONE, WAITING} else SOME_FAILED
