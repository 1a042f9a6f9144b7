"""Hostile text and hostile documents: harmless in every answer, refused with a sentence."""

import json

import pytest

from tests.adapters.hpcpack.client import Form, HpcClient
from tests.adapters.hpcpack.conftest import IN_JSON, People
from tests.adapters.http.stack import Stack

MARKUP = (
    "</string><script>alert('1')</script>&amp;&lt; \"quoted\" \u202eltr\u202c \U0001f6d1\r\nx\ty"
)
BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<Job Name="&lol2;"/>"""
OUTSIDE = """<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]><Job Name="&file;"/>"""


async def test_a_message_comes_back_as_it_was_given(service: Stack, people: People) -> None:
    alice = await people.person("alice")
    job = await alice.submitted("sleep 60")
    await service.run_job(job)
    raw = json.dumps(MARKUP).encode()
    headers = {"Content-Type": "application/json"}
    assert (await alice.send("POST", f"/jobs/{job}/cancel", raw, headers)).status == 204
    told = await alice.ask("GET", f"/jobs/{job}", properties="ErrorMessage")
    assert MARKUP in told.value["ErrorMessage"]
    assert "<script>" not in told.raw or alice.form is Form.JSON


async def test_what_a_job_is_called_is_no_markup(people: People) -> None:
    alice = await people.person("alice")
    name = "</Value><Evil/> \"'&"
    made = await alice.ask("POST", "/jobs", {"Name": name})
    assert (await alice.job(made.value, "Name")) == {"Name": name}
    listed = await alice.ask("GET", "/jobs", properties="Name")
    assert listed.value == [{"Name": name}]


@IN_JSON
@pytest.mark.parametrize("bad", ["\x1b[31mred", "\x00", "\ud800"])
async def test_control_characters_are_refused_and_the_refusal_is_kept(
    alice: HpcClient, bad: str
) -> None:
    job = await alice.submitted("sleep 60")
    raw = json.dumps(bad).encode()
    headers = {"Content-Type": "application/json"}
    answer = await alice.send("POST", f"/jobs/{job}/cancel", raw, headers)
    assert (answer.status, answer.code) == (422, 0x80040205)
    assert (await alice.job(job, "State"))["State"] == "Submitted"


@IN_JSON
@pytest.mark.parametrize("file", [BOMB, OUTSIDE])
async def test_a_document_type_is_refused(alice: HpcClient, file: str) -> None:
    for content in (file.encode(), json.dumps(file).encode()):
        answer = await alice.send("POST", "/jobs/jobFile", content)
        assert answer.status == 400
        assert "document type" in answer.message
        assert "root:" not in answer.raw


@IN_JSON
@pytest.mark.parametrize(
    "file",
    [
        "<Job>" * 5000,
        "<Job><Tasks>" + "<a>" * 20 + "</a>" * 20 + "</Tasks></Job>",
        "<NoJob/>",
        "<Job><Tasks><Other/></Tasks></Job>",
        "not XML",
        "",
        "<Job Name='a' Name='b'/>",
    ],
)
async def test_what_is_no_job_file_is_refused(alice: HpcClient, file: str) -> None:
    answer = await alice.ask("POST", "/jobs/jobFile", file)
    assert (answer.status, answer.code) == (400, 0x80040205)


PROPERTY = b"<ArrayOfProperty><Property>%s</Property></ArrayOfProperty>"
TERM = "<Job><CustomProperties><Term{}</Term></CustomProperties></Job>"


@IN_JSON
@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("<Job><Foo/></Job>", "Job cannot have an element 'Foo'; it may have: Tasks, "),
        ("<Job><ResourceRequest>x</ResourceRequest></Job>", "element 'ResourceRequest'"),
        ("<Job>text</Job>", "Job holds text that is in no element, 4 characters; remove"),
        ("<Job>\u00a0</Job>", "Job holds text that is in no element, 1 char"),
        ("<Job><Tasks Limit='3'/></Job>", "Tasks cannot have an attribute 'Limit'; it has none"),
        ("<Job><Tasks>x<Task CommandLine='true'/></Tasks></Job>", "Tasks holds text that is in no"),
        ("<Job><Tasks><Task CommandLine='true'>RequiredNodes=n1</Task></Tasks></Job>", "Task hold"),
        ("<Job><Tasks><Task CommandLine='true'><Bar/></Task></Tasks></Job>", "element 'Bar'"),
        ("<Job><Dependencies>1,2</Dependencies></Job>", "Dependencies holds text that is in"),
        (
            "<Job xmlns='urn:wrong'/>",
            "'Job' is in the namespace 'urn:wrong', which is not HPC Pack",
        ),
        ("<Job xmlns:x='urn:wrong'><x:Tasks/></Job>", "'Tasks' is in the namespace 'urn:wrong'"),
        ("<Job xmlns:x='urn:wrong' x:Name='a'/>", "'Name' is in the namespace 'urn:wrong'"),
        (
            "<Job Name='a' xmlns:x='http://schemas.microsoft.com/HPCS2008R2/common' x:Name='b'/>",
            "the attribute 'Name' is there twice",
        ),
        (TERM.format("><Name>a</Name><Value>1</Value><Value>2</Value>"), "has 2 Value elements"),
        (TERM.format("><Name>a</Name><Unit>s</Unit>"), "Term cannot have an element 'Unit'"),
        (TERM.format(" Unit='s'><Name>a</Name>"), "Term cannot have an attribute 'Unit'"),
        (TERM.format(" Name='b'><Name>a</Name>"), "Term cannot have an attribute 'Name'"),
        (TERM.format("><Name>a<b/></Name>"), "Name is a text; it cannot have an element 'b'"),
    ],
)
async def test_what_nothing_reads_in_a_job_file_is_refused_by_its_name(
    alice: HpcClient, file: str, sentence: str
) -> None:
    no = await alice.ask("POST", "/jobs/jobFile", file)
    assert (no.status, no.code) == (400, 0x80040205), no.raw
    assert sentence in no.message
    assert (await alice.ask("GET", "/jobs")).value == []


@IN_JSON
async def test_a_job_file_cannot_give_what_every_run_is_given(alice: HpcClient) -> None:
    given = (
        "<EnvironmentVariables><Variable><Name>CCP_JOBID</Name><Value>77</Value></Variable>"
        "</EnvironmentVariables>"
    )
    task = "<Task CommandLine='a'>{}</Task>"
    for job, inner in ((given, ""), ("", given)):
        file = f"<Job>{job}<Tasks>{task.format(inner)}</Tasks></Job>"
        no = await alice.ask("POST", "/jobs/jobFile", file)
        assert (no.status, no.code) == (422, 0x80040205)
        assert "the variable CCP_JOBID cannot be given" in no.message


@IN_JSON
@pytest.mark.parametrize(
    "file",
    [
        "<Job><Dependencies><Parent Id='1'/></Dependencies></Job>",
        "<Job><Tasks><Task CommandLine='a' MinCores='4'/></Tasks></Job>",
        "<Job><Tasks><Task CommandLine='a' IsRerunnable='false'/></Tasks></Job>",
        "<Job IsExclusive='true'/>",
    ],
)
async def test_what_a_job_file_wants_and_cannot_have_is_not_left_out(
    alice: HpcClient, file: str
) -> None:
    assert (await alice.ask("POST", "/jobs/jobFile", file)).status == 501


@IN_JSON
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/jobs", b'{"Name": "a"}'),
        ("/jobs", b'[{"Name": 7, "Value": "x"}]'),
        ("/jobs", b'[{"Name": "Name", "Value": {}}]'),
        ("/jobs", b'[{"Name": "Name", "Value": "a"}, {"Name": "name", "Value": "b"}]'),
        ("/jobs", b'["Name"]'),
        ("/jobs", b"\xff\xfe"),
        ("/jobs", b"[" * 100_000),
        ("/jobs", b"[NaN]"),
        ("/jobs", b"<ArrayOfProperty><Property><Value>x</Value></Property></ArrayOfProperty>"),
        ("/jobs", b"<ArrayOfProperty><Other/></ArrayOfProperty>"),
        ("/jobs", b"<ArrayOfProperty>Priority=Highest</ArrayOfProperty>"),
        ("/jobs", b"<ArrayOfProperty Count='1'/>"),
        ("/jobs", b"<ArrayOfProperty xmlns='urn:wrong'/>"),
        ("/jobs", PROPERTY % b"<Name>Name</Name><Value>a</Value><Kind>x</Kind>"),
        ("/jobs", PROPERTY % b"<Name>Name</Name><Value>a</Value><Value>b</Value>"),
        ("/jobs", PROPERTY % b"<Name>Name</Name>a"),
        ("/jobs", PROPERTY % b"<Name>Name</Name><Value kind='x'>a</Value>"),
        ("/jobs/1/cancel", b"<string xmlns='urn:wrong'>why</string>"),
        ("/jobs/1/cancel", b"<string forced='true'>why</string>"),
        ("/jobs/1/cancel", b'["a"]'),
        ("/jobs/1/cancel", b"7"),
        ("/jobs/1/cancel", b"<int>7</int>"),
        ("/jobs/1/cancel", b'{"message": "x"}'),
    ],
)
async def test_a_body_of_another_shape_is_refused(
    alice: HpcClient, path: str, content: bytes
) -> None:
    await alice.submitted("sleep 60")
    answer = await alice.send("POST", path, content)
    assert (answer.status, answer.code) == (400, 0x80040205)
    assert (await alice.job(1, "State"))["State"] == "Submitted"


@IN_JSON
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (b"9" * 100_000, "a number in the body has 100000 digits; at most 100 are read"),
        (b"-" + b"9" * 100_000, "a number in the body has 100000 digits; at most 100 are read"),
        (b"1e999", "a number in the body is too large; at most 1.7e308 is read"),
        (b"[" * 100_000, "the body is nested too deep"),
    ],
)
async def test_a_number_beyond_all_is_refused_in_our_words(
    alice: HpcClient, number: bytes, sentence: str
) -> None:
    content = b'[{"Name": "Priority", "Value": ' + number + b"}]"
    answer = await alice.send("POST", "/jobs", content)
    assert (answer.status, answer.code) == (400, 0x80040205)
    assert answer.message.startswith(sentence)


async def test_a_body_that_is_too_large(service: Stack, people: People) -> None:
    """On the Unix socket, where a client still hears why although it was cut off as it sent."""
    alice = await people.person("alice")
    body = b'"' + b"x" * (8 * 1024 * 1024) + b'"'
    async with service.unix() as plain:
        headers = {"Authorization": alice.http.headers["authorization"], "Accept": people.form}
        answer = await plain.post("/hpc/jobs/jobFile", content=body, headers=headers)
    assert answer.status_code == 413
    assert "too large" in answer.text
