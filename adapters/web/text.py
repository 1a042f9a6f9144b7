"""Numbers and texts as answers write them; times are as in ``projections.stamps``."""


def hexadecimal(hresult: int) -> str:
    """HPC Pack's number as 0x80040201; "" for 0, which is success."""
    return f"0x{hresult:08X}" if hresult else ""


def valid(text: str) -> str:
    """``text`` with U+FFFD for each lone surrogate, so that it can be sent as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str, characters_max: int) -> str:
    """``text`` for one line of a log or an event: only printable characters, and not too long."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:characters_max])
