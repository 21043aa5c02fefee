"""One message taken along the straight line: understood, routed, answered, and turned into rows to keep.

Nothing here commits or sends. What a turn wants written is collected in `Writes` and in the `Person`; the
pipeline writes it all at once, together with the other messages of the batch.
"""

from bot.turns.answering import take, take_crashed
from bot.turns.line import Incoming, Line, Speech, Writes
from bot.turns.rows import keep_inbound, pack, raise_alarm

__all__ = ["Incoming", "Line", "Speech", "Writes", "keep_inbound", "pack", "raise_alarm", "take", "take_crashed"]
