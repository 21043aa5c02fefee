"""The form an article is written in: from the Markdown to fields and back, every mistake with its field."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from bot.console import words
from bot.console.visit import BadForm
from bot.errors import ConfigError
from nlp.articles import Article, filled_slots, front_of, read_article, write_article
from nlp.citations import article_number, read_laws

LONGEST_ANSWER = 300
_FEWEST_QUESTIONS = 3
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]{1,62}$")
_CITATION = re.compile(r"^《?([^《》\s]+?)》?\s*(第[零〇一二三四五六七八九十百千]+条(?:之[一二三四五六七八九十]+)?)$")
#: Fields of one line each and of one entry a line, with what people call them and how long they may be.
_SINGLE = (("title", "标题", 60), ("where", "去哪里", 200), ("source", "文件依据", 200), ("audience", "对象", 60))
_LISTS = (("questions", "问法", 120), ("steps", "步骤", 200), ("documents", "材料", 80))


def fields_of(source: str) -> dict[str, str]:
    """The form's fields for an article's Markdown."""
    front, body = front_of(source)
    form = {name: str(front.get(name, "")) for name, _, _ in _SINGLE}
    form |= {name: "\n".join(map(str, front.get(name, ()))) for name, _, _ in _LISTS}
    form |= {name: str(front.get(name, "")) for name in ("id", "category", "kind", "level", "answer")}
    form["answer"] = form["answer"].strip()
    form["facts"] = " ".join(front.get("facts", ()))
    form["citations"] = "\n".join(f"{one['law']} {one['article']}" for one in front.get("citations", ()))
    form |= {name: str(front.get(name, "")) for name in ("reviewed_on", "review_by")}
    form["local"] = "1" if front.get("local") else ""
    form["body"] = body
    return form


def blank(today: date, question: str = "") -> dict[str, str]:
    """The fields of a new article, begun from a question if there is one."""
    return {
        "kind": "rights",
        "level": "A",
        "audience": "全体妇女",
        "questions": question,
        "reviewed_on": today.isoformat(),
        "review_by": (today + timedelta(days=365)).isoformat(),
    }


def read_form(form: Mapping[str, str], *, article_id: str = "") -> tuple[Article, str]:
    """The article and its Markdown. Raises BadForm with a sentence for every field that is wrong."""
    problems: dict[str, str] = {}
    front: dict[str, Any] = {"id": article_id or form.get("id", "").strip()}
    if not _ID.match(front["id"]):
        problems["id"] = "编号用小写字母、数字和短横，例如 divorce-abroad"
    for name, label, longest in _SINGLE:
        front[name] = form.get(name, "").strip()
        if len(front[name]) > longest:
            problems[name] = f"{label}最多 {longest} 字"
    for name, label, longest in _LISTS:
        front[name] = [line.strip() for line in form.get(name, "").splitlines() if line.strip()]
        if any(len(line) > longest for line in front[name]):
            problems[name] = f"{label}每行最多 {longest} 字"
    for name, group in (("category", "categories"), ("kind", "article_kinds"), ("level", "levels")):
        front[name] = form.get(name, "")
        if front[name] not in words.group(group):
            problems[name] = "请从列表里选择"
    _read_texts(form, front, problems)
    front["citations"] = _read_citations(form.get("citations", ""), problems)
    if front["kind"] == "rights" and not front["citations"]:
        problems.setdefault("citations", "说到权利就要写依据：一行一条，例如「民法典 第一千零七十九条」")
    front["facts"] = form.get("facts", "").split()
    front["local"] = bool(form.get("local"))
    if problems:
        raise BadForm(problems)
    source = write_article(front, form.get("body", "").replace("\r\n", "\n"))
    try:
        article = read_article(front["id"], source, read_laws(), filled_slots({}))
    except ConfigError as error:
        raise BadForm({"answer": f"这篇文章还读不出来：{error}"}) from None
    return article, source


def _read_texts(form: Mapping[str, str], front: dict[str, Any], problems: dict[str, str]) -> None:
    front["answer"] = form.get("answer", "").strip().replace("\r\n", "\n")
    if not front["title"]:
        problems["title"] = "请写标题"
    if not front["answer"]:
        problems["answer"] = "请写聊天里的简短回答"
    elif len(front["answer"]) > LONGEST_ANSWER:
        problems["answer"] = f"简短回答最多 {LONGEST_ANSWER} 字，现在 {len(front['answer'])} 字"
    if len(front["questions"]) < _FEWEST_QUESTIONS:
        problems["questions"] = f"至少写 {_FEWEST_QUESTIONS} 种她会用的问法，一行一种"
    for name, label in (("reviewed_on", "核对日期"), ("review_by", "下次复核")):
        try:
            front[name] = date.fromisoformat(form.get(name, "").strip())
        except ValueError:
            problems[name] = f"{label}写成 2026-12-01 这样"
    if not problems.keys() & {"reviewed_on", "review_by"} and front["review_by"] <= front["reviewed_on"]:
        problems["review_by"] = "下次复核要在核对日期之后"


def _read_citations(text: str, problems: dict[str, str]) -> list[dict[str, str]]:
    laws, found = read_laws(), []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = _CITATION.match(line)
        law = laws.get(match[1]) if match else None
        if match is None:
            problems["citations"] = f"「{line}」看不懂，请写成「民法典 第一千零七十九条」"
        elif law is None:
            problems["citations"] = f"「{match[1]}」不在法律清单里，请核对名称"
        elif not 1 <= (article_number(match[2]) or 0) <= law["articles"]:
            problems["citations"] = f"《{match[1]}》一共 {law['articles']} 条，没有{match[2]}"
        else:
            found.append({"law": match[1], "article": match[2]})
    return found
