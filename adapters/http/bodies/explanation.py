"""Why a job ended, as it goes out."""

from msgspec import Struct

from adapters.http.bodies.shapes import (
    JobNumber,
    PositionNumber,
)
from application.queries import Explained
from projections.explanation import Sentence


class SentenceBody(Struct, frozen=True):
    """A sentence and the positions of the events it rests on."""

    text: str
    events: tuple[PositionNumber, ...]


class ExplanationBody(Struct, frozen=True):
    """Why a job ended, or that it has not; the first sentence is the answer."""

    job_id: JobNumber
    sentences: tuple[SentenceBody, ...]
    position: PositionNumber


def sentence_body(sentence: Sentence) -> SentenceBody:
    """A sentence as it goes out."""
    return SentenceBody(sentence.text, sentence.events)


def explanation_body(explained: Explained) -> ExplanationBody:
    """An explanation as it goes out."""
    sentences = tuple(map(sentence_body, explained.sentences))
    return ExplanationBody(int(explained.job_id), sentences, explained.position)
