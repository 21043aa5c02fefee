"""Where she lives: names of the configured area tree in her words, with or without 镇, 乡, 村, 街道.

A bare name that is also an ordinary word (和平, 幸福) only counts after a word of place or as the whole
message. A name that two areas share counts when the one above it is named too, else it is asked.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SUFFIX = re.compile(
    r"(?:街道办事处|街道|社区居委会|社区|居委会|村委会|行政村|自然村|民族乡|地区|新区|开发区|[镇乡村县区市屯庄旗组])$"
)
_BEFORE = re.compile(r"(?:在|是|住|家|去|到|来自|老家|嫁到|我们|咱们?|俺们?|这里|^)(?:的|我们|咱们?)?$")
_SHORTEST_BARE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """One area: its id, its name, and the id of the area above it ("" at the top)."""

    id: str
    name: str
    above: str = ""


class Places:
    """All areas of the house. The object stays; `replace` changes what it knows."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self.replace(places)

    def replace(self, places: Iterable[Place]) -> None:
        """Know these areas from now on."""
        self._by_id = {place.id: place for place in places}
        names: dict[str, list[Place]] = {}
        for place in self._by_id.values():
            names.setdefault(place.name, []).append(place)
            bare = _SUFFIX.sub("", place.name)
            if len(bare) >= _SHORTEST_BARE and bare != place.name:
                names.setdefault(bare, []).append(place)
        self._by_name = names
        longest_first = sorted(names, key=lambda name: (-len(name), name))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if names else None

    def find(self, text: str) -> Place | None:
        """The lowest area a normalised text names without doubt; None when none or several fit."""
        if self._pattern is None:
            return None
        named: list[Place] = []
        for match in self._pattern.finditer(text):
            name = match.group()
            places = self._by_name[name]
            if name != places[0].name and not self._stands_as_place(text, match):
                continue
            named += places
        return self._lowest(named)

    def full_name(self, place: Place) -> str:
        """The name with the areas above it, the county left out: 青河镇柳林村."""
        names = [place.name]
        above = self._by_id.get(place.above)
        while above is not None and above.above:
            names.append(above.name)
            above = self._by_id.get(above.above)
        return "".join(reversed(names))

    def _stands_as_place(self, text: str, match: re.Match[str]) -> bool:
        before, after = text[: match.start()], text[match.end() :]
        return (bool(_BEFORE.search(before)) and (bool(before) or len(after) <= 3)) or before.endswith(
            ("镇", "乡", "县")
        )

    def _lowest(self, named: list[Place]) -> Place | None:
        ids = {place.id for place in named}
        lowest = [place for place in named if not any(self._is_below(other, place) for other in ids)]
        under_named = [place for place in lowest if place.above in ids]
        unique = {place.id: place for place in (under_named or lowest)}
        return next(iter(unique.values())) if len(unique) == 1 else None

    def _is_below(self, lower: str, upper: Place) -> bool:
        place = self._by_id.get(lower)
        while place is not None and place.above:
            if place.above == upper.id:
                return True
            place = self._by_id.get(place.above)
        return False
