"""Cluster parameters, job ids in blocks, error texts and the names of numbers."""

import pytest
from msgspec.structs import replace

from domain import events as e
from domain.cluster import (
    JOB_ID_MAX,
    Cluster,
    ReserveJobIds,
    SetParameter,
    evolve_cluster,
    refused,
    reserve,
    set_parameter,
)
from domain.error_message import error_message
from domain.errors import BadRequest, Corrupt, CountermandError, Unknown
from domain.hresult import HResult
from domain.parameters import CATALOGUE, NOT_HERE, Parameter, find, parsed
from domain.refusal import Refusal, denied
from domain.states import (
    JOB_STATE_NUMBER,
    TASK_STATE_NUMBER,
    Effect,
    JobState,
    TaskState,
)
from tests.domain.builders import ALLOWED, DENIED, asked, recorded

GRACE = "TaskCancelGracePeriod"


class ClusterStory:
    """The cluster's history, growing."""

    def __init__(self) -> None:
        self.cluster = Cluster()

    def ask(self, command: SetParameter) -> e.ClusterEvent | None:
        fact = set_parameter(self.cluster, command)
        if fact is not None:
            self.know(fact, command.asked.asker)
        return fact

    def know(self, fact: e.Event, actor: str | None = None) -> None:
        self.cluster = evolve_cluster(self.cluster, recorded(self.cluster.version + 1, fact, actor))


def setting(
    name: str,
    value: str,
    request_id: str = "p1",
    decision: e.Decision = ALLOWED,
    actor: str = "root",
) -> SetParameter:
    return SetParameter(asked(request_id, actor, decision), name, value)


def test_a_parameter_is_found_without_case_and_set() -> None:
    story = ClusterStory()
    assert story.cluster.value(GRACE) == 15
    assert story.ask(setting("taskcancelgraceperiod", " 030 ")) == e.ClusterParameterSet(
        GRACE, "30", "15", "p1", ALLOWED
    )
    assert story.cluster.value(GRACE.upper()) == 30
    (again) = story.ask(setting(GRACE, "0", "p2"))
    assert again == e.ClusterParameterSet(GRACE, "0", "30", "p2", ALLOWED)


def test_the_defaults_are_the_products() -> None:
    defaults = {p.name: (p.default, p.unit) for p in CATALOGUE.values()}
    assert defaults[GRACE] == (15, "seconds")
    assert defaults["NodeReleaseTaskTimeout"] == (10, "seconds")
    assert defaults["TTLCompletedJobs"] == (5, "days")
    assert defaults["SchedulingMode"] == ("Queued", "")
    assert defaults["JobRetryCount"] == (3, "reruns")
    assert defaults["BackfillLookahead"] == (100, "jobs")


@pytest.mark.parametrize("parameter", CATALOGUE.values(), ids=lambda p: p.name)
def test_every_default_is_allowed_and_is_what_is_in_force(parameter: Parameter) -> None:
    assert parsed(parameter, str(parameter.default)) == parameter.default
    assert Cluster().value(parameter.name.upper()) == parameter.default
    assert parameter.meaning
    assert parameter.source
    assert parameter.name not in NOT_HERE


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("automaticgrowthenabled", "FALSE", "False"),
        ("AffinityType", "nojobs", "NoJobs"),
        ("SpoolDir", r"\\head\spool", r"\\head\spool"),
        ("BackfillLookahead", "-1", "-1"),
        ("SchedulingMode", "queued", "Queued"),
        ("submissionfilterprogram", " /site/check ", "/site/check"),
        ("ActivationFilterProgram", "None", ""),
        ("ActivationFilterProgram", "", ""),
        ("SubmissionFilterTimeout", "120", "120"),
        ("DefaultHoldDuration", "60", "60"),
    ],
)
def test_a_value_is_kept_as_the_catalogue_spells_it(name: str, value: str, kept: str) -> None:
    story = ClusterStory()
    fact = story.ask(setting(name, value))
    assert isinstance(fact, e.ClusterParameterSet)
    assert (fact.value, fact.previous) == (kept, str(find(name).default))
    assert str(story.cluster.value(name)) == kept
    again = story.ask(setting(name, value, "p2"))
    assert isinstance(again, e.ClusterParameterSet)
    assert again.previous == kept


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("AutomaticGrowthEnabled", "1", "True or False"),
        ("SchedulingMode", "Balanced", "only Queued"),
        ("PreemptionType", "Graceful", "only None"),
        ("AffinityType", "", "AllJobs, NonExclusiveJobs or NoJobs"),
        ("SpoolDir", "x" * 261, "at most 260 printable characters"),
        ("SpoolDir", "a\x1bb", "at most 260 printable characters"),
        ("BackfillLookahead", "-2", "from -1 to 2147483647"),
        ("BackfillLookahead", "--1", "from -1 to 2147483647"),
        ("JobCleanUpHour", "24", "from 0 to 23"),
        ("SubmissionFilterProgram", "bin/check", "the absolute path of a program"),
        ("SubmissionFilterProgram", "/" + "x" * 260, "of at most 260 printable characters"),
        ("ActivationFilterProgram", "/a\x1bb", "of at most 260 printable characters, or none"),
        ("SubmissionFilterTimeout", "0", "a whole number of seconds from 1 to 120"),
        ("ActivationFilterTimeout", "121", "a whole number of seconds from 1 to 120"),
        ("DefaultHoldDuration", "0", "a whole number of seconds from 1"),
    ],
)
def test_each_kind_says_what_it_allows(name: str, value: str, allowed: str) -> None:
    story = ClusterStory()
    fact = story.ask(setting(name, value))
    assert isinstance(fact, e.ClusterCommandRefused)
    assert fact.code == "bad_parameter_value"
    assert allowed in fact.explanation
    assert story.cluster.values == {}


@pytest.mark.parametrize("name", NOT_HERE)
def test_what_would_mislead_is_refused_with_the_reason(name: str) -> None:
    fact = ClusterStory().ask(setting(name.lower(), "1"))
    assert isinstance(fact, e.ClusterCommandRefused)
    assert fact.code == "unknown_parameter"
    assert NOT_HERE[name] in fact.explanation


def test_a_value_that_would_not_be_allowed_today_is_read_as_it_was() -> None:
    story = ClusterStory()
    story.know(e.ClusterParameterSet("JobCleanUpHour", "30", "2", "p1", ALLOWED), "jane")
    story.know(e.ClusterParameterSet("NoLongerThere", "x", "y", "p2", ALLOWED), "jane")
    assert story.cluster.values == {"JobCleanUpHour": 30, "NoLongerThere": "x"}


@pytest.mark.parametrize(
    "value", ["", "-1", "86401", "1.5", "1e3", "\u0661", "0x10", "9" * 11, "a"]
)
def test_a_bad_value_is_a_refusal_with_the_limits_in_the_text(value: str) -> None:
    story = ClusterStory()
    fact = story.ask(setting(GRACE, value))
    assert isinstance(fact, e.ClusterCommandRefused)
    assert (fact.code, fact.hresult) == ("bad_parameter_value", 0x80040205)
    assert "seconds from 0 to 86400" in fact.explanation
    assert fact.asked_for == {"name": GRACE, "value": value}
    assert story.cluster.values == {}


def test_an_unknown_name_is_a_refusal_that_names_those_there_are() -> None:
    fact = ClusterStory().ask(setting("NoSuch\ud800" + "x" * 200, "1"))
    assert isinstance(fact, e.ClusterCommandRefused)
    assert fact.code == "unknown_parameter"
    assert "TTLCompletedJobs" in fact.explanation
    fact.asked_for["name"].encode()
    assert len(fact.asked_for["name"]) == 80


def test_without_the_right_nothing_is_said_about_the_value() -> None:
    story = ClusterStory()
    fact = story.ask(setting("NoSuch", "x", decision=DENIED))
    assert isinstance(fact, e.ClusterCommandRefused)
    assert (fact.code, fact.hresult) == ("not_permitted", 0x8004020B)
    assert fact.explanation == "mallory may not"
    assert fact.asked_for == {"name": "NoSuch", "value": "x"}


@pytest.mark.parametrize(
    "command",
    [setting(GRACE, "30"), setting(GRACE, "bad"), setting(GRACE, "30", decision=DENIED)],
)
def test_the_same_request_again_gives_no_event(command: SetParameter) -> None:
    story = ClusterStory()
    assert story.ask(command) is not None
    assert story.ask(command) is None


def test_the_same_id_with_other_content_is_refused_and_another_actors_never_matches() -> None:
    story = ClusterStory()
    story.ask(setting(GRACE, "30"))
    fact = story.ask(setting(GRACE, "31"))
    assert isinstance(fact, e.ClusterCommandRefused)
    assert fact.code == "request_id_reused"
    assert story.cluster.value(GRACE) == 30
    assert isinstance(story.ask(setting(GRACE, "31", actor="jane")), e.ClusterParameterSet)


def test_a_right_lost_since_does_not_change_the_answer_given_then() -> None:
    story = ClusterStory()
    story.ask(setting(GRACE, "30"))
    assert story.ask(setting(GRACE, "30", decision=DENIED)) is None


def test_a_refused_creation_is_remembered_on_the_cluster_but_sets_nothing() -> None:
    no = Refusal("not_permitted", HResult.PERMISSION_DENIED, "no-rule-allows", "no")
    story = ClusterStory()
    story.know(refused(asked("a1"), "add_job", no, {"name": "render"}), "alice")
    assert story.cluster.values == {}
    assert story.cluster.version == 1


# --- job ids --------------------------------------------------------------------------------------


def test_job_ids_are_reserved_in_blocks_and_never_twice() -> None:
    story = ClusterStory()
    first = reserve(story.cluster, ReserveJobIds())
    assert first == e.JobIdsReserved(1, 100)
    story.know(first)
    assert reserve(story.cluster, ReserveJobIds(7)) == e.JobIdsReserved(101, 107)


def test_the_last_block_is_shorter_and_then_the_ids_are_used_up() -> None:
    cluster = replace(Cluster(), job_id_last=JOB_ID_MAX - 3)
    assert JOB_ID_MAX == 2**31 - 1
    assert reserve(cluster, ReserveJobIds()) == e.JobIdsReserved(JOB_ID_MAX - 2, JOB_ID_MAX)
    with pytest.raises(CountermandError) as no:
        reserve(replace(Cluster(), job_id_last=JOB_ID_MAX), ReserveJobIds())
    assert no.value.code == "job_ids_used_up"


def test_an_impossible_history_of_the_cluster_is_corrupt() -> None:
    with pytest.raises(Corrupt, match="2 follows 0"):
        evolve_cluster(Cluster(), recorded(2, e.JobIdsReserved(1, 2)))
    with pytest.raises(Corrupt, match="not about the cluster"):
        evolve_cluster(Cluster(), recorded(1, e.JobQueued()))


def test_parameters_say_what_is_wrong() -> None:
    with pytest.raises(Unknown, match="no cluster parameter"):
        find("nope")
    with pytest.raises(BadRequest, match="from 1 to 86400"):
        parsed(find("nodereleasetasktimeout"), "0")


# --- texts and numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "params", "text"),
    [
        (0, "", ""),
        (0, "ignored", ""),
        (HResult.CANCELED_BY_USER, "stop", "Canceled by user. Message: stop"),
        (HResult.CANCELED_BY_USER, "", "Canceled by user. Message: None"),
        (HResult.CANCELED_BY_USER, "{0} %s", "Canceled by user. Message: {0} %s"),
        (HResult.FINISHED_BY_USER, "", "Finished by user. Message: None"),
        (HResult.TASK_FAILURE, "1 of 2", "The job failed: 1 of 2"),
        (HResult.UNKNOWN_ERROR, "no account", "no account"),
        (12345, "as it is", "as it is"),
    ],
)
def test_the_error_message_is_rendered_as_hpc_pack_does(code: int, params: str, text: str) -> None:
    assert error_message(code, params) == text


def test_job_and_task_states_have_hpc_packs_numbers() -> None:
    assert (set(JOB_STATE_NUMBER), set(TASK_STATE_NUMBER)) == (set(JobState), set(TaskState))
    assert [JOB_STATE_NUMBER[x] for x in (JobState.EXTERNAL_VALIDATION, JobState.QUEUED)] == [8, 16]
    assert [TASK_STATE_NUMBER[x] for x in (TaskState.QUEUED, TaskState.DISPATCHING)] == [8, 16]
    assert sum(JOB_STATE_NUMBER.values()) == sum(TASK_STATE_NUMBER.values()) == 2047


def test_a_policy_that_fails_is_a_denial_with_its_errors() -> None:
    broken = e.Decision(Effect.DENY, "", (), {}, errors=("the policy did not answer",))
    no = denied(asked("r1", decision=broken))
    assert no is not None
    assert (no.rule, no.explanation) == ("policy-error", "the policy did not answer")
    assert denied(asked()) is None
