"""Numbers and texts as answers write them; times are as in ``projections.stamps``."""

from adapters.escape import safe


def hexadecimal(hresult: int) -> str:
    """HPC Pack's number as 0x80040201; "" for 0, which is success."""
    return f"0x{hresult:08X}" if hresult else ""


def ascii_line(text: str) -> str:
    """``text`` for a header: visible ASCII and spaces; what is neither stands as an escape."""
    return safe(text).encode("ascii", "backslashreplace").decode()


def valid(text: str) -> str:
    """``text`` with U+FFFD for each lone surrogate, so that it can be sent as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str, characters_max: int) -> str:
    """``text`` for one line of a log or an event: only printable characters, and not too long."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:characters_max])
