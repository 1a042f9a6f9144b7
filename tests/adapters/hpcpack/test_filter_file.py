"""A job as filters see it, and what they may do to it."""

import xml.etree.ElementTree as ET
from typing import Final

import pytest
from msgspec.structs import replace

from adapters.hpcpack.filter_file import SCHEDULER, HpcJobFiles
from domain.commands import JobChanges, JobTerms
from domain.events import TaskSpec
from domain.job import Job
from domain.states import JobPriority, TaskType
from tests.domain.builders import Story, add

NAMESPACE: Final = {"hpc": SCHEDULER}
HOSTILE: Final = "a\"'<&>\n\t\r]]>\x00\x1b\u202e\ud800"
FILES: Final = HpcJobFiles()


def a_job() -> Job:
    tasks = (
        TaskSpec(1, "render 1", name="one", environment={"A": "1"}, runtime_seconds=60),
        TaskSpec(2, "render 2", work_directory="/tmp", depends_on=("one",)),
        TaskSpec(3, "clean", TaskType.NODE_RELEASE),
    )
    return Story(add(tasks, properties={"project": "p-17"})).job


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
