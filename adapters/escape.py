"""Text of other people, made safe to show: nothing they wrote can act on a terminal or hide.

Control characters, ANSI escapes, bidirectional overrides, zero-width characters, lone surrogates
and anything else that is not visible become ``\\x1b`` or ``\\u202e``. Spaces stay. Imports nothing
but ``re``: the command line must start at once.
"""

import re
from typing import Final

SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
INVISIBLE_LETTERS: Final = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")
INVISIBLE: Final = re.compile(f"[{''.join(sorted(INVISIBLE_LETTERS))}]")
CONTROL_OR_LINE: Final = frozenset("\n\r\t\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029")
FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What begins a formula for a spreadsheet, in half and in full width."""


def safe(text: str) -> str:
    """``text`` in one line of visible characters and spaces."""
    if plain(text):
        return text
    return "".join(c if visible(c) else SHORT.get(c) or number(c) for c in text)


def plain(text: str) -> bool:
    """Whether nothing in ``text`` needs care: one look at the whole, for that is nearly always so.

    False may also be said of text in which only rare spaces stand.
    """
    return text.isprintable() and (text.isascii() or INVISIBLE.search(text) is None)


def visible(c: str) -> bool:
    """Whether a character shows itself and does nothing else."""
    if c in INVISIBLE_LETTERS:
        return False
    return c.isprintable() or (c.isspace() and c not in CONTROL_OR_LINE)


def number(c: str) -> str:
    """The character by its number: two, four or eight hexadecimal digits."""
    code = ord(c)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def safe_cell(text: str) -> str:
    """``text`` as a cell of CSV or TSV: as ``safe``, and no spreadsheet takes it for a formula."""
    shown = safe(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def safe_json(text: str) -> str:
    """Valid JSON that means the same, where such characters stand as ``\\uXXXX``.

    Line ends of an indented document stay. Text without such characters stays byte for byte.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "\n".join(map(safe_json_line, text.split("\n")))


def safe_json_line(line: str) -> str:
    """One line of it."""
    if plain(line):
        return line
    return "".join(c if visible(c) else json_number(c) for c in line)


def json_number(c: str) -> str:
    """The character as JSON escapes it: UTF-16, so two escapes beyond U+FFFF."""
    code = ord(c)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
