"""WeChat's pushes for acceptance tests: one signed request after the other, and what came back."""

from dataclasses import dataclass

from aiohttp import ClientSession

from bot.simulator.wechat_push import Account, Message, build, read_reply


@dataclass(frozen=True, slots=True)
class Pushed:
    """One request's outcome: the status, and the words of a passive reply (None: acknowledged without words)."""

    status: int
    text: str | None = None


async def push(session: ClientSession, url: str, account: Account, message: Message) -> Pushed:
    """Sign, encrypt and post `message` once to the service at `url`."""
    request = build(account, message)
    address = f"{url}/webhook/wechat?{request.query_string}"
    async with session.post(address, data=request.body, headers={"Content-Type": "text/xml"}) as got:
        body = await got.read()
        return Pushed(got.status, read_reply(account, body) if got.status == 200 else None)
