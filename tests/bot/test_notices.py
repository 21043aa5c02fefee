"""How a notice reads: variables, gaps, first lines, where a short link may lead."""

import pytest

from bot import notices, occasions

VALUES = {"电话": "12338", "县妇联": "某县妇联", "链接": "https://a.example/n/abcdefgh"}


def keys(text: str) -> set[str]:
    """What is said of a text."""
    return {one.key for one in notices.check(text)}


def test_known_variables_are_filled_in_and_unknown_ones_are_said() -> None:
    filled = notices.fill("{县妇联}请您来，电话｛电话｝，{ 链接 }，{姓名}您好", VALUES)
    assert filled == "某县妇联请您来，电话12338，https://a.example/n/abcdefgh，{姓名}您好"
    (found,) = [one for one in notices.check(filled) if one.key == "variable"]
    assert found.words == "{姓名}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("反家庭暴力讲座\n周五，电话 12338", "private"),
        ("活动来了\n时间：〔时间〕，电话 12338", "gap"),
        ("活动来了\n周五下午", "no_phone"),
    ],
)
def test_what_must_not_go_out_is_found(text: str, key: str) -> None:
    assert key in keys(text)


def test_a_notice_with_neutral_words_a_phone_and_no_gap_has_nothing_against_it() -> None:
    assert keys("三八节活动周来了\n3月8日在文化广场，也讲反家庭暴力法。电话 0991-1234567") == set()


def test_a_text_message_is_counted_with_its_signature() -> None:
    assert notices.segments("字" * 70) == 1
    assert notices.segments("字" * 70, "【妇联】") == 2


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "//evil.example", "ftp://a.example/", "https://", "/console", "data:text/html,x"),
        *("https://good.example@evil.example/", "https://a.example/\r\nSet-Cookie: a=b", "https:\\\\evil.example"),
        *("https://a.example:99999/", "https://a.example/" + "x" * 500),
    ],
)
def test_a_short_link_leads_to_whole_web_addresses_only(address: str) -> None:
    assert not notices.is_target(address)


def test_a_plain_web_address_is_fine() -> None:
    assert notices.is_target("https://www.example.gov.cn/fl/2027/notice.html?from=a#b")


def test_fields_of_a_subscription_notice_are_read_line_by_line() -> None:
    assert notices.read_fields("thing1=文化广场\ntime2＝2027-03-08 09:00") == {
        "thing1": "文化广场",
        "time2": "2027-03-08 09:00",
    }
    for wrong in ("文化广场", "thing1=", "Thing=1", "thing1=" + "字" * 21):
        assert notices.read_fields(wrong) is None


@pytest.mark.parametrize("occasion", occasions.occasions(), ids=lambda one: one.id)
def test_a_template_of_the_year_has_nothing_against_it_but_its_gaps(occasion: occasions.Occasion) -> None:
    assert {one.key for one in notices.check(occasion.text) if one.when != "never"} <= {"gap"}
