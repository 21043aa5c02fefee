"""The Ed25519 signature of QQ's official bots: the secret makes the key, the key proves events and our address.

Source: protocols §6 (QQ-sign.md, QQ-event-emit.md; BOTGO signature/interaction.go). The check of our address (op 13)
asks us to sign words the caller chose, with the key that proves events: whoever gets such a signature over
`timestamp + JSON` has forged an event. So an unsigned check is answered only when what we sign can never be one.
"""

import binascii
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.errors import UnverifiedRequest

_SEED_BYTES = 32
_SIGNATURE_BYTES = 64
_PLAIN_TOKEN = re.compile(r"[A-Za-z0-9]{1,64}")
_EVENT_TIME = re.compile(r"[0-9]{10}")


class QQSignature:
    """The key of one bot."""

    def __init__(self, secret: str) -> None:
        seed = secret.encode()
        while len(seed) < _SEED_BYTES:
            seed += seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed[:_SEED_BYTES])
        self._public = self._private.public_key()

    @property
    def public_hex(self) -> str:
        """The public key, hex."""
        return self._public.public_bytes_raw().hex()

    def check(self, signature: str, timestamp: str, body: bytes) -> None:
        """Refuse a body whose hex signature over timestamp and body is not ours. Raises UnverifiedRequest."""
        try:
            raw = binascii.unhexlify(signature)
        except (ValueError, binascii.Error):
            raise UnverifiedRequest("the signature is not hexadecimal") from None
        if len(raw) != _SIGNATURE_BYTES or raw[-1] & 224:
            raise UnverifiedRequest("the signature is not one")
        try:
            self._public.verify(raw, timestamp.encode() + body)
        except InvalidSignature:
            raise UnverifiedRequest("the signature is wrong") from None

    def sign(self, timestamp: str, body: bytes) -> str:
        """The hex signature over timestamp and body."""
        return self._private.sign(timestamp.encode() + body).hex()

    def answer_check(self, event_ts: str, plain_token: str, *, now: float, is_signed: bool) -> str:
        """What proves to the platform that the address is ours. Raises UnverifiedRequest.

        Signed or not, nothing is signed that could pass for an event: letters and digits are no JSON. Unsigned,
        the time must be ours within five minutes too.
        """
        if not _EVENT_TIME.fullmatch(event_ts) or not _PLAIN_TOKEN.fullmatch(plain_token):
            raise UnverifiedRequest("what is to be signed is malformed")
        if not is_signed and abs(now - int(event_ts)) > 300:
            raise UnverifiedRequest("what is to be signed is stale")
        return self.sign(event_ts, plain_token.encode())
