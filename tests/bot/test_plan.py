"""Who gets a notice: the gate's own answer, except that waiting for an hour is no refusal."""

from collections import namedtuple
from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gate import REASONS
from bot.plan import House, reasons
from storage.encryption import Keyring
from tests.support.databases import MASTER

NOON = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
RULES = House("Asia/Shanghai", time(21), time(8))
KEYS = Keyring([MASTER])
KEY, WRAPPED = KEYS.new_contact_key("contact")
Row = namedtuple(
    "Row",
    "id wrapped_key wishes_sealed channel locked_at opted_out_at stopped_all_at consented_at unfollowed_at"
    " violence_case_at erased_at",
)


def row(**changes: Any) -> Any:
    wishes = changes.pop("wishes", None)
    values: dict[str, Any] = dict.fromkeys(Row._fields) | {
        "id": "contact",
        "wrapped_key": WRAPPED,
        "channel": "wechat_oa",
        "consented_at": NOON,
        "wishes_sealed": KEY.seal_json("contact.wishes", wishes) if wishes else None,
    }
    return Row(**(values | changes))


def reason(now: datetime = NOON, **changes: Any) -> str:
    return reasons(RULES, KEYS, now)(row(**changes))


def test_consented_contact_gets_it_at_noon_and_in_the_night_too_but_later() -> None:
    assert reason() == ""
    assert reason(NIGHT) == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"wrapped_key": None}, "erased"),
        ({"erased_at": NOON}, "erased"),
        ({"locked_at": NOON}, "locked"),
        ({"unfollowed_at": NOON}, "unfollowed"),
        ({"opted_out_at": NOON}, "opted_out"),
        ({"stopped_all_at": NOON}, "stopped_all"),
        ({"consented_at": None}, "no_consent"),
        ({"violence_case_at": NOON}, "violence_case"),
        ({"wishes": {"do_not_initiate": True}}, "do_not_initiate"),
        ({"wishes": {"channels": ["sms"]}}, "other_channel"),
        ({"wishes": {"not_before": "22:00", "not_after": "23:00"}}, "do_not_initiate"),
    ],
)
def test_why_she_does_not_get_it(changes: dict[str, Any], expected: str) -> None:
    assert reason(**changes) == expected
    assert expected in REASONS


def test_violence_case_stays_in_when_she_asked_for_it() -> None:
    assert reason(violence_case_at=NOON, wishes={"allow_broadcast": True}) == ""


_moment = st.one_of(st.none(), st.just(NOON))


@given(_moment, _moment, _moment, _moment, st.integers(0, 7 * 24))
def test_never_to_opted_out_stopped_locked_or_unconsented(
    opted: Any, stopped: Any, locked: Any, consented: Any, hours: int
) -> None:
    from datetime import timedelta

    given_reason = reason(
        NOON + timedelta(hours=hours),
        opted_out_at=opted,
        stopped_all_at=stopped,
        locked_at=locked,
        consented_at=consented,
    )
    assert (given_reason == "") == (opted is None and stopped is None and locked is None and consented is not None)
