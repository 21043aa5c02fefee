"""The channels: one file each, one line each here."""

from bot.channels.base import Channel
from bot.channels.onebot import OneBot
from bot.channels.qq_official import QQOfficial
from bot.channels.sms import SMS
from bot.channels.webchat import WebChat
from bot.channels.wechat_oa import WeChatOA
from bot.channels.wecom import WeCom
from bot.channels.wecom_aibot import WeComAIBot
from bot.channels.wecom_kf import WeComKf
from bot.channels.wecom_robot import WeComRobot

#: Every channel this service speaks, in the order operators read about them.
CHANNELS: list[type[Channel]] = [
    WeChatOA,
    WeCom,
    WeComKf,
    WeComAIBot,
    WeComRobot,
    QQOfficial,
    OneBot,
    SMS,
    WebChat,
]
