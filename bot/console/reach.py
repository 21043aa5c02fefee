"""Where staff are reached in WeCom, and the groups the bot is in: area, keeper, whether notices may go there."""

import re

from aiohttp import web

from bot.console.visit import BadForm, Visit
from bot.errors import NotFound
from storage.repositories import groups, spreading, staff

_USERID = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_LONGEST_TITLE = 40


async def ask_wecom(visit: Visit) -> web.StreamResponse:
    """Her userid in WeCom, where alarms reach her."""
    async with visit.house.database.reading() as tx:
        userid = await staff.wecom_of(tx, visit.me.id)
    if visit.wants_json:
        return visit.json({"userid": userid})
    return visit.page("my_wecom.html", userid=userid, is_on="wecom" in visit.house.channels)


async def set_wecom(visit: Visit) -> web.StreamResponse:
    """Keep it; empty takes it away."""
    userid = visit.form.get("userid", "").strip()
    if userid and not _USERID.fullmatch(userid):
        raise BadForm({"userid": "企业微信账号是通讯录里的「账号」，由字母、数字和 _ - . @ 组成"})
    async with visit.house.database.transaction() as tx:
        await staff.set_wecom(tx, visit.me.id, userid)
        await visit.record(tx, "staff.wecom_set", f"staff:{visit.me.id}")
    return visit.json({}) if visit.wants_json else visit.go("/console/my-wecom")


async def show_groups(visit: Visit) -> web.StreamResponse:
    """The groups of her areas, and those nobody has placed yet."""
    async with visit.house.database.reading() as tx:
        found = await groups.all_groups(tx, (await visit.scope(tx)).areas)
        areas = await groups.area_names(tx, (await visit.scope(tx)).areas)
        names = await staff.names(tx)
        plain = await spreading.plain_groups(tx, (await visit.scope(tx)).areas)
    if visit.wants_json:
        return visit.json(
            [
                {
                    "id": one.id,
                    "channel": one.channel,
                    "title": one.title,
                    "area": one.area_id,
                    "keeper": one.keeper_id,
                    "notices_allowed": one.notices_allowed,
                    "muted": one.muted,
                    "left": one.left_at is not None,
                }
                for one in found
            ]
        )
    return visit.page("groups.html", groups=found, areas=areas, names=names, plain=plain)


async def set_group(visit: Visit) -> web.StreamResponse:
    """Title, area, keeper, and whether notices may go there."""
    title, form = visit.form.get("title", "").strip(), visit.form
    if len(title) > _LONGEST_TITLE:
        raise BadForm({"title": f"名称最多 {_LONGEST_TITLE} 字"})
    group_id = visit.part("group")
    async with visit.house.database.transaction() as tx:
        scope = (await visit.scope(tx)).areas
        areas, names = await groups.area_names(tx, scope), await staff.names(tx)
        if not any(one.id == group_id for one in await groups.all_groups(tx, scope)):
            raise NotFound
        if form.get("area") and form["area"] not in areas:
            raise BadForm({"area": "没有这个区域，或不归你管"})
        if form.get("keeper") and form["keeper"] not in names:
            raise BadForm({"keeper": "没有这位工作人员"})
        await groups.set_group(
            tx,
            group_id,
            title=title,
            area_id=form.get("area") or None,
            keeper_id=form.get("keeper") or None,
            notices_allowed=form.get("notices_allowed") in ("1", "on", "true", "True"),
        )
        await visit.record(tx, "group.set", f"channel_group:{group_id}")
    return visit.json({}) if visit.wants_json else visit.go("/console/groups")
