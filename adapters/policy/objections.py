"""Why rules that can be asked are not to be put in force all the same."""

from adapters.policy.cedar import parsed_schema
from adapters.policy.reading import first_of, flaws


def objection(text: str, schema: str) -> str:
    """Why a text is not to be put in force with this schema, with the place; "" for nothing."""
    found = flaws(text, parsed_schema(schema))
    return f"the policy is not one to put in force: {first_of(found)}" if found else ""
