"""check-config, staff, audit, keys, backup, restore: what an operator does."""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Annotated

import pyotp
import typer
from aiohttp import ClientSession

from bot import app as wiring
from bot import clock
from bot.channels.tokens import InMemoryTokens
from bot.cli.common import PROBLEMS, ConfigOption, one_sentence, open_database, read_settings, run_async
from bot.config import Settings
from bot.console.passwords import SHORTEST_PASSWORD, hash_password
from bot.errors import BotError, ConfigError
from bot.workdays import missing_years
from storage import backup as copies
from storage.database import Database, normalise_url
from storage.encryption import Keyring, MasterKey, read_key_file, write_key_file
from storage.migrations import upgrade
from storage.models import Area, table
from storage.repositories import audit, keys, staff

commands = typer.Typer()
staff_commands = typer.Typer(help="Members of staff who sign in to the console.")
audit_commands = typer.Typer(help="The audit log.")
keys_commands = typer.Typer(help="The master key.")
commands.add_typer(staff_commands, name="staff")
commands.add_typer(audit_commands, name="audit")
commands.add_typer(keys_commands, name="keys")


@commands.command("check-config")
def check_config(config: ConfigOption = None) -> None:
    """Read the settings as a start would; name the first bad one and how to mend it."""
    try:
        settings = read_settings(config)
        normalise_url(settings.database_url)
        names = run_async(lambda: _open_channels(settings))
    except BotError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(PROBLEMS) from None
    today = clock.local(clock.now(), settings.service.timezone).date()
    for year in missing_years(settings.service, today):
        typer.echo(
            f"warning: the public holidays and shifted workdays of {year} are not known to this version; until it is"
            " updated only the days named by law count. Take them from the State Council's notice and set"
            " service.days_off and service.days_worked",
            err=True,
        )
    typer.echo(f"settings are fine; channels: {', '.join(names) or 'none is on'}")


async def _open_channels(settings: Settings) -> list[str]:
    async with ClientSession() as session:
        return sorted(await wiring.open_channels(settings, InMemoryTokens(), session))


@staff_commands.command("add")
def add_staff(
    login: str,
    role: Annotated[str, typer.Option(help="worker, caseworker, supervisor, local, cadre, admin or auditor")],
    area: Annotated[str, typer.Option(help="code of her area, if she belongs to one")] = "",
    name: Annotated[str, typer.Option(help="her name as colleagues see it")] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from stdin")] = False,
    totp_secret: Annotated[str, typer.Option(help="base32 secret of a second factor")] = "",
    config: ConfigOption = None,
) -> None:
    """Add a member of staff; without --password-stdin a password is made up and printed once."""
    with one_sentence():
        settings = read_settings(config)
        if role not in staff.ROLES:
            raise BotError(f"--role {role} is not a role; use one of: {', '.join(staff.ROLES)}")
        if totp_secret:
            _check_totp(totp_secret)
        password = _password(password_stdin)

        async def add() -> None:
            digest = await asyncio.to_thread(hash_password, password)
            async with open_database(settings) as database, database.transaction() as tx:
                area_id = None
                if area:
                    found = await tx.first(table(Area).select().where(table(Area).c.code == area))
                    if found is None:
                        raise BotError(f"--area {area}: there is no area with this code")
                    area_id = found.id
                staff_id = await staff.add(
                    tx,
                    login=login,
                    name=name or login,
                    role=role,
                    password_hash=digest,
                    area_id=area_id,
                    totp_secret=totp_secret,
                    now=clock.now(),
                )
                await audit.append(
                    tx, staff_id=None, action="staff.added", subject=f"staff:{staff_id}", now=clock.now()
                )

        run_async(add)
        typer.echo(f"added {login}" if password_stdin else f"added {login}, password {password} (shown only now)")


@staff_commands.command("list")
def list_staff(config: ConfigOption = None) -> None:
    """Everybody who may sign in."""
    with one_sentence():
        settings = read_settings(config)

        async def read() -> list[str]:
            async with open_database(settings) as database, database.reading() as tx:
                return [
                    f"{person.login:<20} {person.role:<12} {'' if person.active else 'inactive'}".rstrip()
                    for person in await staff.list_all(tx)
                ]

        for line in run_async(read):
            typer.echo(line)


@staff_commands.command("reset")
def reset_staff(
    login: str,
    password_stdin: Annotated[bool, typer.Option("--password-stdin")] = False,
    config: ConfigOption = None,
) -> None:
    """Give a new password and end all her sessions."""
    with one_sentence():
        settings = read_settings(config)
        password = _password(password_stdin)

        async def reset() -> None:
            digest = await asyncio.to_thread(hash_password, password)
            async with open_database(settings) as database, database.transaction() as tx:
                person = await staff.find_by_login(tx, login)
                if person is None:
                    raise BotError(f"there is no {login}; see: python -m bot staff list")
                await staff.set_password(tx, login, digest, clock.now())
                await audit.append(
                    tx, staff_id=None, action="staff.password_reset", subject=f"staff:{person.id}", now=clock.now()
                )

        run_async(reset)
        typer.echo(f"reset {login}" if password_stdin else f"reset {login}, password {password} (shown only now)")


@audit_commands.command("verify")
def verify_audit(config: ConfigOption = None) -> None:
    """Check the chain of the audit log; exit code 1 when an entry was changed or removed."""
    with one_sentence():
        settings = read_settings(config)

        async def verify() -> list[str]:
            async with open_database(settings) as database, database.reading() as tx:
                return await audit.verify(tx)

        problems = run_async(verify)
        for problem in problems:
            typer.echo(problem, err=True)
        if problems:
            raise typer.Exit(PROBLEMS)
        typer.echo("the audit log is whole")


@keys_commands.command("new")
def new_key() -> None:
    """Print a new master key, for security.key."""
    typer.echo(str(MasterKey.generate()))


@keys_commands.command("rotate")
def rotate_keys(config: ConfigOption = None) -> None:
    """Wrap all data keys with a new master key, then drop the old one from the key file.

    With security.key set, put the new key in front of the old one there first; afterwards the old may go.
    """
    with one_sentence():
        settings = read_settings(config)
        typer.echo(run_async(lambda: _rotate(settings)))


async def _rotate(settings: Settings) -> str:
    given = bool(settings.security.key.get_secret_value())
    ring = await wiring.load_keys(settings)
    path = settings.data_dir / "master.key"
    if given:
        if len(ring.masters) < 2:
            raise ConfigError(
                "security.key holds one key: put a new one (python -m bot keys new) and a comma in front of it"
            )
    else:
        ring = Keyring([MasterKey.generate(), *read_key_file(path)])
        # Both are in the file until every key is wrapped anew: a kill in between loses nothing.
        write_key_file(path, ring.masters)
    database = Database(settings.database_url, ring)
    try:
        await database.open()
        number = await keys.rewrap_all(database)
        async with database.transaction() as tx:
            await audit.append(tx, staff_id=None, action="keys.rotated", now=clock.now())
    finally:
        await database.close()
    if not given:
        write_key_file(path, ring.masters[:1])
    last = (
        "the old key may be removed from security.key once no older backup needs it"
        if given
        else (f"{path} holds the new key alone; older backups still need the old one")
    )
    return f"{number} keys wrapped by {ring.masters[0].name}; {last}"


@commands.command()
def backup(path: Path, config: ConfigOption = None) -> None:
    """Write everything in the database to one file; the master key is not in it and must be kept elsewhere."""
    with one_sentence():
        settings = read_settings(config)

        async def write() -> int:
            async with open_database(settings) as database:
                return await copies.write(database, path)

        typer.echo(f"{run_async(write)} rows in {path}; keep the master key too, but somewhere else")


@commands.command()
def restore(path: Path, config: ConfigOption = None) -> None:
    """Read a backup into an empty database (SQLite or PostgreSQL, also from one to the other)."""
    with one_sentence():
        settings = read_settings(config)

        async def read() -> int:
            database = Database(settings.database_url, await wiring.load_keys(settings))
            try:
                number = await copies.read(database, path)
                await upgrade(database)
                await database.open()
                return number
            finally:
                await database.close()

        typer.echo(f"{run_async(read)} rows restored")


def _password(from_stdin: bool) -> str:
    if not from_stdin:
        return secrets.token_urlsafe(12)
    password = sys.stdin.readline().rstrip("\n")
    if len(password) < SHORTEST_PASSWORD:
        raise BotError(f"the password must have at least {SHORTEST_PASSWORD} characters")
    return password


def _check_totp(secret: str) -> None:
    try:
        pyotp.TOTP(secret).now()
    except (ValueError, TypeError):
        raise BotError("--totp-secret must be base32 (letters A–Z and digits 2–7)") from None
