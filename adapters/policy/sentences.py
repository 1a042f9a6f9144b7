"""Why not, in words: the sentence of a rule that forbids, of an error, of too much to tell."""

import re
from collections.abc import Sequence
from typing import Final

from adapters.policy.reading import Rule
from domain.events import PolicyRequest
from domain.policy import ACTION_IN_WORDS, Action
from domain.policy_requests import JOB, PERSON

SENTENCES_MAX: Final = 4
PLACEHOLDER: Final = re.compile(r"\{(principal|action|resource)\}")


def denied_by(request: PolicyRequest, rules: Sequence[Rule]) -> str:
    """What the rules that forbade say, in the order of their ids; of many the first few."""
    ordered = sorted(rules, key=lambda rule: rule.id)
    said = [filled(x.deny_message, request) for x in ordered if x.deny_message]
    named = ", ".join(rule.id for rule in ordered[:SENTENCES_MAX])
    usual = f"{request.principal.id} may not {act(request)}: forbidden by {named}"
    return "; ".join(said[:SENTENCES_MAX]) or usual


def failed(request: PolicyRequest, errors: Sequence[str]) -> str:
    """The policy could not be asked, or gave no answer."""
    return (
        f"whether {request.principal.id} may {act(request)} could not be decided, and so they may "
        f"not: the policy answered with an error ({errors[0]}); tell an administrator"
    )


def too_large(size: int, bytes_max: int) -> str:
    """There is too much to tell."""
    return (
        f"the policy would have to be told {size} bytes to decide this, and at most {bytes_max} "
        "are allowed; shorten the names it is about"
    )


def filled(sentence: str, request: PolicyRequest) -> str:
    """A rule's sentence with the names in it."""
    names = {
        "principal": request.principal.id,
        "action": act(request),
        "resource": resource(request),
    }
    return PLACEHOLDER.sub(lambda found: names[found[1]], sentence)


def act(request: PolicyRequest) -> str:
    """What was wanted, in words."""
    return ACTION_IN_WORDS[Action(request.action)]


def resource(request: PolicyRequest) -> str:
    """What it was wanted of, in words."""
    one = request.resource
    if one.type == PERSON:
        return one.id
    if one.type == JOB:
        return f"job {one.id}" if one.id else "this job"
    return "the cluster"
