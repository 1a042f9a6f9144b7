"""The verbs, by what people come for. A verb's module is imported when that verb is asked for."""

import importlib
from typing import Any, Final

import click

SECTIONS: Final = {
    "Run a service": {
        "dev": "Start everything on this machine, to try it.",
        "serve": "Run the service of a data directory.",
        "provision": "Create the stream and its users, once.",
        "principals": "Say who may connect with a token.",
        "policy": "Show the rules of who may do what, try and change them, recheck decisions.",
        "config": "Print the settings in force.",
        "doctor": "Look for what is wrong here, and say what helps.",
        "fsck": "Check every event of the stream, and all that is kept beside it.",
        "mend": "Make a damaged stream again from the journal.",
        "backup": "Write the stream to a file, while its service runs or not.",
        "restore": "Put a backup in the place of the stream.",
        "accept-loss": "Go on with a stream that has lost events.",
    },
    "Jobs": {
        "submit": "Run something.",
        "add": "Add tasks to a job.",
        "modify": "Give properties of a job new values.",
        "cancel": "Stop jobs, or one task of a job.",
        "emergency-stop": "Kill a job while the stream cannot be reached.",
        "approve": "Approve a cancel that waits.",
        "withdraw": "Take back a cancel that waits.",
        "pending": "Show the cancels that wait.",
        "review": "Review a cancel that overrode the rules.",
        "reviews": "Show who went past the rules or the stream, unreviewed.",
        "finish": "Stop a job, or one task, and count it as finished.",
        "requeue": "Run a failed or canceled job again, or one task.",
        "configure": "Take a job back to Configuring.",
        "protect": "Mark a job as protected.",
        "unprotect": "Lift the protection of a job.",
        "legal-hold": "Put a job under legal hold, or release it.",
        "show": "Show a job, now or then, or its events.",
        "ls": "List jobs, or cancels that are stuck.",
    },
    "What happened": {
        "audit": "Search the audit trail, or export it.",
        "explain": "Say in sentences why a job ended.",
        "watch": "Follow events as they happen.",
        "replay": "Tell a job again, event by event.",
        "schema": "Print what events look like: their published contract.",
    },
    "The cluster": {
        "nodes": "Show the nodes, and how busy they are.",
        "params": "Show or set cluster parameters.",
        "projections": "Show the views, or build them anew.",
        "completion": "Complete command lines in bash, zsh or fish.",
        "version": "Print versions.",
    },
}
VERBS: Final = {verb: words for section in SECTIONS.values() for verb, words in section.items()}


class Verbs(click.Group):
    """A group that knows the names of its verbs without importing one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        found = importlib.import_module(f"adapters.cli.verbs.{cmd_name.replace('-', '_')}").verb
        assert isinstance(found, click.Command)
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Verbs that begin so, without importing one; else what any command completes."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(x, help=y) for x, y in VERBS.items() if x.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, rows in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(rows.items()))


def say_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    """What the verb ``version`` says."""
    if asked:
        verb = verbs.get_command(ctx, "version")
        assert verb is not None
        ctx.exit(verb.main([], standalone_mode=False))


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="VERB ...",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=say_version,
    help="Print versions and exit.",
)
@click.pass_context
def verbs(ctx: click.Context) -> None:
    """Stop jobs on a cluster: by a rule, on the record, to the end.

    `countermand VERB --help` explains a verb, with examples. Start with `countermand dev`.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
