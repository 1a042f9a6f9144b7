"""Parameters, headers and replies that many operations share."""

from typing import Final

from adapters.http.answers import POSITION
from adapters.http.bodies.receipts import ReceiptBody
from adapters.http.contract.fields import Digits, Field, Moment, Tags, Text, Whole, Word
from adapters.http.contract.operation import Operation, Parameter, Reply
from application.views import PAGE_ROWS, PAGE_ROWS_MAX
from domain.cluster import JOB_ID_MAX
from domain.identity import Origin
from domain.sweeps import SUBTASKS_MAX

POSITION_MAX: Final = 10**18 - 1
"""Higher than any stream comes, and of as many digits as a header may have."""
VERSION_MAX: Final = 2**31 - 1
NAME: Final = Text(1, 256)
CURSOR_CHARACTERS_MAX: Final = 2000
SENTENCE_CHARACTERS_MAX: Final = 1000
KEY: Final = Text(1, 64, r"[A-Za-z0-9._:-]+", "1 to 64 letters, digits and . _ : -")

# --- places ---------------------------------------------------------------------------------------

JOB: Final = Parameter("job_id", Whole(1, JOB_ID_MAX), "The number of the job.", where="path")
TASK: Final = Parameter(
    "task_id", Whole(1, VERSION_MAX), "The number of the task in its job.", where="path"
)

SUBTASK: Final = Parameter(
    "subtask_id", Whole(1, SUBTASKS_MAX), "The number of the subtask in its task.", where="path"
)

# --- headers of requests --------------------------------------------------------------------------

ACT_FOR: Final = Parameter(
    "Countermand-As",
    NAME,
    "The person acted for, whose rights then count. Administrators and job administrators may.",
    where="header",
)
CLIENT: Final = Parameter(
    "Countermand-Client",
    Word((Origin.CLI.value, Origin.HTTP.value), default=Origin.HTTP.value),
    "Through which face the request came; it is recorded.",
    where="header",
)
AT_LEAST: Final = Parameter(
    "Countermand-At-Least",
    Digits(0, POSITION_MAX),
    "The position of the stream that the answer must know, such as that of a receipt. The answer "
    "waits for it, at most ten seconds; 404 for one that there is not.",
    where="header",
)
REQUEST_ID: Final = Parameter(
    "Idempotency-Key",
    KEY,
    "The request id. The same id from the same person for the same operation is the same request: "
    "it is answered as before, and nothing is done twice.",
    where="header",
)
IF_MATCH: Final = Parameter(
    "If-Match",
    Tags(),
    'The versions that the command is for, as in "7"; * for any. At another one it is refused.',
    where="header",
)
IF_NONE_MATCH: Final = Parameter(
    "If-None-Match",
    Tags(),
    "The versions that the caller holds: 304 when it is one of them.",
    where="header",
)

# --- queries --------------------------------------------------------------------------------------

LIMIT: Final = Parameter(
    "limit", Whole(1, PAGE_ROWS_MAX, PAGE_ROWS), "At most so many rows in this page."
)
CURSOR: Final = Parameter(
    "cursor",
    Text(1, CURSOR_CHARACTERS_MAX),
    "Where to go on: ``next`` of the page before, of the very same question; 404 for another.",
)
PAGE: Final = (LIMIT, CURSOR)
SINCE: Final = Parameter("since", Moment(), "Not before this time.")
UNTIL: Final = Parameter("until", Moment(), "Not after this time.")

# --- headers of replies ---------------------------------------------------------------------------

ALLOW: Final = "Allow"
ETAG: Final = "ETag"
LOCATION: Final = "Location"
RETRY_AFTER: Final = "Retry-After"
OF_CLUSTER: Final = "Countermand-Cluster"
OF_STREAM: Final = "Countermand-Stream"
COUNT: Final = "Countermand-Count"
FIRST: Final = "Countermand-First"
LAST: Final = "Countermand-Last"
BEHIND: Final = "Countermand-Behind"
STOPPED: Final = "Countermand-Stopped"

HEADERS: Final[dict[str, tuple[Field, str]]] = {
    POSITION: (
        Whole(0, POSITION_MAX),
        "The answer is true for the stream up to here, and knows what was asked for with "
        "Countermand-At-Least; of what was recorded it is the place.",
    ),
    ALLOW: (Text(1, 200), "The methods that the path has."),
    ETAG: (Text(2, 200), "The version of what was asked for, in quotes."),
    LOCATION: (Text(1, 200), "Where the new job is."),
    RETRY_AFTER: (Whole(1, 3600), "Seconds to wait before it is tried again."),
    OF_CLUSTER: (Text(1, 100), "The cluster that the rows are of."),
    OF_STREAM: (Text(1, 200), "The stream and when it was made: no other one has the same."),
    COUNT: (Whole(0, POSITION_MAX), "Rows in the whole export."),
    FIRST: (Whole(0, POSITION_MAX), "Position of the first row; absent when there is none."),
    LAST: (Whole(0, POSITION_MAX), "Position of the last row; absent when there is none."),
    BEHIND: (Whole(0, POSITION_MAX), "How many events of the stream the rows do not know yet."),
    STOPPED: (
        Text(1, SENTENCE_CHARACTERS_MAX),
        "Why they will not know them: where the views stopped, in ASCII; absent unless they have.",
    ),
}

# --- operations of a shape ------------------------------------------------------------------------

COMMAND_PROBLEMS: Final = (403, 404, 409, 412, 422)
RECEIPT: Final = Reply(200, "The receipt: what became of it.", ReceiptBody, headers=(POSITION,))


def held(description: str, headers: tuple[str, ...] = (ETAG,)) -> Reply:
    """The answer to who holds the version already."""
    return Reply(304, description, headers=headers, empty=True)


def command(
    name: str,
    path: str,
    summary: str,
    body: type,
    parameters: tuple[Parameter, ...],
    method: str = "POST",
) -> Operation:
    """A command on a job or a task of one."""
    return Operation(
        id=name,
        method=method,
        path=path,
        tag="commands",
        summary=summary,
        parameters=(*parameters, REQUEST_ID, IF_MATCH),
        body=body,
        replies=(RECEIPT,),
        problems=COMMAND_PROBLEMS,
    )
