"""The commands of the outside contract: what they print, what they change, and how they end."""

import asyncio
import gzip
import json
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select

from bot.console.passwords import is_right
from bot.simulator.wechat_push import new_openid
from storage.database import Database
from storage.models import Contact, Identity, Staff, metadata, table
from storage.repositories import talk
from tests.support.living import Living
from tests.support.service import ROOT, Service

pytestmark = [pytest.mark.acceptance, pytest.mark.xdist_group("cli"), pytest.mark.timeout(150)]

NOW = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
_T = TypeVar("_T")


def inside(house: Service, work: Callable[[Database], Awaitable[_T]]) -> _T:
    """Do something in the database of an installation with its own key."""

    async def run() -> _T:
        async with house.database() as database:
            return await work(database)

    return asyncio.run(run())


def meet(house: Service, openid: str) -> str:
    """A woman this installation knows; her contact's id."""

    async def work(database: Database) -> str:
        async with database.transaction() as tx:
            found = await talk.find_people(tx, [talk.address(tx, "wechat_oa", "wx", openid)], NOW)
            return str(next(iter(found.values())).contact_id)

    return inside(house, work)


def openids(house: Service) -> set[str]:
    """Every openid in the database, opened."""

    async def work(database: Database) -> set[str]:
        async with database.reading() as tx:
            contact, identity = table(Contact).c, table(Identity).c
            rows = await tx.rows(
                select(identity.address_sealed, contact.id, contact.wrapped_key).join(
                    table(Contact), contact.id == identity.contact_id
                )
            )
            keys = database.keys
            return {
                keys.contact_key(row.id, row.wrapped_key).open("identity.address", row.address_sealed) for row in rows
            }

    return inside(house, work)


CONFIGS = [
    ("service: {naem: x}", "service.naem is not a setting", "spelling"),
    ("service: {timezone: Mars}", "service.timezone", "Asia/Shanghai"),
    ("service: {duty_hours: {1: late}}", "service.duty_hours", "08:30-11:30"),
    ("web: {port: 70000}", "web.port", "65535"),
    ("database: {url: 'mysql://x/y'}", "database.url", "postgresql://"),
    ("channels: {wechat_oa: {token: abc}}", "channels.wechat_oa.", "NIANGJIA__CHANNELS__WECHAT_OA__"),
    ("channels: {carrier_pigeon: {token: abc}}", "channels.carrier_pigeon is not a channel", "wechat_oa"),
    ("service: [x", "is not valid YAML", "line"),
    ("just words", "must be a list of sections", "service:"),
]


@pytest.mark.parametrize(("text", "names", "mends"), CONFIGS)
def test_check_config_names_the_bad_setting_and_how_to_mend_it(
    tmp_path: Path, text: str, names: str, mends: str
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "check-config", "--config", str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert ended.returncode == 1
    assert names in ended.stderr
    assert mends in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr


def test_check_config_tells_no_secret_and_names_the_channels_that_are_on(house: Service) -> None:
    assert "wechat_oa" in house.command("check-config")
    secret = "a secret with spaces that is no token"
    ended = house.attempt("check-config", more={"NIANGJIA__CHANNELS__WECHAT_OA__TOKEN": secret})
    assert ended.returncode == 1
    assert "channels.wechat_oa.token" in ended.stderr
    assert secret not in ended.stderr + ended.stdout


def test_migrate_may_be_repeated_and_commands_before_it_say_so(tmp_path: Path) -> None:
    bare = Service(tmp_path / "data", "http://127.0.0.1:9", redis_url="redis://127.0.0.1:9/0")
    bare.data.mkdir()
    ended = bare.attempt("staff", "list")
    assert ended.returncode == 2
    assert "python -m bot migrate" in ended.stderr
    assert "articles changed" in bare.command("migrate")
    assert "0 articles changed" in bare.command("migrate")
    assert (bare.data / "master.key").stat().st_mode & 0o777 == 0o600


def test_staff_is_added_listed_and_reset(house: Service) -> None:
    house.add_staff("li", "worker", "a long password 1")
    assert "password" in house.command("staff", "add", "chen", "--role", "cadre", "--name", "小陈")
    assert [line.split() for line in house.command("staff", "list").splitlines()] == [
        ["chen", "cadre"],
        ["li", "worker"],
    ]
    for arguments, words in (
        (("staff", "add", "li", "--role", "worker"), "exists already"),
        (("staff", "add", "zhao", "--role", "queen"), "is not a role"),
        (("staff", "add", "zhao", "--role", "worker", "--area", "99"), "no area"),
        (("staff", "add", "zhao", "--role", "worker", "--totp-secret", "!"), "base32"),
        (("staff", "reset", "nobody"), "there is no nobody"),
    ):
        ended = house.attempt(*arguments)
        assert ended.returncode == 1
        assert words in ended.stderr
    short = house.attempt("staff", "add", "zhao", "--role", "worker", "--password-stdin", given="short\n")
    assert short.returncode == 1
    house.command("staff", "reset", "li", "--password-stdin", given="another password 2\n")

    async def hashes(database: Database) -> dict[str, str]:
        async with database.reading() as tx:
            return {row.login: row.password_hash for row in await tx.rows(select(table(Staff)))}

    kept = inside(house, hashes)
    assert asyncio.run(is_right(kept["li"], "another password 2"))
    assert not asyncio.run(is_right(kept["li"], "a long password 1"))


def test_audit_verify_finds_what_was_changed_and_what_was_removed(house: Service) -> None:
    for number in range(4):
        house.add_staff(f"worker{number}", "worker")
    assert "whole" in house.command("audit", "verify")
    path = house.data / "niangjia.db"
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER IF EXISTS audit_entry_no_update")
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit_entry SET action = 'staff.removed' WHERE number = 2")
    database.close()
    ended = house.attempt("audit", "verify")
    assert ended.returncode == 1
    assert "entry 2 was changed" in ended.stderr
    with sqlite3.connect(path) as database:
        database.execute("UPDATE audit_entry SET action = 'staff.added' WHERE number = 2")
        database.execute("DELETE FROM audit_entry WHERE number = 3")
    database.close()
    ended = house.attempt("audit", "verify")
    assert ended.returncode == 1
    assert "3" in ended.stderr
    assert "missing" in ended.stderr


def test_keys_rotate_keeps_everything_readable_and_drops_the_old_key(house: Service) -> None:
    known = {new_openid() for _ in range(5)}
    for openid in known:
        meet(house, openid)
    old = (house.data / "master.key").read_text()
    assert "keys wrapped" in house.command("keys", "rotate")
    new = (house.data / "master.key").read_text()
    assert old not in new
    assert len(new.split()) == 1
    assert (house.data / "master.key").stat().st_mode & 0o777 == 0o600
    assert openids(house) == known
    ended = house.attempt("staff", "list", more={"NIANGJIA__SECURITY__KEY": old.strip()})
    assert ended.returncode == 2, "the old key must open nothing any more"


@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_a_backup_goes_from_one_database_to_the_other_whole(
    tmp_path: Path, fresh_postgres_url: str, source: str, target: str
) -> None:
    urls = {"sqlite": "", "postgresql": fresh_postgres_url}
    file = tmp_path / "backup.gz"
    known = {new_openid() for _ in range(7)}
    with Service(tmp_path / "from", "http://127.0.0.1:9", database_url=urls[source]) as house:
        house.add_staff("li", "worker")
        for openid in known:
            meet(house, openid)
        assert "rows in" in house.command("backup", str(file))
        before = inside(house, _contents)
        key = (house.data / "master.key").read_text()
        refused = house.attempt("restore", str(file))
        assert refused.returncode == 1
        assert "not empty" in refused.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    packed = gzip.decompress(file.read_bytes()).decode()
    assert not any(openid in packed for openid in known)
    assert key.partition(":")[2].strip() not in packed
    house = Service(tmp_path / "to", "http://127.0.0.1:9", database_url=urls[target])
    house.data.mkdir()
    (house.data / "master.key").write_text(key)
    for spoiled in (file.read_bytes()[:-100], b"nonsense"):
        (tmp_path / "spoiled.gz").write_bytes(spoiled)
        refused = house.attempt("restore", str(tmp_path / "spoiled.gz"))
        assert refused.returncode == 1
        assert "not a whole backup" in refused.stderr
    house.command("restore", str(file))
    assert inside(house, _contents) == before
    assert openids(house) == known
    assert "whole" in house.command("audit", "verify")


async def _contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    async with database.reading() as tx:
        return {
            one.name: sorted((tuple(row) for row in await tx.rows(select(one))), key=repr)
            for one in metadata.sorted_tables
            if one.name not in ("staff_session", "sign_in_failure")
        }


def test_understand_and_lookup_answer_line_by_line_and_a_bad_line_in_its_place(house: Service) -> None:
    asked = ['{"text": "老公打我"}', "not json", '{"word": 1}', '{"text": "两癌筛查怎么申请"}', "[]"]
    told = [json.loads(line) for line in house.command("understand", given="\n".join(asked) + "\n").splitlines()]
    assert [("error" in one) for one in told] == [False, True, True, False, True]
    for one in (told[0], told[3]):
        assert {"intent", "category", "confidence", "risk", "urgent", "risk_kinds", "entities"} <= set(one)
    assert (told[0]["intent"], told[0]["category"], told[0]["risk"]) == ("rights", "dv", 2)
    assert told[3]["intent"] == "policy"
    asked = ['{"text": "怎么申请人身安全保护令", "k": 2}', "{}", '{"text": "离婚", "k": 0}', '{"text": "离婚"}']
    told = [json.loads(line) for line in house.command("lookup", given="\n".join(asked) + "\n").splitlines()]
    assert [("error" in one) for one in told] == [False, True, True, False]
    assert len(told[0]["hits"]) == 2
    best = told[0]["hits"][0]
    assert {"article", "title", "score", "citations"} <= set(best)
    assert any(one["law"] and one["article"].startswith("第") for one in best["citations"])


def test_chat_answers_what_is_piped_into_it_and_keeps_nothing(house: Service) -> None:
    said = house.command("chat", given="老公昨晚又打我\n转人工\n有什么活动\n")
    assert "110" in said
    assert "剪纸班" in said
    assert openids(house) == set()


def test_run_is_up_within_a_minute_and_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    with Living(tmp_path) as living:
        assert living.started_in < 60
        for path in ("/simulator", "/console", "/readyz"):
            assert f"{living.url}{path}" in living.said
        assert set(living.passwords) == {"worker", "anyuan", "zhuren", "cunwei", "cadre", "admin", "shenji"}
        assert living.stop() == 0
    assert "Traceback" not in living.errors()
    sealed = (tmp_path / "var" / "niangjia.db").read_bytes()
    assert not any(word.encode() in sealed for word in living.passwords.values())
    for name in ("master.key", "development.yaml"):
        assert (tmp_path / "var" / name).stat().st_mode & 0o077 == 0
    with Living(tmp_path) as again:
        assert again.passwords == {}, "passwords are printed once"
