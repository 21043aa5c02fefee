"""Conversations as text files, run through the real pipeline.

# a comment; an empty line means nothing
> what she says                    阿梅> what another woman says
群> what she says to us in a group  旁> what she says there to others
>> image                           an event: image, voice [transcript], video, link TITLE, location LAT LON,
                                   follow, unfollow, scan KEY, menu KEY, notice, unknown
< part of the answer               in this order; /a pattern/ between slashes
<! what the answer must not hold
-                                  she hears nothing
= state waiting                    what the records say now: state, reason, flow, handler, category, risk, alarm,
                                   locked, opted_out, area, stopped_all, consented, cases,
                                   told (a reminder is queued), erasure (none, unchecked, begun),
                                   assessment (unfinished N, finished N: answers of the last one), plans (versions),
                                   plan SECTION WORDS, kept (are her last words)
@ now 2026-03-07 12:00             the wall clock in Shanghai    @ wait 90      seconds go by
@ area NAME [ABOVE]                an area of the tree
@ activity TITLE SEATS             @ point NAME LAT LON          @ claimed      a person takes the conversation
@ knows nothing | twice            the library of articles is empty; holds everything under two titles
"""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot import clock
from bot.clock import Frozen
from bot.messages import Kind, Location, Media
from nlp.entities import Place
from nlp.retrieval import Library
from storage.database import AnyRow
from storage.models import Area, ServicePoint, new_id
from storage.repositories import erasure, inbox
from tests.support.house import LINA, MEI, Heard, House

GROUP = "wr-a-group-of-a-village"
FOLDER = Path(__file__).resolve().parents[1] / "transcripts"
_SAYS = re.compile(r"^(\w*)>\s?(.*)$")


def twice(library: Library) -> Library:
    """A library that holds everything under two titles: each question could mean either."""
    articles = library.articles.values()
    return Library([*articles, *(replace(one, id=f"{one.id}-too", title=f"{one.title}（二）") for one in articles)])


@dataclass(slots=True)
class Play:
    """One transcript being played."""

    house: House
    clock: Frozen
    sender: str = LINA
    group: str = ""
    heard: Heard | None = None
    rest: str = ""
    areas: list[Place] = field(default_factory=list)

    async def line(self, line: str) -> None:
        """Do what one line of the file says. Raises AssertionError."""
        if not line.strip() or line.startswith("#"):
            return
        if line.startswith(">>"):
            await self._hear(await self._event(line[2:].split()))
        elif match := _SAYS.match(line):
            self.sender = MEI if match[1] == "阿梅" else LINA
            self.group = GROUP if match[1] in ("群", "旁") else ""
            if match[1] == "旁":
                answer = await self.house.pipeline.handle(self.house.message(match[2], group=GROUP))
                self.heard = Heard((), answer.text, "")
                return
            said = {"group": GROUP, "mentioned": True} if self.group else {}
            await self._hear(await self.house.say(match[2], self.sender, **said))
        elif line.startswith("<!"):
            assert line[2:].strip() not in self._all(), f"it said {line[2:].strip()!r}: {self._all()}"
        elif line.startswith("<"):
            self._expect(line[1:].strip())
        elif line.strip() == "-":
            assert self._all() == "", f"it said {self._all()!r}"
        elif line.startswith("="):
            await self._record(*line[1:].split())
        elif line.startswith("@"):
            await self._set(*line[1:].split())
        else:
            raise AssertionError("not a line of a transcript")

    async def _hear(self, heard: Heard) -> None:
        self.heard, self.rest = heard, heard.all

    def _all(self) -> str:
        assert self.heard is not None, "nobody has said anything yet"
        return self.heard.all

    def _expect(self, part: str) -> None:
        pattern = part[1:-1] if len(part) > 1 and part[0] == part[-1] == "/" else re.escape(part)
        match = re.search(pattern, self.rest)
        assert match, f"{part!r} is not in the rest of the answer {self.rest!r}; the whole of it: {self._all()!r}"
        self.rest = self.rest[match.end() :]

    async def _event(self, words: list[str]) -> Heard:
        name, rest = words[0], words[1:]
        values: dict[str, Any] = {}
        match name:
            case "image" | "video" | "voice":
                values["media"] = Media(f"media-{new_id()}", "", "amr" if name == "voice" else "")
                values["text"] = " ".join(rest)
            case "location":
                values["location"] = Location(float(rest[0]), float(rest[1]), "路口")
            case "scan" | "menu" | "follow":
                values["key"] = " ".join(rest)
            case "link":
                values["text"] = " ".join(rest)
        return await self.house.say(sender=self.sender, kind=Kind(name), **values)

    async def _record(self, name: str, *expected: str) -> None:
        found = await self._found(name)
        wanted = " ".join(expected)
        if isinstance(found, list):
            assert any(wanted in one for one in found), f"{name}: {found}"
        else:
            assert str(found) == wanted, f"{name} is {found}"

    async def _found(self, name: str) -> Any:
        conversation = await self.house.conversation(self.sender, self.group)
        contact = await self.house.contact(self.sender, self.group)
        match name:
            case "state" | "category" | "risk":
                return getattr(conversation, name)
            case "reason":
                return conversation.waiting_reason
            case "flow":
                return f"{conversation.flow}.{conversation.step}" if conversation.flow else "none"
            case "handler":
                assert self.heard is not None
                return self.heard.handler
            case "alarm":
                return await self.house.alarms()
            case "locked" | "opted_out" | "stopped_all" | "consented":
                return "yes" if getattr(contact, f"{name}_at") is not None else "no"
            case "area":
                return contact.area_id or "none"
            case "cases":
                return len(await self.house.rows("case", contact_id=contact.id))
            case "erasure":
                async with self.house.database.reading() as tx:
                    wish = await erasure.find_open(tx, contact.id)
                return "none" if wish is None else "begun" if wish.due_at else "unchecked"
            case "assessment" | "plan" | "plans" | "kept":
                return await self._sealed(name, contact)
            case "unanswered":
                return len(await self.house.rows("unanswered_question"))
            case "told":
                key = self.house.database.keys.contact_key(contact.id, contact.wrapped_key)
                rows = await self.house.rows("outbox", contact_id=contact.id, outbound_class="reminder")
                return [key.open("outbox.text", row.text_sealed) for row in rows]
        raise AssertionError(f"nothing is known as {name}")

    async def _sealed(self, name: str, contact: AnyRow) -> Any:
        """What her assessments and plans hold, opened; `kept`: whether her last words are."""
        key = self.house.database.keys.contact_key(contact.id, contact.wrapped_key)
        if name == "kept":
            last = (await self.house.rows("inbound_message", contact_id=contact.id))[-1]
            return "yes" if json.loads(key.open("inbound.content", last.content_sealed))["text"] else "no"
        if name == "assessment":
            rows = await self.house.rows("danger_assessment", contact_id=contact.id)
            if not rows:
                return "unfinished 0"
            content = key.open_json("danger_assessment.content", rows[-1].content_sealed, {})
            return f"{'finished' if rows[-1].finished_at else 'unfinished'} {len(content['answers'])}"
        rows = await self.house.rows("safety_plan", contact_id=contact.id)
        if name == "plans":
            return len(rows)
        content = key.open_json("safety_plan.content", rows[-1].content_sealed, {}) if rows else {}
        return [f"{section} {words}" for section, words in content.items()]

    async def _set(self, name: str, *words: str) -> None:
        match name:
            case "now":
                moment = datetime.strptime(" ".join(words), "%Y-%m-%d %H:%M").replace(
                    tzinfo=ZoneInfo("Asia/Shanghai")
                )
                self.clock.advance(moment - clock.now())
            case "wait":
                self.clock.advance(float(words[0]))
            case "activity":
                await self.house.add_activity(words[0], capacity=int(words[1]))
            case "area":
                await self._add_area(words[0], words[1] if len(words) > 1 else "")
            case "point":
                await self._add_point(words[0], float(words[1]), float(words[2]))
            case "knows":
                known = Library([]) if words[0] == "nothing" else twice(self.house.line.house.library)
                rules = replace(self.house.line.house, library=known)
                await self.house.replace_line(house=rules)
            case "claimed":
                staff_id = await self.house.add_staff()
                async with self.house.database.transaction() as tx:
                    conversation = await self.house.conversation(self.sender, self.group)
                    await inbox.claim(tx, conversation.id, staff_id, clock.now(), None)
            case _:
                raise AssertionError(f"nothing can be set as {name}")

    async def _add_area(self, name: str, above: str) -> None:
        row = {"id": name, "parent_id": above or None, "code": name, "name": name, "level": "township"}
        async with self.house.database.transaction() as tx:
            await tx.insert(Area, row)
        self.areas.append(Place(name, name, above))
        self.house.line.house.places.replace(self.areas)

    async def _add_point(self, name: str, latitude: float, longitude: float) -> None:
        row = {
            "id": new_id(),
            "name": name,
            "kind": "妇女之家",
            "address": "文化路 12 号",
            "hours": "工作日 8:30—17:30",
            "phone": "0100-1234501",
            "latitude": latitude,
            "longitude": longitude,
        }
        async with self.house.database.transaction() as tx:
            await tx.insert(ServicePoint, row)


async def play(path: Path, house: House, frozen: Frozen) -> None:
    """Play a transcript to its end. Raises AssertionError naming file and line."""
    playing = Play(house, frozen)
    for number, line in enumerate(read(path), 1):
        try:
            await playing.line(line)
        except AssertionError as problem:
            raise AssertionError(f"{path.name}:{number}: {line}\n{problem}") from None


def read(path: Path) -> list[str]:
    """The lines of a transcript."""
    return path.read_text(encoding="utf-8").splitlines()
