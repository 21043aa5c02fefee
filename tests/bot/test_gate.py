"""The safe-contact gate, rule by rule, and as properties over all combinations."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.gate import REASONS, Situation, Wishes, can_be_overridden, decide
from bot.messages import OutboundClass

NOON = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai, a Tuesday
NIGHT = datetime(2026, 3, 3, 15, 30, tzinfo=UTC)  # 23:30


def situation(outbound_class: OutboundClass = OutboundClass.CAMPAIGN, **changes: Any) -> Situation:
    base: dict[str, Any] = {
        "channel": "wechat_oa",
        "now": NOON,
        "zone": "Asia/Shanghai",
        "quiet_from": time(21),
        "quiet_to": time(8),
        "consented": True,
    }
    return Situation(outbound_class, **(base | changes))


def test_consented_contact_gets_a_campaign_at_noon() -> None:
    assert decide(situation()).allowed


def test_contact_without_consent_gets_no_campaign() -> None:
    assert decide(situation(consented=False)).reason == "no_consent"


def test_opted_out_contact_gets_no_campaign_but_her_reminder() -> None:
    assert decide(situation(opted_out=True)).reason == "opted_out"
    assert decide(situation(OutboundClass.REMINDER, opted_out=True)).allowed


def test_stop_everything_stops_reminders_but_not_answers() -> None:
    assert decide(situation(OutboundClass.REMINDER, stopped_all=True)).reason == "stopped_all"
    assert decide(situation(OutboundClass.ANSWER, stopped_all=True)).allowed


def test_open_violence_case_takes_her_out_of_broadcasts_unless_she_stayed_in() -> None:
    assert decide(situation(violence_case=True)).reason == "violence_case"
    assert decide(situation(violence_case=True, wishes=Wishes(allow_broadcast=True))).allowed


def test_locked_contact_gets_answers_only_and_no_staff_message() -> None:
    assert decide(situation(OutboundClass.STAFF, locked=True, live=True)).reason == "locked"
    assert decide(situation(OutboundClass.ANSWER, locked=True)).allowed


def test_quiet_hours_make_a_reminder_wait_until_morning() -> None:
    verdict = decide(situation(OutboundClass.REMINDER, now=NIGHT))
    assert (verdict.allowed, verdict.reason) == (False, "quiet_hours")
    assert verdict.wait_until == datetime(2026, 3, 4, 0, 0, tzinfo=UTC)


def test_answers_and_live_staff_messages_go_at_night() -> None:
    assert decide(situation(OutboundClass.ANSWER, now=NIGHT)).allowed
    assert decide(situation(OutboundClass.STAFF, now=NIGHT, live=True)).allowed
    assert not decide(situation(OutboundClass.STAFF, now=NIGHT)).allowed


def test_do_not_initiate_stops_staff_outside_a_live_chat() -> None:
    wishes = Wishes(do_not_initiate=True)
    assert decide(situation(OutboundClass.STAFF, wishes=wishes)).reason == "do_not_initiate"
    assert decide(situation(OutboundClass.STAFF, wishes=wishes, live=True)).allowed


def test_her_own_hours_and_days_are_waited_for() -> None:
    wishes = Wishes(days=(4,), not_before=time(14), not_after=time(16))
    verdict = decide(situation(OutboundClass.REMINDER, wishes=wishes))
    assert verdict.reason == "unsafe_time"
    assert verdict.wait_until == datetime(2026, 3, 5, 6, 0, tzinfo=UTC)  # Thursday 14:00 in Shanghai


def test_wishes_that_never_fit_are_never_sent() -> None:
    wishes = Wishes(not_before=time(22), not_after=time(23))
    verdict = decide(situation(OutboundClass.REMINDER, wishes=wishes))
    assert not verdict.allowed
    assert verdict.wait_until is None


flags = st.booleans()
moments = st.integers(0, 366 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))


@given(st.sampled_from(OutboundClass), moments, flags, flags, flags, flags, flags, flags, flags, flags)
def test_no_combination_reaches_a_locked_stopped_or_erased_contact(
    outbound_class: OutboundClass,
    now: datetime,
    live: bool,
    locked: bool,
    opted_out: bool,
    stopped_all: bool,
    consented: bool,
    unfollowed: bool,
    violence_case: bool,
    erased: bool,
) -> None:
    verdict = decide(
        situation(
            outbound_class,
            now=now,
            live=live,
            locked=locked,
            opted_out=opted_out,
            stopped_all=stopped_all,
            consented=consented,
            unfollowed=unfollowed,
            violence_case=violence_case,
            erased=erased,
        )
    )
    proactive = outbound_class in (OutboundClass.REMINDER, OutboundClass.CAMPAIGN)
    if erased or unfollowed or (locked and outbound_class is not OutboundClass.ANSWER):
        assert not verdict.allowed
    if proactive and stopped_all:
        assert not verdict.allowed
    if outbound_class is OutboundClass.CAMPAIGN and (opted_out or not consented or violence_case):
        assert not verdict.allowed
    if not verdict.allowed:
        assert verdict.reason in REASONS
    if verdict.wait_until is not None:
        later = situation(outbound_class, now=verdict.wait_until, consented=consented)
        assert decide(later).allowed
        assert verdict.wait_until > now


def test_answer_to_what_was_said_before_the_lock_is_refused() -> None:
    verdict = decide(situation(OutboundClass.ANSWER, locked=True, said_before_lock=True, live=True))
    assert (verdict.allowed, verdict.reason, verdict.wait_until) == (False, "locked", None)
    assert decide(situation(OutboundClass.ANSWER, locked=True)).allowed


@given(
    st.sampled_from(OutboundClass),
    st.fixed_dictionaries(
        {
            name: st.booleans()
            for name in (
                "live",
                "locked",
                "said_before_lock",
                "opted_out",
                "stopped_all",
                "consented",
                "unfollowed",
                "violence_case",
                "erased",
                "in_group",
                "held_elsewhere",
                "said_before_hold",
            )
        }
    ),
    st.builds(
        Wishes,
        channels=st.sampled_from([(), ("phone",), ("wechat_oa",)]),
        days=st.sampled_from([(), (2,), (7,)]),
        not_before=st.sampled_from([None, time(9)]),
        not_after=st.sampled_from([None, time(10)]),
        do_not_initiate=st.booleans(),
    ),
    st.sampled_from([NOON, NIGHT]),
)
def test_override_lifts_hours_and_channels_of_staff_and_nothing_else(
    outbound_class: OutboundClass, changes: dict[str, bool], wishes: Wishes, now: datetime
) -> None:
    plain = decide(situation(outbound_class, wishes=wishes, now=now, **changes))
    lifted = decide(situation(outbound_class, wishes=wishes, now=now, override=True, **changes))
    if plain.reason == lifted.reason:
        return
    assert outbound_class is OutboundClass.STAFF
    assert can_be_overridden(plain.reason)
    assert lifted.allowed
    assert not changes["locked"]
    assert not (wishes.do_not_initiate and not changes["live"])
