"""The trail's filter, said once more in the plainest way: a look at every row."""

import unicodedata
from typing import Final

from msgspec import Struct

from application.views import AuditFilter, Page, ViewReader
from projections.audit_trail import AuditRow
from projections.stamps import stamp

EXACT: Final = {
    "owners": "owner",
    "actors": "actor",
    "on_behalf_of": "on_behalf_of",
    "requested_by": "requested_by",
    "kinds": "kind",
    "types": "type",
    "operations": "operation",
    "outcomes": "outcome",
    "modes": "mode",
    "reason_codes": "reason_code",
    "origins": "origin",
    "codes": "code",
}


class Term(Struct, frozen=True):
    """Something to search for: words in a row; with ``begins`` the last one may go on."""

    words: tuple[str, ...]
    begins: bool = False

    def typed(self) -> str:
        """As a person types it."""
        text = " ".join(self.words)
        return (f'"{text}"' if len(self.words) > 1 else text) + ("*" if self.begins else "")

    def in_text(self, text: str) -> bool:
        """Whether the words stand there one after the other."""
        wanted, there = words_of(" ".join(self.words)), words_of(text)
        for start in range(len(there) - len(wanted) + 1):
            part = there[start : start + len(wanted)]
            if part == wanted or (
                self.begins and part[:-1] == wanted[:-1] and part[-1].startswith(wanted[-1])
            ):
                return True
        return False


def words_of(text: str) -> list[str]:
    """Letters and numbers, with the marks on them, make words, and each symbol does; everything
    else is between."""
    kept = "".join(of_character(c) for c in text)
    return [word for word in map(folded, kept.split()) if word]


def of_character(c: str) -> str:
    """What a character is for words."""
    category = unicodedata.category(c)
    return f" {c} " if category == "So" else c if category[0] in "LNM" else " "


def folded(word: str) -> str:
    """Without case and accents."""
    apart = unicodedata.normalize("NFD", word.casefold())
    return "".join(c for c in apart if unicodedata.category(c) != "Mn")


def matches(row: AuditRow, which: AuditFilter, terms: dict[str, tuple[Term, ...]]) -> bool:
    """Whether the row is found; ``terms``: what ``words``, ``message``, ``explanation`` ask for."""
    return (
        all(one_of(getattr(row, EXACT[name]), getattr(which, name)) for name in EXACT)
        and (not which.rules or any(ruled(row.rule, rules) for rules in which.rules))
        and (not which.forced or "forced" in (row.mode, row.kind.removesuffix("_stop")))
        and (not which.refused or row.kind == "refusal")
        and about_job(row, which.job)
        and (which.task is None or which.task in tasks_of(row.tasks))
        and which.request_id in ("", row.request_id)
        and which.event_id in ("", row.event_id)
        and (which.since is None or row.time >= stamp(which.since))
        and (which.until is None or row.time <= stamp(which.until))
        and which.position_min <= row.position
        and (which.position_max is None or row.position <= which.position_max)
        and all(
            any(term.in_text(text) for text in texts)
            for name, texts in searched(row).items()
            for term in terms.get(name, ())
        )
    )


def searched(row: AuditRow) -> dict[str, tuple[str, ...]]:
    """Where each search looks."""
    return {
        "words": (row.message, row.explanation),
        "message": (row.message,),
        "explanation": (row.explanation,),
    }


def one_of(value: str, values: tuple[str, ...]) -> bool:
    """A value among some; nothing asked for restricts nothing, nothing there is not found."""
    return not values or (value != "" and value in values)


def ruled(row: str, asked: str) -> bool:
    """Whether all rules that are asked for are among a row's; an empty one is in none."""
    wanted = set(asked.split(",")) - {""}
    return wanted != set() and wanted <= set(row.split(","))


def about_job(row: AuditRow, job: str) -> bool:
    """The job by a number that a job can have, else the subject by its text."""
    if not job:
        return True
    number = int(job) if job.isascii() and job.isdigit() else 0
    return row.job_id == number if 1 <= number < 2**31 else row.subject == job


def tasks_of(ranges: str) -> set[int]:
    """The numbers in "1-3,7"; of subtasks ("2.17") the number of their task."""
    found = set[int]()
    for part in (x.partition(".")[0] for x in ranges.split(",") if x):
        first, _, last = part[1:].partition("-")
        first = part[0] + first
        found |= set(range(int(first), int(last or first) + 1))
    return found


def paged(reader: ViewReader, which: AuditFilter, descending: bool, size: int) -> list[AuditRow]:
    """Everything, page by page."""
    page, rows = Page(size), list[AuditRow]()
    while True:
        answer = reader.trail(which, descending, page)
        assert len(answer.rows) <= size
        rows += answer.rows
        if not answer.more:
            return rows
        page = Page(size, (answer.rows[-1].position,))
