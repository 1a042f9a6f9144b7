"""320 UTF-16 code units, as HPC Pack counts them; refused, never shortened."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as e
from domain.errors import BadRequest
from domain.message import check_message, kept, said_units, units
from tests.domain.builders import Story, cancel, finish, running_job
from tests.domain.builders import given as given_job

EMOJI = "\N{GRINNING FACE}"
ACCENT = "\N{COMBINING ACUTE ACCENT}"
VARIATION = "\N{VARIATION SELECTOR-16}"
ZWJ = "\N{ZERO WIDTH JOINER}"
WOMAN, LAPTOP = "\N{WOMAN}", "\N{PERSONAL COMPUTER}"
DARK = "\N{EMOJI MODIFIER FITZPATRICK TYPE-6}"
CODER = WOMAN + DARK + ZWJ + LAPTOP  # 2 + 2 + 1 + 2 units, one character to a reader
FLAG = "\N{REGIONAL INDICATOR SYMBOL LETTER C}\N{REGIONAL INDICATOR SYMBOL LETTER H}"
LONE = "\ud83d"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("abc", 3),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", 1),
        ("e" + ACCENT, 2),
        ("\uffff", 1),
        ("\U00010000", 2),
        (EMOJI, 2),
        (CODER, 7),
        (FLAG, 4),
        (LONE, 1),
        ("\r\n", 2),
    ],
)
def test_length_counts_utf_16_code_units(text: str, length: int) -> None:
    assert units(text) == length


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_length_is_that_of_the_text_in_utf_16(text: str) -> None:
    assert units(text) == len(text.encode("utf-16-le")) // 2


TOO_LONG = [
    "a" * 321,
    EMOJI * 160 + "a",
    EMOJI * 161,
    "a" * 319 + EMOJI,
    ("e" + ACCENT) * 160 + "e",
    "a" * 314 + CODER,
    "\n" * 321,
]
JUST_FITS = [
    "a" * 320,
    EMOJI * 160,
    "a" * 318 + EMOJI,
    ("e" + ACCENT) * 160,
    "a" * 313 + CODER,
    "\n" * 320,
]
IDS = ["letters", "emoji, one", "emoji", "a pair across", "marks", "joined", "lines"]


@pytest.mark.parametrize("text", TOO_LONG, ids=IDS)
def test_one_unit_too_many_is_refused_with_hpc_packs_number(text: str) -> None:
    with pytest.raises(BadRequest, match="UTF-16 code units; at most 320 are allowed") as no:
        check_message(text)
    assert (no.value.code, no.value.hresult) == ("message_too_long", 0x800402D3)


@pytest.mark.parametrize("text", JUST_FITS)
def test_exactly_320_units_are_accepted_and_stored_as_given(text: str) -> None:
    assert units(text) == 320
    check_message(text)
    (fact,) = given_job(running_job().job).when(cancel("r1", message=text))
    assert isinstance(fact, e.JobCancelRequested)
    assert fact.message == text
    assert kept(text).text == text
    assert kept(text).sha256 == ""


CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]


@pytest.mark.parametrize("character", [*CONTROLS, LONE, "\udc00"], ids=lambda c: f"{ord(c):04X}")
def test_control_characters_and_lone_surrogates_are_refused(character: str) -> None:
    if character in "\t\n\r":
        check_message(f"a{character}b")
        return
    with pytest.raises(BadRequest, match=rf"U\+{ord(character):04X}") as no:
        check_message(f"a{character}b")
    assert (no.value.code, no.value.hresult) == ("message_bad_character", 0x80040205)


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\ufeff", "<", "\u2028"])
def test_what_is_only_dangerous_where_it_is_shown_is_stored_as_given(character: str) -> None:
    check_message(character)


@pytest.mark.parametrize(("limit", "fits"), [(128, 128), (320, 320), (0, 0)])
def test_the_limit_is_a_setting(limit: int, fits: int) -> None:
    check_message("a" * fits, limit)
    with pytest.raises(BadRequest, match=f"at most {limit} are allowed"):
        check_message("a" * (fits + 1), limit)


def test_a_site_that_matches_the_hpc_pack_client_refuses_129() -> None:
    story = running_job()
    (no,) = story.ask(cancel("r1", message="a" * 129, units_max=128))
    (yes,) = story.ask(cancel("r2", message="a" * 128, units_max=128))
    assert isinstance(no, e.JobCancelRefused)
    assert isinstance(yes, e.JobCancelRequested)
    assert (no.hresult, no.message, no.message_units) == (0x800402D3, "a" * 128, 129)


# --- what a refusal keeps -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("a" * 321, "a" * 320),
        (EMOJI * 161, EMOJI * 160),
        ("a" + EMOJI * 160, "a" + EMOJI * 159),
        ("a" * 319 + EMOJI, "a" * 319),
        ("a" * 319 + "e" + ACCENT, "a" * 319),
        ("a" * 318 + "e" + ACCENT * 2 + "b", "a" * 318),
        ("a" * 318 + "\N{HEAVY BLACK HEART}" + VARIATION + "b", "a" * 318 + "\u2764\ufe0f"),
        ("a" * 319 + "\N{HEAVY BLACK HEART}" + VARIATION, "a" * 319),
        *[("a" * (320 - n) + CODER, "a" * (320 - n)) for n in range(1, 7)],
        ("a" * 313 + CODER + "b", "a" * 313 + CODER),
        ("a" * 318 + FLAG, "a" * 318),
        ("a" * 316 + FLAG * 2, "a" * 316 + FLAG),
        ("a" * 314 + FLAG * 2, "a" * 314 + FLAG),
        ("a" * 319 + "\r\n", "a" * 319),
        ("a" * 319 + LONE + "b", "a" * 319 + "\ufffd"),
        ("e" + ACCENT * 400, "e" + ACCENT * 319),
    ],
)
def test_a_refusal_keeps_the_longest_prefix_of_whole_characters(text: str, prefix: str) -> None:
    found = kept(text)
    assert (found.text, found.units, found.sha256) == (prefix, units(text), sha256(text))
    assert units(found.text) <= 320


def test_a_lone_surrogate_is_replaced_and_the_digest_tells_so() -> None:
    found = kept("a" + LONE)
    assert (found.text, found.units, found.sha256) == ("a\ufffd", 2, sha256("a" + LONE))


@settings(max_examples=60)
@given(st.text(st.characters(), max_size=200), st.integers(0, 40))
def test_whatever_is_kept_fits_is_a_prefix_and_can_be_stored(text: str, limit: int) -> None:
    found = kept(text, limit)
    clean = "".join("\ufffd" if "\ud800" <= x <= "\udfff" else x for x in text)
    assert units(found.text) <= limit
    assert clean.startswith(found.text)
    found.text.encode()
    assert found.units == units(text)
    assert found.sha256 == ("" if found.text == text else sha256(text))


def refused_in_whole() -> tuple[Story, str]:
    story, text = running_job(), "stop " + EMOJI * 200
    story.ask(cancel("r1", message=text, reason_code="maintenance"))
    return story, text


def test_the_refusal_of_a_cancel_holds_prefix_length_and_digest() -> None:
    story, text = refused_in_whole()
    (fact,) = story.facts[-1:]
    assert isinstance(fact, e.JobCancelRefused)
    assert (fact.code, fact.hresult, fact.rule) == (
        "message_too_long",
        0x800402D3,
        "message-limit",
    )
    assert fact.message == "stop " + EMOJI * 157
    assert (fact.message_units, fact.message_sha256) == (405, sha256(text))
    assert fact.reason_code == "maintenance"


def test_the_refusal_of_a_finish_keeps_its_message_too() -> None:
    (fact,) = given_job(running_job().job).when(finish("f1", "b" * 400))
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.message, fact.message_units) == ("b" * 320, 400)
    assert fact.message_sha256 == sha256("b" * 400)


def test_no_message_is_not_no_right() -> None:
    (fact,) = given_job(running_job().job).when(cancel("r1", message=""))
    assert isinstance(fact, e.JobCancelRequested)
    assert fact.message == ""


@pytest.mark.parametrize(
    "blank", ["", " ", "\t \n", "\u00a0\u2003", "\u200b\ufeff", "\u2800", "\u3164 "]
)
def test_a_blank_message_says_nothing_to_rules(blank: str) -> None:
    assert said_units(blank) == 0
    assert said_units(f"{blank}disk full{blank}") == 9
    assert said_units(f"{blank}{CODER}{blank}") == units(CODER)
