"""The text of docs/hpcpack-conformance.md, made from the tables of the code and of ``ops``."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol, TypeVar

from adapters.hpcpack.error_names import NAMES, signed
from adapters.hpcpack.operation import Operation
from adapters.hpcpack.operations import CLUSTER, JOBS, TASKS
from adapters.hpcpack.windows_operations import WINDOWS_OPERATIONS
from adapters.policy import CedarPolicy, default_policy
from domain import transitions
from domain.identity import Caller, Principal, Role
from domain.policy import Action, Question
from domain.states import Effect, JobState, JobType, TaskState
from ops.conformance_methods import METHODS
from ops.conformance_rest import LACKING, SHOWN, THEIRS, WINDOWS_LACKING, WINDOWS_SHOWN
from ops.markdown import table, wrapped

HEAD: Final = """\
# Conformance with HPC Pack

Operation by operation: what HPC Pack does, what Countermand does, the test that shows it, and what
is different on purpose. The page is made from the code by `make contracts`; a test checks that each
test named here exists, and that no operation, state, right or number is missing.
[hpcpack-rest.md](hpcpack-rest.md) says how the REST is spoken,
[moving from HPC Pack](../ops/moving-from-hpc-pack.md) what an administrator does differently.

Where HPC Pack's own sources disagree, or are silent, a choice was made; it is named where it
matters.

## Differences that run through everything

| | HPC Pack | here | why |
| --- | --- | --- | --- |
| refusals | leave no trace | are events: who, what, which rule, which number | an audit asks who \
tried |
| messages | the last one is kept | all are kept, ErrorMessage is the last | a trail that forgets \
is none |
| history | in the scheduler's database until TTLCompletedJobs | in the stream for ever; \
TTLCompletedJobs ends only what lists show | evidence outlives the job |
| cancel again | replaces the request under way | only a stronger mode does; a repeat is recorded \
and answered with what is going on | who was first stays the one who canceled |
| the answer to a cancel | the .NET call waits for the end state | comes when the request is \
durable; `--wait`, the views and the stream tell the end | nobody waits for a grace period |
| acting for somebody | the head node knows it | the event names the actor and the person | \
evidence |
| who sees jobs | everybody sees the list, owners and staff the details | a user sees own jobs \
only | names and command lines tell a lot |
| what cannot be done | depends on the edition | 501 with a sentence, never 2xx | nothing is said \
to be done that was not |
"""

RIGHTS_TEXT: Final = """\
## Rights

Made by asking the policy. *Own*: of a job that the person owns. A role that HPC Pack has not is the
auditor, who sees everything and does nothing. HPC Pack's sources do not say whether its two job
roles may touch command jobs; here only a cluster administrator may, as the page of CancelJob_2 has
it. Acting for somebody gives that person's rights, never more: an administrator who acts for bob
may not cancel the administrator's own job; and nobody but an administrator may act for one.

Shown by `tests/adapters/policy/test_rights.py::test_who_may_do_what` (each row at the policy) and
`tests/e2e/test_rights.py::test_who_may_do_what` (each row through the native API and `/hpc` over
HTTPS, by password and by token); acting for somebody by
`tests/e2e/test_rights.py::test_who_may_act_for_somebody` and
`tests/e2e/test_rights.py::test_an_administrator_as_bob_may_not_cancel_the_administrators_own_job`.
"""

STATES_TEXT: Final = """\
## States

Which command fits which state, with the source of each row. What is not allowed is refused and
recorded, with HPC Pack's number. Shown for jobs by
`tests/domain/test_transitions.py::test_a_cancel_of_a_job_in_every_state`,
`tests/domain/test_transitions.py::test_every_other_command_in_every_state`,
`tests/domain/test_job_commands.py::test_a_task_of_every_type_for_a_job_in_every_state` and
`tests/domain/test_job_commands.py::test_every_property_of_a_job_in_every_state`, for tasks of every
type by `tests/domain/test_task_types.py::test_every_command_on_a_task_of_every_type_in_every_state`
and
`tests/domain/test_task_types.py::test_every_command_on_every_task_of_a_job_in_every_state`.
"""

SECRETS: Final = """\
## Secrets

A password in a body, a token and a Basic header reach no event, no log and no view, whatever
becomes of the request. Shown by
`tests/e2e/test_secrets_at_faces.py::test_no_secret_stands_anywhere`, which puts a secret of its own
into every place where a client can put one, at every face, and then searches every file of the
service, every event and every answer for all of them, as they are and encoded; and by
`tests/e2e/test_secrets.py::test_secrets_stand_nowhere`.
"""

NUMBERS_TEXT: Final = """\
## Error numbers

A number is the first of its kind (0x80040200 operation, 0x800405E8 validation, 0x800409D0
execution) and an offset; `Code` of a fault and ErrorCode of a job or task are the signed one. Each
is provoked through a real face in `tests/adapters/hpcpack/test_error_numbers.py`; who is named by
the number that a task is left with, by
`tests/domain/test_task_errors.py::test_how_a_task_ended`; the arithmetic is checked by
`tests/domain/test_hresult.py::test_every_number_is_its_kind_and_an_offset_and_has_its_name`. A
number of HPC Pack's that is missing here is one that nothing here comes to.
"""

ACTS: Final = (
    ("create", Action.CREATE, ""),
    ("create a command job", Action.CREATE_COMMAND_JOB, ""),
    ("submit", Action.SUBMIT, "job"),
    ("cancel", Action.CANCEL, "job"),
    ("cancel a task", Action.CANCEL_TASK, "job"),
    ("finish", Action.FINISH, "job"),
    ("requeue", Action.REQUEUE, "job"),
    ("configure", Action.CONFIGURE, "job"),
    ("add tasks, change properties", Action.CHANGE, "job"),
    ("see details and tasks", Action.VIEW, "job"),
    ("cancel, finish, requeue, change a command job", Action.CANCEL, "command job"),
    ("set cluster parameters", Action.SET_PARAMETER, ""),
    ("act for somebody", Action.ACT_FOR_OTHERS, ""),
)
"""What is asked of the policy: words, the act, and what it is about."""


S = TypeVar("S", JobState, TaskState)


class Sourced(Protocol):
    """A row of a table of states."""

    @property
    def source(self) -> str:
        """Where it comes from."""
        ...


def document() -> str:
    """The page."""
    return "\n".join(
        (
            HEAD,
            methods(),
            operations("`/hpc`: jobs", JOBS, SHOWN, LACKING),
            operations("`/hpc`: tasks", TASKS, SHOWN, LACKING),
            operations("`/hpc`: the cluster", CLUSTER, SHOWN, LACKING),
            operations("`/WindowsHPC`", WINDOWS_OPERATIONS, WINDOWS_SHOWN, WINDOWS_LACKING),
            RIGHTS_TEXT,
            rights(),
            STATES_TEXT,
            states(),
            SECRETS,
            NUMBERS_TEXT,
            numbers(),
        )
    )


def methods() -> str:
    """The methods of IScheduler and the acts around them."""
    rows = ((m.name, m.theirs, m.ours, tests(m.tests), m.differs) for m in METHODS)
    head = ("method", "HPC Pack", "here", "shown by", "different on purpose")
    return f"## Methods\n\n{table(head, rows)}\n"


# --- REST -----------------------------------------------------------------------------------------


def operations(
    title: str,
    found: Iterable[Operation],
    shown: Mapping[str, tuple[str, ...]],
    lacking: tuple[str, ...],
) -> str:
    """A table of operations."""
    rows = ((name_of(o), THEIRS[o.id], does(o), tests(shown_by(o, shown, lacking))) for o in found)
    head = ("operation", "HPC Pack", "here", "shown by")
    return f"## {title}\n\n{table(head, rows)}\n"


def name_of(operation: Operation) -> str:
    """How it is called and where it is."""
    return f"{operation.id}: `{operation.method} {operation.path}`"


def does(operation: Operation) -> str:
    """What is done here."""
    if not operation.works:
        return f"**501**: {operation.lacks}"
    if operation.refuses:
        return f"**refused**: {operation.refuses}"
    return f"the same; {operation.differs}" if operation.differs else "the same"


def shown_by(
    operation: Operation, shown: Mapping[str, tuple[str, ...]], lacking: tuple[str, ...]
) -> tuple[str, ...]:
    """The tests that show an operation; none for one that nobody has named one for."""
    return shown.get(operation.id, ()) if operation.works else lacking


def tests(names: Iterable[str]) -> str:
    """Tests in a cell."""
    return ", ".join(f"`{name}`" for name in names)


# --- rights ---------------------------------------------------------------------------------------


def rights(policy: CedarPolicy = default_policy()) -> str:  # noqa: B008 - its state is a memory
    """Who may do what, as the policy says."""
    rows = ((words, *(answers(policy, role, act, about) for role in Role)) for words, act, about in
            ACTS)  # fmt: skip
    return f"{table(('act', *Role), rows)}\n"


def answers(policy: CedarPolicy, role: Role, act: Action, about: str) -> str:
    """Of all jobs, of own ones, or not at all."""
    person = Caller(Principal("somebody", (role,)))
    job_type = {"": None, "job": JobType.BATCH, "command job": JobType.ADMIN}[about]
    may = [
        policy.decide(Question(person, act, owner, job_type)).effect is Effect.ALLOW
        for owner in (("somebody else", "somebody") if about else ("",))
    ]
    return "yes" if all(may) else "own" if any(may) else "-"


# --- states ---------------------------------------------------------------------------------------


def states() -> str:
    """The tables of legal moves."""
    parts = (
        ("Cancel a job", by_state(transitions.CANCEL_JOB, JobState)),
        ("Other commands on a job", gates()),
        ("Change a job's properties", properties()),
        ("Cancel a task", by_state(transitions.CANCEL_TASK, TaskState)),
        ("Finish a task", by_state(transitions.FINISH_TASK, TaskState)),
        ("Requeue a task", by_state(transitions.REQUEUE_TASK, TaskState)),
    )
    never = " and ".join(sorted(transitions.REQUEUE_TASK_NEVER))
    gate = transitions.REQUEUE_TASK_JOB
    after = wrapped(
        f"A task is queued again while its job is {listed(gate.states)} ({gate.source}). Tasks of "
        f"type {never} never are: they come and go with the job (0x8004024D)."
    )
    return "\n".join(f"### {title}\n\n{body}\n" for title, body in parts) + f"\n{after}\n"


def by_state(rows: Mapping[S, Sourced], order: Iterable[S]) -> str:
    """One row a state, in the order of states."""
    cells = ((state, answer(rows[state]), rows[state].source) for state in order)
    return table(("state", "answer", "source"), cells)


def answer(row: Sourced) -> str:
    """What a row says."""
    if isinstance(row, transitions.CancelRow):
        return str(row.answer)
    return "accept" if isinstance(row, transitions.TaskRow) and row.accepted else "refuse"


def gates() -> str:
    """Commands with their states."""
    rows = (
        (name, listed(gate.states), f"0x{gate.hresult:08X}", gate.source)
        for name, gate in transitions.GATES.items()
    )
    return table(("command", "from", "else", "source"), rows)


def properties() -> str:
    """Properties with their states."""
    rows = ((name, listed(row.states), row.source) for name, row in transitions.CHANGE_JOB.items())
    return table(("property", "in", "source"), rows)


def listed(found: Iterable[JobState]) -> str:
    """States in their order."""
    held = set(found)
    return ", ".join(state for state in JobState if state in held)


# --- numbers --------------------------------------------------------------------------------------


def numbers() -> str:
    """The error numbers."""
    rows = ((f"0x{n:08X}", str(signed(n)), name) for n, name in sorted(NAMES.items()))
    return f"{table(('number', 'signed', 'name'), rows)}\n"
