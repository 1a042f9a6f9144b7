"""A job as filters see it, and what they may do to it."""

import xml.etree.ElementTree as ET
from typing import Final

import pytest
from msgspec.structs import replace

from adapters.hpcpack.filter_file import BOOLEANS, SCHEDULER, HpcJobFiles
from adapters.hpcpack.job_file import job_of
from adapters.hpcpack.job_properties import job_properties
from adapters.hpcpack.task_properties import Owned, task_properties
from application.scheduler import NewJob
from domain.commands import AddJob, JobChanges, JobTerms
from domain.events import TaskSpec
from domain.job import Job
from domain.states import JobPriority, JobType, TaskType
from projections.job_view import job_row
from tests.domain.builders import JOB_ID, Story, add, asked

NAMESPACE: Final = {"hpc": SCHEDULER}
HOSTILE: Final = "a\"'<&>\n\t\r]]>\x00\x1b\u202e\ud800"
FILES: Final = HpcJobFiles()


def a_job() -> Job:
    tasks = (
        TaskSpec(1, "render 1", name="one", environment={"A": "1"}, runtime_seconds=60),
        TaskSpec(2, "render 2", work_directory="/tmp", depends_on=("one",)),
        TaskSpec(3, "clean", TaskType.NODE_RELEASE),
    )
    own = {"OMP_NUM_THREADS": "8"}
    return Story(add(tasks, properties={"project": "p-17"}, environment=own)).job


FILE: Final = FILES.write(a_job())


def parsed(file: bytes) -> ET.Element:
    return ET.fromstring(file)


def test_the_file_is_a_job_of_the_schema() -> None:
    root = parsed(FILE)
    assert root.tag == f"{{{SCHEDULER}}}Job"
    expected = {
        "Version": "3.000",
        "Id": "7",
        "State": "Configuring",
        "Owner": "alice",
        "UserName": "alice",
        "Name": "render",
        "JobType": "Batch",
        "Priority": "Normal",
        "RunUntilCanceled": "false",
        "FailOnTaskFailure": "false",
        "HasRuntime": "false",
        "UnitType": "Core",
        "JobTemplate": "Default",
    }
    assert expected.items() <= root.attrib.items()
    (term,) = root.findall("hpc:ExtendedTerms/hpc:Term", NAMESPACE)
    assert [x.text for x in term] == ["project", "p-17"]
    one, two, three = root.findall("hpc:Tasks/hpc:Task", NAMESPACE)
    assert (one.get("CommandLine"), one.get("RuntimeSeconds")) == ("render 1", "60")
    (variable,) = one.findall("hpc:EnvironmentVariables/hpc:Variable", NAMESPACE)
    assert [x.text for x in variable] == ["A", "1"]
    assert (two.get("WorkDirectory"), two.get("DependsOn")) == ("/tmp", "one")
    assert three.get("Type") == "NodeRelease"


def test_a_limit_of_the_job_is_told() -> None:
    root = parsed(FILES.write(replace(a_job(), runtime_seconds=90)))
    assert (root.get("HasRuntime"), root.get("RuntimeSeconds")) == ("true", "90")


def test_a_sweep_is_told_by_its_values() -> None:
    sweep = TaskSpec(1, "render *", TaskType.PARAMETRIC_SWEEP, start=1, end=100, increment=2)
    (task,) = parsed(FILES.write(Story(add((sweep,))).job)).findall("hpc:Tasks/hpc:Task", NAMESPACE)
    assert [task.get(f"{x}Value") for x in ("Start", "End", "Increment")] == ["1", "100", "2"]


# --- all that the model has -----------------------------------------------------------------------

EVERYTHING: Final = NewJob(
    name="render",
    tasks=(
        TaskSpec(
            1,
            "render 1",
            name="one",
            work_directory="/tmp",
            environment={"A": "1", "B": "two  blanks"},
            runtime_seconds=60,
            valid_exit_codes="0,3",
            properties={"frame": "17"},
            stdin="in",
            stdout="out",
            stderr="err",
        ),
        TaskSpec(2, "render *", TaskType.PARAMETRIC_SWEEP, start=2, end=100, increment=3),
        TaskSpec(3, "check", depends_on=("one",)),
        TaskSpec(4, "prepare", TaskType.NODE_PREP),
        TaskSpec(5, "clean", TaskType.NODE_RELEASE),
    ),
    job_type=JobType.ADMIN,
    priority=JobPriority.HIGHEST,
    run_as="batch",
    properties={"project": "p-17", "class": "large"},
    fail_on_task_failure=True,
    run_until_canceled=True,
    runtime_seconds=90,
    environment={"OMP_NUM_THREADS": "8"},
    valid_exit_codes="0,10..20",
    task_retry_count=2,
    hold_until="2126-01-02T02:04:05+00:00",
    project="film",
    service_name="soa",
    client_source="a portal",
    progress=40,
    progress_message="40 of 100",
    max_cores=4,
    labels={"env": "prod"},
)
"""A job with a value of its own for everything that somebody can want of one."""


def test_the_job_has_a_value_of_its_own_for_everything() -> None:
    """So that what comes to a job later cannot be missing below."""
    defaults = NewJob()
    same = [x for x in NewJob.__struct_fields__ if getattr(EVERYTHING, x) == getattr(defaults, x)]
    given = {
        name
        for task in EVERYTHING.tasks
        for name in TaskSpec.__struct_fields__
        if getattr(task, name) != getattr(TaskSpec(0, ""), name)
    }
    no_name_there = {"retry_count"}
    of_a_service = {"instances"}
    assert same == []
    assert given | no_name_there | of_a_service == set(TaskSpec.__struct_fields__)


def made_of(new: NewJob) -> Job:
    wanted = {name: getattr(new, name) for name in NewJob.__struct_fields__}
    return Story(AddJob(asked("a1"), JOB_ID, owner="alice", submit=False, **wanted)).job


def test_a_job_file_makes_the_same_job_of_it() -> None:
    job = job_of(FILES.write(made_of(EVERYTHING)))
    assert job == replace(EVERYTHING, labels={})  # HPC Pack's files have no labels


def test_and_so_it_does_of_a_job_with_nothing() -> None:
    job = made_of(NewJob(tasks=(TaskSpec(1, "true"),)))
    assert job_of(FILES.write(job)) == NewJob(
        tasks=(TaskSpec(1, "true"),), run_as="alice", max_cores=1
    )


@pytest.mark.parametrize(("own", "told"), [(7, 0), (0, 7), (7, 9)])
def test_a_service_has_as_many_instances_in_the_file(own: int, told: int) -> None:
    service = TaskSpec(1, "serve", TaskType.SERVICE, instances=own)
    job = made_of(NewJob(tasks=(service,), max_cores=told))
    again = job_of(FILES.write(job))
    assert again.max_cores == 7
    assert made_of(again).tasks[1].spec.instances == job.tasks[1].spec.instances == 7


def test_every_property_that_can_be_read_is_told_unless_it_is_empty() -> None:
    job = made_of(EVERYTHING)
    root = parsed(FILES.write(job))
    read = job_properties(job_row(job, 0), ())
    told = {"Runtime": "RuntimeSeconds"}
    for row in read:
        value = root.get(told.get(row.name, row.name))
        assert (value or "").lower() == row.value.lower(), row.name
    elements = root.findall("hpc:Tasks/hpc:Task", NAMESPACE)
    for task, element in zip(job.tasks.values(), elements, strict=True):
        for row in task_properties(Owned(job, task), ()):
            if row.name in ("TaskId", "Runtime"):
                continue
            assert (element.get(row.name) or "").lower() == row.value.lower(), row.name


def test_yes_and_no_are_written_as_the_product_exports_them() -> None:
    job = replace(made_of(EVERYTHING), name="True", project="False")
    file = FILES.write(job)
    root = parsed(file)
    assert (root.get("Name"), root.get("Project")) == ("True", "False")
    rows = [*job_properties(job_row(job, 0), ())]
    rows += task_properties(Owned(job, job.tasks[1]), ())
    words = {row.name for row in rows if row.value in ("True", "False")} - {"Name", "Project"}
    assert words == BOOLEANS


def test_hostile_text_stays_text() -> None:
    job = replace(a_job(), name=HOSTILE, properties={HOSTILE: HOSTILE})
    root = parsed(FILES.write(job))
    shown = "a\"'<&>\n\t\r]]>\ufffd\ufffd\u202e\ufffd"
    assert root.get("Name") == shown
    (term,) = root.findall("hpc:ExtendedTerms/hpc:Term", NAMESPACE)
    assert [x.text for x in term] == [shown, shown]


# --- what a filter changed ------------------------------------------------------------------------


def compared(*changes: tuple[str, str]) -> JobTerms:
    after = FILE.decode()
    for old, new in changes:
        assert old in after
        after = after.replace(old, new, 1)
    return FILES.compare(FILE, after.encode())


def test_a_file_that_says_the_same_changes_nothing() -> None:
    laid_out = FILE.replace(b"><", b">\n  <").replace(b"Version=", b"\n Version=")
    assert FILES.compare(FILE, FILE) == FILES.compare(FILE, laid_out) == JobTerms()
    ET.register_namespace("hpc", SCHEDULER)
    rewritten = ET.tostring(parsed(FILE), encoding="utf-16")
    assert FILES.compare(FILE, rewritten) == JobTerms()


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ('Name="render"', 'Name="night"', JobChanges(name="night")),
        ('"Normal"', '"highest"', JobChanges(priority=JobPriority.HIGHEST)),
        ('Canceled="false"', 'Canceled="True"', JobChanges(run_until_canceled=True)),
        ('Failure="false"', 'Failure="1"', JobChanges(fail_on_task_failure=True)),
        ('"Normal"', '"Normal" RuntimeSeconds="60"', JobChanges(runtime_seconds=60)),
        ("p-17", "p-18", JobChanges(properties={"project": "p-18"})),
        (
            "</ExtendedTerms>",
            "<Term><Name>JobClass</Name><Value>Large</Value></Term></ExtendedTerms>",
            JobChanges(properties={"JobClass": "Large"}),
        ),
        (
            "<Tasks>",
            "<CustomProperties><Term><Name>a</Name><Value>b</Value></Term></CustomProperties>"
            "<Tasks>",
            JobChanges(properties={"a": "b"}),
        ),
    ],
)
def test_what_a_filter_may_change(old: str, new: str, changes: JobChanges) -> None:
    assert compared((old, new)) == JobTerms(changes)


def test_several_changes_are_taken_together() -> None:
    terms = compared(('"Normal"', '"Lowest"'), ("p-17", "p-18"))
    assert terms.changes == JobChanges(priority=JobPriority.LOWEST, properties={"project": "p-18"})


def test_a_limit_that_is_taken_away_is_none() -> None:
    before = FILES.write(replace(a_job(), runtime_seconds=90))
    after = before.replace(b' RuntimeSeconds="90"', b"", 1)
    assert FILES.compare(before, after) == JobTerms(JobChanges(runtime_seconds=0))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("render 1", "rm -rf /", "it changed the tasks"),
        ("<Tasks>", '<Tasks><Task CommandLine="more"/>', "it changed the tasks"),
        ("<Value>1</Value>", "<Value>2</Value>", "it changed the tasks"),
        ("<Value>8</Value>", "<Value>9</Value>", "it changed EnvironmentVariables"),
        ('UserName="alice"', 'UserName="root"', "it changed UserName; it may change Name, "),
        ('Owner="alice"', 'Owner="bob"', "it changed Owner; it may change Name, "),
        ('"Default"', '"LargeJobTemplate"', "it changed JobTemplate; it may change Name, "),
        ('"Normal"', '"Normal" Project="x"', "it changed Project; it may change Name, "),
        ('"Normal"', '"Urgent"', "Priority cannot be 'Urgent'"),
        ('"Normal"', '"Normal" RuntimeSeconds="-1"', "RuntimeSeconds cannot be '-1'"),
        (' Priority="Normal"', "", "it removed Priority, which every job has"),
        ("<Name>project</Name>", "<Name>other</Name>", "it removed the term 'project'"),
        ("<Tasks>", '<NodePrep CommandLine="x"/><Tasks>', "it added NodePrep"),
        ("<Tasks>", "<Tasks", "the XML cannot be read"),
        ("<Job ", "<!DOCTYPE Job><Job ", "the XML has a document type"),
    ],
)
def test_what_it_may_not(old: str, new: str, sentence: str) -> None:
    terms = compared((old, new))
    assert terms.changes is None
    assert terms.not_taken.startswith(sentence)


def test_a_file_that_is_gone_or_another_document() -> None:
    assert FILES.compare(FILE, None).not_taken.startswith("the job's file is gone")
    assert "is a Job" in FILES.compare(FILE, b"<Other/>").not_taken
    assert FILES.compare(FILE, b"").not_taken
