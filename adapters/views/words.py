"""Words: what the index keeps of a text, and what people type to search it.

A word is made of letters, numbers and their marks; a symbol such as an emoji is a word by itself.
Words, phrases in double quotes, beginnings of words with a star; case and accents do not matter.
"""

import re
import unicodedata
from typing import Final

from msgspec import Struct

from domain.errors import BadRequest

WORDS_MAX: Final = 32
CHARACTERS_MAX: Final = 1000
SEARCHABLE: Final = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]")
"""A text that has none of these has nothing to search for. Others may hold a letter or a digit."""


class Term(Struct, frozen=True):
    """Words that stand one after the other; with ``begins`` the last one may go on.

    Without words it is in no text.
    """

    words: tuple[str, ...]
    begins: bool = False


TERM: Final = re.compile(r'"([^"]*)"(\*?)|(\S+)')
SYMBOL: Final = "So"
"""The category of emoji and signs. What colours an emoji (U+1F3FB and so on) is of another one, and
is between words: a thumb is found in any colour."""

VARIATION: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""How the character before is drawn: not what it is."""

ACCENT_CLASS_MIN: Final = 10
"""Combining classes from here on are accents and points; what is below belongs to the letter."""


class Letters(dict[int, str | None]):
    """For ``str.translate``: letters, numbers and the marks that belong to them stay, accents and
    variation selectors go, a symbol stands apart, everything else becomes a blank."""

    def __missing__(self, code: int) -> str | None:
        c = chr(code)
        if unicodedata.combining(c) >= ACCENT_CLASS_MIN or VARIATION.match(c):
            self[code] = None
        elif is_symbol(c):
            self[code] = f" {c} "
        else:
            self[code] = c if unicodedata.category(c)[0] in "LNM" else " "
        return self[code]


LETTERS: Final = Letters()


def plain(text: str) -> str:
    """The words of a text with blanks between. Big ASCII letters stay: the index takes them so."""
    if not text.isascii():
        text = unicodedata.normalize("NFD", text.casefold())
    return text.translate(LETTERS)


def search(text: str, columns: str) -> str:
    """The search for every word of ``text`` in any of ``columns`` (names with blanks between), in
    the language of SQLite's index. Raises as ``terms_of`` does.
    """
    return f"{{{columns}}} : ({' AND '.join(map(in_fts5, terms_of(text)))})"


def in_fts5(term: Term) -> str:
    """One term of a search."""
    return f'"{" ".join(term.words)}"' + (" *" if term.begins else "")


def terms_of(text: str) -> list[Term]:
    """Everything that ``text`` asks for, at least one term.

    Raises ``BadRequest`` when there is nothing to search for, or too much.
    """
    if len(text) > CHARACTERS_MAX:
        raise bad(f"the words to search for have more than {CHARACTERS_MAX} characters")
    if not SEARCHABLE.search(text):
        raise bad(f"{text!r} holds no letter and no digit to search for")
    terms = [term for match in TERM.finditer(text) if (term := term_of(match))] or [Term(())]
    if len(terms) > WORDS_MAX:
        raise bad(f"there are more than {WORDS_MAX} words to search for")
    return terms


def term_of(match: re.Match[str]) -> Term | None:
    """One word or phrase that was typed; None when it holds nothing to search for."""
    phrase, begins, word = match.groups()
    if word is not None:
        begins, phrase = ("*", word[:-1]) if word.endswith("*") else ("", word)
    if not any(unicodedata.category(c)[0] in "LN" or is_symbol(c) for c in phrase):
        return None
    return Term(tuple(plain(phrase).split()), bool(begins))


def is_symbol(c: str) -> bool:
    """Whether a character is a word by itself."""
    return unicodedata.category(c) == SYMBOL


def bad(sentence: str) -> BadRequest:
    """A search that cannot be made."""
    return BadRequest(
        f'{sentence}: give words, "a phrase" or the beginning of a word as in disk*',
        code="bad_search",
    )
