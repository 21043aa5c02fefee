"""The channels: one file each, one line each here."""

from bot.channels.base import Channel
from bot.channels.wechat_oa import WeChatOA

#: Every channel this service speaks, in the order operators read about them.
CHANNELS: list[type[Channel]] = [WeChatOA]
