"""`understand` never raises, knows other languages, reads answers in their flow and hears two wishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.intents import guess
from nlp.language import language_of
from nlp.meaning import INTENTS, Context
from nlp.understanding import understand

FOREIGN = {
    "ug": "ياردەم كېرەك، ئېرىم مېنى ئۇرىدۇ",
    "kk": "маған көмек керек, күйеуім ұрады",
    "bo": "ང་ལ་རོགས་རམ་དགོས།",
    "mn": "ᠲᠤᠰᠠᠯᠠᠭᠠᠷᠠᠢ",
    "ko": "도와주세요 남편이 때려요",
    "en": "please tell me where I can speak to somebody about work",
    "vi": "chồng tôi đánh tôi, giúp tôi với",
    "ja": "夫に殴られました。助けてください",
    "ru": "помогите, муж бьёт меня",
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "😭",
        "啊" * 20_000,
        "a1！" * 7_000,
        "\x00\x01\u202e\u200b",
        "\ud83d",
        "1",
        "。",
        *FOREIGN.values(),
    ],
)
@pytest.mark.parametrize("context", [None, Context("intake", "hear_who", ("a", "b"))])
def test_no_message_makes_it_raise(text: str, context: Context | None) -> None:
    meaning = understand(text, context)
    assert meaning.intent in INTENTS
    assert 0 <= meaning.confidence <= 1
    assert meaning.text == text


@given(st.text(max_size=300))
def test_any_text_is_understood_somehow_and_twice_the_same(text: str) -> None:
    assert understand(text) == understand(text)


@pytest.mark.parametrize(("code", "text"), FOREIGN.items())
def test_another_language_is_recognised_and_not_guessed_at(code: str, text: str) -> None:
    meaning = understand(text)
    assert meaning.language == code
    assert (meaning.intent, meaning.confidence) == ("oos", 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "老公打我",
        "laogong da wo",
        "wo yao li hun",
        "hello",
        "ok thank you",
        "TD",
        "13800138000",
        "我老公 help me",
        "😭",
        "",
    ],
)
def test_chinese_pinyin_courtesies_and_numbers_are_no_other_language(text: str) -> None:
    assert language_of(text) == ""


@pytest.mark.parametrize("text", ["I was raped", "he has a knife", "he locked me in", "kill myself"])
def test_danger_in_english_is_danger_and_english(text: str) -> None:
    assert language_of(text.lower()) == "en"
    assert understand(text).risk.level == 2


def test_kazakh_and_uyghur_in_arabic_script_are_told_apart() -> None:
    assert language_of("كومەكتەسىڭىزشى ٴبىر") == "kk"
    assert language_of("ماڭا ياردەم قىلىڭ") == "ug"


def test_a_message_nothing_speaks_for_is_not_claimed_to_be_understood() -> None:
    assert guess("嗯哼哈嘿呼").intent == "oos"
    assert guess("！？……").confidence == 0


def test_understanding_says_which_words_decided() -> None:
    meaning = understand("公司拖欠我三个月工资不给")
    assert (meaning.intent, meaning.category) == ("rights", "labour")
    assert meaning.because
    assert all(word in meaning.text for word in meaning.because)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("两癌筛查怎么报名", "XM-01"),
        ("取消报名", "cancel"),
        ("删除我的信息", "erase"),
        ("什么都别发给我了", "stop_all"),
    ],
)
def test_finer_names_stand_in_detail(text: str, detail: str) -> None:
    assert understand(text).detail == detail


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("前夫不给抚养费怎么办？另外最近有什么活动", "rights", "activity"),
        ("两癌筛查在哪做，还有帮我取消报名", "policy", "activity"),
        ("公司不发工资怎么办。我还想当志愿者", "rights", "volunteer"),
    ],
)
def test_two_wishes_in_one_message_are_both_heard(text: str, first: str, second: str) -> None:
    meaning = understand(text)
    assert {meaning.intent, *(other.intent for other in meaning.others)} == {first, second}


@pytest.mark.parametrize("text", ["老公打我怎么办？我好怕。", "想离婚，还有孩子抚养权怎么争取？", "谢谢。再见！"])
def test_one_matter_told_in_several_sentences_is_one_wish(text: str) -> None:
    assert understand(text).others == ()


def test_two_questions_about_rights_of_different_kinds_are_both_heard() -> None:
    heard = understand("房子怎么分。另外孩子才一岁归谁").others
    assert {(wish.intent, wish.category) for wish in heard} == {("rights", "property"), ("rights", "custody")}


@pytest.mark.parametrize("text", ["他天天打我，我要离婚。孩子归谁？房子怎么分？", "老公出轨了。我好难受。孩子归谁"])
def test_in_danger_or_distress_matters_of_rights_are_not_counted(text: str) -> None:
    assert understand(text).others == ()


@pytest.mark.parametrize(
    ("text", "hurt"),
    [("她", "other"), ("我妹妹", "other"), ("是我朋友", "other"), ("我自己", "self"), ("我", "self")],
)
def test_who_is_hurt_is_read_from_a_word_when_that_was_asked(text: str, hurt: str) -> None:
    assert understand(text, Context("intake", "hear_who")).entities["hurt"] == hurt
    assert "hurt" not in understand(text).entities


def test_a_choice_is_read_against_what_was_shown() -> None:
    meaning = understand("第二个", Context("activity", "choose_session", ("one", "two")))
    assert meaning.entities["chosen"] == "two"
