"""What an activation filter, a program of the site, says about a job that is about to start.

What a submission filter says leads to facts that there are without one: JobPropertiesChanged,
JobQueued, JobRejected.
"""

from msgspec import Struct

from domain.states import ActivationHold


class JobActivationHeld(Struct, frozen=True):
    """The activation filter did not let the job start: it stays Queued, and is asked about again.

    Not written for each time that the filter is asked: at first, when its answer is another one,
    and when its words are others after a quarter of an hour.
    ``filter``: the program. ``hold``: what waits. ``exit_code``: of the filter; null where it
    could not be run, or was ended by a signal. ``again_seconds``: how soon it is asked again at the
    earliest; it is asked only when there is a slot for the job.
    """

    filter: str
    hold: ActivationHold
    exit_code: int | None
    code: str
    reason: str
    again_seconds: int
