"""How much a platform takes in a minute, shared by all workers through Redis.

A minute is cut into sixty slots; what was granted in the running one and the sixty before never exceeds the limit,
whenever a platform's own minute begins. A Redis that knows nothing (new, or flushed) is taken for one whose minute
was used up evenly: room comes back bit by bit, and what was granted before a flush is never granted twice over.
What was sent stands in the database alone; losing Redis loses no more than a little time.
"""

import logging
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

_PREFIX = "niangjia:limit:"
_SLOTS = 60
#: KEYS[1]; ARGV: how many are wanted (negative: given back), how many a minute. Answers granted, and milliseconds
#: until there is room again. One slot a second, by Redis' own clock.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1])
local wanted, most, slots = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local key = KEYS[1]
if redis.call('EXISTS', key) == 0 then
  local given = 0
  for back = slots, 1, -1 do
    local upto = math.floor(most * (slots - back + 1) / slots)
    if upto > given then
      redis.call('HSET', key, now - back + 1, upto - given)
      given = upto
    end
  end
end
local used, oldest = 0, now
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  local slot, count = tonumber(all[i]), tonumber(all[i + 1])
  if slot < now - slots then
    redis.call('HDEL', key, all[i])
  elseif count > 0 then
    used = used + count
    if slot < oldest then oldest = slot end
  end
end
local granted = wanted
if wanted > 0 then granted = math.max(0, math.min(wanted, most - used)) end
if granted ~= 0 then redis.call('HINCRBY', key, now, granted) end
redis.call('EXPIRE', key, 2 * slots)
local wait = 0
if granted < wanted then wait = (oldest + slots + 1 - now) * 1000 - math.floor(tonumber(time[2]) / 1000) end
return {granted, wait}
"""


class Limiter(Protocol):
    """Grants sends, so many a minute."""

    async def take(self, name: str, wanted: int, per_minute: int) -> tuple[int, float]:
        """How many of `wanted` may go now, and after how many seconds there is room for more."""

    async def give_back(self, name: str, number: int, per_minute: int) -> None:
        """So many that were granted are not sent after all."""


class NoLimiter:
    """Grants everything: where no limit is set, and in tests of other things."""

    async def take(self, name: str, wanted: int, per_minute: int) -> tuple[int, float]:
        """All of them."""
        return wanted, 0.0

    async def give_back(self, name: str, number: int, per_minute: int) -> None:
        """Nothing to do."""


class RedisLimiter:
    """Grants from one count in Redis for all workers."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._take = self._redis.register_script(_TAKE)

    async def take(self, name: str, wanted: int, per_minute: int) -> tuple[int, float]:
        """How many may go now, and the seconds until there is room; without Redis none, for two seconds."""
        try:
            granted, wait = await self._take(keys=[_PREFIX + name], args=[wanted, per_minute, _SLOTS])
        except (RedisError, OSError) as error:
            log.warning("limiter.away", extra={"error": type(error).__name__})
            return 0, 2.0
        return int(granted), int(wait) / 1000

    async def give_back(self, name: str, number: int, per_minute: int) -> None:
        """Take them off the running slot."""
        if number > 0:
            await self.take(name, -number, per_minute)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._redis.aclose()
