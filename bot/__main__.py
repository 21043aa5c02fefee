"""The command line: `python -m bot COMMAND`. Exit codes: 0 fine, 1 problems found, 2 cannot start."""

import typer

from bot.cli import house, retention, run, serve, words

main = typer.Typer(
    help="娘家: a chat service that a county women's federation runs itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (run, serve, words, house, retention):
    main.registered_commands += part.commands.registered_commands
    main.registered_groups += part.commands.registered_groups


if __name__ == "__main__":
    main()
