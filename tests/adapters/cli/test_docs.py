"""docs/cli.md is what the help of the verbs says."""

from adapters.cli import exits
from adapters.cli.verb_group import VERBS
from ops.write_cli_docs import COMMON, PAGE, page


def test_the_page_is_what_the_help_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "`make contracts` writes it anew"


def test_every_verb_and_every_exit_status_is_there() -> None:
    text = page()
    assert all(f"### countermand {verb}\n" in text for verb in VERBS)
    assert "### countermand audit export\n" in text
    assert "### countermand projections rebuild\n" in text
    numbers = {x for name, x in vars(exits).items() if name.isupper() and isinstance(x, int)}
    assert set(exits.MEANINGS) == numbers
    assert all(f"`{name}" in text for name in COMMON)
    assert "| `-o, --output [csv\\|ndjson]` |" in text, "an option of the same name that differs"
