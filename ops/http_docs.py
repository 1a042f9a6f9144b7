"""The text of docs/http.md, made from the operations of the API and the Structs of the bodies."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from adapters.http.contract.document import OPERATIONS, TAGS, schemas
from adapters.http.contract.fields import Exactly, Field, FieldSchema
from adapters.http.contract.operation import Operation, Parameter, Reply
from adapters.http.contract.parts import ACT_FOR, CLIENT
from adapters.http.contract.trail import EVENT_NAMES
from adapters.http.problem import KINDS
from ops.markdown import table, wrapped

WORDS: Final = {"string": "text", "boolean": "true or false"}
HEAD: Final = """\
# HTTP

This page says how programs talk to Countermand. It is made from the code by `make contracts`, as is
the OpenAPI 3.1 document [schema/openapi.json](schema/openapi.json), which says the same to programs
and more: the schema of every answer. The service serves that one under
`/api/v1/schema/openapi.json`, to everybody.

## A first cancel

All paths below are under `/api/v1`: on the Unix socket `run/countermand.sock` of the data
directory, where the kernel says who you are, and on the TCP port of loopback that stands in
`run/endpoint.json`, with a token.

```console
$ export SOCKET=/var/lib/countermand/run/countermand.sock API=http://localhost/api/v1
$ curl -sS --unix-socket $SOCKET $API/jobs -d '{"name":"first","tasks":[{"command":"sleep 600"}]}'
{"outcome":"accepted","job_id":1,"task_id":null,"state":"Submitted","request_id":"0b54...", ...}
$ curl -sS --unix-socket $SOCKET $API/jobs/1/cancel -H 'Idempotency-Key: disk-17' \\
>     -d '{"message":"disk is full"}'
{"outcome":"accepted","job_id":1,"task_id":null,"state":"Canceling","request_id":"disk-17", ...}
$ curl -sS --unix-socket $SOCKET "$API/jobs/1?until=ended"
{"job_id":1, ... "error_message":"Canceled by user. Message: disk is full", ...}
$ curl -sS --unix-socket $SOCKET "$API/audit?words=disk&kind=request" -H 'Countermand-At-Least: 8'
{"rows":[{"position":8, ... "actor":"root", ... "message":"disk is full", ...}], ...}
$ curl -sS --unix-socket $SOCKET "$API/events?follow=false&type=JobCancelRequested"
retry: 1000
id: 8
event: JobCancelRequested
data: {"position":8,"event":{"specversion":"1.0", ...
```

Over TCP the same with `-H "Authorization: Bearer $(cat TOKENFILE)"`. Basic credentials do, too.

## Commands

- A command is answered when its event is on disk, with a **receipt**: what became of it, the event,
  its position, the state of the job now. `outcome` is `accepted`, `escalated` (a stronger mode took
  over), `repeated` (recorded, and changes nothing) or `refused`.
- **`Idempotency-Key`** is the request id. The same key from the same person, acting for the same
  person, for the same operation on the same job, is the same request: it is answered as before,
  with `replayed` true, and nothing is done twice. With another content it is refused (422). After
  503 or a lost connection ask again with the same key: that is safe, always.
- **`If-Match`** holds versions, as the `ETag` of a job has them: at another version the command is
  refused (412), and the refusal is recorded. Every event makes a new version.
- **`Countermand-As`** names the person acted for: with *that* person's rights; both are recorded.
  `x-ms-as-user`, which says the same to HPC Pack's REST, is refused here with 400.

## Many jobs at once

```console
$ curl -sS --unix-socket $SOCKET $API/cancellations -H 'Idempotency-Key: power-1' \\
>     -d '{"wanted":{"states":["Queued","Running"]},"message":"the power goes"}'
{"request_id":"power-1","plan":"","total":2,"position":31, ... "done":2,"failed":0,"jobs":[...]}
```

- Which jobs is said by their numbers (`jobs`) or by what they are (`wanted`): jobs that are not
  over, of those that the caller may see. They are found once, at one `position`, and
  recorded (`BulkCancelRequested`) before the first of them is canceled. At most 10,000 go in one
  request.
- **Each job has its own answer**, and its own events: it is decided, guarded and recorded as if it
  were asked for alone. One that is refused, or that somebody else changes at the same moment, is a
  `problem` beside its number and does not hold up the others.
- **The same key again** means the very same jobs, whatever has come and gone since: what was done
  is answered as before, and the rest is done, once. That is what to do after a lost connection, and
  after the service died half-way.
- `skip` and `take` work on a part of the jobs, so that a client can show how far it is.
- **A plan first**: `cancellations/plans` tells what a request would mean now, job by job, changes
  nothing, and gives a digest of exactly these jobs at exactly these versions, and how to cancel
  them. `cancellations/plans/DIGEST` cancels those and no others. It says, and records, which of
  them had `changed` since, and which jobs would have `joined` them. A plan is its maker's own, and
  is forgotten when the service ends; once it is being carried out, it is not.

## Questions

- Answers say in the header `Countermand-Position` up to which position of the stream they are true.
  Lists are answered from views; `behind` says how many events these do not know yet. When the views
  go no further, `stopped` says where and why; it is null as long as they do. An export says both in
  the headers `Countermand-Behind` and `Countermand-Stopped`.
- **`Countermand-At-Least`** asks for an answer that knows a position, such as that of a receipt.
  The service waits for it, at most ten seconds, and says 503 if that was not enough.
- **Pages**: `next` of one page is the `cursor` of the next one; null on the last. A cursor belongs
  to its question and goes on after its row, whatever has come in meanwhile. What never changes
  keeps its place: rows of the trail, tasks, jobs by `id`, `created` or `owner` come once, and none
  is left out. A job whose place changes between two pages (`sort` by `changed`, `state`,
  `priority`, `name` or `ended`) and a cancel whose trouble does may come twice or be left out: to
  see each job once, sort by `id`.
- **Filters**: several values of one field (`?state=Running&state=Queued`): any of them. Different
  fields: all of them.
- **What one may not see** is left out of lists. Users see their own jobs; job operators, job
  administrators, administrators and auditors see all.
- **`If-None-Match`** with the `ETag` held: 304 and no body when nothing is new.

## When it is refused

An answer from 400 on is an RFC 9457 problem (`application/problem+json`): `code` and `status` are
for programs, `detail` says what was wrong and what is allowed, `what_to_do` what helps. A refusal
that was recorded holds the `receipt`. 429 and 503 come with `Retry-After`.

{problems}

## Operations

A parameter with a star may be given up to 100 times. Every operation that is not for everybody also
takes these headers, and may answer 401, 403, 404 (nobody of the name in `Countermand-As`) or 429:

{shared}
"""

TAIL: Final = """\
## Trying the whole contract

[Schemathesis](https://schemathesis.io) makes requests from the document and checks every answer.
`schemathesis.toml`, which it reads in the directory of the repository, says which refusals a schema
cannot foresee.

```console
$ schemathesis run http://127.0.0.1:7320/api/v1/schema/openapi.json \\
>     -H "Authorization: Bearer $(cat /var/lib/countermand/run/token)"
```

It creates and cancels jobs: not against a service that others use. A test of this repository does
it.
"""


def document() -> str:
    """The whole page."""
    head = HEAD.replace("{problems}", problems()).replace("{shared}", parameters((ACT_FOR, CLIENT)))
    return "\n".join((head, *map(section, TAGS), asked_bodies(), TAIL))


def problems() -> str:
    """Every code with its status and what helps."""
    rows = sorted((str(kind.status), code, kind.what_to_do) for code, kind in KINDS.items())
    return table(("status", "code", "what to do"), ((s, f"`{c}`", w) for s, c, w in rows))


# --- operations -----------------------------------------------------------------------------------


def section(tag: str) -> str:
    """The operations of a tag: a list, then each."""
    found = [o for o in OPERATIONS if o.tag == tag]
    listed = table(
        ("request", "does"),
        ((f"[`{o.method} {o.path}`](#{o.id.lower()})", o.summary) for o in found),
    )
    return (
        "\n\n".join((f"### {tag.capitalize()}", TAGS[tag], listed, *map(operation, found))) + "\n"
    )


def operation(of: Operation) -> str:
    """One operation."""
    parts = [f"#### {of.id}", f"`{of.method} {of.path}`" + ("" if of.named else ", for everybody")]
    if of.description:
        parts.append(wrapped(of.description))
    if of.parameters:
        parts.append(parameters(of.parameters))
    if of.body is not None:
        parts.append(f"Body: [{of.body.__name__}](#{of.body.__name__.lower()}).")
    parts.append(wrapped("Answers: " + "; ".join(replies(of.replies)) + "."))
    return "\n\n".join(parts)


def parameters(found: Iterable[Parameter]) -> str:
    """A table of parameters."""
    return table(
        ("parameter", "where", "allowed", "meaning"),
        (
            (
                f"`{p.name}`" + (" *" if p.many else ""),
                p.where,
                allowed(p.field),
                p.description,
            )
            for p in found
        ),
    )


def replies(found: Iterable[Reply]) -> Iterator[str]:
    """The answers that are no problem."""
    for reply in found:
        if reply.empty:
            yield f"{reply.status} without a body"
        elif reply.body is not None:
            yield f"{reply.status} `{reply.body.__name__}`, {reply.media_type}"
        else:
            yield f"{reply.status} {reply.media_type}"


def allowed(field: Field) -> str:
    """What a parameter may hold, in words."""
    schema = field.schema()
    if isinstance(schema.enum, tuple):
        return of_words(schema.enum)
    if isinstance(schema.any_of, tuple):
        return ", or ".join(
            f"`{x.const}`" if isinstance(x, Exactly) else "tags in quotes" for x in schema.any_of
        )
    if schema.format == "date-time":
        return "a time with its zone"
    return of_type(schema) + default(schema)


def default(schema: FieldSchema) -> str:
    """What its absence means, if that is one of its values."""
    return f"; default {schema.default}" if isinstance(schema.default, str | int) else ""


def of_words(words: tuple[str, ...]) -> str:
    """One of these."""
    if words == EVENT_NAMES:
        return "the name of an [event](events.md)"
    return ", ".join(f"`{word}`" for word in words)


def of_type(schema: FieldSchema) -> str:
    """A number's range, or how long a text may be."""
    if schema.type in ("integer", "number"):
        return f"{schema.type} from {schema.minimum} to {schema.maximum}"
    return "text" if not schema.max_length else f"text, at most {schema.max_length} characters"


# --- bodies ---------------------------------------------------------------------------------------


def asked_bodies() -> str:
    """What one sends: each body, then what these are made of."""
    roots = list(dict.fromkeys(o.body for o in OPERATIONS if o.body is not None))
    found = schemas(roots)
    names = dict.fromkeys((*(root.__name__ for root in roots), *found))
    parts = (body(name, found[name]) for name in names)
    return "\n\n".join(("## Bodies", "Unknown fields are refused.", *parts)) + "\n"


def body(name: str, schema: dict[str, Any]) -> str:
    """One body with its fields."""
    rows = [
        (
            f"`{field}`",
            of_field(x),
            presence(field, x, schema["required"]),
            x.get("description", ""),
        )
        for field, x in schema["properties"].items()
    ]
    fields = table(("field", "allowed", "if it is left out", "meaning"), rows)
    words = wrapped(schema["description"])
    return f"### {name}\n\n{words}\n\n{fields if rows else 'Nothing, or `{}`.'}"


def presence(field: str, schema: dict[str, Any], needed: list[str]) -> str:
    """What the absence of a field means."""
    return "refused" if field in needed else f"`{json.dumps(schema.get('default'))}`"


def of_field(schema: dict[str, Any]) -> str:
    """What a field may hold."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(of_field, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{word or json.dumps(word)}`" for word in schema["enum"])
    if schema["type"] == "array":
        limit = f"at most {schema['maxItems']} of " if "maxItems" in schema else "a list of "
        return limit + of_field(schema["items"])
    if schema["type"] == "object":
        return "texts by name"
    kind, longest = str(schema["type"]), schema.get("maxLength")
    return WORDS.get(kind, kind) + (f", at most {longest}" if longest else "")
