"""The words of the domain that options take, copied here to start at once; a test compares them.

Only the names of events and of cluster parameters are looked up: few ask by them.
"""

from typing import Final, get_args

JOB_STATES: Final = (
    "Configuring",
    "Submitted",
    "Validating",
    "ExternalValidation",
    "Queued",
    "Running",
    "Finishing",
    "Finished",
    "Failed",
    "Canceled",
    "Canceling",
)
TASK_STATES: Final = (
    "Configuring",
    "Submitted",
    "Validating",
    "Queued",
    "Dispatching",
    "Running",
    "Finishing",
    "Finished",
    "Failed",
    "Canceled",
    "Canceling",
)
ENDED_STATES: Final = ("Finished", "Failed", "Canceled")
JOB_TYPES: Final = ("Batch", "Admin")
JOB_ORDERS: Final = (
    *("id", "changed", "created", "ended", "priority", "owner", "name", "state"),
    *("previous_state", "type", "submitted", "started", "run_as", "requeues", "error"),
)
MODES: Final = ("graceful", "normal", "forced")
POLICY_ACTIONS: Final = (
    *("submit", "cancel", "cancel_task", "approve", "withdraw", "break_glass", "review"),
    *("finish", "requeue", "configure", "change", "protect", "unprotect", "legal_hold", "view"),
)
ORIGINS: Final = ("cli", "http", "hpcpack", "policy", "automation", "system")
KINDS: Final = (
    "request",
    "emergency_stop",
    "repeat",
    "refusal",
    "order",
    "stop",
    "forced_stop",
    "survivors_gone",
    "node_release",
    "filter",
    "end",
    "requeue",
    "removal",
    "mark",
    "parameter_change",
    "policy_change",
    "evidence",
)

PASSWORD_CHARACTERS: Final = (12, 1024)
"""The shortest and the longest password of a person."""


def event_types() -> list[str]:
    """Every type of event there is."""
    from domain.events import Event

    return sorted(kind.__name__ for kind in get_args(Event))


def parameter_names() -> list[str]:
    """Every cluster parameter there is."""
    from domain.parameters import CATALOGUE

    return [parameter.name for parameter in CATALOGUE.values()]
