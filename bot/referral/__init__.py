"""The room of partner units at /referral/{token}: one unit sees one referral, by a link, and answers.

Nobody signs in. A link opens with a code told apart, in the first browser that has both, and shows what is shared and
nothing else; once the referral is done, refused, revoked or expired it shows nothing at all.
"""

from aiohttp import web

from bot.referral import pages
from bot.referral.doors import ReferralHouse, door

__all__ = ["ReferralHouse", "add_referral"]


def add_referral(app: web.Application, house: ReferralHouse) -> None:
    """Mount the pages of the room."""
    add = app.router.add_route
    add("GET", "/referral/static/{name}", door(house, pages.show_file))
    add("GET", "/referral/{token}", door(house, pages.show))
    add("POST", "/referral/{token}", door(house, pages.give_code))
    add("POST", "/referral/{token}/answer", door(house, pages.answer))
