"""The page on the command line leaves nothing out. That it is written: test_contract_files."""

from adapters.cli import exits
from adapters.cli.verb_group import VERBS
from ops.cli_docs import COMMON, document


def test_every_verb_and_every_exit_status_is_there() -> None:
    text = document()
    assert all(f"### countermand {verb}\n" in text for verb in VERBS)
    assert "### countermand audit export\n" in text
    assert "### countermand projections rebuild\n" in text
    numbers = {x for name, x in vars(exits).items() if name.isupper() and isinstance(x, int)}
    assert set(exits.MEANINGS) == numbers
    assert all(f"`{name}" in text for name in COMMON)
    assert "| `-o, --output [csv\\|ndjson]` |" in text, "an option of the same name that differs"
