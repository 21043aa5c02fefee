"""retention run: let go of what has expired, now instead of in the night."""

from typing import Annotated

import typer

from bot.cli.common import ConfigOption, one_sentence, open_database, read_settings, run_async
from workers import retention

commands = typer.Typer()
retention_commands = typer.Typer(help="What is kept, and how long (config section `retention`).")
commands.add_typer(retention_commands, name="retention")


@retention_commands.callback()
def group() -> None:
    """What is kept, and how long (config section `retention`)."""


@retention_commands.command("run")
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count what would go")] = False,
    config: ConfigOption = None,
) -> None:
    """Erase or reduce to statistics whatever is older than its period; open cases and open danger stay."""
    with one_sentence():
        settings = read_settings(config)

        async def work() -> dict[str, int]:
            async with open_database(settings) as database:
                act = retention.look if dry_run else retention.run
                return await act(database, settings)

        for name, number in run_async(work).items():
            typer.echo(f"{name:<18} {number}")
        typer.echo("nothing was changed (dry run)" if dry_run else "done")
