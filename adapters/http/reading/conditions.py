"""Conditions on versions: ETag, If-Match and If-None-Match, as RFC 9110 has them.

The ETag of a job, and of the cluster's parameters, is the version of its history in double quotes:
``"7"``. Every event makes a new version, also one that only records a refusal.
"""

import re
from typing import Final

from litestar import Response

from adapters.http.answers import POSITION
from adapters.web.requests import Malformed, WebRequest
from domain.commands import IfVersions

TAGS_MAX: Final = 100
ANY: Final = "*"
ELEMENT: Final = re.compile(
    r"""[ \t]*(?:(?P<weak>W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,|$)"""
)
VERSION: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
CONDITIONS_OF_QUESTIONS: Final = ("If-None-Match", "If-Modified-Since", "If-Unmodified-Since")


def etag(version: int | str) -> dict[str, str]:
    """The header that tells a version, or the digest of a document."""
    return {"ETag": f'"{version}"'}


def if_match(request: WebRequest) -> IfVersions:
    """The versions that a command is for; None for any.

    A weak tag never matches, nor does one that no version has: the command is refused.
    ``Malformed`` for what are no tags at all.
    """
    check_command(request)
    text = header(request, "If-Match")
    if text is None or text == ANY:
        return None
    tags = tags_of("If-Match", text)
    strong = [tag for weak, tag in tags if not weak]
    return tuple(int(tag) for tag in strong if VERSION.fullmatch(tag))


def check_command(request: WebRequest) -> None:
    """``Malformed`` for a condition that a command does not know: none is passed over."""
    for name in CONDITIONS_OF_QUESTIONS:
        if name in request.headers:
            raise Malformed(f"{name} is not for commands; a command may have If-Match")


def no_if_match(request: WebRequest) -> None:
    """``Malformed`` where there is nothing yet that could have a version."""
    check_command(request)
    if "If-Match" in request.headers:
        raise Malformed("a new job has no version yet: leave If-Match out")


def if_none_match(request: WebRequest) -> frozenset[str]:
    """The tags that the caller holds already; ``*`` among them stands for all."""
    text = header(request, "If-None-Match")
    if text is None:
        return frozenset()
    if text == ANY:
        return frozenset({ANY})
    return frozenset(tag for _, tag in tags_of("If-None-Match", text))


def is_held(held: frozenset[str], version: int | str) -> bool:
    """Whether the caller holds this version, strong or weak."""
    return ANY in held or str(version) in held


def not_modified(version: int, position: int | None = None) -> Response[None]:
    """304, without a body."""
    told = etag(version) | ({} if position is None else {POSITION: str(position)})
    return Response(None, status_code=304, headers=told)


# --- how the headers are read ---------------------------------------------------------------------


def header(request: WebRequest, name: str) -> str | None:
    """A header that may stand on several lines, as one list; None when there is none."""
    lines = request.headers.getall(name, [])
    return ", ".join(lines).strip(" \t") if lines else None


def tags_of(name: str, text: str) -> list[tuple[bool, str]]:
    """Each entity tag: whether it is weak, and what stands in the quotes. At least one."""
    found, at = list[tuple[bool, str]](), 0
    while at < len(text):
        element = ELEMENT.match(text, at)
        if element is None or len(found) > TAGS_MAX:
            raise unfit(name, text)
        if element["tag"] is not None:
            found.append((element["weak"] is not None, element["tag"]))
        at = element.end()
    if not found or len(found) > TAGS_MAX:
        raise unfit(name, text)
    return found


def unfit(name: str, text: str) -> Malformed:
    """What is wrong with a condition, and what is allowed."""
    return Malformed(
        f"{name} cannot be {text[:80]!r}: it is * or a list of at most {TAGS_MAX} versions, each "
        'in double quotes, as in "7"'
    )
