"""A copy of her data as a file: data.json for machines, 我的信息.html for people, her pictures beside them."""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot import clock
from bot.console import assessment, safety_plan, words
from bot.console.visit import render
from storage.repositories.export import Copy


def pack(copy: Copy, *, house_name: str, zone: str, now: datetime) -> bytes:
    """The zip; times in the county's zone, names of fields in Chinese in the page."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        sections = _plain(copy.sections | _in_words(copy), zone)
        plain = {"made_at": clock.local(now, zone).isoformat(), **sections}
        archive.writestr("data.json", json.dumps(plain, ensure_ascii=False, indent=2))
        archive.writestr(
            "我的信息.html",
            render(
                "export.html",
                sections=sections,
                house_name=house_name,
                made_at=f"{clock.local(now, zone):%Y-%m-%d %H:%M}",
                words=words,
            ),
        )
        for name, content in copy.files.items():
            archive.writestr(name, content)
    return output.getvalue()


def _in_words(copy: Copy) -> dict[str, list[dict[str, Any]]]:
    """Answers by the question she was asked, a plan by its titles."""
    return {
        "assessments": [
            one | {"answers": assessment.in_words(one["answers"])} for one in copy.sections.get("assessments", [])
        ],
        "plans": [one | {"fields": safety_plan.in_words(one["fields"])} for one in copy.sections.get("plans", [])],
    }


def _plain(value: Any, zone: str) -> Any:
    """Times as local texts; what is empty left out of records."""
    if isinstance(value, datetime):
        return f"{clock.local(value, zone):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Mapping):
        return {name: _plain(one, zone) for name, one in value.items() if one not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_plain(one, zone) for one in value]
    return value
