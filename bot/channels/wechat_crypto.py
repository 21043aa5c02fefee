"""The signature and encryption WeChat, WeCom and its bots share (protocols §1.1–1.2).

Built beside wechatpy, because wechatpy compares signatures with `!=`, does not check the padding and the inner
length, and sets up the cipher anew for every message (14–21 µs against 4–7). Its results are the same: the test
vectors of both directions pass.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.errors import ConfigError, UnverifiedRequest

_BLOCK = 32
_RANDOM_BYTES = 16


def signature(*parts: str) -> str:
    """SHA-1 hex over the sorted parts, joined (token, timestamp, nonce and, if encrypted, the ciphertext)."""
    # SHA-1 is the platform's choice; forging it needs a preimage, not a collision.
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def is_signed(given: str, *parts: str) -> bool:
    """Whether `given` is the signature of `parts`, compared in constant time."""
    return hmac.compare_digest(signature(*parts).encode(), given.encode())


@dataclass(frozen=True, slots=True)
class Envelope:
    """An encrypted reply with all that goes with it."""

    encrypt: str
    msg_signature: str
    timestamp: str
    nonce: str

    def to_xml(self) -> bytes:
        """As the XML platforms expect it."""
        return (
            f"<xml><Encrypt><![CDATA[{self.encrypt}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{self.msg_signature}]]></MsgSignature>"
            f"<TimeStamp>{self.timestamp}</TimeStamp>"
            f"<Nonce><![CDATA[{self.nonce}]]></Nonce></xml>"
        ).encode()

    def to_json(self) -> bytes:
        """As the bots that speak JSON expect it."""
        return json.dumps(
            {
                "encrypt": self.encrypt,
                "msgsignature": self.msg_signature,
                "timestamp": self.timestamp,
                "nonce": self.nonce,
            }
        ).encode()


class WeChatCrypto:
    """Opens and seals messages for one account. `receive_id` is the AppID, the CorpID, or empty for bots."""

    def __init__(self, token: str, encoding_aes_key: str, receive_id: str) -> None:
        try:
            key = base64.b64decode(encoding_aes_key + "=", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(encoding_aes_key) != 43 or len(key) != 32:
            raise ConfigError("encoding_aes_key must be the 43 letters and digits the platform shows")
        self._token = token
        self._receive_id = receive_id.encode()
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def open(self, encrypt: str, msg_signature: str, timestamp: str, nonce: str) -> bytes:
        """The message inside `encrypt`. Raises UnverifiedRequest when anything about it is wrong."""
        if not is_signed(msg_signature, self._token, timestamp, nonce, encrypt):
            raise UnverifiedRequest
        return self.decrypt(encrypt)

    def decrypt(self, encrypt: str) -> bytes:
        """The message inside `encrypt`, whose signature was checked. Raises UnverifiedRequest."""
        try:
            sealed = base64.b64decode(encrypt, validate=True)
        except (binascii.Error, ValueError):
            raise UnverifiedRequest from None
        if not sealed or len(sealed) % 16:
            raise UnverifiedRequest
        plain = self._unpadded(sealed)[_RANDOM_BYTES:]
        if len(plain) < 4:
            raise UnverifiedRequest
        (length,) = struct.unpack(">I", plain[:4])
        if length > len(plain) - 4:
            raise UnverifiedRequest
        if not hmac.compare_digest(plain[4 + length :], self._receive_id):
            raise UnverifiedRequest
        return plain[4 : 4 + length]

    def open_file(self, sealed: bytes) -> bytes:
        """A file 智能机器人 was sent: the same cipher and padding, no envelope. Raises UnverifiedRequest."""
        if not sealed or len(sealed) % 16:
            raise UnverifiedRequest
        return self._unpadded(sealed)

    def _unpadded(self, sealed: bytes) -> bytes:
        decryptor = self._cipher.decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
        pad = plain[-1]
        if not 1 <= pad <= _BLOCK or len(plain) < pad or plain[-pad:] != bytes([pad]) * pad:
            raise UnverifiedRequest
        return plain[:-pad]

    def encrypt(self, message: bytes, *, random: bytes | None = None) -> str:
        """`message` sealed, in base64. `random` (16 bytes) is given by test vectors only."""
        plain = (random or os.urandom(_RANDOM_BYTES)) + struct.pack(">I", len(message)) + message + self._receive_id
        pad = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher.encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def seal(self, message: bytes, timestamp: str, nonce: str, *, random: bytes | None = None) -> Envelope:
        """`message` as a signed envelope."""
        encrypt = self.encrypt(message, random=random)
        return Envelope(encrypt, signature(self._token, timestamp, nonce, encrypt), timestamp, nonce)
