"""Files she sent: fetched once, kept sealed, tried again while the platform has them, then lost."""

import pytest

from bot.clock import Frozen
from bot.errors import NotFound
from bot.filetypes import content_type
from bot.messages import Kind, Media
from storage.repositories import inbox
from tests.support.house import House
from workers.media import fetch

PICTURE = b"\xff\xd8\xff\xe0 a picture"


async def send_picture(house: House, media_id: str) -> None:
    await house.say(kind=Kind.IMAGE, media=Media(media_id, "http://elsewhere.example/x.jpg"))


async def test_picture_is_kept_sealed_and_can_be_shown(house: House) -> None:
    await send_picture(house, house.wechat.platform.add_media(PICTURE, ["text/html", " charset=utf-8"][0]))
    await fetch(house.worker)
    (row,) = await house.rows("attachment")
    assert (row.state, row.content_type, row.size) == ("kept", "image/jpeg", len(PICTURE))
    assert PICTURE not in row.content_sealed
    conversation = await house.conversation()
    async with house.database.reading() as tx:
        assert await inbox.attachment(tx, row.id, None) == (conversation.id, "image/jpeg", PICTURE)
        with pytest.raises(NotFound):
            await inbox.attachment(tx, "0" * 26, None)
    await fetch(house.worker)
    assert house.wechat.count("/cgi-bin/media/get") == 1


async def test_only_the_platform_is_asked_never_the_address_in_the_message(house: House) -> None:
    await send_picture(house, "gone")
    await fetch(house.worker)
    assert {path for path, _, _ in house.wechat.requests} <= {"/cgi-bin/stable_token", "/cgi-bin/media/get"}


async def test_file_that_cannot_be_had_is_tried_again_and_then_lost(house: House, frozen: Frozen) -> None:
    await send_picture(house, "gone")
    states = []
    for _ in range(8):
        await fetch(house.worker)
        (row,) = await house.rows("attachment")
        states.append(row.state)
        frozen.advance(7 * 3600)
    assert states[:5] == ["wanted"] * 5
    assert states[-1] == "lost"
    assert row.attempts == 6


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"#!AMR\n", "audio/amr"),
        (b"\x02#!SILK_V3", "audio/silk"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"<svg onload=alert(1)>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_file_is_what_it_begins_with(content: bytes, expected: str) -> None:
    assert content_type(content) == expected
