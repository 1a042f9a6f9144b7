"""Rules as a site may have them: those that are shipped, and what must not be done besides."""

from typing import Final

from adapters.policy import CedarPolicy, default_text, schema_text

SITE: Final = """
@id("forced-needs-a-message")
@deny_message("{principal} may not {action} by force without saying why")
forbid (principal, action == Action::"cancel", resource)
when {
  context has mode && context.mode == Mode::"forced" &&
  context has message_units && context.message_units == 0
};

@id("protected")
@deny_message("{principal} may not {action}: {resource} is protected")
forbid (principal, action in [Action::"cancel", Action::"cancel_task"], resource)
when { resource has protected && resource.protected };

@id("legal-hold")
@deny_message("{principal} may not {action}: {resource} is under legal hold")
forbid (principal, action in [Action::"requeue", Action::"change"], resource)
when { resource has legal_hold && resource.legal_hold };

@id("not-many")
@deny_message("{principal} may not cancel more than 2 jobs by one request")
forbid (principal, action == Action::"cancel", resource)
when { context has bulk_size && context.bulk_size > 2 };
"""


def site_policy() -> CedarPolicy:
    """The shipped rules and these."""
    return CedarPolicy(default_text() + SITE, schema_text())
