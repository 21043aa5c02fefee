"""The small facts in a message: when, how many, which one, a phone, an age, a place, who, what was done.

Pure functions over a normalised text, one file a subject. There is no clock and no database here: whoever
wants 明天 as a date passes `now`, whoever wants her township passes the `places` of the house.
"""

from datetime import datetime

from nlp.entities.ages import read_ages
from nlp.entities.answers import LONGEST, read_answer
from nlp.entities.days import read_day
from nlp.entities.hours import read_clock
from nlp.entities.measures import read_done
from nlp.entities.names import read_name
from nlp.entities.parties import read_parties
from nlp.entities.phones import read_phone
from nlp.entities.places import Place, Places
from nlp.entities.seats import read_people

__all__ = ["Place", "Places", "read_entities", "read_when"]

#: Without one of these there is no number and no day in a text.
_COUNTS = frozenset("0123456789零〇一二两三四五六七八九十俩仨幺今明后昨前下上周星礼月年初除节元清端重腊国春自个我双")
#: Only the beginning of a long account is read for numbers and days.
_READ = 1000


def read_entities(text: str, now: datetime | None = None, places: Places | None = None) -> dict[str, object]:
    """What a normalised text holds; a key appears only when found.

    `when` (ISO date, or date and time; needs `now`), `time` (HH:MM), `people` (1–50), `phone` (digits),
    `choice` (from 1), `answer` (yes/no), `child_age` and `age` (years), `hurt` (self/other), `by` (husband, ex,
    parent, in_law, boss …), `done` (police, warning, protection_order …), `area` (青河镇柳林村),
    `area_id`, and `name` (what to call her).
    """
    found: dict[str, object] = read_answer(text) if len(text) <= LONGEST else {}
    text = text[:_READ]
    if not _COUNTS.isdisjoint(text):
        found |= _counted(text)
        found |= read_when(text, now)
    if len(text) > 1:
        found |= read_parties(text)
        if done := read_done(text):
            found["done"] = done
        if name := read_name(text):
            found["name"] = name
        place = places.find(text) if places is not None else None
        if places is not None and place is not None:
            found["area"], found["area_id"] = places.full_name(place), place.id
    return found


def _counted(text: str) -> dict[str, object]:
    found = read_ages(text)
    if phone := read_phone(text):
        found["phone"] = phone
    if people := read_people(text):
        found["people"] = people
    return found


def read_when(text: str, now: datetime | None) -> dict[str, object]:
    """`time` as HH:MM, and `when` as an ISO date, or local date and time, counted from `now` (in its own zone)."""
    found: dict[str, object] = {}
    clock = read_clock(text)
    if clock:
        found["time"] = clock
    day = read_day(text, now.date()) if now is not None else None
    if day is not None:
        found["when"] = f"{day.isoformat()}T{clock}" if clock else day.isoformat()
    return found
