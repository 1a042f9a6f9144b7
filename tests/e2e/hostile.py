"""Texts that were chosen to do harm, and what must become of each as an operator's message."""

from typing import Final

TOO_LONG: Final = "message_too_long"
BAD: Final = "message_bad_character"

HOSTILE: Final[dict[str, tuple[str, str]]] = {
    "ansi": ("\x1b[2J\x1b[31mall is well\x1b[0m", BAD),
    "title": ("\x1b]0;owned\x07", BAD),
    "c1": ("a\x9b31mb", BAD),
    "nul": ("a\0b", BAD),
    "delete": ("abc\x7f\x08\x08", BAD),
    "surrogate": ("a\ud800b", BAD),
    "surrogates": ("\udc00\ud800", BAD),
    "long": ("x" * 321, TOO_LONG),
    "very long": ("y" * 100_000, TOO_LONG),
    "emoji over": ("x" * 319 + "\U0001f480", TOO_LONG),
    "emoji at": ("\U0001f480" * 160, ""),
    "limit": ("z" * 320, ""),
    "bidi": ("harmless\u202eexe.\u2066\u2067\u200f", ""),
    "invisible": ("a\u200bb\u200d\ufeff\u2060\u00ad\u3164\u034f", ""),
    "tags": ("\U000e0001\U000e0041\ue000\ufffe", ""),
    "marks": ("Z" + "\u0301\u0489" * 150, ""),
    "html": ("<script>alert('1')</script>&amp;<img src=x onerror=y>", ""),
    "quotes": ('"}],"outcome":"accepted","x":[{"\\":"\\u0000`\'', ""),
    "format": ("%s%n%x {0} {job.__class__} ${HOME} %(name)s \\x1b[31m", ""),
    "dash": ("--force", ""),
    "shell": ("$(touch /tmp/owned) `id`; rm -rf ~ | cat & > x < y * ? #", ""),
    "lines": ('a\r\n{"event":"forged","level":"info"}\n\tb', ""),
    "separators": ("a\u2028b\u2029c", ""),
    "sql": ("'; DROP TABLE event; --", ""),
    "at": ("@/no/such/file", ""),
    "blank": ("   ", ""),
}
"""Name -> the text, and the code with which it is refused; "" for a message that is taken."""

TAKEN: Final = {name: text for name, (text, code) in HOSTILE.items() if not code}
REFUSED: Final = {name: pair for name, pair in HOSTILE.items() if pair[1]}


def shows_safely(text: str) -> bool:
    """Whether nothing in ``text`` acts on a terminal or hides: visible characters and line ends."""
    return all(c == "\n" or c.isprintable() for c in text)


def check_log(log: str) -> None:
    """No trace, no surprise, and nothing that acts on the terminal of whoever reads it."""
    for word in ("Traceback", "unexpected_error", "part_starts_again", "part_stopped"):
        assert word not in log
    assert shows_safely(log)
    for line in log.splitlines():
        assert line.startswith(("countermand is ready at ", "{"))
