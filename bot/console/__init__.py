"""The console of hotline workers and cadres: server-rendered pages, each with the roles that may open it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bot.console import (
    account,
    activities,
    campaigns,
    inbox,
    knowledge,
    lab,
    learning,
    people,
    person,
    reach,
    records,
    sign_in,
)
from bot.console.visit import ConsoleHouse, Handler, Visit, door

__all__ = ["PAGES", "ConsoleHouse", "Page", "add_console"]

_STATIC = Path(__file__).parent / "static"

_TALK = frozenset({"worker", "supervisor"})
_OFFER = frozenset({"worker", "supervisor", "cadre", "admin"})
_ANNOUNCE = frozenset({"cadre", "supervisor", "admin"})
_ADMIN = frozenset({"admin"})
_LEAD = frozenset({"supervisor"})
_WATCH = frozenset({"supervisor", "admin"})
_STAFF = frozenset({"worker", "supervisor", "cadre", "admin"})


@dataclass(frozen=True, slots=True)
class Page:
    """One route: `roles` None means that nobody needs to be signed in."""

    method: str
    path: str
    handler: Handler
    roles: frozenset[str] | None
    #: Answers also while the screen is locked; such a page shows nothing of anybody.
    while_locked: bool = False


async def home(visit: Visit) -> web.StreamResponse:
    """To the first page of whoever is signed in."""
    role = visit.me.role
    return visit.go("/console/queue" if role in _TALK else "/console/campaigns")


#: Every page there is. What stands here with no roles is open to everybody: sign-in, and nothing else.
PAGES: list[Page] = [
    Page("GET", "/console/sign-in", sign_in.ask, None),
    Page("POST", "/console/sign-in", sign_in.sign_in, None),
    Page("POST", "/console/sign-out", sign_in.sign_out, _STAFF, while_locked=True),
    Page("POST", "/console/lock", account.lock, _STAFF, while_locked=True),
    Page("POST", "/console/unlock", account.unlock, _STAFF, while_locked=True),
    Page("GET", "/console/alarms/state", account.alarm_state, _STAFF, while_locked=True),
    Page("POST", "/console/stay", account.stay, _STAFF),
    Page("GET", "/console/me", account.show, _STAFF),
    Page("POST", "/console/me/password", account.change_password, _STAFF),
    Page("POST", "/console/me/totp", account.begin_totp, _STAFF),
    Page("POST", "/console/me/totp/confirm", account.confirm_totp, _STAFF),
    Page("POST", "/console/me/totp/remove", account.remove_totp, _STAFF),
    Page("POST", "/console/me/sessions/{session}/revoke", account.revoke_session, _STAFF),
    Page("GET", "/console/staff", people.show_all, _ADMIN),
    Page("POST", "/console/staff", people.add, _ADMIN),
    Page("GET", "/console/staff/{staff}", people.show, _ADMIN),
    Page("POST", "/console/staff/{staff}", people.change, _ADMIN),
    Page("POST", "/console/staff/{staff}/active", people.set_active, _ADMIN),
    Page("POST", "/console/staff/{staff}/password", people.reset_password, _ADMIN),
    Page("POST", "/console/staff/{staff}/totp", people.reset_totp, _ADMIN),
    Page("POST", "/console/staff/{staff}/sessions/{session}/revoke", people.revoke_session, _ADMIN),
    Page("GET", "/console", home, _STAFF),
    Page("GET", "/console/queue", inbox.show_queue, _TALK),
    Page("GET", "/console/queue/events", inbox.watch_queue, _TALK),
    Page("GET", "/console/conversations/{talk}", inbox.show_talk, _TALK),
    Page("GET", "/console/conversations/{talk}/events", inbox.watch_talk, _TALK),
    Page("POST", "/console/conversations/{talk}/claim", inbox.claim, _TALK),
    Page("POST", "/console/conversations/{talk}/messages", inbox.reply, _TALK),
    Page("POST", "/console/conversations/{talk}/hand-back", inbox.hand_back, _TALK),
    Page("POST", "/console/conversations/{talk}/close", inbox.close, _TALK),
    Page("POST", "/console/conversations/{talk}/form", inbox.save_form, _TALK),
    Page("POST", "/console/alarms/{alarm}/seen", inbox.see_alarm, _TALK),
    Page("GET", "/console/search", person.search, _TALK),
    Page("GET", "/console/conversations/{talk}/person", person.show, _TALK),
    Page("POST", "/console/conversations/{talk}/person/reveal", person.reveal, _TALK),
    Page("POST", "/console/conversations/{talk}/person/erasure", person.confirm_erasure, _TALK),
    Page("POST", "/console/conversations/{talk}/person/erasure/revoke", person.revoke_erasure, _TALK),
    Page("POST", "/console/conversations/{talk}/person/own-word", person.reset_own_word, _TALK),
    Page("POST", "/console/conversations/{talk}/person/export", person.export_all, _LEAD),
    Page("GET", "/console/attachments/{attachment}", inbox.show_attachment, _TALK),
    Page("GET", "/console/activities", activities.show_all, _OFFER),
    Page("GET", "/console/activities/new", activities.ask_new, _OFFER),
    Page("POST", "/console/activities", activities.create, _OFFER),
    Page("POST", "/console/activities/{activity}/cancel", activities.cancel, _ANNOUNCE),
    Page("GET", "/console/sessions/{session}/sign-ups", activities.show_sign_ups, _OFFER),
    Page("GET", "/console/sessions/{session}/sign-ups.xlsx", activities.export_sign_ups, _OFFER),
    Page("GET", "/console/campaigns", campaigns.show_all, _ANNOUNCE),
    Page("GET", "/console/campaigns/new", campaigns.ask_new, _ANNOUNCE),
    Page("POST", "/console/campaigns", campaigns.create, _ANNOUNCE),
    Page("GET", "/console/campaigns/{campaign}", campaigns.show, _ANNOUNCE),
    Page("GET", "/console/campaigns/{campaign}/edit", campaigns.edit, _ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/edit", campaigns.edit, _ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/submit", campaigns.submit, _ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/approve", campaigns.approve, _ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/start", campaigns.start, _ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/stop", campaigns.stop, _ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/preview", campaigns.preview, _ANNOUNCE),
    Page("GET", "/console/my-phone", campaigns.ask_phone, _ANNOUNCE),
    Page("POST", "/console/my-phone", campaigns.set_phone, _ANNOUNCE),
    Page("GET", "/console/knowledge", knowledge.show_all, _STAFF),
    Page("GET", "/console/knowledge/new", knowledge.create, _STAFF),
    Page("POST", "/console/knowledge", knowledge.create, _STAFF),
    Page("GET", "/console/knowledge/{article}", knowledge.show, _STAFF),
    Page("GET", "/console/knowledge/{article}/edit", knowledge.edit, _STAFF),
    Page("POST", "/console/knowledge/{article}/edit", knowledge.edit, _STAFF),
    Page("POST", "/console/knowledge/{article}/active", knowledge.set_active, _WATCH),
    Page("POST", "/console/knowledge/{article}/versions/{version}/submit", knowledge.submit, _STAFF),
    Page("POST", "/console/knowledge/{article}/versions/{version}/return", knowledge.give_back, _WATCH),
    Page("POST", "/console/knowledge/{article}/versions/{version}/publish", knowledge.publish, _WATCH),
    Page("POST", "/console/knowledge/{article}/versions/{version}/roll-back", knowledge.roll_back, _WATCH),
    Page("GET", "/console/lab", lab.try_sentence, _STAFF),
    Page("POST", "/console/lab", lab.try_sentence, _STAFF),
    Page("GET", "/console/questions", lab.show_questions, _TALK),
    Page("GET", "/console/questions/{question}/label", lab.label, _TALK),
    Page("POST", "/console/questions/{question}/label", lab.label, _TALK),
    Page("POST", "/console/questions/{question}/settle", lab.settle, _TALK),
    Page("GET", "/console/learning", learning.show, _TALK | _WATCH),
    Page("POST", "/console/learning/train", learning.train, _WATCH),
    Page("POST", "/console/learning/packaged", learning.use_packaged, _WATCH),
    Page("POST", "/console/learning/{model}/publish", learning.publish, _WATCH),
    Page("POST", "/console/examples/{example}/remove", learning.remove_example, _WATCH),
    Page("GET", "/console/my-wecom", reach.ask_wecom, _STAFF),
    Page("POST", "/console/my-wecom", reach.set_wecom, _STAFF),
    Page("GET", "/console/groups", reach.show_groups, _ANNOUNCE),
    Page("POST", "/console/groups/{group}", reach.set_group, _ANNOUNCE),
    Page("GET", "/console/audit", records.show_audit, _WATCH),
]


def add_console(app: web.Application, house: ConsoleHouse) -> None:
    """Mount every page behind its door."""
    stopping = app[inbox.STOPPING] = asyncio.Event()
    app[inbox.LOOKS] = inbox.make_looks(house.database)

    async def stop(_: web.Application) -> None:
        stopping.set()

    app.on_shutdown.append(stop)
    for page in PAGES:
        app.router.add_route(
            page.method, page.path, door(house, page.handler, page.roles, while_locked=page.while_locked)
        )
    app.router.add_static("/console/static", _STATIC, append_version=False)
