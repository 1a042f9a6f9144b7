"""``kill -9`` of the nats-server, of the service, of both, at random moments under load.

A round's choices come from its seed alone: who is killed, after how many answers and how much later
than the last of them, how many clients there are, and whether the start that follows is killed too.
What the machine makes of them is different each time.
"""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from tests.e2e.home import kill, new_home
from tests.e2e.service import Service
from tests.faults.report import Row
from tests.faults.trial import Trial, first_words, kill_both, start_or_refusal
from tests.support.waiting import until

ROUNDS: Final = 200
ROUNDS_A_STORE: Final = 20
ANSWERS_MAX: Final = 60
LATER_SECONDS_MAX: Final = 0.01
CLIENTS_MAX: Final = 6
START_SECONDS_MAX: Final = 1.5
PROMISE: Final = "what was acknowledged is there, once; each accepted cancel is carried out, once"
AT_THE_END: Final = "every event read again and compared with the journal; fsck found no damage"


class Victim(StrEnum):
    """Who gets SIGKILL."""

    SERVER = "nats-server"
    SERVICE = "service"
    BOTH = "both"


class Choice(Struct, frozen=True):
    """What a round does.

    ``start_seconds``: how long the start that follows may go on before it is killed too; 0 for a
    start that is left alone.
    """

    seed: int
    victim: Victim
    clients: int
    answers: int
    later_seconds: float
    start_seconds: float

    def __str__(self) -> str:
        again = (
            f", and its next start after {self.start_seconds:.2f} s" if self.start_seconds else ""
        )
        return (
            f"seed {self.seed}: {self.victim} killed {self.later_seconds * 1000:.1f} ms after "
            f"{self.answers} answers to {self.clients} clients{again}"
        )


def choice_of(seed: int) -> Choice:
    """The choices of a seed, always the same."""
    chance = random.Random(seed)
    victim = chance.choice(list(Victim))
    clients = chance.randint(1, CLIENTS_MAX)
    answers = chance.randint(1, ANSWERS_MAX)
    later = chance.random() * LATER_SECONDS_MAX
    again = victim is not Victim.SERVER and chance.random() < 0.25
    start = chance.random() * START_SECONDS_MAX if again else 0.0
    return Choice(seed, victim, clients, answers, later, start)


class Score(Struct):
    """What became of all rounds with one victim."""

    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    starts_killed: int = 0
    wrong: list[str] = []


def play(seed: int, rounds: int | None) -> Iterator[Row]:
    """All rounds, a store for some of them at a time; a row for each victim, and one for the ends.

    What is found only at the end of a store belongs to all of its rounds.
    """
    scores = {victim: Score() for victim in Victim}
    at_ends, trials = list[str](), list[Trial]()
    seeds = range(seed, seed + (rounds or ROUNDS))
    for begin in range(0, len(seeds), ROUNDS_A_STORE):
        trials.append(one_store(seeds[begin : begin + ROUNDS_A_STORE], scores, at_ends))
    for victim, score in scores.items():
        who = "both at once" if victim is Victim.BOTH else f"the {victim}"
        words = happened(score)
        yield row(
            f"kill -9 of {who}", score.rounds, words, score.acknowledged, score.lost, score.wrong
        )
    told = sum(len(trial.ledger.told) for trial in trials)
    lost = sum(len(trial.lost) for trial in trials)
    yield row(
        "all of these, at the end of each store", len(trials), AT_THE_END, told, lost, at_ends
    )


def row(
    scenario: str, rounds: int, words: str, acknowledged: int, lost: int, wrong: list[str]
) -> Row:
    """A line of the table."""
    return Row(scenario, rounds, PROMISE, words, acknowledged, lost, wrong=tuple(wrong))


def happened(score: Score) -> str:
    """A sentence."""
    words = "killed under load; what had no answer was asked again with the same key"
    if score.starts_killed:
        words += f"; {score.starts_killed} of the next starts were killed too"
    return words


def one_store(seeds: Sequence[int], scores: dict[Victim, Score], at_ends: list[str]) -> Trial:
    """Rounds on one data directory, and a look at all of it at the end."""
    with new_home() as home, Service(home) as one:
        trial = Trial(one)
        one.start()
        try:
            for seed in seeds:
                one_round(trial, choice_of(seed), scores)
            before = len(trial.wrong)
            trial.look_at_all()
            at_ends += trial.wrong[before:]
        except AssertionError as error:
            at_ends.append(f"in the rounds with the seeds {seeds[0]} to {seeds[-1]}: {error}")
        return trial


def one_round(trial: Trial, choice: Choice, scores: dict[Victim, Score]) -> None:
    """Load, SIGKILL, a start, and a look at what was acknowledged."""
    load = trial.load(choice.clients, f"r{choice.seed}")
    try:
        load.wait_for(choice.answers)
        time.sleep(choice.later_seconds)  # not a wait for anything: the moment is the fault
        strike(trial.one, choice.victim)
        if choice.victim is Victim.SERVER:
            load.wait_for(choice.clients)
    finally:
        trial.end(load)
    if choice.victim is not Victim.SERVER:
        start_again(trial, choice)
    trial.settle()
    lost, wrong = len(trial.lost), len(trial.wrong)
    new, score = trial.look(), scores[choice.victim]
    score.rounds += 1
    score.acknowledged += new
    score.lost += len(trial.lost) - lost
    score.wrong += [f"seed {choice.seed}: {words}" for words in trial.wrong[wrong:]]
    score.starts_killed += choice.start_seconds > 0
    print(f"{choice}: {new} acknowledged, {len(trial.lost)} lost", file=sys.stderr, flush=True)


def strike(one: Service, victim: Victim) -> None:
    """SIGKILL."""
    match victim:
        case Victim.SERVER:
            for pid in until(one.nats_pids, "nats-server runs"):
                kill(pid)
        case Victim.SERVICE:
            one.kill()
        case Victim.BOTH:
            kill_both(one)


def start_again(trial: Trial, choice: Choice) -> None:
    """The next start, and perhaps one before it that is killed in the middle."""
    one = trial.one
    if choice.start_seconds:
        one.run(one.command())
        time.sleep(choice.start_seconds)  # as above
        if not one.ended:
            kill_both(one)
    refusal = start_or_refusal(one)
    assert not refusal, f"{choice}: the start was refused: {first_words(refusal)}"
