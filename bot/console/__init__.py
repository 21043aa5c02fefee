"""The console of hotline workers and cadres: server-rendered pages, each with the roles that may open it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bot.console import (
    access,
    account,
    activities,
    assessment,
    calendar,
    campaigns,
    composer,
    contact,
    documents,
    figures,
    guards,
    inbox,
    knowledge,
    lab,
    learning,
    people,
    person,
    profiles,
    queue,
    reach,
    records,
    referral_acts,
    referrals,
    roster,
    safety_plan,
    sign_in,
    stream,
    transfers,
    units,
    viewers,
)
from bot.console.access import (
    ADMIN,
    ANNOUNCE,
    AUDIT,
    CASE,
    DRAFT,
    FIGURES,
    LEAD,
    OFFER,
    REGISTER,
    REVIEW,
    STAFF,
    TALK,
    UNITS,
    WRITE,
)
from bot.console.cases import acts as case_acts
from bot.console.cases import documents as case_documents
from bot.console.cases import drafts as case_drafts
from bot.console.cases import listing as case_list
from bot.console.cases import mediation as case_mediation
from bot.console.cases import page as case_page
from bot.console.cases import repeats as case_repeats
from bot.console.cases import taking as case_taking
from bot.console.cases import visits as case_visits
from bot.console.visit import MAX_FORM, ConsoleHouse, Handler, Visit, door

__all__ = ["PAGES", "ConsoleHouse", "Page", "add_console"]

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Page:
    """One route: `roles` None means that nobody needs to be signed in."""

    method: str
    path: str
    handler: Handler
    roles: frozenset[str] | None
    #: Answers also while the screen is locked; such a page shows nothing of anybody.
    while_locked: bool = False
    #: A page that takes files says how much of them.
    most_bytes: int = MAX_FORM


async def home(visit: Visit) -> web.StreamResponse:
    """To the first page of whoever is signed in."""
    return visit.go(access.first_page(visit.me.role))


#: Every page there is. What stands here with no roles is open to everybody: sign-in, and nothing else.
PAGES: list[Page] = [
    Page("GET", "/console/sign-in", sign_in.ask, None),
    Page("POST", "/console/sign-in", sign_in.sign_in, None),
    Page("POST", "/console/sign-out", sign_in.sign_out, STAFF, while_locked=True),
    Page("POST", "/console/lock", account.lock, STAFF, while_locked=True),
    Page("POST", "/console/unlock", account.unlock, STAFF, while_locked=True),
    Page("GET", "/console/alarms/state", account.alarm_state, STAFF, while_locked=True),
    Page("GET", "/console/alarms/events", account.watch_alarms, STAFF, while_locked=True),
    Page("POST", "/console/stay", account.stay, STAFF),
    Page("GET", "/console/me", account.show, STAFF),
    Page("POST", "/console/me/password", account.change_password, STAFF),
    Page("POST", "/console/me/totp", account.begin_totp, STAFF),
    Page("POST", "/console/me/totp/confirm", account.confirm_totp, STAFF),
    Page("POST", "/console/me/totp/remove", account.remove_totp, STAFF),
    Page("POST", "/console/me/sessions/{session}/revoke", account.revoke_session, STAFF),
    Page("GET", "/console/staff", people.show_all, ADMIN),
    Page("POST", "/console/staff", people.add, ADMIN),
    Page("GET", "/console/staff/{staff}", people.show, ADMIN),
    Page("POST", "/console/staff/{staff}", people.change, ADMIN),
    Page("POST", "/console/staff/{staff}/desk", profiles.change, ADMIN),
    Page("POST", "/console/staff/{staff}/active", people.set_active, ADMIN),
    Page("POST", "/console/staff/{staff}/password", people.reset_password, ADMIN),
    Page("POST", "/console/staff/{staff}/totp", people.reset_totp, ADMIN),
    Page("POST", "/console/staff/{staff}/sessions/{session}/revoke", people.revoke_session, ADMIN),
    Page("GET", "/console", home, STAFF),
    Page("GET", "/console/queue", queue.show_queue, TALK),
    Page("GET", "/console/queue/events", queue.watch_queue, TALK),
    Page("POST", "/console/queue/next", queue.claim_next, TALK),
    Page("POST", "/console/presence", queue.set_presence, TALK),
    Page("POST", "/console/conversations/{talk}/transfer", transfers.offer, TALK),
    Page("POST", "/console/conversations/{talk}/reassign", transfers.reassign, LEAD),
    Page("POST", "/console/transfers/{transfer}/accept", transfers.accept, TALK),
    Page("POST", "/console/transfers/{transfer}/return", transfers.give_back, TALK),
    Page("GET", "/console/roster", roster.show, TALK),
    Page("POST", "/console/roster", roster.add, LEAD),
    Page("POST", "/console/roster/swap", roster.swap, LEAD),
    Page("POST", "/console/roster/import", roster.take_file, LEAD),
    Page("GET", "/console/roster.xlsx", roster.give_file, TALK),
    Page("POST", "/console/roster/{shift}/remove", roster.remove, LEAD),
    Page("GET", "/console/conversations/{talk}", inbox.show_talk, TALK),
    Page("GET", "/console/conversations/{talk}/events", inbox.watch_talk, TALK),
    Page("POST", "/console/conversations/{talk}/claim", queue.claim, TALK),
    Page("POST", "/console/conversations/{talk}/messages", composer.reply, TALK),
    Page("POST", "/console/conversations/{talk}/messages/{message}/cancel", composer.cancel, TALK),
    Page("POST", "/console/conversations/{talk}/messages/{message}/again", composer.send_again, TALK),
    Page("POST", "/console/conversations/{talk}/messages/{message}/recall", composer.recall, TALK),
    Page("POST", "/console/conversations/{talk}/notes", composer.write_note, TALK),
    Page("POST", "/console/conversations/{talk}/draft", composer.save_draft, TALK),
    Page("POST", "/console/conversations/{talk}/typing", composer.note_typing, TALK),
    Page("POST", "/console/conversations/{talk}/to-bot", composer.give_to_bot, TALK),
    Page("POST", "/console/conversations/{talk}/wishes", contact.save_wishes, TALK),
    Page("POST", "/console/conversations/{talk}/allowances", contact.allow, LEAD),
    Page("POST", "/console/conversations/{talk}/calls", contact.call, TALK),
    Page("POST", "/console/conversations/{talk}/calls/{call}/result", contact.end_call, TALK),
    Page("POST", "/console/conversations/{talk}/hand-back", queue.hand_back, TALK),
    Page("POST", "/console/conversations/{talk}/close", inbox.close, TALK),
    Page("POST", "/console/conversations/{talk}/form", inbox.save_form, TALK),
    Page("POST", "/console/alarms/{alarm}/seen", queue.see_alarm, TALK),
    Page("GET", "/console/search", person.search, TALK),
    Page("GET", "/console/conversations/{talk}/person", person.show, TALK),
    Page("POST", "/console/conversations/{talk}/person/reveal", person.reveal, TALK),
    Page("POST", "/console/conversations/{talk}/person/erasure", person.confirm_erasure, TALK),
    Page("POST", "/console/conversations/{talk}/person/erasure/revoke", person.revoke_erasure, TALK),
    Page("POST", "/console/conversations/{talk}/person/own-word", person.reset_own_word, TALK),
    Page("POST", "/console/conversations/{talk}/person/channels", person.part_channel, TALK),
    Page("POST", "/console/conversations/{talk}/person/export", person.export_all, LEAD),
    Page("GET", "/console/conversations/{talk}/viewers", viewers.show, TALK),
    Page("POST", "/console/conversations/{talk}/recusals", viewers.recuse, TALK),
    Page("POST", "/console/conversations/{talk}/recusals/{recusal}/lift", viewers.lift, LEAD),
    Page("POST", "/console/conversations/{talk}/grants", viewers.grant, LEAD),
    Page("POST", "/console/conversations/{talk}/grants/{grant}/revoke", viewers.revoke, LEAD),
    Page("GET", "/console/cases/{case}/viewers", viewers.show, CASE),
    Page("POST", "/console/cases/{case}/recusals", viewers.recuse, CASE),
    Page("POST", "/console/cases/{case}/recusals/{recusal}/lift", viewers.lift, LEAD),
    Page("POST", "/console/cases/{case}/grants", viewers.grant, LEAD),
    Page("POST", "/console/cases/{case}/grants/{grant}/revoke", viewers.revoke, LEAD),
    Page("GET", "/console/conversations/{talk}/assessment", assessment.show, TALK),
    Page("POST", "/console/conversations/{talk}/assessment", assessment.save, TALK),
    Page("POST", "/console/conversations/{talk}/assessment/invite", assessment.invite, TALK),
    Page("GET", "/console/conversations/{talk}/plan", safety_plan.show, TALK),
    Page("POST", "/console/conversations/{talk}/plan", safety_plan.save, TALK),
    Page("GET", "/console/conversations/{talk}/plan/print", safety_plan.show_print, TALK),
    Page("POST", "/console/conversations/{talk}/plan/send", safety_plan.send, TALK),
    Page("POST", "/console/conversations/{talk}/plan/forget", safety_plan.forget, TALK),
    Page("GET", "/console/attachments/{attachment}", inbox.show_attachment, TALK),
    Page("GET", "/console/cases", case_list.show_all, CASE),
    Page("GET", "/console/cases/new", case_taking.ask_new, CASE),
    Page("POST", "/console/cases", case_taking.create, CASE),
    Page("GET", "/console/visits", case_visits.show_due, CASE),
    Page("POST", "/console/drafts", case_drafts.keep, CASE),
    Page("GET", "/console/cases/{case}", case_page.show, CASE),
    Page("GET", "/console/cases/{case}/edit", case_taking.ask_change, CASE),
    Page("POST", "/console/cases/{case}/edit", case_taking.change, CASE),
    Page("POST", "/console/cases/{case}/standing", case_acts.set_standing, CASE),
    Page("POST", "/console/cases/{case}/assign", case_acts.assign, CASE),
    Page("POST", "/console/cases/{case}/notes", case_acts.add_note, CASE),
    Page("POST", "/console/cases/{case}/people", case_acts.add_person, CASE),
    Page("POST", "/console/cases/{case}/people/{person}", case_acts.change_person, CASE),
    Page("POST", "/console/cases/{case}/people/{person}/remove", case_acts.remove_person, CASE),
    Page("POST", "/console/cases/{case}/people/{person}/reveal", case_page.reveal, CASE),
    Page("POST", "/console/cases/{case}/conversations", case_acts.link_talk, CASE),
    Page("GET", "/console/cases/{case}/assessment", assessment.show, CASE),
    Page("POST", "/console/cases/{case}/assessment", assessment.save, CASE),
    Page("GET", "/console/cases/{case}/plan", safety_plan.show, CASE),
    Page("POST", "/console/cases/{case}/plan", safety_plan.save, CASE),
    Page("GET", "/console/cases/{case}/plan/print", safety_plan.show_print, CASE),
    Page("POST", "/console/cases/{case}/plan/forget", safety_plan.forget, CASE),
    Page("POST", "/console/cases/{case}/violence", case_acts.note_violence, CASE),
    Page("POST", "/console/cases/{case}/visits", case_visits.plan, CASE),
    Page("POST", "/console/cases/{case}/visits/{visit}", case_visits.finish, CASE),
    Page("POST", "/console/cases/{case}/mediation", case_mediation.propose, CASE),
    Page("POST", "/console/cases/{case}/mediation/{mediation}/agree", case_mediation.agree, CASE),
    Page("POST", "/console/cases/{case}/mediation/{mediation}/sessions", case_mediation.add_session, CASE),
    Page("POST", "/console/cases/{case}/mediation/{mediation}/end", case_mediation.end, CASE),
    Page("POST", "/console/cases/{case}/mediation/{mediation}/confirmation", case_mediation.confirm, CASE),
    Page("POST", "/console/cases/{case}/files", case_documents.add, CASE, most_bytes=case_documents.MOST_BYTES),
    Page("GET", "/console/cases/{case}/files/{file}", case_documents.show, CASE),
    Page("POST", "/console/cases/{case}/files/{file}/remove", case_documents.remove, CASE),
    Page("POST", "/console/cases/{case}/repeats/{repeat}", case_repeats.decide, CASE),
    Page("POST", "/console/cases/{case}/close", case_acts.close, CASE),
    Page("POST", "/console/cases/{case}/reopen", case_acts.reopen, CASE),
    Page("GET", "/console/activities", activities.show_all, OFFER),
    Page("GET", "/console/activities/new", activities.ask_new, OFFER),
    Page("POST", "/console/activities", activities.create, OFFER),
    Page("POST", "/console/activities/{activity}/cancel", activities.cancel, ANNOUNCE),
    Page("GET", "/console/sessions/{session}/sign-ups", activities.show_sign_ups, OFFER),
    Page("GET", "/console/sessions/{session}/sign-ups.xlsx", activities.export_sign_ups, OFFER),
    Page("GET", "/console/campaigns", campaigns.show_all, DRAFT),
    Page("GET", "/console/campaigns/new", campaigns.ask_new, DRAFT),
    Page("POST", "/console/campaigns", campaigns.create, DRAFT),
    Page("GET", "/console/campaigns/{campaign}", campaigns.show, DRAFT),
    Page("GET", "/console/campaigns/{campaign}/edit", campaigns.edit, DRAFT),
    Page("POST", "/console/campaigns/{campaign}/edit", campaigns.edit, DRAFT),
    Page("POST", "/console/campaigns/{campaign}/submit", campaigns.submit, DRAFT),
    Page("POST", "/console/campaigns/{campaign}/approve", campaigns.approve, ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/start", campaigns.start, ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/stop", campaigns.stop, ANNOUNCE),
    Page("POST", "/console/campaigns/{campaign}/preview", campaigns.preview, DRAFT),
    Page("GET", "/console/calendar", calendar.show, DRAFT),
    Page("GET", "/console/calendar.ics", calendar.give_file, DRAFT),
    Page("POST", "/console/calendar/{occasion}/draft", calendar.begin, ANNOUNCE),
    Page("POST", "/console/calendar/{occasion}/decline", calendar.decline, ANNOUNCE),
    Page("POST", "/console/calendar/{occasion}/restore", calendar.restore, ANNOUNCE),
    Page("GET", "/console/my-phone", campaigns.ask_phone, DRAFT),
    Page("POST", "/console/my-phone", campaigns.set_phone, DRAFT),
    Page("GET", "/console/knowledge", knowledge.show_all, STAFF),
    Page("GET", "/console/knowledge/new", knowledge.create, WRITE),
    Page("POST", "/console/knowledge", knowledge.create, WRITE),
    Page("GET", "/console/knowledge/{article}", knowledge.show, STAFF),
    Page("GET", "/console/knowledge/{article}/edit", knowledge.edit, WRITE),
    Page("POST", "/console/knowledge/{article}/edit", knowledge.edit, WRITE),
    Page("POST", "/console/knowledge/{article}/active", knowledge.set_active, REVIEW),
    Page("POST", "/console/knowledge/{article}/versions/{version}/submit", knowledge.submit, WRITE),
    Page("POST", "/console/knowledge/{article}/versions/{version}/return", knowledge.give_back, REVIEW),
    Page("POST", "/console/knowledge/{article}/versions/{version}/publish", knowledge.publish, REVIEW),
    Page("POST", "/console/knowledge/{article}/versions/{version}/roll-back", knowledge.roll_back, REVIEW),
    Page("GET", "/console/lab", lab.try_sentence, WRITE),
    Page("POST", "/console/lab", lab.try_sentence, WRITE),
    Page("GET", "/console/questions", lab.show_questions, TALK),
    Page("GET", "/console/questions/{question}/label", lab.label, TALK),
    Page("POST", "/console/questions/{question}/label", lab.label, TALK),
    Page("POST", "/console/questions/{question}/settle", lab.settle, TALK),
    Page("GET", "/console/learning", learning.show, TALK | REVIEW),
    Page("POST", "/console/learning/train", learning.train, REVIEW),
    Page("POST", "/console/learning/packaged", learning.use_packaged, REVIEW),
    Page("POST", "/console/learning/{model}/publish", learning.publish, REVIEW),
    Page("POST", "/console/examples/{example}/remove", learning.remove_example, REVIEW),
    Page("GET", "/console/my-wecom", reach.ask_wecom, STAFF),
    Page("POST", "/console/my-wecom", reach.set_wecom, STAFF),
    Page("GET", "/console/groups", reach.show_groups, ANNOUNCE),
    Page("POST", "/console/groups/{group}", reach.set_group, ANNOUNCE),
    Page("GET", "/console/cases/{case}/referrals/new", referrals.ask_new, CASE),
    Page("POST", "/console/cases/{case}/referrals", referrals.create, CASE),
    Page("GET", "/console/referrals", referrals.show_all, CASE),
    Page("GET", "/console/referrals/{referral}", referrals.show, CASE),
    Page("POST", "/console/referrals/{referral}/preview", referrals.preview, CASE),
    Page("GET", "/console/referrals/{referral}/edit", referrals.edit, CASE),
    Page("POST", "/console/referrals/{referral}/edit", referrals.edit, CASE),
    Page("POST", "/console/referrals/{referral}/consent", referral_acts.agree, CASE),
    Page("POST", "/console/referrals/{referral}/submit", referral_acts.submit, CASE),
    Page("POST", "/console/referrals/{referral}/approve", referral_acts.approve, LEAD),
    Page("POST", "/console/referrals/{referral}/return", referral_acts.give_back, LEAD),
    Page("POST", "/console/referrals/{referral}/link", referral_acts.give_link, CASE),
    Page("POST", "/console/referrals/{referral}/answer", referral_acts.answer, CASE),
    Page("POST", "/console/referrals/{referral}/revoke", referral_acts.revoke, CASE),
    Page("POST", "/console/referrals/{referral}/slip", referral_acts.slip, CASE),
    Page("GET", "/console/cases/{case}/papers", documents.show_all, CASE),
    Page("GET", "/console/cases/{case}/papers/{kind}", documents.ask, CASE),
    Page("POST", "/console/cases/{case}/papers/{kind}", documents.make, CASE),
    Page("GET", "/console/units", units.show_all, UNITS),
    Page("POST", "/console/units", units.create, REGISTER),
    Page("GET", "/console/units.xlsx", units.give_file, UNITS),
    Page("POST", "/console/units/import", units.take_file, REGISTER),
    Page("GET", "/console/units/{unit}", units.show, UNITS),
    Page("POST", "/console/units/{unit}", units.change, REGISTER),
    Page("POST", "/console/units/{unit}/active", units.set_active, REGISTER),
    Page("GET", "/console/figures", figures.show, FIGURES),
    Page("GET", "/console/figures/report", figures.show_report, FIGURES),
    Page("GET", "/console/figures/report.xlsx", figures.export_report, FIGURES),
    Page("GET", "/console/audit", records.show_audit, AUDIT),
]


def add_console(app: web.Application, house: ConsoleHouse) -> None:
    """Mount every page behind its door. Raises ConfigError for an address nobody has decided about."""
    guards.check_paths(page.path for page in PAGES)
    stopping = app[stream.STOPPING] = asyncio.Event()
    app[stream.LOOKS] = stream.make_looks(house.database)

    async def stop(_: web.Application) -> None:
        stopping.set()

    app.on_shutdown.append(stop)
    for page in PAGES:
        app.router.add_route(
            page.method,
            page.path,
            door(
                house,
                page.handler,
                page.roles,
                guards.check,
                while_locked=page.while_locked,
                most_bytes=page.most_bytes,
            ),
        )
    app.router.add_static("/console/static", _STATIC, append_version=False)
