"""The settings, read once: config.yaml, then the environment (NIANGJIA__SECTION__KEY) over it.

Nothing else reads the environment. An unset `${NAME}` in the file means "not set". Every problem becomes one
ConfigError sentence that names the setting and how to mend it. Each channel validates its own section.
"""

import os
import re
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from bot.errors import ConfigError

_PREFIX = "NIANGJIA__"
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Section(BaseModel):
    """A part of the settings: unknown names are mistakes, not decoration."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class FirstAnswer(Section):
    """How soon a person answers who was asked for; each in minutes."""

    #: Danger, on the wall clock, day and night.
    danger_minutes: int = Field(default=5, ge=1)
    #: Concern, in working time.
    concern_minutes: int = Field(default=30, ge=1)
    #: Everything else, in working time: half a day.
    other_minutes: int = Field(default=180, ge=1)


class Service(Section):
    """Who runs this and when people are there."""

    #: What the bot calls itself, in front of her.
    name: str = "妇联娘家"
    timezone: str = "Asia/Shanghai"
    #: The duty hours of the hotline's people, by ISO weekday 1–7: "08:30-11:30,14:30-17:30"; empty = nobody.
    duty_hours: dict[int, str] = Field(default_factory=lambda: dict.fromkeys(range(1, 6), "08:30-12:00,14:30-17:30"))
    #: Days off and days worked of our own, over the State Council's notices that come with the program.
    days_off: tuple[date, ...] = ()
    days_worked: tuple[date, ...] = ()
    first_answer: FirstAnswer = Field(default_factory=FirstAnswer)
    #: The federation's own hotline as people dial it.
    hotline: str = "12338"
    #: Quiet hours, local time: nothing proactive goes out between them.
    quiet_from: time = time(21, 0)
    quiet_to: time = time(8, 0)
    #: After so many hours without danger a new danger is a new episode and gets the crisis reply again.
    crisis_episode_hours: float = Field(default=12, gt=0)
    #: Danger a person holding the conversation has not answered for so long goes back to the bot.
    hand_back_seconds: int = Field(default=60, ge=10)
    #: A flow she left is forgotten after so many minutes.
    flow_minutes: int = Field(default=120, ge=1)
    #: A conversation without a word for so many hours is closed by the house.
    conversation_hours: int = Field(default=72, ge=1)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("is not a time zone; use a name such as Asia/Shanghai") from None
        return value

    @field_validator("duty_hours")
    @classmethod
    def _readable_hours(cls, value: dict[int, str]) -> dict[int, str]:
        for day, hours in value.items():
            if day not in range(1, 8):
                raise ValueError(f"{day} is not a weekday; use 1 (Monday) to 7 (Sunday)")
            parse_hours(hours)
        return value


class DatabaseSettings(Section):
    """Where everything is kept."""

    #: sqlite:///path or postgresql://user:password@host/name; empty: niangjia.db in the data folder.
    url: str = ""


class RedisSettings(Section):
    """Where jobs travel. Empty: an embedded server in the data folder."""

    url: str = ""


class Security(Section):
    """Secrets of the house."""

    #: Master keys `name:base64`, newest first, separated by commas; empty: master.key in the data folder.
    key: SecretStr = SecretStr("")
    #: Idle minutes after which the console asks for the password again.
    session_idle_minutes: int = Field(default=480, ge=5)
    #: Idle minutes after which the screen locks: content goes from the page, the password brings it back.
    lock_minutes: int = Field(default=15, ge=1)
    #: Set the Secure flag on cookies (behind HTTPS).
    secure_cookies: bool = False
    #: Proxies in front of us whose X-Forwarded-For is believed.
    trusted_proxies: tuple[str, ...] = ()


class Retention(Section):
    """How long each kind of record keeps its content, in days; the audit log is kept whole.

    Periods are the shortest that serve the purpose (PIPL article 19); a county may have to set others.
    """

    #: What she wrote; long enough to go on where she left, a year as the county reports by the year.
    messages_days: int = Field(default=365, ge=1)
    #: What the bot and staff wrote to her.
    replies_days: int = Field(default=365, ge=1)
    #: Who got which notice; afterwards only how many.
    recipients_days: int = Field(default=180, ge=1)
    #: Pictures and voices outside cases: the most private and the largest, needed the shortest.
    attachments_days: int = Field(default=180, ge=1)
    #: What the bot found out in a closed conversation, its unfinished forms, the closing note.
    learned_days: int = Field(default=180, ge=1)
    #: Forms, timelines and conversations of closed cases: within it
    #: most claims can still be made.
    cases_days: int = Field(default=1095, ge=1)
    #: Danger assessments and safety plans of no case: as long as what she wrote.
    assessments_days: int = Field(default=365, ge=1)
    plans_days: int = Field(default=365, ge=1)
    #: What staff wrote for each other in conversations of no case: as long as what she wrote.
    notes_days: int = Field(default=365, ge=1)
    #: Half-written words nobody sent.
    unsent_days: int = Field(default=2, ge=1)
    #: Why a supervisor let a message or call through; that she did stays in the audit log.
    allowances_days: int = Field(default=365, ge=1)
    #: When she was called by telephone, and what became of it.
    calls_days: int = Field(default=365, ge=1)
    #: Names on lists of activities that are over: until the half-year's report.
    sign_ups_days: int = Field(default=180, ge=1)
    #: Questions left to staff, settled or not: after that nobody will answer them.
    questions_days: int = Field(default=180, ge=1)
    #: Whether an answer was of use to somebody.
    feedback_days: int = Field(default=365, ge=1)
    #: The details of alarms somebody saw; reason and time stay.
    alarms_days: int = Field(default=365, ge=1)
    #: What was said to staff in WeCom: that somebody must look, and a link.
    staff_notices_days: int = Field(default=30, ge=1)
    #: Links of partner units that open nothing any more.
    referral_links_days: int = Field(default=30, ge=1)
    #: What staff were typing and never saved.
    drafts_days: int = Field(default=30, ge=1)
    #: Browsers of staff that are signed out.
    staff_sessions_days: int = Field(default=30, ge=1)
    #: Failed sign-ins.
    sign_in_failures_days: int = Field(default=30, ge=1)
    #: Rooms of the web chat: so long a receipt opens one, as long as there is something to go on with.
    chat_rooms_days: int = Field(default=365, ge=1)
    #: That somebody asked to be forgotten, and when it was done: proof for three years.
    erasure_requests_days: int = Field(default=1095, ge=1)
    #: A woman who has not been in touch for so long, with no case kept: forgotten as if she had asked.
    contacts_days: int = Field(default=730, ge=1)


class Campaigns(Section):
    """How notices to many go out."""

    #: Notices one woman gets in so many days at most, over all her addresses; 0: no cap.
    most_per_woman: int = Field(default=6, ge=0)
    most_per_woman_days: int = Field(default=30, ge=1)
    #: Requests a minute by channel, or channel:way, as the platforms allow (群发 60, 群机器人 20); unset: no limit.
    per_minute: dict[str, int] = Field(
        default_factory=lambda: {"wechat_oa:mass": 60, "wecom_robot": 20, "wecom": 600, "onebot": 20}
    )


class Web(Section):
    """Where the web server listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    #: The address people's browsers use, for links; empty: http://host:port.
    public_url: str = ""


class Desk(Section):
    """How the queue is worked: limits, transfers, and who is told when nobody takes danger."""

    #: Conversations one of staff holds at a time, unless hers says otherwise; beyond it she is asked.
    load_limit: int = Field(default=5, ge=1)
    #: A transfer nobody took goes back after so many minutes.
    transfer_minutes: int = Field(default=10, ge=1)
    #: Danger nobody took is told to those on duty after so many minutes …
    escalate_minutes: float = Field(default=5, gt=0)
    #: … and to the next level after so many more.
    step_minutes: float = Field(default=5, gt=0)
    #: Whether staff are also told by text message on their own phone (needs the sms channel).
    escalate_by_sms: bool = True


class Groups(Section):
    """How the bot behaves in groups of WeCom and QQ."""

    #: Answers in one group in a minute; danger is answered beyond that.
    answers_per_minute: int = Field(default=20, ge=1)
    #: Where people in a group can talk with us alone, by channel: a link (客服链接, 小程序, 网页) or a few words.
    private_doors: dict[str, str] = Field(default_factory=dict)


class Referral(Section):
    """How a partner unit is let in, and when somebody chases its answer."""

    #: Days a one-time link opens; a new one can be given any time.
    link_days: int = Field(default=14, ge=1, le=90)
    #: Codes one address may try in a minute; five wrong ones shut a link whatever the pace.
    tries_per_minute: int = Field(default=10, ge=1)
    #: Days after the answer was due at which a referral nobody answered is over.
    unanswered_days: int = Field(default=30, ge=1)


class Settings(Section):
    """All settings."""

    service: Service = Field(default_factory=Service)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    security: Security = Field(default_factory=Security)
    web: Web = Field(default_factory=Web)
    desk: Desk = Field(default_factory=Desk)
    retention: Retention = Field(default_factory=Retention)
    #: Where SQLite, the embedded Redis and the key file live.
    data_dir: Path = Path("var")
    #: Turns the simulator on and makes missing secrets; never in production.
    development: bool = False
    #: What differs from place to place, by the slots of nlp/data/slots.yaml; unset: 「以当地为准」.
    region: dict[str, str] = Field(default_factory=dict)
    groups: Groups = Field(default_factory=Groups)
    referral: Referral = Field(default_factory=Referral)
    campaigns: Campaigns = Field(default_factory=Campaigns)
    #: One section a channel, validated by the channel itself.
    channels: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @property
    def database_url(self) -> str:
        """The database's address, with the default filled in."""
        return self.database.url or f"sqlite:///{self.data_dir / 'niangjia.db'}"

    @property
    def public_url(self) -> str:
        """The address browsers use, without a slash at the end."""
        return (self.web.public_url or f"http://{self.web.host}:{self.web.port}").rstrip("/")


def load(path: Path | None, overrides: dict[str, Any] | None = None) -> Settings:
    """The settings from `path` (None: defaults), the environment, and nested `overrides`.

    Raises ConfigError naming the first bad setting and how to mend it.
    """
    values = _read_file(path) if path else {}
    _merge(values, _from_environment(os.environ))
    _merge(values, overrides or {})
    try:
        return Settings.model_validate(_without_empty(values))
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from None


def validate_section(model: type[Section], name: str, values: dict[str, Any]) -> Any:
    """A channel's section as its own model. Raises ConfigError."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_sentence(error, prefix=name)) from None


def parse_hours(text: str) -> list[tuple[time, time]]:
    """`08:30-11:30,14:30-17:30` as pairs of local times; empty for an empty text. Raises ValueError."""
    spans = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.fullmatch(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", part)
        if not match:
            raise ValueError(f"{part!r} is not a span of hours such as 08:30-11:30")
        begin_hour, begin_minute, end_hour, end_minute = map(int, match.groups())
        end = time(23, 59, 59) if end_hour == 24 else time(end_hour, end_minute)
        begin = time(begin_hour, begin_minute)
        if begin >= end:
            raise ValueError(f"{part!r} ends before it begins")
        spans.append((begin, end))
    return spans


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no {path}; copy config.yaml from the repository and edit it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__})") from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"{path} is not valid YAML{where}; check indentation and colons") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must be a list of sections such as `service:`, not a single value")
    filled: dict[str, Any] = _fill(values)
    return filled


def _fill(value: Any) -> Any:
    """Replace every ${NAME} by the environment's value, or by nothing where it is not set."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: os.environ.get(match[1], ""), value)
    if isinstance(value, dict):
        return {key: _fill(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item) for item in value]
    return value


def _from_environment(environment: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith(_PREFIX):
            continue
        place = values
        *sections, key = name[len(_PREFIX) :].lower().split("__")
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = yaml.safe_load(text) if text.strip().startswith(("{", "[")) else text
    return values


def _merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """Drop what is not set, so that defaults apply."""
    kept = {}
    for key, item in value.items():
        if item is None or item == "":
            continue
        kept[key] = _without_empty(item) if isinstance(item, dict) and key != "duty_hours" else item
    return kept


def _sentence(error: ValidationError, prefix: str = "") -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in ((prefix,) if prefix else ()) + first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{name} is not a setting; check its spelling against the commented config.yaml"
    if first["type"] == "missing":
        return f"{name} is missing; set it in config.yaml or as {_PREFIX}{name.upper().replace('.', '__')}"
    return f"{name}: {first['msg'].removeprefix('Value error, ')}"
