"""Any question that can be put to a policy."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from domain.identity import Caller, Origin, Principal, PrincipalKind, Role
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.policy_requests import ON_THE_CLUSTER
from domain.policy_table import EVERYTHING
from domain.states import CancelMode, JobPriority, JobState, JobType

NAMES: Final = st.sampled_from(
    ("alice", "bob", "Zo\u00eb", 'a"b\\', "two words", "line\nend", "{action}", "\U0001f680")
)
TEXTS: Final = st.text(st.characters(codec="utf-8"), max_size=20)
PRINCIPALS: Final = st.builds(
    Principal,
    NAMES,
    st.sets(st.sampled_from(Role)).map(tuple),
    st.sampled_from(PrincipalKind),
)
CALLERS: Final = st.builds(Caller, PRINCIPALS, st.none() | PRINCIPALS, st.sampled_from(Origin))
MOMENTS: Final = st.integers(0, 10**7).map(
    lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
WORDS_SETS: Final = st.sets(TEXTS, max_size=3).map(lambda words: tuple(sorted(words)))
NUMBERS: Final = st.none() | st.integers(0, 2**31)
JOBS: Final = st.builds(
    JobKnown,
    id=NUMBERS,
    name=st.none() | TEXTS,
    state=st.none() | st.sampled_from(JobState),
    priority=st.none() | st.sampled_from(JobPriority),
    project=st.none() | TEXTS,
    running_seconds=NUMBERS,
    node_count=NUMBERS,
    labels=st.none() | WORDS_SETS,
    protected=st.none() | st.booleans(),
    legal_hold=st.none() | st.booleans(),
)
REQUESTS: Final = st.builds(
    RequestKnown,
    mode=st.none() | st.sampled_from(CancelMode),
    message_units=NUMBERS,
    reason_code=st.none() | TEXTS,
    at=st.none() | MOMENTS,
    bulk_size=NUMBERS,
    freeze_windows=st.none() | WORDS_SETS,
    requester=st.none() | NAMES,
    approvals=NUMBERS,
)


def about_jobs(actions: Iterable[Action]) -> st.SearchStrategy[Question]:
    """Questions about jobs, of these actions."""
    return st.builds(
        Question,
        CALLERS,
        st.sampled_from(sorted(actions)),
        st.just("") | NAMES,
        st.none() | st.sampled_from(JobType),
        JOBS,
        REQUESTS,
    )


ABOUT_THE_CLUSTER: Final = st.builds(
    Question, CALLERS, st.sampled_from(sorted(ON_THE_CLUSTER)), said=REQUESTS
)
QUESTIONS: Final = about_jobs(set(Action) - ON_THE_CLUSTER) | ABOUT_THE_CLUSTER
KNOWN_TO_THE_TABLE: Final = about_jobs(set(EVERYTHING) - ON_THE_CLUSTER) | ABOUT_THE_CLUSTER.filter(
    lambda question: question.action in EVERYTHING
)
"""Questions with actions that there were before Cedar."""
