"""Many jobs that are not named one by one: planned first, then exactly those."""

from collections.abc import Iterator, Mapping

from adapters.cli.doing.bulk import CANCEL, PLANS, in_parts
from adapters.cli.doing.outcome import Outcome
from adapters.cli.exits import DONE, UNAVAILABLE, Failure
from adapters.cli.reaching.bulk_shapes import Plan, PlannedJob
from adapters.cli.typed.options import Asked


def plan(asked: Asked, body: Mapping[str, object]) -> int:
    """Show what would be canceled, and the digest that names exactly that."""
    found = asked.server.plan(PLANS, body)
    if not asked.out.for_people:
        asked.out.value(found, Plan)
        return DONE
    for job in found["jobs"]:
        asked.out.line(foreseen(job))
    asked.out.line(f"plan {found['digest']}: {count(found)}; nothing was changed")
    asked.out.note(f"to cancel exactly these: countermand cancel --apply {found['digest']}")
    return DONE


def foreseen(job: PlannedJob) -> str:
    """One job of a plan."""
    words = job["explanation"].removeprefix(f"job {job['job_id']}: ")
    how = f"; it is {job['state']}, owned by {job['owner']}" if job["state"] else ""
    return f"job {job['job_id']}: would be {job['outcome']}: {words}{how}"


def count(found: Plan) -> str:
    """How many jobs, and how many of them would not be canceled."""
    refused = sum(job["outcome"] in ("refused", "unknown") for job in found["jobs"])
    told = f"{found['total']} job{'' if found['total'] == 1 else 's'} at {found['position']}"
    return f"{told}, {refused} of them would not be canceled" if refused else told


def carried_out(asked: Asked, digest: str, key: str) -> Iterator[list[Outcome]]:
    """The outcomes of exactly the jobs of a plan."""
    again = f" with --id {key}" if key else ""
    return going_on(in_parts(asked, f"{PLANS}/{digest}", {}, key), again)


def found(asked: Asked, body: Mapping[str, object], key: str) -> Iterator[list[Outcome]]:
    """The outcomes of the jobs that the server finds now."""
    return going_on(in_parts(asked, CANCEL, body, key), f" with --id {key}")


def going_on(parts: Iterator[list[Outcome]], again: str) -> Iterator[list[Outcome]]:
    """The parts; when one was not answered, with what goes on from there."""
    try:
        yield from parts
    except Failure as e:
        if e.status != UNAVAILABLE:
            raise
        advice = f"the same command again{again} goes on with the same jobs; none is done twice"
        raise Failure(e.status, e.sentence, advice, e.code) from e
