"""Which roles may open what: the named sets that PAGES and templates use. Whose cases is decided in storage (Sight).

Least privilege: whoever keeps the system sees no woman's words, whoever audits changes nothing, and a role that
stands in no set opens nothing.
"""

from storage.repositories.inbox import ANSWERING, LOCAL

#: Queue and conversations: whoever answers women.
TALK = ANSWERING
#: Cases, and single conversations that belong to them; which ones, Sight decides.
CASE = ANSWERING | LOCAL
#: What only the head of the rights department decides: overrides, recusal, access for a time, export.
LEAD = frozenset({"supervisor"})
#: Activities and their lists of sign-ups, which hold names and numbers of women.
OFFER = frozenset({"worker", "caseworker", "supervisor", "cadre", "local"})
#: Notices written and handed in; in a township or village for her own people.
DRAFT = frozenset({"cadre", "supervisor", "local"})
#: Notices approved, sent and stopped, groups, activities cancelled.
ANNOUNCE = frozenset({"cadre", "supervisor"})
#: Dashboard, charts and monthly report: numbers only, small cells hidden.
FIGURES = frozenset({"supervisor", "auditor"})
#: The audit log.
AUDIT = frozenset({"supervisor", "admin", "auditor"})
#: Staff accounts, roles, areas of staff.
ADMIN = frozenset({"admin"})
#: Articles and example sentences, which hold nothing of anybody: written and handed in.
WRITE = frozenset({"worker", "caseworker", "supervisor", "cadre", "local", "admin"})
#: Articles published and language models put into use: the second pair of eyes.
REVIEW = frozenset({"supervisor", "admin"})
#: The register of partner units, which holds nothing of any woman: looked up …
UNITS = CASE | ADMIN
#: … and kept.
REGISTER = frozenset({"supervisor", "admin"})
#: Everybody who signs in: her own account, published articles.
STAFF = frozenset({"worker", "caseworker", "supervisor", "local", "cadre", "admin", "auditor"})

SETS = {
    "talk": TALK,
    "case": CASE,
    "lead": LEAD,
    "offer": OFFER,
    "draft": DRAFT,
    "announce": ANNOUNCE,
    "figures": FIGURES,
    "audit": AUDIT,
    "admin": ADMIN,
    "write": WRITE,
    "review": REVIEW,
    "units": UNITS,
    "register": REGISTER,
    "staff": STAFF,
}

#: Where a role begins her day: the first of these she may open.
_FIRST_PAGES = (
    (TALK, "/console/queue"),
    (ANNOUNCE, "/console/campaigns"),
    (OFFER, "/console/activities"),
    (ADMIN, "/console/staff"),
    (AUDIT, "/console/audit"),
    (STAFF, "/console/me"),
)


def may(role: str, *names: str) -> bool:
    """Whether a role stands in one of these sets; templates ask it as `may("talk")`."""
    return any(role in SETS[name] for name in names)


def first_page(role: str) -> str:
    """The page a role begins with."""
    return next((path for roles, path in _FIRST_PAGES if role in roles), "/console/me")
