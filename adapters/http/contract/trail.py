"""Questions about what happened: the audit trail, cancels, and the stream of events itself."""

from typing import Final, get_args

from adapters.http.answers import POSITION
from adapters.http.bodies.audit import AuditBody
from adapters.http.bodies.cancellations import CancellationsBody
from adapters.http.bodies.events import SentEvent, StreamedBody
from adapters.http.contract.fields import (
    ONLY,
    YES_OR_NO,
    Digits,
    Moment,
    Text,
    Whole,
    Word,
    Words,
    words_of,
)
from adapters.http.contract.operation import Operation, Parameter, Reply
from adapters.http.contract.parts import (
    AT_LEAST,
    BEHIND,
    COUNT,
    FIRST,
    LAST,
    NAME,
    OF_CLUSTER,
    OF_STREAM,
    PAGE,
    POSITION_MAX,
    SINCE,
    STOPPED,
    UNTIL,
    VERSION_MAX,
)
from adapters.http.streams.exports import MEDIA_TYPES, ExportForm
from domain.cluster import JOB_ID_MAX
from domain.events import Event
from domain.identity import Origin
from domain.states import CancelMode
from projections.audit_trail import Kind

EVENT_NAMES: Final = tuple(sorted(kind.__name__ for kind in get_args(Event)))
SEARCHED: Final = Words(1, 1000)
TOKEN: Final = Text(1, 100)
PLACE: Final = Whole(0, POSITION_MAX)

MATCHING: Final = (
    Parameter(
        "words",
        SEARCHED,
        'Every word is in the message or the explanation; "a phrase" as it stands, word* the '
        "beginning of a word; without regard to case and accents. A symbol such as an emoji is a "
        "word by itself.",
    ),
    Parameter("message", SEARCHED, "The same, in the message only."),
    Parameter("explanation", SEARCHED, "The same, in the explanation only."),
    Parameter("job", Text(1, 64), "Of this job: its number, or the text that was asked for."),
    Parameter("task", Whole(1, VERSION_MAX), "About this task, of any job unless one is given."),
    Parameter("owner", NAME, "Of jobs of this owner.", many=True),
    Parameter("actor", NAME, "By this authenticated person.", many=True),
    Parameter("on_behalf_of", NAME, "Done for this person.", many=True),
    Parameter("requested_by", NAME, "Carried out because this person asked.", many=True),
    Parameter("kind", words_of(Kind), "What the row is about.", many=True),
    Parameter("type", Word(EVENT_NAMES), "The name of its event.", many=True),
    Parameter("operation", TOKEN, "Of this operation, such as cancel.", many=True),
    Parameter("outcome", TOKEN, "With this outcome, such as refused.", many=True),
    Parameter("mode", words_of(CancelMode), "Asked for in this mode.", many=True),
    Parameter("reason_code", TOKEN, "With this reason code.", many=True),
    Parameter("origin", words_of(Origin), "Through this face.", many=True),
    Parameter(
        "rule",
        Text(1, 200),
        "Where this rule decided; with commas between, all of these.",
        many=True,
    ),
    Parameter("code", TOKEN, "With this code.", many=True),
    Parameter("forced", ONLY, "Asked for by force, or stopped by force."),
    Parameter("refused", ONLY, "Only refusals."),
    Parameter("request_id", Text(1, 100), "Of this request."),
    Parameter("event_id", Text(1, 100), "This event."),
    SINCE,
    UNTIL,
    Parameter("from", PLACE, "Not before this position."),
    Parameter("to", PLACE, "Not after this position."),
)

SEARCH: Final = Operation(
    id="searchAudit",
    method="GET",
    path="/audit",
    tag="audit",
    summary="Search the audit trail, the latest first",
    description="Several values of one field: any of them. Different fields: all of them.",
    parameters=(
        *MATCHING,
        Parameter(
            "sort", Word(("position", "-position"), "-position"), "The stream's order, or reversed."
        ),
        *PAGE,
        AT_LEAST,
    ),
    replies=(Reply(200, "A page of the trail.", AuditBody, headers=(POSITION,)),),
    problems=(403,),
)
EXPORT: Final = Operation(
    id="exportAudit",
    method="GET",
    path="/audit/export",
    tag="audit",
    summary="Every row that the filter finds, as a file",
    description="In the stream's order, as the views are at the call. A row is one line.",
    parameters=(
        *MATCHING,
        Parameter("format", words_of(ExportForm), "As what; ndjson if nothing is said."),
        AT_LEAST,
    ),
    replies=tuple(
        Reply(
            200,
            "The file.",
            media_type=MEDIA_TYPES[form].partition(";")[0],
            headers=(POSITION, OF_CLUSTER, OF_STREAM, COUNT, FIRST, LAST, BEHIND, STOPPED),
        )
        for form in ExportForm
    ),
    problems=(403,),
)
CANCELLATIONS: Final = Operation(
    id="listCancellations",
    method="GET",
    path="/cancellations",
    tag="audit",
    summary="Accepted cancels and what became of them: what is wrong comes first",
    parameters=(
        Parameter("job", Whole(1, JOB_ID_MAX), "Of this job."),
        Parameter("owner", NAME, "Of jobs of this owner.", many=True),
        Parameter("actor", NAME, "Asked for by this person.", many=True),
        Parameter("mode", words_of(CancelMode), "In this mode.", many=True),
        Parameter("troubled", ONLY, "Only what is stuck, late, or has survivors."),
        Parameter("open", YES_OR_NO, "Only what is, or is not, being carried out."),
        *PAGE,
        AT_LEAST,
    ),
    replies=(Reply(200, "A page of cancels.", CancellationsBody, headers=(POSITION,)),),
    problems=(403,),
)
STREAM: Final = Operation(
    id="followEvents",
    method="GET",
    path="/events",
    tag="events",
    summary="Follow the stream as server-sent events",
    description=(
        "The id of each is a position of the stream, and Last-Event-ID resumes after it: nothing "
        "is lost and nothing comes twice. The event caught-up tells where the backlog ends and the "
        "live part begins; position only moves the place to resume from; error carries the problem "
        "that ends the stream. At least every fifteen seconds something comes, if only a comment. "
        "Who takes nothing for a minute is cut off. It ends within seconds of a change of the "
        "caller's rights, with error when the token is not good any more. There are 1000 places: "
        "one person has 400 of them at most, and the last 100 are for roles that see all jobs; 429 "
        "when there is none."
    ),
    parameters=(
        Parameter(
            "after",
            Whole(0, POSITION_MAX, 0),
            "Begin after this position; 0, as when it is left out, is the beginning.",
        ),
        Parameter(
            "since",
            Moment(),
            "Begin with the first event that is not before this time; with after, at the later.",
        ),
        Parameter("type", Word(EVENT_NAMES), "Only events of this name.", many=True),
        Parameter("job", Text(1, 64), "Only events of this job."),
        Parameter("actor", NAME, "Only what this person brought about.", many=True),
        Parameter("follow", YES_OR_NO, "false: end where the stream ends now."),
        Parameter(
            "Last-Event-ID",
            Digits(0, POSITION_MAX),
            "Go on after this position; counts more than after.",
            where="header",
        ),
    ),
    replies=(Reply(200, "The stream.", SentEvent, media_type="text/event-stream"),),
    problems=(403, 404, 429),
)
EVENT: Final = Operation(
    id="getEvent",
    method="GET",
    path="/events/{position}",
    tag="events",
    summary="The event at a position of the stream, byte for byte",
    parameters=(
        Parameter("position", Whole(1, POSITION_MAX), "The position.", where="path"),
        AT_LEAST,
    ),
    replies=(Reply(200, "The event.", StreamedBody, headers=(POSITION,)),),
    problems=(403, 404),
)

OPERATIONS: Final = (SEARCH, EXPORT, CANCELLATIONS, STREAM, EVENT)
