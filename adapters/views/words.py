"""What people type to search, as a search of the index: words, phrases, beginnings of words."""

import re
import unicodedata
from typing import Final

from domain.errors import BadRequest

WORDS_MAX: Final = 32
CHARACTERS_MAX: Final = 1000
TERM: Final = re.compile(r'"([^"]*)"(\*?)|(\S+)')


def search(text: str, columns: str) -> str:
    """The search for every word of ``text`` in any of ``columns`` (names with blanks between).

    A phrase in double quotes is found as it stands, ``word*`` finds the beginning of a word; case
    and accents do not matter. Raises ``BadRequest`` when there is nothing to search for.
    """
    if len(text) > CHARACTERS_MAX:
        raise bad(f"the words to search for have more than {CHARACTERS_MAX} characters")
    terms = [term for match in TERM.finditer(text) for term in term_of(match)]
    if not terms:
        raise bad("there is nothing to search for")
    if len(terms) > WORDS_MAX:
        raise bad(f"there are more than {WORDS_MAX} words to search for")
    return f"{{{columns}}} : ({' AND '.join(terms)})"


def term_of(match: re.Match[str]) -> list[str]:
    """One word or phrase as a term of the search."""
    phrase, begins, word = match.groups()
    if word is not None:
        begins, phrase = ("*", word[:-1]) if word.endswith("*") else ("", word)
    phrase = "".join(" " if c == '"' or silent(c) else c for c in phrase)
    if not any(searchable(c) for c in phrase):
        raise bad(f"{match.group()!r} holds no letter and no digit to search for")
    return [f'"{phrase}"' + (" *" if begins else "")]


def searchable(c: str) -> bool:
    """Whether the index keeps this character: letters, numbers, and those of private use."""
    return unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Co"


def silent(c: str) -> bool:
    """Whether a character stands for nothing: control characters and their like."""
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn")


def bad(sentence: str) -> BadRequest:
    """A search that cannot be made."""
    return BadRequest(
        f'{sentence}: give words, "a phrase" or the beginning of a word as in disk*',
        code="bad_search",
    )
