"""Every verified fact stands in an article, and the known errors about the law are answered the right way round."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlp.retrieval import Library, load_library

SHEET = Path(__file__).resolve().parents[3] / "shared" / "docs" / "domain_facts.yaml"

needs_sheet = pytest.mark.skipif(not SHEET.exists(), reason="the reviewed fact sheet is not here")


@dataclass(frozen=True, slots=True)
class Told:
    """What one article says about one error: words its answer or body holds, words it must not, what it cites."""

    article: str
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()


#: The errors of section 15 of the fact sheet by number, and the articles that put each right.
TRAPS: dict[int, tuple[Told, ...]] = {
    1: (
        Told("dv-police", cites=("治安管理处罚法 第五十一条",)),
        Told("dv-crime", cites=("治安管理处罚法 第五十三条",)),
        Told("harassment-stalking", cites=("治安管理处罚法 第五十条",)),
        Told("harassment-indecency", cites=("治安管理处罚法 第五十二条",)),
        Told("harassment-locked-up", cites=("治安管理处罚法 第四十七条",)),
        Told("drugs-penalty", cites=("治安管理处罚法 第八十四条",)),
        Told("fraud-sextortion", cites=("治安管理处罚法 第五十八条",)),
        Told("minor-bullying", cites=("治安管理处罚法 第六十条",)),
    ),
    2: (
        Told("dv-warning-letter", ("不是口头教育", "拘留5到10日"), cites=("治安管理处罚法 第七十三条",)),
        Told("dv-ex-partner", ("不许接触你",), cites=("治安管理处罚法 第五十条",)),
    ),
    3: (
        Told("dv-protection-order", ("不用先离婚", "很可能有危险"), ("要先起诉离婚才",)),
        Told("dv-order-evidence", ("不要求证据确凿", "不是非要伤情鉴定")),
        Told("dv-ex-partner", ("不要求是一家人",), cites=("妇女权益保障法 第二十九条",)),
    ),
    4: (Told("dv-violate-order", ("拒不执行判决、裁定罪", "并不是「最多关15天」")),),
    5: (
        Told("XM-22", ("不限户口所在地", "不要户口簿"), cites=("婚姻登记条例 第八条",)),
        Told("divorce-register-new", ("不看户籍地", "回到原来受理的地方领证"), cites=("婚姻登记条例 第十六条",)),
    ),
    6: (Told("dv-cooling-off", ("起诉离婚没有", "不等冷静期")),),
    7: (Told("divorce-housework", ("不用事先约定",), cites=("民法典 第一千零八十八条",)),),
    8: (Told("marriage-void", ("民政不再办撤销", "都是旧规定", "一年内"), ("婚前有病，婚姻无效",)),),
    9: (Told("inherit-will-change", ("以最后一份为准", "公证的也不再优先"), ("公证遗嘱优先",)),),
    10: (Told("bride-price", ("一起生活时间较短", "都不对"), cites=("涉彩礼纠纷规定 第五条",)),),
    11: (
        Told("house-parents", ("2025年2月1日起",), cites=("民法典婚姻家庭编解释二 第八条",)),
        Told("property-add-name", ("已经过户的",), cites=("民法典婚姻家庭编解释二 第五条",)),
    ),
    12: (
        Told("labour-maternity-leave", ("九十八天", "九十天是老规定"), cites=("女职工劳动保护特别规定 第七条",)),
        Told("labour-arbitration", ("一年内提出",), ("60日内申请", "六十日内申请")),
    ),
    13: (
        Told("insurance-arrears", ("签了不交也无效",), cites=("劳动争议解释二 第十九条",)),
        Told("labour-retire-dismiss", ("已经在二〇二五年九月废止",)),
    ),
    14: (
        Told("harassment-work", cites=("妇女权益保障法 第二十三条",)),
        Told("divorce-pregnant", cites=("妇女权益保障法 第六十四条",)),
        Told("land-married-out", cites=("妇女权益保障法 第五十五条", "妇女权益保障法 第五十六条")),
    ),
    15: (
        Told("land-married-out", ("原来的集体不能取消",), cites=("农村集体经济组织法 第十八条",)),
        Told("land-member-who", ("成员代表大会没有这个权力",)),
    ),
    16: (
        Told("minor-detention", ("情节严重、影响恶劣的可以执行",), cites=("治安管理处罚法 第二十三条",)),
        Told("minor-bullying", ("不报告、不处置",)),
    ),
    17: (Told("minor-trafficking-buyer", ("买人本身就是犯罪", "都不是不追究"), cites=("刑法 第二百四十一条",)),),
    18: (Told("adoption", ("没有孩子或只有一个", "单身收养异性要相差40岁"), ("必须没有孩子",)),),
    19: (Told("XM-20", ("2026年7月1日起",), ("暂行办法",), ("社会救助法 第十五条",)),),
    20: (
        Told("petition", never=("《信访条例》",), cites=("信访工作条例 第三十四条",)),
        Told("XM-21", ("不看经济条件",), ("法律援助条例",), ("法律援助法 第三十二条",)),
    ),
    21: (Told("psych-12356", ("不少于18小时", "12320是卫生热线"), ("12356全天24小时",)),),
    22: (
        Told("staff-privacy", ("六个月",), cites=("网络安全法 第二十三条",)),
        Told("divorce-second", ("6个月",), cites=("民事诉讼法 第一百二十七条",)),
    ),
    23: (Told("minor-report-duty", ("国家机关", "妇联", "「疑似」就要报"), cites=("未成年人保护法 第十一条",)),),
}
#: Laws that gave way to others: no article may cite or quote them as law.
REPLACED = ("婚姻法", "继承法", "收养法", "信访条例", "法律援助条例", "社会救助暂行办法")


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


def sheet() -> dict[str, Any]:
    """The fact sheet as it is read by machines."""
    content: dict[str, Any] = yaml.safe_load(SHEET.read_text(encoding="utf-8"))
    return content


@needs_sheet
def test_every_verified_fact_stands_in_an_article(library: Library) -> None:
    told = {fact for article in library.articles.values() for fact in article.facts}
    verified = {fact["id"] for fact in sheet()["facts"] if set(fact["level"]) & set("ABCP")}
    assert len(verified) > 200
    assert sorted(verified - told) == []


@needs_sheet
def test_every_programme_of_the_sheet_stands_in_an_article(library: Library) -> None:
    told = {fact for article in library.articles.values() for fact in article.facts}
    assert sorted({programme["id"] for programme in sheet()["programmes"]} - told) == []


@needs_sheet
def test_every_known_error_has_an_article() -> None:
    assert sorted(TRAPS) == list(range(1, len(sheet()["traps"]) + 1))


@pytest.mark.parametrize(("trap", "told"), [(trap, told) for trap, all_told in TRAPS.items() for told in all_told])
def test_a_known_error_is_put_right(trap: int, told: Told, library: Library) -> None:
    article = library.articles[told.article]
    text = f"{article.answer}\n{article.body}"
    cited = {f"{citation.law} {citation.article}" for citation in article.citations}
    assert [words for words in told.says if words not in text] == [], trap
    assert [words for words in told.never if words in text] == [], trap
    assert sorted(set(told.cites) - cited) == [], trap


def test_no_article_cites_a_law_that_was_replaced(library: Library) -> None:
    citing = {
        article.id: law
        for article in library.articles.values()
        for law in REPLACED
        if f"《{law}》" in article.answer + article.body or law in {citation.law for citation in article.citations}
    }
    assert citing == {}


def test_what_is_not_verified_is_only_to_be_asked_locally(library: Library) -> None:
    subsidy = library.articles["XM-17"]
    assert "3600" not in subsidy.answer + subsidy.body
    assert subsidy.kind == "advice"
    assert subsidy.local
