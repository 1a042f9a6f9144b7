"""Texts that are no policy: what is wrong, in which rule, on which line."""

from typing import Final

import msgspec
import pytest

from adapters.policy import (
    POLICY_BYTES_MAX,
    CedarPolicy,
    Flaw,
    flaws,
    objection,
    parsed_schema,
    schema_text,
)
from domain.errors import Misconfigured
from domain.policy_life import JSON_BYTES_MAX

SCHEMA: Final = parsed_schema(schema_text())
FIRST: Final = '// "one; with a semicolon"\n\n@id("one")\npermit (principal, action, resource);\n'


def found(text: str) -> list[Flaw]:
    return flaws(text, SCHEMA)


def test_a_rule_needs_an_id_of_its_own() -> None:
    (flaw,) = found(FIRST + "forbid (principal, action, resource);")
    assert (flaw.line, flaw.rule) == (5, "")
    assert "no @id" in flaw.what
    (flaw,) = found(FIRST + '@id("one") forbid (principal, action, resource);')
    assert (flaw.line, flaw.rule) == (5, "one")
    assert "line 3" in flaw.what
    (flaw,) = found('@id("") permit (principal, action, resource);')
    assert "no @id" in flaw.what
    with pytest.raises(Misconfigured, match=r"line 5.*no @id"):
        CedarPolicy(FIRST + "forbid (principal, action, resource);", schema_text())


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ('@id("two words")', "1 to 80 letters"),
        ('@id("a,b")', "1 to 80 letters"),
        ('@id("no-rule-allows")', "no rule decides"),
        ('@id("policy-error")', "no rule decides"),
        (f'@id("x") @deny_message("{"m" * 501}")', "@deny_message has 501 characters"),
        (f'@id("x") @who("{"m" * 501}")', "@who has 501 characters"),
    ],
)
def test_ids_and_sentences_that_no_event_could_carry(annotations: str, said: str) -> None:
    (flaw,) = found(f"{FIRST}{annotations} forbid (principal, action, resource);")
    assert flaw.line == 5
    assert said in flaw.what


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('context.mod == Mode::"forced"', "mod"),
        ('context has mode && context.mode == Mode::"force"', "force"),
        ("context.message_units == 0", "message_units"),
        ('principal in Role::"king"', "king"),
        ("resource has owner && resource.owner == 7", "String"),
    ],
)
def test_what_the_schema_does_not_have_is_named_with_its_line(condition: str, said: str) -> None:
    scope = 'principal, action == Action::"cancel", resource is Job'
    rule = f'@id("two")\nforbid ({scope})\nwhen {{ {condition} }};'
    (flaw,) = found(FIRST + rule)
    assert (flaw.line, flaw.rule) == (5, "two")
    assert said in flaw.what
    assert "policy1" not in flaw.what


def test_an_action_that_there_is_not() -> None:
    flaw = found('@id("x")\npermit (principal, action == Action::"fly", resource);')[0]
    assert (flaw.line, flaw.rule) == (1, "x")
    assert "fly" in flaw.what


@pytest.mark.parametrize("text", ["permit (", FIRST + '@id("x") allow (principal);', "\ufeff;"])
def test_what_is_not_cedar_is_named_with_its_line(text: str) -> None:
    (flaw,) = found(text)
    assert flaw.line == (5 if "allow" in text else 1)
    assert "cannot be read as Cedar" in flaw.what
    assert "\n" not in flaw.what


def test_no_rule_at_all_and_too_many() -> None:
    assert "no rule" in found("// nothing\n")[0].what
    (flaw,) = found(FIRST + "// " + "x" * POLICY_BYTES_MAX)
    assert f"at most {POLICY_BYTES_MAX} are allowed" in flaw.what
    assert found(FIRST + "// " + "x" * (POLICY_BYTES_MAX - len(FIRST) - 3)) == []


def test_a_template_is_no_rule() -> None:
    (flaw,) = found(FIRST + '@id("t") permit (principal == ?principal, action, resource);')
    assert (flaw.line, flaw.rule) == (5, "t")
    assert "template" in flaw.what


def test_hostile_text_is_no_rule_either() -> None:
    assert found("\x00\x1b[31m")
    assert found('@id("' + "(" * 5000)


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 2000 + "true" + ")" * 2000,
        "(" * 2000,
        "&&".join(["true"] * 8000),
        "context" + ".a" * 10_000,
        "context has a" + ".a" * 10_000,
        "if true then true else " * 2000 + "true",
        "+".join(["1"] * 8000) + " == 1",
        "context" + ".contains(1)" * 3000,
        "1 == " + "-" * 4000 + "1",
        "1 == " * 4000 + "1",
        "principal in " * 3000 + "principal",
        "principal is " * 3000 + "principal",
        "[" * 49 + "]" * 49 + " == 1",
        "&&".join(["true"] * 299),
        "context" + ".a" * 300,
        "context has a" + ".a" * 298,
        "if true then true else " * 299 + "true",
        "+".join(["1"] * 299) + " == 1",
        "!" * 299 + "true",
    ],
    ids=lambda condition: f"{condition[:20]}-{len(condition)}",
)
def test_a_rule_that_winds_endlessly_is_refused_and_ends_nothing(condition: str) -> None:
    rule = f'@id("deep") permit (principal, action, resource) when {{ {condition} }};'
    assert found(FIRST + rule)[0].line == 5


def test_long_lists_and_long_strings_are_no_trouble() -> None:
    names = ", ".join(f'"x && y {n} ("' for n in range(2000))
    rule = '@id("many") permit (principal, action, resource) when '
    assert found(f"{rule}{{ [{names}].contains(principal.name) }};") == []


@pytest.mark.parametrize(
    ("annotations", "effect", "said"),
    [
        ('@deny_mesage("no")', "forbid", "@deny_mesage is no annotation that means anything (is "),
        ('@deny_mesage("no")', "forbid", "(is @deny_message meant?)"),
        ('@hodl("60s")', "permit", "(is @hold meant?)"),
        ('@approval("2")', "permit", "(is @approvals meant?)"),
        ('@Id("x")', "permit", "(is @id meant?)"),
        (
            '@ticket("OPS-7")',
            "permit",
            "there are @id, @who, @deny_message, @hold, @approvals, @note",
        ),
        ('@deny_message("no")', "permit", "@deny_message is for rules that forbid"),
        ('@who("owner")', "forbid", "@who is for rules that permit"),
    ],
)
def test_an_annotation_that_would_do_nothing_is_named(
    annotations: str, effect: str, said: str
) -> None:
    text = f'{FIRST}@id("two")\n{annotations}\n{effect} (principal, action, resource);'
    (flaw,) = found(text)
    assert (flaw.line, flaw.rule) == (5, "two")
    assert said in flaw.what
    assert said in objection(text, schema_text())
    assert CedarPolicy(text, schema_text()).rule_count == 2, "what is in force stays in force"


def test_a_note_is_for_people() -> None:
    text = f'{FIRST}@id("two") @note("see OPS-7") forbid (principal, action, resource);'
    assert found(text) == []
    assert objection(text, schema_text()) == ""


def test_an_annotation_that_stands_twice_is_named() -> None:
    (flaw,) = found(f'{FIRST}@id("two") @id("three") permit (principal, action, resource);')
    assert flaw.line == 5
    assert "id" in flaw.what


def test_the_limits_hold_to_the_byte() -> None:
    assert found(padded(POLICY_BYTES_MAX)) == []
    assert objection(padded(POLICY_BYTES_MAX), schema_text()) == ""
    (flaw,) = found(padded(POLICY_BYTES_MAX + 1))
    assert (
        flaw.what == f"it has {POLICY_BYTES_MAX + 1} bytes, at most {POLICY_BYTES_MAX} are allowed"
    )


@pytest.mark.parametrize(("over", "wrong"), [(0, False), (1, True)])
def test_what_an_event_cannot_take_is_found_before(over: int, wrong: bool) -> None:
    plain = len(msgspec.json.encode(FIRST + "//"))
    quotes = '"' * 9000
    text = FIRST + "//" + quotes + "x" * (JSON_BYTES_MAX - plain - 2 * len(quotes) + over)
    assert len(text) < POLICY_BYTES_MAX
    assert [x.what.startswith("as JSON it has") for x in found(text)] == [True] * wrong
    assert ("as JSON" in objection(text, schema_text())) is wrong


def padded(size: int) -> str:
    """A good policy of so many bytes."""
    return FIRST + "// " + "x" * (size - len(FIRST) - 3)
