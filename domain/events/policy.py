"""The policy: what it is written in, who wants which rules, and which are in force from here on."""

from msgspec import Struct

from domain.events.parts import Decision


class PolicySchemaRecorded(Struct, frozen=True):
    """What rules may ask about is this from here on, for those in force and for those proposed.

    It comes with the release of Countermand, so nobody is asked, and each text is recorded once.

    ``digest``: SHA-256 (hex) of the text. ``text``: the schema, in Cedar.
    """

    digest: str
    text: str


class PolicyProposed(Struct, frozen=True):
    """Somebody who may activate policies wants these rules in force. Somebody else must agree.

    ``digest``: SHA-256 (hex) of the text. ``text``: all rules, in Cedar. ``schema_digest``: of the
    schema they were held against. ``rule_count``: how many rules there are. ``author``: who
    proposes them, as they were authenticated. ``note``: why, in their words.
    """

    request_id: str
    digest: str
    text: str
    schema_digest: str
    rule_count: int
    author: str
    note: str
    decision: Decision
    content_sha256: str = ""


class PolicyActivated(Struct, frozen=True):
    """These rules are in force from here on: every later decision is by them.

    ``digest``: SHA-256 (hex) of the text. ``text``: all rules, in Cedar. ``schema_digest``: of the
    schema they were held against. ``rule_count``: how many rules there are.
    ``previous``: the digest of the rules that were in force before, "" at the first time.
    ``author``: who proposed them;
    ``approver``: who activated them, never the author. Both are "" for the rules that come with
    Countermand: they are in force from the beginning on, and nobody chose them.
    ``proposed_version``: the version of the proposal, 0 for none. ``backtest``: the digest of the
    report of a trial on history, "" for none. ``note``: why, in the approver's words.
    ``decision``: null where nobody asked. ``shadow_version``: these rules ran in shadow since the
    event of this version, which ends with this; 0 where they did not.
    """

    request_id: str
    digest: str
    text: str
    schema_digest: str
    rule_count: int
    previous: str
    author: str
    approver: str
    proposed_version: int
    backtest: str
    note: str
    decision: Decision | None
    content_sha256: str = ""
    shadow_version: int = 0


class PolicyShadowStarted(Struct, frozen=True):
    """These rules run in shadow from here on: they are asked what the rules in force are asked, and
    what they say is recorded with each decision, and binds nobody.

    Until they are stopped, or in force. ``digest``: SHA-256 (hex) of the text. ``text``: all rules,
    in Cedar. ``schema_digest``: of the schema they were held against. ``rule_count``: how many
    rules there are. ``started_by``: who had them run, as they were authenticated. ``note``: why, in
    their words.
    """

    request_id: str
    digest: str
    text: str
    schema_digest: str
    rule_count: int
    started_by: str
    note: str
    decision: Decision
    content_sha256: str = ""


class PolicyShadowStopped(Struct, frozen=True):
    """The rules that ran in shadow are asked nothing any more.

    ``digest``: SHA-256 (hex) of their text. ``started_version``: the version of the event that
    started them. ``note``: why, in the words of who stopped them.
    """

    request_id: str
    digest: str
    started_version: int
    note: str
    decision: Decision
    content_sha256: str = ""


class PolicyCommandRefused(Struct, frozen=True):
    """The rules said no to a proposal, to an activation, or to what was to be done about a shadow.

    ``command``: its name, ``propose_policy``, ``activate_policy``, ``shadow_policy`` or
    ``stop_policy_shadow``. ``digest``: SHA-256 (hex) of the text that it was about, "" for none;
    the text itself is not kept. ``note``: what was said with it.
    """

    request_id: str
    command: str
    digest: str
    code: str
    hresult: int
    rule: str
    explanation: str
    note: str
    decision: Decision
    content_sha256: str = ""
