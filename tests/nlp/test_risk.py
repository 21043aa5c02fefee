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
        "",
        "好的",
    ],
)
def test_what_only_sounds_like_danger_is_no_alarm(text: str) -> None:
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


@pytest.mark.parametrize("text", ["死" * 20_000, "打我" * 10_000, "\x00\x01", "ئۇيغۇر", "བོད", "🙂"])
def test_odd_and_endless_texts_are_read(text: str) -> None:
    assert read(text).level in {0, 1, 2}
