"""Who does what to whom, and when: what is danger, what is not, and what is left when the voice is lost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp import risk, voice
from nlp.examples import digest, read_examples
from nlp.linear import read_model
from nlp.patterns import read_yaml
from nlp.risk import read
from nlp.train_risk import EXAMPLES
from nlp.voice import MODEL, read_voice


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("老公昨晚又打我了", "violence_pattern"),
        ("我被他打得下不了床", "violence_pattern"),
        ("他拿着菜刀在门外砍门", "violence_now"),
        ("前夫说要杀我全家", "threat_to_kill"),
        ("我想自杀", "suicide"),
        ("孩子就拜托你们了，我撑不下去了", "suicide"),
        ("我又拿刀片割自己了", "self_harm"),
        ("继父打孩子，孩子身上都是伤", "child"),
        ("他把我锁在屋里不让出门", "captivity"),
        ("我女儿被老师猥亵了", "sexual_violence"),
        ("前男友天天堵在我家门口", "stalking"),
        ("我妈被我爸打得满脸是血", "violence_pattern"),
        ("我被拐来十年了，想回家", "captivity"),
        ("他把刀放在枕头边，说离婚就一起死", "violence_now"),
    ],
)
def test_danger_has_its_kind_and_its_reason(text: str, kind: str) -> None:
    found = read(text)
    assert found.level == 2
    assert kind in found.kinds
    assert found.reasons
    assert not any(text in reason for reason in found.reasons)


@pytest.mark.parametrize("text", ["他现在拿着刀要砍我", "遗书写好了，药也买好了", "后妈天天打孩子", "正在打我，救命"])
def test_now_weapon_plan_and_child_are_urgent(text: str) -> None:
    assert read(text).urgent


@pytest.mark.parametrize(
    "text",
    [
        "笑死我了",
        "他打我电话没接到",
        "昨晚看了部电影，女主被老公打",
        "我不会做傻事的，放心",
        "故意杀人罪判几年",
        "怎么杀死蟑螂",
        "我妈说再乱花钱就打断我的腿哈哈",
        "今天加班累死了",
        "姐妹们救救我，这件衣服配什么鞋",
        "我被打了差评",
        "我被打了零分",
        "公司撑不下去了",
        "店里实在撑不下去了怎么办",
        "我带着孩子一起走亲戚",
        "带着两个孩子一起走访亲戚",
        "后门，鞋放在门口",
        "如果他打我，算不算家暴",
        "要是老公打我，算家暴吗",
        "",
        "好的",
    ],
)
def test_what_only_sounds_like_danger_is_no_alarm(text: str) -> None:
    assert read(text).level < 2


@pytest.mark.parametrize(
    "text",
    [
        "我被打了，还给我打了差评",
        "公司撑不下去了，我也撑不下去了",
        "生意撑不下去了我也不想活了",
        "我带着孩子一起走绝路",
        "我想带着孩子一起走了，不走亲戚了",
        "他每天在门口堵我，鞋放在门口也被他拿走",
        "如果他再打我，我就死给他看",
        "如果他又打我，算不算家暴，他昨晚打了我",
        "他打我，算不算家暴",
    ],
)
def test_what_sounds_harmless_beside_it_hides_no_danger(text: str) -> None:
    assert read(text).level == 2


@pytest.mark.parametrize(
    "text",
    ["救命", "快来人", "SOS", "110", "报警", "救救我", "救命啊！！", "救命！快来人！", "jiu ming", "help me please"],
)
def test_a_message_that_is_one_cry_is_urgent(text: str) -> None:
    found = read(text)
    assert (found.level, found.urgent, found.kinds[0]) == (2, True, "violence_now")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("My husband beats me every day", "violence_pattern"),
        ("my boyfriend hit me", "violence_pattern"),
        ("He hurts me", "violence_pattern"),
        ("he is choking me", "violence_now"),
        ("he wants to kill me", "threat_to_kill"),
        ("I want to die", "suicide"),
        ("I am going to kill myself", "suicide"),
        ("I will end my life", "suicide"),
        ("I was raped", "sexual_violence"),
        ("he has a knife", "violence_now"),
        ("he locked me in the room", "captivity"),
        ("I was sold to this village", "captivity"),
        ("laogong da wo", "violence_pattern"),
        ("ta jintian you da le wo", "violence_pattern"),
        ("ta yao sha wo", "threat_to_kill"),
        ("na dao", "violence_now"),
        ("ta na dao kan wo", "violence_now"),
        ("jia bao", "violence_pattern"),
        ("bu xiang huo le", "suicide"),
        ("wo yao si le", "suicide"),
        ("当家的捶我", "violence_pattern"),
        ("屋里头的老捶我", "violence_pattern"),
        ("他擂我", "violence_pattern"),
        ("药都准备好了，孩子以后就靠你们了", "suicide"),
        ("对不起大家，不想拖累家里了", "suicide"),
    ],
)
def test_danger_is_heard_in_english_in_pinyin_in_dialect_and_sideways(text: str, kind: str) -> None:
    found = read(text)
    assert found.level == 2
    assert kind in found.kinds


@pytest.mark.parametrize(
    "text",
    [
        "打110是什么",
        "报警有用吗",
        "help",
        "he hit the road",
        "he doesn't hit me",
        "I don't want to die",
        "how do I apply for divorce",
        "can you help me please find the hotline number",
        "start a day wonder",
        "laogong da wo dianhua",
        "wo na dao zheng le",
        "wo yao si zhang piao",
        "他帮我捶背",
        "如果我不在家孩子怎么办",
    ],
)
def test_harmless_words_in_english_pinyin_and_dialect_stay_harmless(text: str) -> None:
    assert read(text).level == 0


@pytest.mark.parametrize(
    "text",
    [
        "如果我不在了孩子怎么办",
        "我不想拖累孩子了",
        "孩子以后就靠你们了",
        "孩子以后就拜托你们了",
        "睡着不醒就好了",
        "撑不下去了",
    ],
)
def test_a_wish_to_die_told_sideways_is_heard(text: str) -> None:
    found = read(text)
    assert found.level >= 1
    assert found.kinds == ("suicide",)


@pytest.mark.parametrize(
    "text", ["他说要跟我一起死", "老公威胁要同归于尽", "男方说离婚就一起死", "老公说要带着孩子一起死"]
)
def test_who_wants_to_take_her_along_is_a_threat_and_no_wish_of_hers(text: str) -> None:
    found = read(text)
    assert found.urgent
    assert "threat_to_kill" in found.kinds
    assert "suicide" not in found.kinds


@pytest.mark.parametrize("text", ["我想带着孩子一起走", "带着孩子一起死", "我要带着孩子一起死"])
def test_who_wants_to_take_her_child_along_means_to_die(text: str) -> None:
    found = read(text)
    assert found.urgent
    assert found.kinds[:2] == ("suicide", "child")
    assert "threat_to_kill" not in found.kinds


@pytest.mark.parametrize("text", ["我被打了，还想问问离婚要什么材料", "我被打了，家暴怎么判"])
def test_a_question_about_the_law_lowers_only_its_own_clause(text: str) -> None:
    assert read(text).level == 2


@pytest.mark.parametrize("text", ["老公打老婆，判几年", "家暴判几年"])
def test_a_question_about_the_law_without_her_own_story_is_no_alarm(text: str) -> None:
    assert read(text).level < 2


@pytest.mark.parametrize("text", ["有时候觉得活着没什么意思", "前夫十年前打过我，早离了"])
def test_passive_wishes_and_the_long_past_are_concern(text: str) -> None:
    assert read(text).level == 1


def test_film_does_not_hide_her_own_story() -> None:
    assert read("看了反家暴的新闻我才敢说，我老公打我打了十年").level == 2


def test_rules_answer_when_the_model_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "model.txt"
    broken.write_text("{not json", "utf-8")
    assert read_voice(broken) is None
    assert read_voice(tmp_path / "absent.txt") is None
    monkeypatch.setattr(risk, "voice", lambda: None)
    assert read("老公打我").level == 2
    assert read("我不想活了").kinds == ("suicide",)
    assert read("今天天气不错").level == 0


def test_model_is_that_of_the_examples() -> None:
    model = read_model(MODEL)
    assert model.head["examples"] == digest(EXAMPLES), "run: python -m nlp.train_risk"


def test_every_name_the_voice_may_give_has_kind_and_reason() -> None:
    labels = {example.label for example in read_examples(EXAMPLES) if not example.label.startswith("none:")}
    assert labels == set(read_yaml(voice.FOLDER / "voice.yaml"))


@given(st.text(max_size=300))
def test_nothing_she_writes_raises(text: str) -> None:
    assert read(text).level in {0, 1, 2}


@pytest.mark.parametrize(
    "text",
    [
        "死" * 20_000,
        "打我" * 10_000,
        "快来人" * 1_000 + "谢",
        "ai" * 2_000 + "x",
        "i want he " * 400,
        "\x00\x01",
        "ئۇيغۇر",
        "བོད",
        "🙂",
    ],
)
def test_odd_and_endless_texts_are_read(text: str) -> None:
    assert read(text).level in {0, 1, 2}
