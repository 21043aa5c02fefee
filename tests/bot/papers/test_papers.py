"""Documents read back as Word reads them: what was filled, what is marked missing, and what the law really says."""

import io
import re
import zipfile
from pathlib import Path

import pytest
from docx import Document
from docx.document import Document as Paper
from docx.enum.text import WD_COLOR_INDEX
from docx.oxml.ns import qn
from hypothesis import given
from hypothesis import strategies as st

from bot.papers import GAP, KINDS, Values, fill, problems, read_form, write
from nlp.citations import problem_of
from tests.conftest import MORNING

STATUTES = Path(__file__).resolve().parents[4] / "shared" / "laws"
ALL = (*KINDS, "referral_slip")
TOLD = {
    "applicant_name": "李桂兰",
    "applicant_birth": "1990年3月2日",
    "respondent_name": "王某某",
    "latest_what": "他用皮带抽打后背。\n女儿在场。",
    "evidence": "报警回执\n诊断证明",
    "court": "清河县人民法院",
}


def make(kind: str, values: Values) -> Paper:
    form = read_form(kind)
    return Document(io.BytesIO(write(form, fill(form, values), MORNING)))


def lines(paper: Paper) -> list[str]:
    """All text, in the order of the paper, table cells too."""
    return ["".join(node.text or "" for node in line.iter(qn("w:t"))) for line in paper.element.body.iter(qn("w:p"))]


def gaps(paper: Paper) -> list[str]:
    """The texts of highlighted runs."""
    return [
        "".join(node.text or "" for node in run.iter(qn("w:t")))
        for run in paper.element.body.iter(qn("w:r"))
        if run.find(f"{qn('w:rPr')}/{qn('w:highlight')}") is not None
    ]


def test_an_application_holds_what_she_told_and_marks_the_rest() -> None:
    chosen = {"relation": ["spouse"], "requests": ["violence", "move_out"], "respondent_sex": ["male"]}
    paper = make("protection_order", Values(TOLD, chosen))
    text = lines(paper)
    assert text[0] == "人身安全保护令申请书"
    assert any(
        line.startswith("申请人：李桂兰，女，1990年3月2日出生，居民身份证号码______（待填写）") for line in text
    )
    assert "一、禁止被申请人对申请人实施家庭暴力；" in text
    assert f"二、责令被申请人迁出申请人住所{GAP}。" in text
    assert "经过：他用皮带抽打后背。" in text
    assert "女儿在场。" in text
    assert f"现在的危险：{GAP}" in text
    (ground,) = [line for line in text if "根据" in line]
    assert "根据《中华人民共和国反家庭暴力法》第二十三条、第二十七条、第二十九条的规定，向贵院申请" in ground
    assert text.index("清河县人民法院") == text.index("此致") + 1
    assert not any("代为申请" in line for line in text)
    assert set(gaps(paper)) == {GAP}
    assert len(gaps(paper)) == "".join(text).count(GAP)


@pytest.mark.parametrize("relation", ["ex_spouse", "partner", "ex_partner"])
def test_who_is_no_family_asks_by_the_law_on_womens_rights(relation: str) -> None:
    text = "".join(lines(make("protection_order", Values(TOLD, {"relation": [relation], "requests": ["pestering"]}))))
    assert "《中华人民共和国妇女权益保障法》第二十九条" in text
    assert "反家庭暴力法" not in text
    assert "家庭暴力" not in text
    assert problems(read_form("protection_order"), {"relation": [relation], "requests": ["violence"]})


def test_only_those_the_law_names_apply_for_her() -> None:
    form = read_form("protection_order")
    assert problems(form, {"proxy": ["women"], "proxy_reason": ["coerced"]}) == {}
    assert problems(form, {"proxy": ["civil_affairs"], "proxy_reason": ["ill"]}) == {}
    assert "proxy" in problems(form, {"proxy": ["civil_affairs"], "proxy_reason": ["coerced"]})
    assert "proxy" in problems(form, {"proxy": ["neighbour"]})
    text = lines(make("protection_order", Values(TOLD, {"proxy": ["women"], "proxy_reason": ["ill"]})))
    assert any(
        line.startswith(f"代为申请人：{GAP}（妇女联合会）") and "根据其本人意愿和《最高人民法院" in line
        for line in text
    )
    assert any(line.startswith("代为申请人（签名或者盖章）") for line in text)


def test_a_log_has_a_row_for_each_incident_and_rows_to_write_into_without_any() -> None:
    rows = [{"when": "11月3日", "what": "“打断你的腿”"}, {"when": "11月20日", "where": "家里", "what": "推倒"}]
    paper = make("incident_log", Values({}, rows=rows))
    (table,) = paper.tables
    assert [cell.text for cell in table.rows[1].cells] == ["11月3日", GAP, "“打断你的腿”", GAP, GAP, GAP]
    assert len(table.rows) == 3
    assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
    section = paper.sections[0]
    assert section.page_width > section.page_height
    (empty,) = make("evidence_list", Values({})).tables
    assert len(empty.rows) == 5
    assert {cell.text for cell in empty.rows[1].cells} == {""}


@pytest.mark.parametrize("kind", ALL)
def test_paper_is_a4_in_chinese_fonts_with_page_numbers_and_says_nothing_of_its_maker(kind: str) -> None:
    form = read_form(kind)
    content = write(form, fill(form, Values(TOLD)), MORNING)
    paper = Document(io.BytesIO(content))
    section = paper.sections[0]
    assert sorted((section.page_width.mm, section.page_height.mm)) == pytest.approx([210, 297], abs=0.1)
    fonts = paper.styles["Normal"].element.rPr.rFonts
    assert fonts.get(qn("w:eastAsia")) == "仿宋"
    foot = section.footer._element.xml
    assert "PAGE" in foot
    about = paper.core_properties
    assert {about.author, about.last_modified_by, about.title, about.subject, about.comments, about.keywords} == {""}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist() if name != "word/document.xml")
    assert "李桂兰".encode() not in everything
    assert b"python" not in everything.lower()


@pytest.mark.parametrize("kind", ALL)
def test_gaps_are_highlighted_in_yellow(kind: str) -> None:
    paper = make(kind, Values({}))
    found = gaps(paper)
    assert set(found) <= {GAP}
    assert kind in ("evidence_list", "incident_log") or found
    marked = [run for line in paper.paragraphs for run in line.runs if run.text == GAP]
    assert all(run.font.highlight_color == WD_COLOR_INDEX.YELLOW for run in marked)


@pytest.mark.parametrize("kind", ALL)
def test_every_law_a_form_names_is_a_citation_that_exists(kind: str) -> None:
    form = read_form(kind)
    assert [problem for one in form.citations if (problem := problem_of(one))] == []
    source = (Path(__file__).resolve().parents[3] / "bot/papers/forms" / f"{kind}.yaml").read_text(encoding="utf-8")
    said = [line for line in source.splitlines() if not line.startswith("#")]
    for line in said:
        if "said:" not in line:
            assert not re.search(r"第[一二三四五六七八九十百千零]+条", line), line
    for name, law in form.cited.items():
        assert f"<cite.{name}>" in source, name
        assert re.search(r"第[一二三四五六七八九十百千零]+条", law), law


@pytest.mark.skipif(not STATUTES.is_dir(), reason="the statutes beside the repository are absent")
@pytest.mark.parametrize("kind", ALL)
def test_every_citation_of_a_form_stands_in_the_statute(kind: str) -> None:
    assert [problem for one in read_form(kind).citations if (problem := problem_of(one, STATUTES))] == []


@pytest.mark.skipif(not STATUTES.is_dir(), reason="the statutes beside the repository are absent")
def test_measures_asked_for_are_those_of_the_law() -> None:
    law = (STATUTES / "反家庭暴力法.md").read_text(encoding="utf-8")
    rules = next(STATUTES.glob("人身安全保护令规定*.md")).read_text(encoding="utf-8")
    for words in (
        "禁止被申请人实施家庭暴力",
        "禁止被申请人骚扰、跟踪、接触申请人及其相关近亲属",
        "责令被申请人迁出申请人住所",
    ):
        assert words in law
    assert "以电话、短信、即时通讯工具、电子邮件等方式侮辱、诽谤、威胁申请人及其相关近亲属" in rules
    assert "一定范围内从事可能影响申请人及其相关近亲属正常生活、学习、工作的活动" in rules


@given(st.dictionaries(st.sampled_from([*TOLD, "purpose", "unit"]), st.text(max_size=80)), st.sampled_from(ALL))
def test_whatever_was_typed_the_paper_opens(texts: dict[str, str], kind: str) -> None:
    make(kind, Values(texts))
