"""Who gets a notice: the gate's own answer, except that waiting for an hour is no refusal; and by which way."""

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.base import Way
from bot.gate import REASONS
from bot.messages import Trigger, Window
from bot.plan import Choice, House, Lane, Planner
from storage.encryption import Keyring
from storage.repositories.audiences import Stretch
from tests.support.databases import MASTER

NOON = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
RULES = House("Asia/Shanghai", time(21), time(8), most_notices=2)
KEYS = Keyring([MASTER])
KEY, WRAPPED = KEYS.new_contact_key("contact")
CUSTOM, MASS = Way("custom", keeps_window=True), Way("mass", most_at_once=10_000, per_month=4)
ALWAYS_LANE = (Lane("wechat_oa", Way("")),)
FACTS = ("consented", "opted_out", "stopped_all", "locked", "violence_case", "erased", "unfollowed")


class Account:
    """As much of a channel as the plan asks: five messages in 48 hours."""

    def window(self, trigger: Trigger) -> Window:
        return Window(48 * 3600, 5)


def row(**changes: Any) -> Any:
    wishes = changes.pop("wishes", None)
    values: dict[str, Any] = dict.fromkeys(FACTS, False) | {
        "id": "contact",
        "wrapped_key": WRAPPED,
        "identity_id": "identity",
        "channel": "wechat_oa",
        "consented": True,
        "wishes_sealed": KEY.seal_json("contact.wishes", wishes) if wishes else None,
        "in_group": False,
        "held_elsewhere": "",
        "window_trigger": "message",
        "window_opened_at": NOON,
        "window_used": 0,
    }
    return SimpleNamespace(**(values | changes))


def choose(
    *rows: Any, now: datetime = NOON, lanes: tuple[Lane, ...] = ALWAYS_LANE, rules: House = RULES, **facts: Any
) -> Choice:
    known: dict[str, Any] = {"staff": frozenset(), "recent": {}, "monthly": {}, "templates": {}} | facts
    stretch = Stretch(rows, "contact", True, **known)
    channels: Any = {"wechat_oa": Account(), "sms": Account()}
    return Planner(rules, KEYS, lanes, channels, now).choose(stretch)


def reason(now: datetime = NOON, **changes: Any) -> str:
    choice = choose(row(**changes), now=now)
    return "" if choice.chosen else next(iter(choice.fallen))


def test_consented_contact_gets_it_at_noon_and_in_the_night_too_but_later() -> None:
    assert reason() == ""
    assert reason(NIGHT) == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"erased": True, "wrapped_key": None}, "erased"),
        ({"erased": True}, "erased"),
        ({"locked": True}, "locked"),
        ({"unfollowed": True}, "unfollowed"),
        ({"opted_out": True}, "opted_out"),
        ({"stopped_all": True}, "stopped_all"),
        ({"consented": False}, "no_consent"),
        ({"violence_case": True}, "violence_case"),
        ({"wishes": {"do_not_initiate": True}}, "do_not_initiate"),
        ({"wishes": {"channels": ["sms"]}}, "other_channel"),
        ({"wishes": {"not_before": "22:00", "not_after": "23:00"}}, "do_not_initiate"),
    ],
)
def test_why_she_does_not_get_it(changes: dict[str, Any], expected: str) -> None:
    assert reason(**changes) == expected
    assert expected in REASONS


def test_violence_case_stays_in_when_she_asked_for_it() -> None:
    assert reason(violence_case=True, wishes={"allow_broadcast": True}) == ""


def test_one_woman_gets_one_copy_over_all_her_addresses() -> None:
    lanes = (Lane("wechat_oa", MASS), Lane("sms", Way("")))
    choice = choose(row(), row(identity_id="number", channel="sms"), lanes=lanes)
    assert [(one.identity_id, one.lane.way.name) for one in choice.chosen] == [("identity", "mass")]


def test_next_way_is_taken_where_the_first_is_shut() -> None:
    lanes = (Lane("wechat_oa", CUSTOM), Lane("wechat_oa", MASS))
    late = NOON + timedelta(hours=49)
    assert choose(row(), lanes=lanes, now=late).chosen[0].lane.way is MASS
    assert choose(row(), lanes=lanes[:1], now=late).fallen == {"window_closed": 1}
    full = {("contact", "wechat_oa", "mass"): 4}
    assert choose(row(), lanes=lanes, now=late, monthly=full).fallen == {"window_closed": 1}
    assert choose(row(), lanes=lanes[1:], monthly=full).fallen == {"month_full": 1}


def test_last_message_of_a_window_is_kept_for_a_person() -> None:
    assert choose(row(window_used=4), lanes=(Lane("wechat_oa", CUSTOM),)).fallen == {"window_reserved": 1}


def test_staff_phones_groups_and_full_caps_fall_out() -> None:
    assert choose(row(), staff=frozenset({"contact"})).fallen == {"staff": 1}
    assert choose(row(in_group=True)).fallen == {"no_address": 1}
    assert choose(row(), recent={"contact": 2}).fallen == {"frequency": 1}
    assert choose(row(opted_out=True), recent={"contact": 2}).fallen == {"opted_out": 1}


def test_template_she_never_allowed_is_not_sent() -> None:
    lane = (Lane("wechat_oa", Way("subscribe", needs_template=True), "tpl"),)
    assert choose(row(), lanes=lane).fallen == {"no_grant": 1}
    assert choose(row(), lanes=lane, templates={"identity": frozenset({"tpl"})}).chosen


_rows = st.lists(
    st.fixed_dictionaries(
        {name: st.booleans() for name in FACTS}
        | {"channel": st.sampled_from(["wechat_oa", "sms", "qq_official"]), "in_group": st.booleans()}
    ),
    min_size=1,
    max_size=4,
)


@given(_rows, st.integers(0, 7 * 24))
def test_nobody_is_planned_twice_or_against_her_will(facts: list[dict[str, Any]], hours: int) -> None:
    hers = {name: facts[0][name] for name in FACTS if name != "unfollowed"}
    rows = [row(**one | hers, identity_id=str(number)) for number, one in enumerate(facts)]
    lanes = (Lane("wechat_oa", MASS), Lane("sms", Way("")))
    choice = choose(*rows, now=NOON + timedelta(hours=hours), lanes=lanes)
    assert len(choice.chosen) + choice.fallen.total() == 1
    if choice.chosen:
        taken = facts[int(choice.chosen[0].identity_id)]
        assert hers["consented"]
        assert not any(hers[name] for name in FACTS if name not in ("consented", "unfollowed"))
        assert not taken["unfollowed"]
        assert not taken["in_group"]
