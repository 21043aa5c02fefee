"""The small facts in her words: one table a subject, counted from a Tuesday morning in Shanghai."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.entities import Place, Places, read_entities
from nlp.text import normalise

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
PLACES = Places(
    [
        Place("c", "清川县"),
        Place("t1", "柳林乡", "c"),
        Place("t2", "青河镇", "c"),
        Place("t3", "和平街道", "c"),
        Place("v1", "新庄村", "t1"),
        Place("v2", "新庄村", "t2"),
        Place("v3", "大王庙村", "t2"),
        Place("v4", "幸福社区", "t3"),
    ]
)


def read(text: str) -> dict[str, object]:
    return read_entities(normalise(text), NOW, PLACES)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("今天", "2026-11-24"),
        ("明天有空", "2026-11-25"),
        ("后天去", "2026-11-26"),
        ("大后天来", "2026-11-27"),
        ("昨天的事", "2026-11-23"),
        ("前天晚上他又打我", "2026-11-22"),
        ("这周五", "2026-11-27"),
        ("周六可以吗", "2026-11-28"),
        ("下周三", "2026-12-02"),
        ("下个星期一", "2026-11-30"),
        ("下下周一", "2026-12-07"),
        ("周一", "2026-11-30"),
        ("本周日", "2026-11-29"),
        ("礼拜天", "2026-11-29"),
        ("上周五", "2026-11-20"),
        ("这个周末", "2026-11-28"),
        ("下周末", "2026-12-05"),
        ("双休日", "2026-11-28"),
        ("月底", "2026-11-30"),
        ("下个月5号", "2026-12-05"),
        ("下月初", "2026-12-01"),
        ("下个月底", "2026-12-31"),
        ("12月底", "2026-12-31"),
        ("1月中旬", "2027-01-15"),
        ("这个月28号", "2026-11-28"),
        ("28号", "2026-11-28"),
        ("5号", "2026-12-05"),
        ("二十八号", "2026-11-28"),
        ("11.30", "2026-11-30"),
        ("12月3日", "2026-12-03"),
        ("十二月十二号", "2026-12-12"),
        ("3月8日", "2027-03-08"),
        ("2027年1月5日", "2027-01-05"),
        ("2027-01-05", "2027-01-05"),
        ("12/3", "2026-12-03"),
        ("国庆节", "2027-10-01"),
        ("元旦", "2027-01-01"),
        ("五一放假", "2027-05-01"),
        ("三八节的活动", "2027-03-08"),
        ("春节前", "2027-02-06"),
        ("大年初三", "2027-02-08"),
        ("正月十五", "2027-02-20"),
        ("农历八月十五", "2027-09-15"),
        ("除夕", "2027-02-05"),
        ("端午节", "2027-06-09"),
        ("中秋节", "2027-09-15"),
        ("母亲节", "2027-05-09"),
        ("三天后", "2026-11-27"),
        ("两周后", "2026-12-08"),
        ("过两天", "2026-11-26"),
        ("一个月后", "2026-12-24"),
        ("下周三下午三点", "2026-12-02T15:00"),
        ("明天下午三点打13800000000给我", "2026-11-25T15:00"),
        ("今晚八点", "2026-11-24T20:00"),
    ],
)
def test_day_is_counted_from_now(text: str, when: str) -> None:
    assert read(text)["when"] == when


@pytest.mark.parametrize(
    "text", ["我想离婚", "12345", "工资3.5万", "孩子两岁半", "13800138000", "2月30日", "99号楼", "第三条", "一家三口"]
)
def test_what_is_no_day_gives_none(text: str) -> None:
    assert "when" not in read(text)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("下午三点", "15:00"),
        ("两点半", "02:30"),
        ("下午两点半", "14:30"),
        ("9点一刻", "09:15"),
        ("上午10点", "10:00"),
        ("晚上8点40", "20:40"),
        ("19:30", "19:30"),
        ("中午12点", "12:00"),
        ("中午一点", "13:00"),
        ("凌晨两点", "02:00"),
        ("晚上十二点", "00:00"),
        ("早上七点三十分", "07:30"),
        ("傍晚六点三刻", "18:45"),
        ("下午4点钟", "16:00"),
        ("明天下午,三点吧", "15:00"),
    ],
)
def test_time_of_day(text: str, time: str) -> None:
    assert read(text)["time"] == time


@pytest.mark.parametrize("text", ["便宜一点", "小时候", "有一点害怕", "第3点", "2026", "三个人"])
def test_what_is_no_time_gives_none(text: str) -> None:
    assert "time" not in read(text)


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13800138000", "13800138000"),
        ("打 138 0013 8000 给我", "13800138000"),
        ("138-0013-8000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("+86 13800138000", "13800138000"),
        ("一三八零零一三八零零零", "13800138000"),
        ("幺三八〇〇幺三八〇〇〇", "13800138000"),
        ("0123-4567890", "01234567890"),
        ("(0571)87654321", "057187654321"),
        ("电话是159.1234.5678", "15912345678"),
    ],
)
def test_phone_is_read_however_it_is_written(text: str, phone: str) -> None:
    assert read(text)["phone"] == phone


@pytest.mark.parametrize("text", ["12338", "110", "10086", "20261124", "身份证110101199003074567", "12800138000"])
def test_what_is_no_phone_gives_none(text: str) -> None:
    assert "phone" not in read(text)


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("两个人", 2),
        ("3位", 3),
        ("一大一小", 2),
        ("两大一小", 3),
        ("一家三口", 3),
        ("我们俩", 2),
        ("我们娘仨", 3),
        ("就我一个人", 1),
        ("我自己", 1),
        ("我和婆婆", 2),
        ("我带着孩子去", 2),
        ("两个名额", 2),
        ("十二个人", 12),
        ("一个大人两个孩子", 3),
        ("五口人", 5),
    ],
)
def test_number_of_people(text: str, people: int) -> None:
    assert read(text)["people"] == people


@pytest.mark.parametrize("text", ["三个月", "我和他离婚了", "第二个", "人家说的", "他们家的人", "五百块"])
def test_what_counts_no_people_gives_none(text: str) -> None:
    assert "people" not in read(text)


@pytest.mark.parametrize(
    ("text", "name", "age"),
    [
        ("孩子三岁", "child_age", 3),
        ("女儿才8岁", "child_age", 8),
        ("七个月的宝宝", "child_age", 0),
        ("儿子14个月", "child_age", 1),
        ("两岁半的娃", "child_age", 2),
        ("她才12岁", "child_age", 12),
        ("五岁女儿归谁", "child_age", 5),
        ("我今年15岁", "age", 15),
        ("我三十二岁", "age", 32),
        ("我13了", "age", 13),
        ("本人45岁", "age", 45),
        ("我是初二学生", "age", 14),
        ("我上小学", "age", 10),
    ],
)
def test_ages(text: str, name: str, age: int) -> None:
    assert read(text)[name] == age


@pytest.mark.parametrize(
    "text", ["我上小学的时候被打过", "我是初中老师", "我十二岁那年被舅舅欺负", "我18岁就嫁给他", "我十二岁闺女被骗了"]
)
def test_who_tells_of_long_ago_is_no_child_now(text: str) -> None:
    assert "age" not in read(text)


@pytest.mark.parametrize(
    ("text", "hurt", "by"),
    [
        ("老公打我", "self", "husband"),
        ("我被前夫骚扰", "self", "ex"),
        ("婆婆天天骂我", "self", "in_law"),
        ("我爸打我妈", "other", "parent"),
        ("我女儿被同学欺负", "other", "classmate"),
        ("邻居天天打老婆", "other", "neighbour"),
        ("帮我朋友问一下", "other", None),
        ("我姐被她老公打", "other", "husband"),
        ("老板摸我", "self", "boss"),
        ("有人跟踪我", "self", "stranger"),
        ("男朋友威胁我", "self", "partner"),
        ("儿子打我", "self", "child"),
        ("我被打了", "self", None),
        ("他又打我", "self", None),
        ("老师打了我儿子", "other", "teacher"),
        ("闺蜜被家暴", "other", None),
        ("舅舅欺负我12岁的外甥女", "other", "relative"),
        ("他打我的孩子", "other", None),
        ("他打我12岁的女儿", "other", None),
    ],
)
def test_who_is_hurt_by_whom(text: str, hurt: str, by: str | None) -> None:
    found = read(text)
    assert (found.get("hurt"), found.get("by")) == (hurt, by)


@pytest.mark.parametrize("text", ["老公打我电话", "想参加活动", "我想离婚", "怎么申请保护令"])
def test_where_nobody_is_hurt_nobody_is_named(text: str) -> None:
    assert "hurt" not in read(text)


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("我报过警了", ["police"]),
        ("已经报警", ["police"]),
        ("警察来了也没用", ["police"]),
        ("派出所出了告诫书", ["police", "warning"]),
        ("保护令下来了", ["protection_order"]),
        ("申请了保护令", ["protection_order"]),
        ("我起诉了一次法院不判", ["lawsuit"]),
        ("去医院缝了五针", ["hospital"]),
        ("做了伤情鉴定", ["hospital"]),
        ("打了12338", ["federation"]),
        ("村委会来调解过", ["village", "mediation"]),
        ("他写了保证书", ["promise"]),
        ("我录了视频", ["evidence"]),
    ],
)
def test_what_was_already_done(text: str, done: list[str]) -> None:
    assert read(text)["done"] == done


@pytest.mark.parametrize(
    "text", ["我想报警", "不敢去医院", "怎么申请保护令", "能不能起诉", "没有报过警", "要告诫书", "如果报了警会怎样"]
)
def test_wish_is_no_deed(text: str) -> None:
    assert "done" not in read(text)


@pytest.mark.parametrize(
    ("text", "area", "name"),
    [
        ("柳林乡", "t1", "柳林乡"),
        ("柳林", "t1", "柳林乡"),
        ("我住在柳林", "t1", "柳林乡"),
        ("我是青河镇大王庙村的", "v3", "青河镇大王庙村"),
        ("大王庙的", "v3", "青河镇大王庙村"),
        ("青河镇新庄村", "v2", "青河镇新庄村"),
        ("柳林乡新庄", "v1", "柳林乡新庄村"),
        ("我在清川县城", "c", "清川县"),
        ("和平街道", "t3", "和平街道"),
        ("家在和平", "t3", "和平街道"),
        ("幸福社区这边", "v4", "和平街道幸福社区"),
    ],
)
def test_place_in_the_area_tree(text: str, area: str, name: str) -> None:
    found = read(text)
    assert (found["area_id"], found["area"]) == (area, name)


@pytest.mark.parametrize("text", ["新庄村", "我想和平离婚", "祝你们幸福", "希望和平相处", "北京"])
def test_place_that_is_not_clear_is_asked(text: str) -> None:
    assert "area" not in read(text)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("好的", "answer", "yes"),
        ("嗯嗯", "answer", "yes"),
        ("不用了", "answer", "no"),
        ("算了吧", "answer", "no"),
        ("第二个", "choice", 2),
        ("选3", "choice", 3),
        ("1", "choice", 1),
        ("两个", "choice", 2),
    ],
)
def test_short_answers(text: str, name: str, value: object) -> None:
    assert read(text)[name] == value


@given(
    st.text(
        alphabet=st.sampled_from("0123456789一二两三十百月日号周下上点半.:-/ 年正腊初农历春节岁我被打了a\u3000"),
        max_size=40,
    )
)
def test_nothing_she_writes_raises(text: str) -> None:
    read(text)


@given(st.text(max_size=60))
def test_no_text_at_all_raises(text: str) -> None:
    read(text)


@pytest.mark.parametrize(
    ("text", "name"), [("我叫李姐", "李姐"), ("两位，叫我王姐就行", "王姐"), ("我叫李娟，结婚三年", "李娟")]
)
def test_name_she_gives(text: str, name: str) -> None:
    assert read(text)["name"] == name


@pytest.mark.parametrize("text", ["领导叫我站着上班", "不许叫我哈哈", "我叫他滚", "爸妈总叫我贴钱"])
def test_what_is_no_name_gives_none(text: str) -> None:
    assert "name" not in read(text)
