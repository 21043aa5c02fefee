"""Calendar files (RFC 5545) that phones and office programs read: whole days, and moments in UTC. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

#: RFC 5545, 3.1: no line is longer than 75 octets.
_LONGEST_LINE = 75


@dataclass(frozen=True, slots=True)
class Event:
    """One entry. `begins` and `ends` are both dates (the last day included) or both aware moments."""

    uid: str
    title: str
    begins: date
    ends: date
    place: str = ""


def write(events: Iterable[Event], name: str, now: datetime) -> str:
    """The file's text, lines ended with CRLF. `name` is what the calendar is called."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//niangjia//calendar//ZH", "CALSCALE:GREGORIAN"]
    lines.append(f"X-WR-CALNAME:{_escaped(name)}")
    for one in events:
        lines += ["BEGIN:VEVENT", f"UID:{one.uid}@niangjia", f"DTSTAMP:{_utc(now)}"]
        if isinstance(one.begins, datetime) and isinstance(one.ends, datetime):
            lines += [f"DTSTART:{_utc(one.begins)}", f"DTEND:{_utc(one.ends)}"]
        else:
            # RFC 5545, 3.6.1: the end of a whole-day event is the day after its last.
            after = one.ends + timedelta(days=1)
            lines += [f"DTSTART;VALUE=DATE:{one.begins:%Y%m%d}", f"DTEND;VALUE=DATE:{after:%Y%m%d}"]
        lines.append(f"SUMMARY:{_escaped(one.title)}")
        if one.place:
            lines.append(f"LOCATION:{_escaped(one.place)}")
        lines += ["TRANSP:TRANSPARENT", "END:VEVENT"]
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    """RFC 5545, 3.3.11."""
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r", ""), ("\n", "\\n")):
        text = text.replace(plain, written)
    return text


def _folded(line: str) -> str:
    """Cut between characters; what follows begins with a space that counts too."""
    parts, length = [""], 0
    for character in line:
        octets = len(character.encode())
        if length + octets > _LONGEST_LINE:
            parts.append("")
            length = 1
        parts[-1] += character
        length += octets
    return "\r\n ".join(parts)
