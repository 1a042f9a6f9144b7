"""``countermand completion``: the script that teaches a shell to complete command lines."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from adapters.cli.exits import DONE
from adapters.cli.shell import COMPLETE, PROGRAM
from adapters.cli.typed.kinds import AnyCase

SHELLS: Final = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", metavar="SHELL", type=AnyCase(SHELLS))
def verb(shell: str) -> int:
    """Print the script that completes verbs, options, their values and numbers of jobs.

    SHELL is bash, zsh or fish.

    Numbers come from the server, if it answers within a second.

    \b
      eval "$(countermand completion bash)"                    # here and now, or in ~/.bashrc
      countermand completion zsh > ~/.zfunc/_countermand       # with ~/.zfunc in fpath
      countermand completion fish > ~/.config/fish/completions/countermand.fish
    """
    from adapters.cli.verb_group import verbs

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    click.echo(kind(verbs, {}, PROGRAM, COMPLETE).source(), nl=False)
    return DONE
