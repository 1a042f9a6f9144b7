"""The catalogue of cluster parameters: name, kind, unit, default, limits, meaning, source.

Names are compared without case; values are strings; a parameter is updated, never deleted.
Source: ``IScheduler::SetClusterParameter``, the product's cluster property constants and cmdlets.

Three answers, and no fourth: a parameter that does here what it says; one that is kept and has no
effect, and says so; and one that is refused with the reason, because who sets it would rely on
something that does not happen (``NOT_HERE``). Deliberate: the product accepts them all.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from domain.errors import BadRequest, Unknown
from domain.hresult import HResult

Value = int | str
"""A whole number, or the text of every other kind."""

NUMBER_DIGITS_MAX: Final = 10
TEXT_CHARACTERS_MAX: Final = 260
COUNT_MAX: Final = 2**31 - 1
DAY_SECONDS: Final = 86_400
NO_PROGRAM: Final = "none"
"""What a person writes to take a program away; the value is empty then."""


class Kind(StrEnum):
    """What values a parameter has."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    ENUMERATION = "enumeration"
    TEXT = "text"
    PROGRAM = "program"


class Parameter(Struct, frozen=True):
    """A parameter of the catalogue.

    ``minimum``, ``maximum``: of a number, both included. ``words``: the values of an enumeration.
    ``effect``: whether anything here depends on it.
    """

    name: str
    kind: Kind
    default: Value
    meaning: str
    source: str
    unit: str = ""
    minimum: int = 0
    maximum: int = 0
    words: tuple[str, ...] = ()
    effect: bool = True

    @property
    def allowed(self) -> str:
        """The values it may have, in words."""
        match self.kind:
            case Kind.NUMBER:
                unit = f" of {self.unit}" if self.unit else ""
                return f"a whole number{unit} from {self.minimum} to {self.maximum}"
            case Kind.TEXT:
                return f"a text of at most {TEXT_CHARACTERS_MAX} printable characters"
            case Kind.PROGRAM:
                return (
                    f"the absolute path of a program, of at most {TEXT_CHARACTERS_MAX} printable "
                    f"characters, or {NO_PROGRAM}"
                )
            case _ if len(self.words) == 1:
                return f"only {self.words[0]}"
            case _:
                return f"{', '.join(self.words[:-1])} or {self.words[-1]}"


def number(
    name: str,
    unit: str,
    default: int,
    minimum: int,
    maximum: int,
    meaning: str,
    source: str,
    effect: bool = True,
) -> Parameter:
    """A whole number."""
    return Parameter(
        name, Kind.NUMBER, default, meaning, source, unit, minimum, maximum, (), effect
    )


def boolean(name: str, default: str, meaning: str, source: str) -> Parameter:
    """True or False; all there are so far have no effect."""
    words = ("True", "False")
    return Parameter(name, Kind.BOOLEAN, default, meaning, source, words=words, effect=False)


def enumeration(
    name: str, words: tuple[str, ...], default: str, meaning: str, source: str, effect: bool = True
) -> Parameter:
    """One of a few words."""
    return Parameter(name, Kind.ENUMERATION, default, meaning, source, words=words, effect=effect)


def program(name: str, meaning: str, source: str) -> Parameter:
    """A program of the site; none unless it is set."""
    return Parameter(name, Kind.PROGRAM, "", meaning, source)


# --- what has an effect ---------------------------------------------------------------------------

TASK_CANCEL_GRACE_PERIOD: Final = number(
    "TaskCancelGracePeriod",
    "seconds",
    15,
    0,
    DAY_SECONDS,
    "time a running task has between the stop signal and SIGKILL",
    "product: default 15 seconds; 0 means none",
)
NODE_RELEASE_TASK_TIMEOUT: Final = number(
    "NodeReleaseTaskTimeout",
    "seconds",
    10,
    1,
    DAY_SECONDS,
    "run time after which a node release task is killed",
    "product: default 10 seconds (unverified)",
)
TTL_COMPLETED_JOBS: Final = number(
    "TTLCompletedJobs",
    "days",
    5,
    0,
    36_500,
    "time after its end at which a job leaves the job view; its events stay",
    "seed, Remarks; product: default 5 days; 0 removes a job as soon as it has ended",
)
JOB_RUNTIME: Final = number(
    "JobRuntime",
    "seconds",
    0,
    0,
    366 * DAY_SECONDS,
    "how long a job may run that has no limit of its own, from its start; 0 for no limit",
    "product: no default limit",
)
TASK_RETRY_COUNT: Final = number(
    "TaskRetryCount",
    "reruns",
    3,
    0,
    COUNT_MAX,
    "how often a task without a number of its own runs again after a run that was lost",
    "product: default 3, after errors of the system; then Failed",
)
SCHEDULING_MODE: Final = enumeration(
    "SchedulingMode",
    ("Queued",),
    "Queued",
    "how slots are given out: by priority, then by the order of submission",
    "product: Queued, Balanced, FastBalanced; only the first is here",
)
PREEMPTION_TYPE: Final = enumeration(
    "PreemptionType",
    ("None",),
    "None",
    "how running jobs make room for others: here never",
    "product: default Graceful. Deliberate: nothing is preempted here, and the value says so",
)

SUBMISSION_FILTER_PROGRAM: Final = program(
    "SubmissionFilterProgram",
    "program that is asked about each job when it is submitted; exit code 0 lets it be queued",
    "product: no default. Deliberate: it is not checked when set, but each time before it runs",
)
SUBMISSION_FILTER_TIMEOUT: Final = number(
    "SubmissionFilterTimeout",
    "seconds",
    15,
    1,
    120,
    "time the submission filter has; then it is killed, and the job is refused",
    "product: default 15 seconds, 1 to 120",
)
ACTIVATION_FILTER_PROGRAM: Final = program(
    "ActivationFilterProgram",
    "program that is asked about each job that is about to start; exit code 0 lets it start",
    "product: no default. Deliberate: it is not checked when set, but each time before it runs",
)
ACTIVATION_FILTER_TIMEOUT: Final = number(
    "ActivationFilterTimeout",
    "seconds",
    15,
    1,
    120,
    "time the activation filter has; then it is killed, and the job starts",
    "product: default 15 seconds, 1 to 120",
)
DEFAULT_HOLD_DURATION: Final = number(
    "DefaultHoldDuration",
    "seconds",
    900,
    1,
    366 * DAY_SECONDS,
    "how long a job that its activation filter holds (exit code 3) is not asked about again",
    "product: default 900 seconds",
)

# --- what is kept ---------------------------------------------------------------------------------

KEPT: Final = (
    number("JobCleanUpHour", "hours", 2, 0, 23,
           "hour of the day at which ended jobs are removed; here each is removed when it is due",
           "product: default 2", effect=False),
    number("JobRetryCount", "reruns", 3, 0, COUNT_MAX,
           "reruns of a whole job after errors of the system; here its tasks run again, one by one",
           "product: default 3", effect=False),
    number("BackfillLookahead", "jobs", 100, -1, COUNT_MAX,
           "how many waiting jobs are looked at for one that fits a gap; here each fits a slot",
           "product: default 100; below 0 all, 0 none", effect=False),
    number("HeartbeatInterval", "seconds", 30, 1, DAY_SECONDS,
           "time between two signs of life of a node; here the engine is on this machine",
           "product: default 30 seconds", effect=False),
    number("InactivityCount", "heartbeats", 3, 1, 1000,
           "missed signs of life after which a node counts as unreachable",
           "product: default 3", effect=False),
    number("InactivityCountAzure", "heartbeats", 10, 1, 1000,
           "the same for nodes in a cloud", "product: default 10", effect=False),
    boolean("AutomaticGrowthEnabled", "True",
            "whether running jobs get more of what is free; here each task gets a slot",
            "product: default True"),
    boolean("AutomaticShrinkEnabled", "True",
            "whether running jobs give back what they do not use; here slots are free at once",
            "product: default True"),
    enumeration("AffinityType", ("AllJobs", "NonExclusiveJobs", "NoJobs"), "NonExclusiveJobs",
                "whose tasks are bound to cores; here none",
                "product: default NonExclusiveJobs (unverified)", effect=False),
    Parameter("SpoolDir", Kind.TEXT, "",
              "share for the output of command jobs; here output stays with the engine",
              "product: a share of the head node", effect=False),
)  # fmt: skip
"""Kept, and without effect: nothing that an administrator relies on goes missing."""

# --- what is refused ------------------------------------------------------------------------------

PEOPLE: Final = "who may connect stands in the principals file; see countermand principals"
BALANCED: Final = "there is no balanced mode here"
MAIL: Final = "no mail is sent from here; follow the stream instead"
WEB: Final = "the web server has settings of its own; see countermand config"

NOT_HERE: Final = {
    "AllowNewUserConnections": PEOPLE,
    "DisableCredentialReuse": "no password is ever kept here, so none is used again",
    "HpcSoftCard": "there are no soft cards here",
    "HpcSoftCardTemplate": "there are no soft cards here",
    "SoftCardExpirationWarning": "there are no soft cards here",
    "DisableResourceValidation": "a job is validated by its limits only",
    "EnablePools": "there are no pools here",
    "ExcludedNodesLimit": "nodes are not excluded here",
    "JobCleanUpDayOfWeek": "each job is removed when it is due; see TTLCompletedJobs",
    "EventLogLevel": "the log level is a setting of the service; see countermand config",
    "OperationArchive": "the trail is kept for ever",
    "OperationRetention": "the trail is kept for ever",
    "SchedulerDeleteOldJobs": "each job is removed when it is due; see TTLCompletedJobs",
    "PreemptionBalancedMode": BALANCED,
    "PriorityBias": BALANCED,
    "PriorityBiasLevel": BALANCED,
    "ReBalancingInterval": BALANCED,
    "TaskImmediatePreemptionEnabled": "nothing is preempted here",
    "GrowByPreemptionEnabled": "nothing is preempted here",
    "EmailNotificationEnabled": MAIL,
    "EmailSmtpServer": MAIL,
    "EmailFromAddress": MAIL,
    "SchedulerWebServicePort": WEB,
    "SchedulerWebServiceEnabled": WEB,
    "SchedulerWebServiceThumbprint": WEB,
    "SchedulerWebServiceAuth": WEB,
    "GetAzureBatchTaskOutput": "there are no nodes in a cloud here",
}
"""Parameters of the product that cannot be set here, each with the reason."""

EFFECTIVE: Final = (
    TASK_CANCEL_GRACE_PERIOD,
    NODE_RELEASE_TASK_TIMEOUT,
    TTL_COMPLETED_JOBS,
    JOB_RUNTIME,
    TASK_RETRY_COUNT,
    SCHEDULING_MODE,
    PREEMPTION_TYPE,
    SUBMISSION_FILTER_PROGRAM,
    SUBMISSION_FILTER_TIMEOUT,
    ACTIVATION_FILTER_PROGRAM,
    ACTIVATION_FILTER_TIMEOUT,
    DEFAULT_HOLD_DURATION,
)
CATALOGUE: Final = {p.name.casefold(): p for p in (*EFFECTIVE, *KEPT)}
REASONS: Final = {name.casefold(): why for name, why in NOT_HERE.items()}

# --- names and values -----------------------------------------------------------------------------


def find(name: str) -> Parameter:
    """The parameter of this name, without regard to case; ``Unknown`` says why there is none."""
    try:
        return CATALOGUE[name.casefold()]
    except KeyError:
        raise Unknown(
            why_not(name), code="unknown_parameter", hresult=HResult.ARGUMENT_OUT_OF_RANGE
        ) from None


def why_not(name: str) -> str:
    """The sentence for a name that is not in the catalogue."""
    reason = REASONS.get(name.casefold())
    if reason is not None:
        return f"the cluster parameter {name} cannot be set here: {reason}"
    names = ", ".join(p.name for p in CATALOGUE.values())
    return f"there is no cluster parameter {name[:80]!r}; there are {names}"


def parsed(parameter: Parameter, value: str) -> Value:
    """The value as it is kept; ``BadRequest`` says what is allowed."""
    text = value.strip(" ")
    found = read(parameter, text)
    if found is None:
        raise BadRequest(
            f"{parameter.name} cannot be {value[:80]!r}: it is {parameter.allowed}",
            code="bad_parameter_value",
            hresult=HResult.ARGUMENT_OUT_OF_RANGE,
        )
    return found


def read(parameter: Parameter, text: str) -> Value | None:
    """The value that a text stands for; None for none."""
    if parameter.kind is Kind.NUMBER:
        return whole_number(text, parameter.minimum, parameter.maximum)
    if parameter.kind is Kind.TEXT:
        return text if short(text) else None
    if parameter.kind is Kind.PROGRAM:
        path = "" if text.casefold() == NO_PROGRAM else text
        return path if short(path) and path[:1] in ("", "/") else None
    return next((w for w in parameter.words if w.casefold() == text.casefold()), None)


def short(text: str) -> bool:
    """Whether a text is within the limits of all."""
    return len(text) <= TEXT_CHARACTERS_MAX and text.isprintable()


def whole_number(text: str, minimum: int, maximum: int) -> int | None:
    """A number in the decimal system between the two, both included; None for anything else."""
    digits = text.removeprefix("-")
    written = digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX
    return int(text) if written and minimum <= int(text) <= maximum else None
