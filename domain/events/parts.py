"""What several facts are made of."""

from msgspec import Struct

from domain.states import Effect, TaskType


class RunRange(Struct, frozen=True):
    """Runs that are alike. ``instances``: "0" is the task itself, "1-5000" subtasks of a sweep.

    ``node``: where they run.
    """

    task: int
    attempt: int
    node: str
    instances: str = "0"


class RunSet(Struct, frozen=True):
    """How many runs, and which. ``count``: how many there are."""

    count: int
    runs: tuple[RunRange, ...] = ()


class SubtaskSet(Struct, frozen=True):
    """Some of a task's subtasks.

    ``instances``: their numbers as ranges, such as "1-3,7", of at most 2000 ranges for all tasks
    together; ``cut``: so many more are not named, and follow from the job's events before this one.
    """

    task: int
    instances: str
    cut: int = 0


class TaskSet(Struct, frozen=True):
    """How many tasks, and which. ``count``: how many there are; of a sweep each subtask counts.

    ``tasks``: their numbers as ranges, such as "1-3,7". ``subtasks``: which subtasks of those
    tasks of them that have some.
    """

    count: int
    tasks: str = ""
    subtasks: tuple[SubtaskSet, ...] = ()


class Exit(Struct, frozen=True):
    """How a process ended. ``code``: its exit code 0..255, or null.

    ``signal``: the number of the signal that ended it, or null. Both are null when nobody could see
    it (the warden died, the machine restarted).
    """

    code: int | None = None
    signal: int | None = None


class RunHandle(Struct, frozen=True):
    """How to find a run again: enough to tell a process from a later one with the same pid.

    ``engine``: the engine that keeps the run. ``boot_id``: the boot of the machine.
    ``pid``: the process of the run's keeper. ``start_ticks``: when that process started, in clock
    ticks since that boot. ``warden``: the engine's own name for the keeper.
    """

    engine: str
    boot_id: str
    pid: int
    start_ticks: int
    warden: str


PolicyValue = str | int | bool | tuple[str, ...]
"""What a policy can be told: a word, a number, yes or no, a set of words (sorted)."""


class PolicyEntity(Struct, frozen=True, omit_defaults=True):
    """Somebody or something as a policy was told of it.

    ``type``: User, Person, Job or Cluster. ``id``: its name or number, "" when it had none yet.
    ``attributes``: what was known of it; what was not known is not there. ``roles``: the roles that
    a person was in, sorted.
    """

    type: str
    id: str
    attributes: dict[str, PolicyValue] = {}
    roles: tuple[str, ...] = ()


class PolicyRequest(Struct, frozen=True, omit_defaults=True):
    """One request exactly as the policy's engine saw it.

    ``principal``: whose rights counted. ``action``: what they wanted to do. ``resource``: to what.
    ``context``: what was known of the request itself; what was not known is not there.
    """

    principal: PolicyEntity
    action: str
    resource: PolicyEntity
    context: dict[str, PolicyValue] = {}


class ShadowAnswer(Struct, frozen=True, omit_defaults=True):
    """What rules that run in shadow say to the same requests. It binds nobody.

    ``digest``: SHA-256 (hex) of their text; they are asked with the schema of the decision.
    ``effect``: the answer. ``rules``: the ids of the rules that determined it, sorted, at most
    32 of 512 characters together; ``rules_cut``: so many more are not named.
    ``errors``: the first of what went wrong when they were asked.
    ``hold_seconds``, ``approvals``: what they demand first.
    """

    digest: str
    effect: Effect
    rules: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    hold_seconds: int = 0
    approvals: int = 0
    rules_cut: int = 0


class Decision(Struct, frozen=True):
    """A policy's answer with all that is needed to compute it again.

    ``effect``: the answer. ``digest``: SHA-256 (hex) of the policy asked.
    ``rules``: the ids of the rules that determined the answer, sorted. ``facts``: what the policy
    was told, as strings. ``errors``: what went wrong when it was asked, usually nothing.
    ``explanation``: why not, as a sentence; "" for an allowed act.
    ``schema_digest``: SHA-256 (hex) of the schema the policy was asked with; "" for the table that
    came before Cedar, and where no policy was asked. ``engine``: which versions answered.
    ``requests``: what the engine was asked, in this order; all of them must be allowed, and it ends
    with the first that is not. Who acts for somebody is asked about before what they want to do.
    ``hold_seconds``, ``approvals``: what the rules that allowed it demand first, the most of all of
    them: how long it is to be held, and how many other people are to approve it. Then the effect is
    ``hold``. ``shadow``: what the rules that run in shadow say to the same requests, null where
    none do; it changes nothing.
    """

    effect: Effect
    digest: str
    rules: tuple[str, ...]
    facts: dict[str, str]
    errors: tuple[str, ...] = ()
    explanation: str = ""
    schema_digest: str = ""
    engine: str = ""
    requests: tuple[PolicyRequest, ...] = ()
    hold_seconds: int = 0
    approvals: int = 0
    shadow: ShadowAnswer | None = None


class TaskSpec(Struct, frozen=True):
    """A task as submitted.

    ``id``: its number in the job, from 1. ``command``: the command line, at most 8 KiB.
    ``type``: what it is for. ``name``: what its owner calls it, or "".
    ``work_directory``: an absolute path, or "" for the default.
    ``environment``: further variables by name, at most 32 KiB together.
    ``runtime_seconds``: how long one run of it may take; 0 for no limit.
    ``depends_on``: names of tasks; it starts when all tasks of these names are Finished.
    ``retry_count``: how often it runs again by itself after a failure; null: after a lost run as
    often as TaskRetryCount says, after a failure of its own never.
    ``start``, ``end``, ``increment``: the index of a parametric sweep; each value is a subtask.
    ``instances``: how many instances of a service there are at once.
    ``valid_exit_codes``: exit codes that count as success, such as "0,10..20"; "": as its job has.
    ``properties``: further properties by name. ``stdin``, ``stdout``, ``stderr``: paths of files
    that its standard streams are, from the work directory on; "" for none.
    """

    id: int
    command: str
    type: TaskType = TaskType.BASIC
    name: str = ""
    work_directory: str = ""
    environment: dict[str, str] = {}
    runtime_seconds: int = 0
    depends_on: tuple[str, ...] = ()
    retry_count: int | None = None
    start: int = 0
    end: int = 0
    increment: int = 0
    instances: int = 0
    valid_exit_codes: str = ""
    properties: dict[str, str] = {}
    stdin: str = ""
    stdout: str = ""
    stderr: str = ""
