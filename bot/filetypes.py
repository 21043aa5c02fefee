"""What a file is by its first bytes, whatever its sender calls it."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"#!AMR", "audio/amr"),
    (b"#!SILK", "audio/silk"),
    (b"\x02#!SILK", "audio/silk"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xfa", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"OggS", "audio/ogg"),
    (b"\x1aE\xdf\xa3", "audio/webm"),
)
#: Containers whose kind stands further in, by that kind.
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}
_BOXES = {b"M4A ": "audio/mp4", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heic"}


def content_type(content: bytes) -> str:
    """The type of a file; application/octet-stream for anything unknown."""
    if content[4:8] == b"ftyp":
        return _BOXES.get(content[8:12], "video/mp4")
    if content.startswith(b"RIFF"):
        return _RIFF.get(content[8:12], "application/octet-stream")
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), "application/octet-stream")
