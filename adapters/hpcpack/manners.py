"""How each edition answers: ``/hpc`` in JSON or XML, ``/WindowsHPC`` in XML with its own faults."""

from typing import Final, Protocol

from adapters.hpcpack.faults import FaultBody, NotSupported
from adapters.hpcpack.fields import SHOWN, Fields
from adapters.hpcpack.forms import Form, fault_bytes, form_of
from adapters.hpcpack.xml_writing import COMMON, SERIALIZATION, content, document, element
from adapters.web.requests import Malformed, WebRequest, only

VERSIONS: Final = ("2011-11-01", "2012-03-31.3.4", "2012-11-01.4.0", "2016-11-01.5.0")
RENDER: Final = "restproprender"
API_VERSION: Final = "api-version"
AUTHORITY_CHAIN: Final = "x-ms-hpc-authoritychain"


class Manner(Protocol):
    """How an edition takes requests and answers them.

    ``query``: the fields that its clients may give with every operation.
    """

    @property
    def query(self) -> tuple[str, ...]:
        """These fields."""
        ...

    def check(self, request: WebRequest) -> None:
        """Pass, or raise ``Malformed`` or ``NotSupported``."""
        ...

    def form(self, request: WebRequest) -> Form:
        """The form of an answer."""
        ...

    def fault(self, request: WebRequest, body: FaultBody) -> bytes:
        """A fault as it goes out."""
        ...

    def fault_headers(self) -> dict[str, str]:
        """The headers of a fault."""
        ...


class Modern:
    """``/hpc``."""

    query = (API_VERSION,)

    def check(self, request: WebRequest) -> None:
        """Any version is taken: the clients of both editions name theirs."""

    def form(self, request: WebRequest) -> Form:
        """As ``Accept`` wants it."""
        return form_of(request.headers.get("accept", ""))

    def fault(self, request: WebRequest, body: FaultBody) -> bytes:
        """``{"Message": ...}`` or its XML."""
        return fault_bytes(body, self.form(request))

    def fault_headers(self) -> dict[str, str]:
        """None."""
        return {}


class Windows:
    """``/WindowsHPC``. ``node``: who says no."""

    query = (API_VERSION, "Render")

    def __init__(self, node: str) -> None:
        self._node = node

    def check(self, request: WebRequest) -> None:
        """A version that there was, or none, which is the first; the one way to render."""
        fields = Fields(request.scope["query_string"])
        only(request.headers, API_VERSION)
        version = version_of(request)
        if version and version not in VERSIONS:
            raise Malformed(
                f"there is no {API_VERSION} {version[:SHOWN]!r}; there are {', '.join(VERSIONS)}"
            )
        render = fields.text("Render")
        if render and render.lower() != RENDER:
            raise NotSupported(f"Render={render[:SHOWN]} is not there; RestPropRender is")

    def form(self, request: WebRequest) -> Form:
        """XML."""
        return Form.XML

    def fault(self, request: WebRequest, body: FaultBody) -> bytes:
        """A bare text before there were versions, then a fault with its number."""
        if not spoken(request):
            return document(element("string", content(body.message), SERIALIZATION))
        code, message = element("Code", str(body.code)), element("Message", content(body.message))
        inner = code + message + element("Values", "")
        return document(element("HpcWebServiceFault", inner, COMMON))

    def fault_headers(self) -> dict[str, str]:
        """Which machines said it."""
        return {AUTHORITY_CHAIN: self._node}


def version_of(request: WebRequest) -> str:
    """The version that a client speaks, "" for none; the header wins over the query."""
    said: str = request.headers.get(API_VERSION, "")
    return said or Fields(request.scope["query_string"]).text(API_VERSION)


def spoken(request: WebRequest) -> str:
    """The version that a fault is told in; the newest where the query itself cannot be read."""
    try:
        return version_of(request)
    except Malformed:
        return VERSIONS[-1]
