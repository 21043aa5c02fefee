"""Sealed values: opened by their key in their column only, gone with their key, untouched by a new master key."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigError
from storage.encryption import CannotOpen, DataKey, Keyring, MasterKey, read_key_file, write_key_file

KEY = DataKey(bytes(32))
OLD, NEW = MasterKey("old", bytes(range(32))), MasterKey("new", bytes(range(1, 33)))


def unlocked(*masters: MasterKey) -> Keyring:
    ring = Keyring(list(masters))
    ring.unlock(house=ring.wrap("house", b"h" * 32), lookup=ring.wrap("lookup", b"l" * 32))
    return ring


@given(st.text())
def test_text_comes_back(text: str) -> None:
    sealed = KEY.seal("inbound.content", text)
    assert KEY.open("inbound.content", sealed) == text
    assert len(text) < 4 or text.encode() not in sealed


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none(), st.lists(st.booleans()))))
def test_json_comes_back(value: dict[str, object]) -> None:
    assert KEY.open_json("a.b", KEY.seal_json("a.b", value)) == value


def test_same_text_is_sealed_differently_every_time() -> None:
    assert KEY.seal("a.b", "同一句话") != KEY.seal("a.b", "同一句话")


def test_value_moved_to_another_column_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        KEY.open("contact.name", KEY.seal("contact.phone", "13800138000"))


def test_value_of_another_contact_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        DataKey(bytes([1] * 32)).open("a.b", KEY.seal("a.b", "话"))


@given(st.integers(0, 60), st.integers(1, 255))
def test_changed_byte_is_noticed(place: int, change: int) -> None:
    sealed = bytearray(KEY.seal("a.b", "一句要紧的话"))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(CannotOpen):
        KEY.open("a.b", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(40), bytes(28), b"\x01" + bytes(40)])
def test_what_is_no_sealed_value_does_not_open(sealed: bytes) -> None:
    with pytest.raises(CannotOpen):
        KEY.open("a.b", sealed)


def test_nothing_is_empty() -> None:
    assert KEY.open("a.b", None) == ""
    assert KEY.open_json("a.b", None, {}) == {}


def test_contact_key_opens_again_from_its_wrapped_form() -> None:
    ring = unlocked(OLD)
    key, wrapped = ring.new_contact_key("c1")
    sealed = key.seal("a.b", "话")
    assert unlocked(OLD).contact_key("c1", wrapped).open("a.b", sealed) == "话"


def test_wrapped_key_serves_its_own_contact_only() -> None:
    _, wrapped = unlocked(OLD).new_contact_key("c1")
    with pytest.raises(CannotOpen):
        unlocked(OLD).contact_key("c2", wrapped)


def test_destroyed_key_opens_nothing_any_more() -> None:
    ring = unlocked(OLD)
    ring.new_contact_key("c1")
    ring.forget("c1")
    with pytest.raises(CannotOpen):
        ring.contact_key("c1", None)


def test_rotation_keeps_everything_readable_without_the_old_key() -> None:
    key, wrapped = unlocked(OLD).new_contact_key("c1")
    sealed = key.seal("a.b", "话")
    both = unlocked(NEW, OLD)
    again = both.rewrap("contact:c1", wrapped)
    assert again.startswith(b"new:")
    assert unlocked(NEW).contact_key("c1", again).open("a.b", sealed) == "话"
    with pytest.raises(CannotOpen, match="old"):
        unlocked(NEW).contact_key("c1", wrapped)


def test_key_of_another_name_with_the_same_bytes_does_not_unwrap() -> None:
    _, wrapped = unlocked(OLD).new_contact_key("c1")
    with pytest.raises(CannotOpen):
        unlocked(MasterKey("old", bytes([9] * 32))).contact_key("c1", wrapped)


def test_digests_find_and_reveal_nothing() -> None:
    ring = unlocked(OLD)
    assert ring.digest("address", "oLina") == ring.digest("address", "oLina")
    assert ring.digest("address", "oLina") != ring.digest("word", "oLina")
    assert ring.digest("address", "oLina") != ring.digest("address", "oMei")
    other = Keyring([OLD])
    other.unlock(house=other.wrap("house", b"h" * 32), lookup=other.wrap("lookup", b"k" * 32))
    assert ring.digest("address", "oLina") != other.digest("address", "oLina")


def test_locked_ring_gives_nothing() -> None:
    ring = Keyring([OLD])
    with pytest.raises(CannotOpen):
        ring.digest("a", "b")
    with pytest.raises(CannotOpen):
        _ = ring.house


def test_cache_drops_the_least_used_and_reads_them_again() -> None:
    ring = Keyring([OLD], cache_size=2)
    wrapped = {name: ring.new_contact_key(name)[1] for name in ("a", "b", "c")}
    assert len(ring._cache) == 2
    assert ring.contact_key("a", wrapped["a"]) is ring.contact_key("a", wrapped["a"])
    with pytest.raises(CannotOpen):
        ring.contact_key("a", None)
    assert len(ring._cache) == 1


def test_key_file_is_for_its_owner_only_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    write_key_file(path, [NEW, OLD])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key_file(path) == [NEW, OLD]
    assert read_key_file(tmp_path / "none.key") == []
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize(
    "text", ["", "nocolon", "k:", "k:short", "k:" + "A" * 60, "längerer:AAAA", "toolongname:AAAA"]
)
def test_bad_key_is_one_sentence_that_says_how_to_make_one(text: str) -> None:
    with pytest.raises(ConfigError, match=r"security\.key must be") as problem:
        MasterKey.parse(text)
    assert "keys new" in str(problem.value)


def test_key_reads_what_it_writes_and_hides_in_logs() -> None:
    key = MasterKey.generate()
    assert MasterKey.parse(str(key)) == key
    assert str(key).partition(":")[2] not in repr(key)


def test_ring_without_a_key_is_refused() -> None:
    with pytest.raises(ConfigError):
        Keyring([])
