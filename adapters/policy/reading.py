"""The text of a policy, read: its rules by their ids, or what is wrong with it and where."""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

import cedarpy
from cedarpy import pst
from msgspec import Struct

from adapters.policy.annotations import DENY_MESSAGE, ID, WHO, idle
from adapters.policy.demands import Demanded, demanded, wrong_demands
from domain.errors import Misconfigured
from domain.policy import DENIED, FACTS_TOO_LARGE, POLICY_ERROR
from domain.policy_life import long_as_json

POLICY_BYTES_MAX: Final = 48 * 1024
"""A policy travels in one event, of at most 64 KiB with all that is around it."""

NESTED_MAX: Final = 50
OPERATORS_MAX: Final = 300
"""Brackets inside each other, operators in one rule: far more than a rule needs. The engine goes
through them by recursion, and a rule with thousands would end the whole process."""

UNREAD: Final = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"', re.DOTALL)
"""Comments and strings."""

WORDS: Final = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|;|\S', re.DOTALL)
OPERATOR: Final = re.compile(r"&&|\|\||[-+*.!=<>]|\b(?:if|has|like|in|is)\b")
NUMBERED: Final = re.compile(r"^for policy `\w+`[:,] ")
"""How the engine calls a rule: not by its @id."""

ID_FORM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
ID_WORDS: Final = "1 to 80 letters, digits and . _ -"
SENTENCE_CHARACTERS_MAX: Final = 500


class Flaw(Struct, frozen=True):
    """What keeps a text from being a policy. ``line``: where, 0 for all of it; ``rule``: the id of
    the rule, "" where it has none."""

    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{f'rule {self.rule}: ' if self.rule else ''}{self.what}"


class Rule(Struct, frozen=True):
    """A rule, as far as more than the engine needs it.

    ``line``: where it begins. ``actions``: those it is about; None: all. ``who``: the word for
    those it permits. ``deny_message``: the sentence of a refusal by it, "" for the usual one.
    ``demands``: what it demands of a cancel that it permits, as its annotations have it.
    ``idle``: what is wrong with annotations of it that do nothing.
    """

    id: str
    line: int
    permits: bool
    actions: frozenset[str] | None
    who: str
    deny_message: str
    demands: Demanded = Demanded()
    idle: tuple[str, ...] = ()


class RuleSet(Struct, frozen=True):
    """A policy without a flaw. ``digest``: SHA-256 (hex) of its text as UTF-8.

    ``rules``: by the number that the engine gives each: policy0, policy1, ...
    """

    text: str
    digest: str
    rules: dict[str, Rule]
    parsed: cedarpy.PolicySet


def read(text: str, schema: cedarpy.Schema) -> RuleSet:
    """The policy of a text. Raises ``Misconfigured`` for one that cannot be asked."""
    found = unusable(text, schema)
    if found:
        raise Misconfigured(f"the policy is not one that can be used: {first_of(found)}")
    parsed = cedarpy.PolicySet.from_str(text)
    rules = dict(rules_of(text, parsed))
    return RuleSet(text, sha256(text), rules, parsed)


def first_of(found: list[Flaw]) -> str:
    """The first flaw, and how many more there are."""
    return f"{found[0]} (and {len(found) - 1} more)" if len(found) > 1 else str(found[0])


def flaws(text: str, schema: cedarpy.Schema) -> list[Flaw]:
    """All that keeps a text from being put in force, in the order of the lines: that it cannot be
    asked, or says what nothing here takes notice of."""
    found = unusable(text, schema)
    if found:
        return found
    too_long = long_as_json(text)
    if too_long:
        return [Flaw(0, "", f"{too_long}: a quote and the end of a line count twice there")]
    rules = dict(rules_of(text, cedarpy.PolicySet.from_str(text)))
    return [Flaw(rule.line, rule.id, what) for rule in rules.values() for what in rule.idle]


def unusable(text: str, schema: cedarpy.Schema) -> list[Flaw]:
    """All that keeps rules from being asked, in the order of the lines; of what cannot be parsed
    only that."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > POLICY_BYTES_MAX:
        return [Flaw(0, "", f"it has {size} bytes, at most {POLICY_BYTES_MAX} are allowed")]
    winding = too_winding(text)
    if winding is not None:
        return [winding]
    try:
        parsed = cedarpy.PolicySet.from_str(text)
        rules = dict(rules_of(text, parsed))
    except (ValueError, UnicodeError) as error:
        return [unparsed(text, str(error))]
    found = [*ids_wrong(rules), *sentences_wrong(rules), *templates(text, parsed)]
    found += demands_wrong(rules)
    if not rules and not found:
        found.append(Flaw(0, "", "there is no rule in it, so it would refuse everything"))
    found += [] if found else invalid(text, schema, rules)
    return sorted(found, key=lambda flaw: flaw.line)


def rules_of(text: str, parsed: cedarpy.PolicySet) -> Iterator[tuple[str, Rule]]:
    """Each rule with the engine's number for it, in the order of the text."""
    lines = [line for line, _ in statements(text)]
    found = parsed.to_pst().static_policies
    for number in sorted(found, key=place):
        yield number, rule_of(found[number], lines[place(number)])


def rule_of(policy: pst.Template, line: int) -> Rule:
    """What its annotations and its scope say."""
    said = policy.annotations
    name = said.get(ID, "")
    return Rule(
        id=name,
        line=line,
        permits=policy.effect == "permit",
        actions=actions_of(policy.action),
        who=said.get(WHO, "") or name,
        deny_message=said.get(DENY_MESSAGE, ""),
        demands=demanded(said),
        idle=tuple(idle(said, permits=policy.effect == "permit")),
    )


def actions_of(scope: pst.ActionConstraint) -> frozenset[str] | None:
    """The actions that a scope names; None for all."""
    match scope:
        case pst.ActionEq(entity):
            return frozenset({entity.id})
        case pst.ActionIn(entities):
            return frozenset(entity.id for entity in entities)
        case _:
            return None


def ids_wrong(rules: dict[str, Rule]) -> Iterator[Flaw]:
    """Rules without an id of their own."""
    first = dict[str, Rule]()
    for rule in rules.values():
        other = first.setdefault(rule.id, rule)
        if not rule.id:
            yield Flaw(rule.line, "", 'it has no @id("..."), by which a decision would name it')
        elif not ID_FORM.fullmatch(rule.id):
            yield Flaw(rule.line, rule.id, f"its @id is not one: allowed are {ID_WORDS}")
        elif rule.id in (DENIED, POLICY_ERROR, FACTS_TOO_LARGE):
            yield Flaw(rule.line, rule.id, "this @id stands for what no rule decides")
        elif other is not rule:
            yield Flaw(rule.line, rule.id, f"the rule of line {other.line} has this @id already")


def sentences_wrong(rules: dict[str, Rule]) -> Iterator[Flaw]:
    """Sentences that are too long for an event and for who reads them."""
    for rule in rules.values():
        for name, said in ((WHO, rule.who), (DENY_MESSAGE, rule.deny_message)):
            if len(said) > SENTENCE_CHARACTERS_MAX:
                what = f"its @{name} has {len(said)} characters"
                yield Flaw(
                    rule.line, rule.id, f"{what}, at most {SENTENCE_CHARACTERS_MAX} are allowed"
                )


def demands_wrong(rules: dict[str, Rule]) -> Iterator[Flaw]:
    """Demands that are not to be understood, or that no cancel could ever meet."""
    for rule in rules.values():
        permits_cancels = rule.permits and (rule.actions is None or "cancel" in rule.actions)
        for what in wrong_demands(rule.demands, permits_cancels=permits_cancels):
            yield Flaw(rule.line, rule.id, what)


def templates(text: str, parsed: cedarpy.PolicySet) -> Iterator[Flaw]:
    """Templates, which nothing here would fill in: they would look like rules and be none."""
    lines = [line for line, _ in statements(text)]
    for template in parsed.templates():
        what = "it is a template (it has ?principal or ?resource), and those are not used here"
        yield Flaw(lines[place(template["id"])], template["id_annotation"] or "", what)


def invalid(text: str, schema: cedarpy.Schema, rules: dict[str, Rule]) -> Iterator[Flaw]:
    """What the schema does not know, or knows otherwise."""
    for error in cedarpy.validate_policies(text, schema).errors:
        rule = rules.get(error.policy_id)
        line, name = (rule.line, rule.id) if rule else (0, "")
        yield Flaw(line, name, one_line(NUMBERED.sub("", error.error)))


def unparsed(text: str, error: str) -> Flaw:
    """The first statement that is no rule by itself, or else the whole text."""
    for line, statement in statements(text):
        try:
            cedarpy.PolicySet.from_str(statement).to_pst()
        except (ValueError, UnicodeError) as found:
            return Flaw(line, "", f"it cannot be read as Cedar: {one_line(str(found))}")
    return Flaw(0, "", f"it cannot be read as Cedar: {one_line(error)}")


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Each rule with the line it begins in: all up to a semicolon that is in no string."""
    begin: int | None = None
    for word in WORDS.finditer(text):
        if word[0].startswith("//"):
            continue
        begin = word.start() if begin is None else begin
        if word[0] == ";":
            yield text.count("\n", 0, begin) + 1, text[begin : word.end()]
            begin = None
    if begin is not None:
        yield text.count("\n", 0, begin) + 1, text[begin:]


def too_winding(text: str) -> Flaw | None:
    """The first rule that must not be handed to the engine at all."""
    for line, statement in statements(text):
        depth = deepest = 0
        for word in WORDS.findall(statement):
            depth += (word in "([{") - (word in ")]}")
            deepest = max(deepest, depth)
        if deepest > NESTED_MAX:
            return Flaw(line, "", f"more than {NESTED_MAX} brackets stand inside each other")
        operators = len(OPERATOR.findall(UNREAD.sub(" ", statement)))
        if operators > OPERATORS_MAX:
            what = f"it has {operators} operators, at most {OPERATORS_MAX} are allowed: make more"
            return Flaw(line, "", f"{what} rules of it")
    return None


def place(number: str) -> int:
    """policy7 is the eighth rule."""
    return int(number.removeprefix("policy"))


def one_line(words: str) -> str:
    """An error of the engine without its line ends."""
    return " ".join(words.split())


def sha256(text: str) -> str:
    """The digest of a text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def text_of_rule(found: RuleSet, rule: str) -> str:
    """The rule of this id as it is written; "" when there is none."""
    lines = {x.line for x in found.rules.values() if x.id == rule}
    return next((text for line, text in statements(found.text) if line in lines), "")
