"""Canned replies: own ones, shared ones a supervisor publishes, blanks filled for the conversation they go into."""

from tests.bot.console.conftest import Desk

ASK = "您好，我是{我}。现在方便说话吗？方便时打 {电话}，说编号 {编号} 就行。"


async def test_own_reply_is_shared_only_in_the_words_the_supervisor_read(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    boss = await desk.signed_in("boss", "supervisor")
    status, answer = await li.post("/console/replies", {"title": "问安全", "text": "现在安全吗？", "category": "dv"})
    assert status == 200
    page = f"/console/replies/{answer['id']}"
    (row,) = await desk.house.rows("canned_reply")
    assert "安全".encode() not in row.text_sealed + row.title_sealed
    for other in (wang, boss):
        assert (await other.get("/console/replies"))[1]["replies"] == []
        assert (await other.post(page, {"title": "改", "text": "改了"}))[0] == 404
        assert (await other.post(f"{page}/remove"))[0] == 404
        assert (await other.post(f"{page}/propose"))[0] == 409
    assert (await li.post(f"{page}/propose"))[0] == 200
    assert (await wang.get("/console/replies"))[1]["replies"] == []
    (seen,) = (await boss.get("/console/replies"))[1]["replies"]
    assert (await li.post(page, {"title": "问安全", "text": "方便说话吗？"}))[0] == 200, "her own again"
    assert (await li.post(f"{page}/propose"))[0] == 200
    assert (await boss.post(f"{page}/publish", {"version": seen["version"]}))[0] == 409, "other words by now"
    assert (await li.post(f"{page}/publish", {"version": seen["version"] + 1}))[0] == 403
    assert (await boss.post(f"{page}/publish", {"version": seen["version"] + 1}))[0] == 200
    (shared,) = (await wang.get("/console/replies"))[1]["replies"]
    assert (shared["text"], shared["state"]) == ("方便说话吗？", "shared")
    assert (await li.post(page, {"title": "改", "text": "改了"}))[0] == 404, "it is everybody's now"
    assert (await boss.post(f"{page}/remove"))[0] == 200
    assert (await wang.get("/console/replies"))[1]["replies"] == []


async def test_words_never_said_to_her_unknown_blanks_and_numbers_are_refused_with_the_reason(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    for text, reason in {
        "为了孩子忍一忍吧": "忍一忍",
        "您好，{姓名}": "没有「{姓名}」这个空，只能用 {我} {电话} {编号}",
        "您好，{我": "花括号",
        "您好，｛我｝": "花括号",
        "打我手机13800138000": "手机号",
        " ": "1 到 1000",
    }.items():
        status, answer = await li.post("/console/replies", {"title": "一条", "text": text})
        assert status == 400, text
        assert reason in answer["error"]
    assert await desk.house.rows("canned_reply") == []


async def test_blanks_are_filled_for_the_conversation_and_nothing_is_sent_by_choosing(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    page = f"/console/conversations/{await desk.waiting()}"
    assert (await li.post(f"{page}/claim"))[0] == 200
    assert (await li.post("/console/replies", {"title": "开头", "text": ASK}))[0] == 200
    before = len(await desk.house.rows("outbox"))
    (offered,) = (await li.get(f"{page}/replies"))[1]
    assert "值班名" in offered["missing"]
    assert (await li.post("/console/duty-name", {"duty_name": "李老师"}))[0] == 200
    (offered,) = (await li.get(f"{page}/replies"))[1]
    assert "编号" in offered["missing"]
    number = (await li.post(f"{page}/form", {"summary": "问一件事"}))[1]["case"]
    (offered,) = (await li.get(f"{page}/replies"))[1]
    hotline = desk.house.settings.service.hotline
    assert offered["missing"] == ""
    assert offered["text"] == f"您好，我是李老师。现在方便说话吗？方便时打 {hotline}，说编号 {number} 就行。"
    assert len(await desk.house.rows("outbox")) == before
    (row,) = await desk.house.rows("staff_desk")
    assert "李老师".encode() not in row.duty_name_sealed
