"""Text of other people inside a sentence: where it ends is always to be seen.

Imports nothing: the command line quotes with it too, and must start at once.
"""


def quoted(text: str) -> str:
    """In quotation marks, on one line. Marks and backslashes inside stand as ``\\"`` and ``\\\\``:
    nobody can write the end of a quotation and go on in the words of the service."""
    return '"' + plain(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def word(text: str, ends: str = "") -> str:
    """As it is when it is one word that can be taken for nothing else; quoted when it is not.

    ``ends``: what else would end a word where this one stands.
    """
    odd = f' "\\={ends}'
    fits = text.isprintable() and text != "" and not any(c in odd for c in text)
    return text if fits else quoted(text)


def plain(text: str) -> str:
    """On one line: what cannot be printed is escaped, as in ``\\n`` and ``\\u202e``."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
