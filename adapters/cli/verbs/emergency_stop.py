"""``countermand emergency-stop``: through the service while its stream is away, or without it."""

import os
from pathlib import Path
from typing import cast

import click

from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.exits import DONE, SOME_FAILED, UNAVAILABLE, Failure
from adapters.cli.printing.moments import shown
from adapters.cli.printing.stdout import warn
from adapters.cli.reaching.client import Unix
from adapters.cli.reaching.endpoint import Endpoint
from adapters.cli.reaching.paths import socket_file
from adapters.cli.reaching.server import Patience, Rejected, Server
from adapters.cli.reaching.shapes import EmergencyStopped
from adapters.cli.typed import options as o

ANSWER_SECONDS_MAX = 45.0


@click.command("emergency-stop")
@o.job_argument
@o.message_option
@o.reason_option
@chooses("data", "cluster")
@o.prints
def verb(asked: o.Asked, chosen: Chosen, job: str, message: str, reason: str) -> int:
    """Kill all that runs of a job while the stream cannot be reached.

    For root and the service's own account, on the machine of the service; refused while the stream
    answers. Who, when, why and what is written to a file and synced before anything is done. When
    the stream is back, the stop is recorded as the job's next event and counts as a forced cancel.
    What the rules forbid is refused, and that is recorded, too; a hold or approvals that they
    demand are overridden, because nothing can wait then, and that is said everywhere.
    When the service is down too, the journal says what the job is.

    Exit status: 0 all of it has ended; 8 something was still there at the end; 3 no such job; 5
    not permitted, or the stream answers: use `cancel --force`; 6 not in this state; 75 nothing
    could be done.

    \b
      countermand emergency-stop 17 -m "the room is on fire" --data /var/lib/countermand
    """
    asked.out.check(EmergencyStopped)
    here = of_this_machine(chosen)
    done = by_service(here, job, message, reason) or without_service(here, job, message, reason)
    if asked.out.for_people:
        asked.out.line(what_was_done(done, asked.out.utc))
    else:
        asked.out.value(done, EmergencyStopped)
    if done["overridden"]:
        warn(f"EMERGENCY STOP {done['stop_id']} OVERRODE THE RULES: {done['overridden']}")
    warn(
        f"EMERGENCY STOP {done['stop_id']} IS NOT RECORDED YET: it will be the next event of job "
        f"{done['job_id']} when the stream is back, and has to be reviewed then "
        "(countermand audit --kind emergency_stop)"
    )
    return DONE if done["outcome"] == "stopped" else SOME_FAILED


def of_this_machine(chosen: Chosen) -> Chosen:
    """The data directory: as chosen, or of the service that COUNTERMAND_ENDPOINT names, if any."""
    place = Path(os.environ.get("COUNTERMAND_ENDPOINT", ""))
    told = bool(chosen.overrides.get("data_directory")) or chosen.config_file is not None
    if told or not os.environ.get("COUNTERMAND_ENDPOINT"):
        return chosen.with_default_data()
    data = place if place.is_dir() else place.parent.parent
    return Chosen({**chosen.overrides, "data_directory": str(data)}, None)


def by_service(here: Chosen, job: str, message: str, reason: str) -> EmergencyStopped | None:
    """What the service did; None when no service listens."""

    def socket_path() -> str:
        from adapters.bootstrap import asked as bootstrap

        settings = bootstrap.settings(here.overrides, here.config_file)
        return settings.socket or socket_file(settings.data_directory)

    place = Endpoint(Unix(asking_bootstrap(socket_path)), "")
    server = Server(lambda: place, patience=Patience(ANSWER_SECONDS_MAX, attempts=1))
    body = {"message": message, "reason_code": reason}
    try:
        return server.emergency_stop(job, body)
    except Rejected:
        raise
    except Failure as e:
        if e.code == "outcome_unknown":
            advice = "if its process hangs, end it, and stop the job again: then it goes without"
            raise Failure(UNAVAILABLE, e.sentence, advice, e.code) from e
        return None


def without_service(here: Chosen, job: str, message: str, reason: str) -> EmergencyStopped:
    """What was done without a service."""

    def stop() -> EmergencyStopped:
        from adapters.bootstrap import asked as bootstrap

        done = bootstrap.emergency_stop(here.overrides, here.config_file, job, message, reason)
        return cast(EmergencyStopped, {f: getattr(done, f) for f in done.__struct_fields__})

    return asking_bootstrap(stop)


def what_was_done(done: EmergencyStopped, utc: bool) -> str:
    """One line for people."""
    runs = f"{done['ended']} of {done['runs']} runs ended, {done['killed']} processes killed"
    left = f", {done['survivors']} SURVIVED" if done["survivors"] else ""
    at = shown(done["ordered_at"], utc)
    return f"job {done['job_id']}: stopped without the stream at {at}: {runs}{left}"
