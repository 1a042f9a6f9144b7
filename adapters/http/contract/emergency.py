"""The one operation that goes without the stream."""

from typing import Final

from adapters.http.bodies.emergency import EmergencyBody, EmergencyStopped
from adapters.http.contract.operation import Operation, Reply
from adapters.http.contract.parts import JOB

EMERGENCY_STOP: Final = Operation(
    id="emergencyStop",
    method="POST",
    path="/jobs/{job_id}/emergency-stop",
    tag="commands",
    summary="Stop a job while the stream cannot be reached",
    description="For root and the service's own account on the Unix socket, and for nobody else; "
    "409 while the stream answers. The facts are written to a file and synced, then all that runs "
    "of the job is killed. As soon as the stream is back it is the job's next event "
    "(EmergencyStopRecorded), and counts as a forced cancel. A request that is sent again is "
    "another stop: both are recorded.",
    parameters=(JOB,),
    body=EmergencyBody,
    replies=(Reply(200, "What was done.", EmergencyStopped),),
    problems=(403, 404, 409, 422),
)
OPERATIONS: Final = (EMERGENCY_STOP,)
