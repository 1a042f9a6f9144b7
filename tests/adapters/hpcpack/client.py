"""A small client of HPC Pack's REST, in JSON and in XML, written from its description.

It shares no code with the server: what it sends and understands is what the product's own clients
do, as far as is known of them.
"""

import json
import ssl
from enum import StrEnum
from typing import Any, NamedTuple, Self
from xml.dom import minidom
from xml.sax.saxutils import escape

import httpx

COMMON = "http://schemas.microsoft.com/HPCS2008R2/common"
SERIALIZATION = "http://schemas.microsoft.com/2003/10/Serialization/"
SECONDS = 20.0


class Form(StrEnum):
    JSON = "application/json"
    XML = "application/xml"


class Reply(NamedTuple):
    """An answer, understood: text, number, list, properties as a dict, objects as dicts."""

    status: int
    value: Any
    headers: httpx.Headers
    raw: str

    @property
    def message(self) -> str:
        """The sentence of a fault."""
        assert self.status >= 400, self.raw
        return str(self.value["Message"])

    @property
    def code(self) -> int:
        """The HRESULT of a fault as an unsigned number."""
        return int(self.value["Code"]) % 2**32


class HpcClient:
    """One person's client, in one form."""

    def __init__(
        self,
        base: str,
        form: Form,
        trusted: ssl.SSLContext,
        root: str = "/hpc",
        **headers: str,
    ) -> None:
        self.form = form
        self.http = httpx.AsyncClient(
            base_url=f"{base}{root}",
            verify=trusted,
            headers={"Accept": form, **headers},
            timeout=SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    # --- how it talks -----------------------------------------------------------------------------

    async def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Reply:
        """One request. A body that is a list is properties, one that is a text a message."""
        headers: dict[str, str] = {}
        content = None
        if body is not None:
            content = self.written(body)
            headers["Content-Type"] = self.form
        return await self.send(method, path, content, headers, **query)

    async def send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Reply:
        """One request, byte for byte."""
        spelled = {"filter_": "$filter", "version_": "api-version"}
        fields = {spelled.get(name, name): str(v) for name, v in query.items()}
        answer = await self.http.request(
            method, path, content=content, headers=headers, params=fields or None
        )
        if answer.status_code == 204:
            assert answer.content == b"", "an answer 204 has no body"
            return Reply(204, None, answer.headers, "")
        assert answer.headers["content-type"].startswith(self.form), answer.text
        read = json_read if self.form is Form.JSON else xml_read
        return Reply(answer.status_code, read(answer.text), answer.headers, answer.text)

    def written(self, body: Any) -> bytes:
        """A body in this client's form."""
        if self.form is Form.JSON:
            rows = body
            if isinstance(body, dict):
                rows = [{"Name": k, "Value": v} for k, v in body.items()]
            return json.dumps(rows).encode()
        if isinstance(body, str):
            return f'<string xmlns="{SERIALIZATION}">{escape(body)}</string>'.encode()
        rows = "".join(
            f"<Property><Name>{escape(k)}</Name><Value>{escape(v)}</Value></Property>"
            for k, v in body.items()
        )
        return f'<ArrayOfProperty xmlns="{COMMON}">{rows}</ArrayOfProperty>'.encode()

    # --- what it asks -----------------------------------------------------------------------------

    async def create(self, *commands: str, name: str = "a job") -> int:
        """A job with these tasks, in Configuring."""
        tasks = "".join(f'<Task CommandLine="{escape(c)}" />' for c in commands)
        job = f'<Job Name="{name}"><Tasks>{tasks}</Tasks></Job>'
        answer = await self.ask("POST", "/jobs/jobFile", job)
        assert answer.status == 200, answer.raw
        assert isinstance(answer.value, int)
        return answer.value

    async def submitted(self, *commands: str) -> int:
        """A job with these tasks, submitted."""
        job = await self.create(*commands)
        assert (await self.ask("POST", f"/jobs/{job}/submit")).status == 204
        return job

    async def job(self, job: int, *properties: str) -> dict[str, str]:
        """A job's properties."""
        return await self.properties(f"/jobs/{job}", *properties)

    async def job_at(self, job: int, *properties: str) -> dict[str, str]:
        """A job's properties in the older edition."""
        return await self.properties(f"/Job/{job}", *properties)

    async def task(self, job: int, task: int, *properties: str) -> dict[str, str]:
        """A task's properties."""
        return await self.properties(f"/jobs/{job}/tasks/{task}", *properties)

    async def properties(self, path: str, *properties: str) -> dict[str, str]:
        """The properties of something."""
        query = {"properties": ",".join(properties)} if properties else {}
        answer = await self.ask("GET", path, **query)
        assert answer.status == 200, answer.raw
        assert isinstance(answer.value, dict)
        return answer.value


# --- JSON -----------------------------------------------------------------------------------------


def json_read(text: str) -> Any:
    """JSON, with lists of properties as dicts."""
    return understood(json.loads(text))


def understood(value: Any) -> Any:
    """Properties as a dict, objects as dicts, anything else as it is."""
    if isinstance(value, list) and value and all(set(x) == {"Name", "Value"} for x in value if x):
        return {x["Name"]: x["Value"] for x in value} if isinstance(value[0], dict) else value
    if isinstance(value, list):
        return [understood(x["Properties"]) if is_object(x) else x for x in value]
    return value


def is_object(value: Any) -> bool:
    """Whether it is a RestObject."""
    return isinstance(value, dict) and set(value) == {"Properties"}


# --- XML ------------------------------------------------------------------------------------------


def xml_read(text: str) -> Any:
    """XML of .NET's data contracts."""
    root = minidom.parseString(text.encode()).documentElement
    assert root is not None
    match root.tagName:
        case "string" | "int" as kind:
            assert root.getAttribute("xmlns") == SERIALIZATION
            return int(inner(root)) if kind == "int" else inner(root)
        case "ArrayOfProperty":
            return xml_properties(root)
        case "ArrayOfObject":
            return [xml_properties(one) for one in root.getElementsByTagName("Properties")]
        case name if name.startswith("ArrayOf"):
            return [xml_item(one) for one in children(root)]
        case _:
            return xml_item(root)


def xml_properties(one: minidom.Element) -> dict[str, str]:
    """Names and values."""
    rows = [children(row) for row in one.getElementsByTagName("Property")]
    return {inner(name): inner(value) for name, value in rows}


def xml_item(one: minidom.Element) -> Any:
    """A text, or a record of fields; a field with elements in it is a list."""
    fields = children(one)
    if not fields:
        return inner(one)
    return {f.tagName: [inner(x) for x in children(f)] or inner(f) for f in fields}


def children(one: minidom.Element) -> list[minidom.Element]:
    """The elements in an element."""
    return [x for x in one.childNodes if isinstance(x, minidom.Element)]


def inner(one: minidom.Element) -> str:
    """The text of an element."""
    return "".join(x.data for x in one.childNodes if isinstance(x, minidom.Text))
