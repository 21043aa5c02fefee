"""Settings: read once, everything wrong becomes one sentence that names the key."""

from datetime import time
from pathlib import Path

import pytest

from bot.config import load, parse_hours
from bot.errors import ConfigError

EXAMPLE = Path(__file__).resolve().parents[2] / "config.yaml"


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def sentence(path: Path | None) -> str:
    with pytest.raises(ConfigError) as problem:
        load(path)
    text = str(problem.value)
    assert "\n" not in text
    return text


def test_defaults_need_no_file() -> None:
    settings = load(None)
    assert settings.service.timezone == "Asia/Shanghai"
    assert settings.database_url == "sqlite:///var/niangjia.db"
    assert settings.public_url == "http://127.0.0.1:8080"
    assert not settings.development


def test_example_is_read_and_changes_nothing() -> None:
    example, defaults = load(EXAMPLE), load(None)
    assert example.service == defaults.service
    assert example.security == defaults.security
    assert example.channels["wechat_oa"]["mode"] == "safe"
    assert "token" not in example.channels["wechat_oa"], "an unset ${NAME} means not set"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("service: {timezone: Mars/Base}", "service.timezone"),
        ("service: {timezone: ../etc}", "service.timezone"),
        ("service: {duty_hours: {8: '08:00-09:00'}}", "service.duty_hours"),
        ("service: {duty_hours: {1: '8 to 9'}}", "service.duty_hours"),
        ("service: {duty_hours: {1: '10:00-09:00'}}", "service.duty_hours"),
        ("service: {duty_hours: {1: '10:00-25:00'}}", "service.duty_hours"),
        ("service: {duty_hours: {1: '10:70-11:00'}}", "service.duty_hours"),
        ("service: {quiet_from: '25:00'}", "service.quiet_from"),
        ("service: {quiet_to: late}", "service.quiet_to"),
        ("service: {crisis_episode_hours: 0}", "service.crisis_episode_hours"),
        ("service: {hand_back_seconds: 5}", "service.hand_back_seconds"),
        ("service: {flow_minutes: 0}", "service.flow_minutes"),
        ("service: {conversation_hours: 0}", "service.conversation_hours"),
        ("service: {nmae: x}", "service.nmae is not a setting"),
        ("servce: {}", "servce is not a setting"),
        ("service: yes", "service"),
        ("security: {session_idle_minutes: 1}", "security.session_idle_minutes"),
        ("security: {secure_cookies: perhaps}", "security.secure_cookies"),
        ("web: {port: 0}", "web.port"),
        ("web: {port: 70000}", "web.port"),
        ("web: {port: http}", "web.port"),
        ("development: maybe", "development"),
        ("channels: [wechat]", "channels"),
    ],
)
def test_bad_value_is_named(tmp_path: Path, text: str, words: str) -> None:
    assert words in sentence(written(tmp_path, text))


def test_bad_secret_is_never_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in sentence(written(tmp_path, "security: {key: [hunter2]}"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("service:\n  name: [", "line"),
        ("\tservice: 1", "not valid YAML"),
        ("- a\n- b", "sections"),
        ("just words", "sections"),
    ],
)
def test_file_that_is_no_list_of_sections(tmp_path: Path, text: str, words: str) -> None:
    assert words in sentence(written(tmp_path, text))


def test_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    assert "copy config.yaml" in sentence(tmp_path / "no.yaml")


def test_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in sentence(path)


def test_empty_file_means_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "# nothing\n")) == load(None)


def test_names_are_filled_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE", "postgresql://u:p@h/n")
    monkeypatch.delenv("TEST_UNSET", raising=False)
    path = written(tmp_path, "database: {url: '${TEST_DATABASE}'}\nredis: {url: '${TEST_UNSET}'}\n")
    settings = load(path)
    assert settings.database.url == "postgresql://u:p@h/n"
    assert settings.redis.url == ""


def test_environment_goes_over_the_file_and_arguments_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIANGJIA__WEB__PORT", "9001")
    monkeypatch.setenv("NIANGJIA__SERVICE__NAME", "县妇联")
    monkeypatch.setenv("NIANGJIA__CHANNELS__WECHAT_OA__MODE", "plain")
    monkeypatch.setenv("NIANGJIA__SERVICE__DUTY_HOURS", '{"1": "09:00-10:00"}')
    path = written(tmp_path, "web: {port: 9000, host: 0.0.0.0}\nservice: {name: 市妇联}\n")
    settings = load(path, {"web": {"port": 9002}})
    assert (settings.web.port, settings.web.host) == (9002, "0.0.0.0")
    assert settings.service.name == "县妇联"
    assert settings.service.duty_hours == {1: "09:00-10:00"}
    assert settings.channels == {"wechat_oa": {"mode": "plain"}}


def test_misspelt_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIANGJIA__WEB__PROT", "9001")
    assert "web.prot is not a setting" in sentence(None)


def test_emptied_duty_hours_mean_nobody_is_there(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "service: {duty_hours: {1: '', 2: '08:00-24:00'}}"))
    assert settings.service.duty_hours[1] == ""
    assert parse_hours(settings.service.duty_hours[2]) == [(time(8), time(23, 59, 59))]


def test_key_is_not_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIANGJIA__SECURITY__KEY", "k1:c2VjcmV0")
    assert "c2VjcmV0" not in repr(load(None))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        load(None).web.port = 1  # type: ignore[misc]
