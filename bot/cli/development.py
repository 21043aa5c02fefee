"""What `run --development` makes up: secrets of a pretended account, kept in the data folder, and demo data."""

import os
import secrets
import string
from pathlib import Path
from typing import Any

import yaml

_NAME = "development.yaml"
_ALPHABET = string.ascii_letters + string.digits
#: Where the simulator answers for each platform.
_APIS = {"wechat_oa": "api", "wecom": "wecom", "wecom_kf": "wecom", "wecom_aibot": "wecom", "wecom_robot": "wecom"}


def read_or_make(data_dir: Path, port: int) -> dict[str, Any]:
    """Settings for development: a WeChat account of our own whose API is the simulator's. Kept 0600 and reused."""
    path = data_dir / _NAME
    made: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    if missing := {name: section for name, section in _sections().items() if name not in made.get("channels", {})}:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Somebody who tries this at night must see an answer too.
        always = {"duty_hours": dict.fromkeys(range(1, 8), "00:00-24:00"), "quiet_from": "00:00", "quiet_to": "00:00"}
        made = {"service": always} | made | {"channels": made.get("channels", {}) | missing}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump(made, file, allow_unicode=True)
    for name, section in made["channels"].items():
        if name in _APIS:
            section["api_base"] = f"http://127.0.0.1:{port}/simulator/{_APIS[name]}"
    made["channels"].setdefault("webchat", {"enabled": True})
    return made


def _sections() -> dict[str, dict[str, Any]]:
    """A pretended account on every platform the simulator plays."""
    corp_id = f"ww{secrets.token_hex(8)}"
    return {
        "wechat_oa": _callback()
        | {"app_id": f"wx{secrets.token_hex(8)}", "app_secret": secrets.token_hex(16), "mode": "safe"},
        "wecom": _callback() | {"corp_id": corp_id, "agent_id": 1000002, "secret": secrets.token_hex(16)},
        "wecom_kf": _callback() | {"corp_id": corp_id, "secret": secrets.token_hex(16)},
        "wecom_aibot": _callback(),
        "wecom_robot": {"keys": {"alarm": secrets.token_hex(16)}},
    }


def _callback() -> dict[str, Any]:
    return {"token": _random(24), "encoding_aes_key": _random(42) + "A"}


def as_environment(values: dict[str, Any], prefix: str = "NIANGJIA") -> dict[str, str]:
    """Nested settings as the environment variables a child process reads."""
    found: dict[str, str] = {}
    for name, value in values.items():
        key = f"{prefix}__{str(name).upper()}"
        if name == "duty_hours":
            found[key] = "{" + ", ".join(f'{day}: "{hours}"' for day, hours in value.items()) + "}"
        elif isinstance(value, dict):
            found |= as_environment(value, key)
        else:
            found[key] = str(value)
    return found


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
