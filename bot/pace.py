"""How fast one page, and one address, may go on: those who are too fast are slowed down, nobody is shut out."""

from collections import OrderedDict, deque

from bot import clock

_MINUTE = 60.0
#: Keys remembered at most; the oldest are forgotten, which lets somebody go on a little faster.
_REMEMBERED = 20_000


class Pace:
    """Counts what came under a key in the last minute; kept in this process only."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str) -> int:
        """Seconds until one more under `key` is within the pace; 0 for now."""
        times = self._recent(key)
        if len(times) < self._per_minute:
            return 0
        return max(1, int(_MINUTE - (clock.monotonic() - times[-self._per_minute])) + 1)

    def excess(self, key: str) -> int:
        """How many more than the pace allows came under `key` in the last minute."""
        return max(0, len(self._recent(key)) - self._per_minute)

    def note(self, key: str) -> None:
        """One more came under `key`."""
        times = self._recent(key)
        times.append(clock.monotonic())
        if len(times) > 10 * self._per_minute:
            times.popleft()
        self._times[key] = times
        self._times.move_to_end(key)
        if len(self._times) > _REMEMBERED:
            self._times.popitem(last=False)

    def _recent(self, key: str) -> deque[float]:
        times = self._times.get(key) or deque()
        while times and clock.monotonic() - times[0] >= _MINUTE:
            times.popleft()
        return times
