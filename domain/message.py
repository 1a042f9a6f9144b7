"""The operator's message: at most 320 UTF-16 code units, stored as given.

Source: ``IScheduler::CancelJob_2``, parameter Message (a BSTR, limited to 320 characters, may be
empty). A BSTR counts UTF-16 code units, so an emoji outside the BMP counts two: whatever is
accepted here, HPC Pack accepts. A longer message is refused, never shortened.
"""

import hashlib
import re
import unicodedata
from typing import Final

from msgspec import Struct

from domain.errors import BadRequest
from domain.hresult import HResult

MESSAGE_UNITS_MAX: Final = 320
FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Category Cc but tab, newline and carriage return, and category Cs."""
ZERO_WIDTH_JOINER: Final = "\u200d"
EMOJI_MODIFIERS: Final = "".join(map(chr, range(0x1F3FB, 0x1F400)))
REGIONAL: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))


class KeptMessage(Struct, frozen=True):
    """What a refusal keeps of a message.

    ``text`` is the message, or the longest prefix of whole characters within the limit; ``units``
    is the length of the whole in UTF-16 code units; ``sha256`` (hex, of the UTF-8 form of the
    whole) is empty when ``text`` is the whole.
    """

    text: str
    units: int
    sha256: str = ""


BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Signs that are letters to Unicode, and show nothing."""


def units(text: str) -> int:
    """Length in UTF-16 code units; a lone surrogate counts one."""
    if text.isascii():
        return len(text)
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)


def said_units(text: str) -> int:
    """Length of what can be read in a message: without white space and signs that nobody sees at
    its two ends. 0 for one of nothing else. In UTF-16 code units."""
    seen = [at for at, sign in enumerate(text) if not is_blank(sign)]
    return units(text[seen[0] : seen[-1] + 1]) if seen else 0


def is_blank(sign: str) -> bool:
    """White space, or a sign that shows nothing, such as U+200B."""
    return sign.isspace() or unicodedata.category(sign) == "Cf" or sign in BLANKS


def check_message(text: str, units_max: int = MESSAGE_UNITS_MAX) -> None:
    """Pass, or raise ``BadRequest`` with HPC Pack's number: too long, or a forbidden character."""
    found = units(text)
    if found > units_max:
        raise BadRequest(
            f"the message has {found} UTF-16 code units; at most {units_max} are allowed: "
            f"shorten it by {found - units_max}",
            code="message_too_long",
            hresult=HResult.CANCEL_MESSAGE_IS_TOO_LONG,
        )
    bad = forbidden_character(text)
    if bad is not None:
        raise BadRequest(
            f"the message holds the character U+{ord(bad):04X}, which is not allowed: control "
            "characters other than tab, newline and carriage return, and lone surrogates, are "
            "refused; remove it",
            code="message_bad_character",
            hresult=HResult.ARGUMENT_OUT_OF_RANGE,
        )


def forbidden_character(text: str) -> str | None:
    """The first control character (category Cc, but tab, LF, CR) or lone surrogate, if any."""
    found = FORBIDDEN.search(text)
    return found.group() if found else None


def kept(text: str, units_max: int = MESSAGE_UNITS_MAX) -> KeptMessage:
    """What a refusal stores of ``text``: always within the limit and always valid Unicode.

    Lone surrogates cannot be stored as UTF-8; each is replaced by U+FFFD, and the digest is then
    that of the text as received (surrogates passed through), so the replacement shows.
    """
    if text.isascii() and len(text) <= units_max:
        return KeptMessage(text, len(text))
    clean = "".join("\ufffd" if unicodedata.category(c) == "Cs" else c for c in text)
    prefix = prefix_within(clean, units_max)
    digest = "" if prefix == text else sha256_of(text)
    return KeptMessage(prefix, units(text), digest)


def prefix_within(text: str, units_max: int) -> str:
    """The longest prefix of whole characters with at most ``units_max`` code units.

    A character as a reader sees it stays whole: a base with its marks, an emoji with its modifiers
    or joined to others, a flag. When the first one alone is too long, it is cut.
    """
    used = 0
    for fits, c in enumerate(text):
        used += 2 if ord(c) > 0xFFFF else 1
        if used > units_max:
            cut = fits
            while cut and goes_on(text, cut):
                cut -= 1
            return text[: cut or fits]
    return text


def goes_on(text: str, at: int) -> bool:
    """Whether the character at ``at`` goes on the one before it, as grapheme clusters do."""
    before, c = text[at - 1], text[at]
    if c in REGIONAL:
        flags = len(text[:at]) - len(text[:at].rstrip(REGIONAL))
        return flags % 2 == 1
    marks = unicodedata.category(c).startswith("M") or c in EMOJI_MODIFIERS
    return marks or ZERO_WIDTH_JOINER in (before, c) or (before, c) == ("\r", "\n")


def sha256_of(text: str) -> str:
    """SHA-256 (hex) of the text's UTF-8 form, lone surrogates passed through."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
