"""Her words and identifiers, sealed before they reach the database, and look-ups that do not reveal them.

A **master key** (32 bytes, outside the database) wraps data keys. Every contact has a **data key**; what
she writes and who she is is sealed with it, so erasing her destroys one key and with it every copy, backups
included. Data that belongs to nobody in particular (staff names, a title) is sealed with the **house key**.
Look-ups (is this openid known?) use HMAC under the **look-up key**, which never leaves the process in clear
either: house and look-up key stand in the database wrapped by the master key.

A sealed value is `version ‖ nonce(12) ‖ AES-256-GCM ciphertext`; the table and column are authenticated with
it, so that a value moved to another column does not open. Rotating the master key only re-wraps data keys.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.errors import BotError, ConfigError

_VERSION = b"\x01"
#: Begins a bundle: several wrapped keys of one contact, each with its length in two bytes before it.
_BUNDLE = b"\x00"
_NONCE_BYTES = 12
_KEY_BYTES = 32


class CannotOpen(BotError):
    """A sealed value does not open with this key: wrong key, wrong column, or damaged."""


class DataKey:
    """One symmetric key in use: seals and opens texts and JSON for one contact, or for the house.

    It also opens what was sealed by `others`: the keys of contacts who turned out to be the same woman.
    """

    __slots__ = ("_cipher", "_others")

    def __init__(self, raw: bytes, *others: bytes) -> None:
        self._cipher = AESGCM(raw)
        self._others = tuple(AESGCM(other) for other in others)

    def seal(self, column: str, text: str) -> bytes:
        """`text` sealed for `column` (`table.column`)."""
        return self.seal_bytes(column, text.encode())

    def open(self, column: str, sealed: bytes | None) -> str:
        """The text sealed for `column`; empty for None. Raises CannotOpen."""
        return self.open_bytes(column, sealed).decode() if sealed is not None else ""

    def seal_bytes(self, column: str, content: bytes) -> bytes:
        """`content` sealed for `column`."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, content, column.encode())

    def open_bytes(self, column: str, sealed: bytes) -> bytes:
        """The bytes sealed for `column`. Raises CannotOpen."""
        if sealed[:1] != _VERSION or len(sealed) < 1 + _NONCE_BYTES + 16:
            raise CannotOpen
        for cipher in (self._cipher, *self._others):
            try:
                return cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], column.encode())
            except InvalidTag:
                continue
        raise CannotOpen

    def seal_json(self, column: str, value: Any) -> bytes:
        """Any JSON value, sealed for `column`."""
        return self.seal(column, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def open_json(self, column: str, sealed: bytes | None, default: Any = None) -> Any:
        """The JSON value sealed for `column`; `default` for None. Raises CannotOpen."""
        return json.loads(self.open(column, sealed)) if sealed is not None else default


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key with the name that stands in front of what it wrapped (1–8 letters or digits)."""

    name: str
    raw: bytes

    @classmethod
    def generate(cls) -> "MasterKey":
        """A new random key with a random name."""
        return cls("k" + os.urandom(3).hex(), os.urandom(_KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "MasterKey":
        """Read `name:base64`. Raises ConfigError with what is wrong."""
        name, separator, encoded = text.strip().partition(":")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not separator or not name.isalnum() or len(name) > 8 or len(raw) != _KEY_BYTES:
            raise ConfigError(
                "security.key must be `name:base64 of 32 bytes` (several separated by commas, newest first);"
                " make one with: python -m bot keys new"
            )
        return cls(name, raw)

    def __str__(self) -> str:
        return f"{self.name}:{base64.b64encode(self.raw).decode()}"

    def __repr__(self) -> str:
        return f"MasterKey({self.name})"


def read_key_file(path: Path) -> list[MasterKey]:
    """The keys in `path`, newest first; empty when there is no such file. Raises ConfigError."""
    if not path.exists():
        return []
    return [MasterKey.parse(line) for line in path.read_text().splitlines() if line.strip()]


def write_key_file(path: Path, keys: list[MasterKey]) -> None:
    """Replace `path` by `keys` in one step, readable by its owner only (0600)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(str(key) for key in keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class Keyring:
    """All keys in use: the master keys, and through them every data key.

    `masters` is newest first: the first wraps, all unwrap. House and look-up key are set once by
    `unlock` with what the database holds. Data keys are cached, the least used are dropped.
    """

    def __init__(self, masters: list[MasterKey], *, cache_size: int = 20_000) -> None:
        if not masters:
            raise ConfigError("there is no master key")
        self.masters = masters
        self._by_name = {key.name: AESGCM(key.raw) for key in masters}
        self._cache: OrderedDict[str, tuple[bytes, DataKey]] = OrderedDict()
        self._cache_size = cache_size
        self._lookup = b""
        self._house: DataKey | None = None

    # Wrapping: `name ‖ ":" ‖ nonce ‖ ciphertext`, authenticated with what the key is for.

    def wrap(self, purpose: str, raw: bytes) -> bytes:
        """`raw` wrapped by the newest master key for `purpose` (`contact:<id>`, `house`, `lookup`)."""
        nonce = os.urandom(_NONCE_BYTES)
        name = self.masters[0].name
        return name.encode() + b":" + nonce + self._by_name[name].encrypt(nonce, raw, purpose.encode())

    def unwrap(self, purpose: str, wrapped: bytes) -> bytes:
        """The raw key wrapped for `purpose`. Raises CannotOpen when its master key is missing."""
        name, _, rest = wrapped.partition(b":")
        cipher = self._by_name.get(name.decode("ascii", "replace"))
        if cipher is None:
            raise CannotOpen(f"the master key {name.decode('ascii', 'replace')!r} is missing")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], purpose.encode())
        except InvalidTag:
            raise CannotOpen from None

    def rewrap(self, purpose: str, wrapped: bytes) -> bytes:
        """The same key, or bundle of keys, wrapped by the newest master key."""
        return _bundle([self.wrap(purpose, self.unwrap(purpose, part)) for part in _parts(wrapped)])

    def join(self, contact_id: str, wrapped: bytes, other_id: str, other: bytes) -> bytes:
        """The bundle of two contacts who are one woman, for `contact_id`: her key seals, both open."""
        raws = [self.unwrap(f"contact:{contact_id}", part) for part in _parts(wrapped)]
        raws += [self.unwrap(f"contact:{other_id}", part) for part in _parts(other)]
        return _bundle([self.wrap(f"contact:{contact_id}", raw) for raw in dict.fromkeys(raws)])

    def unlock(self, *, house: bytes, lookup: bytes) -> None:
        """Take the wrapped house and look-up keys into use. Raises CannotOpen."""
        self._house = DataKey(self.unwrap("house", house))
        self._lookup = self.unwrap("lookup", lookup)

    @property
    def house(self) -> DataKey:
        """The key for what belongs to no contact."""
        if self._house is None:
            raise CannotOpen("the keyring is locked")
        return self._house

    def new_contact_key(self, contact_id: str) -> tuple[DataKey, bytes]:
        """A fresh data key for a new contact, and its wrapped form for the database."""
        raw = os.urandom(_KEY_BYTES)
        key, wrapped = DataKey(raw), self.wrap(f"contact:{contact_id}", raw)
        self._remember(contact_id, wrapped, key)
        return key, wrapped

    def contact_key(self, contact_id: str, wrapped: bytes | None) -> DataKey:
        """Her data key. Raises CannotOpen when it was destroyed or its master key is missing."""
        if wrapped is None:
            # A copy this process still had must not outlive the one in the database.
            self.forget(contact_id)
            raise CannotOpen("her key was destroyed: nothing of hers can be read any more")
        kept = self._cache.get(contact_id)
        # Another process may have rotated the master key, or joined two contacts, since we looked last.
        if kept is not None and kept[0] == wrapped:
            self._cache.move_to_end(contact_id)
            return kept[1]
        key = DataKey(*[self.unwrap(f"contact:{contact_id}", part) for part in _parts(wrapped)])
        self._remember(contact_id, wrapped, key)
        return key

    def forget(self, contact_id: str) -> None:
        """Drop her key from the cache (after it was destroyed in the database)."""
        self._cache.pop(contact_id, None)

    def digest(self, purpose: str, value: str) -> bytes:
        """Sixteen bytes that find `value` again without revealing it; equal values of one purpose match."""
        if not self._lookup:
            raise CannotOpen("the keyring is locked")
        return hmac.digest(self._lookup, f"{purpose}\0{value}".encode(), hashlib.sha256)[:16]

    def _remember(self, contact_id: str, wrapped: bytes, key: DataKey) -> None:
        self._cache[contact_id] = wrapped, key
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)


def _parts(wrapped: bytes) -> list[bytes]:
    """The wrapped keys of a bundle, the sealing one first; a key by itself is a bundle of one."""
    if not wrapped.startswith(_BUNDLE):
        return [wrapped]
    parts, at = [], 1
    while at < len(wrapped):
        end = at + 2 + int.from_bytes(wrapped[at : at + 2], "big")
        parts.append(wrapped[at + 2 : end])
        at = end
    return parts


def _bundle(parts: list[bytes]) -> bytes:
    if len(parts) == 1:
        return parts[0]
    return _BUNDLE + b"".join(len(part).to_bytes(2, "big") + part for part in parts)
