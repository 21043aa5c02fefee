"""Signature and encryption against published and recomputed vectors, and everything that must be refused.

The vectors are facts gathered from public SDKs' tests (wechatpy, EasyWeChat, WxJava, Tencent's sample, PowerWeChat).
"""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto as TheirCrypto

from bot.channels.wechat_crypto import WeChatCrypto, is_signed, signature
from bot.errors import ConfigError, UnverifiedRequest

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP = "wxb11529c136998cb6"
OURS = WeChatCrypto("pamtest", KEY, APP)
MP_ENCRYPT = (
    "rTNFcsut4LfGuAFKEUVVpwcaCOTJzOd9twZdIW910jb3k+iicx2uvhttIZ3Qg9Qgty3BEF2xbOrz6boTfb30dMomcgrkTqdFPwnhqbk+kIQ7rZiwny9D"
    "7NUrTgA5kpX3KsZvrXzUZyP2x9YOlxbgm572lmxKvM7HAQQhIQ/p6HBmoY30bGXFK0BtIu1pW9TjhOYrLQoU18nWYjWqDA1ynkmOytpv7QRI1P1+0Nox"
    "L0q2zO1DgeSvnE8CZGo/o5Ap/WHK5W2RAsinpzN4/LjPnmB6U01I5XCoJoC0GK/yMZycd2Oh8Nq6+wBkC1U85oy0ktOY4nLvsQMLrourmMGdZHuTbqpe"
    "J8Ao/5PRYJ+WBvRUwPfGKBL2+2IKZF49vAJqkcGWSHGE76ZN2erXeuNazf/o9o3lIE3q739o4c8t9QGPe31GT2Go/rOz1BsrASwvauNulCh+++yz+CQz"
    "BIuikA=="
)
WECOM = WeChatCrypto("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "wx49f0ab532d5d035a")
ECHO = "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q=="
ECHO_SIGNATURE = "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96"
TENCENT = WeChatCrypto("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")


def test_v0_plain_signatures() -> None:
    assert signature("a", "b", "c") == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert is_signed("f21891de399b4e33a1a93c9a7b8a8fffb5a443ff", "test", "1410685589", "test")
    assert not is_signed("f21891de399b4e33a1a93c9a7b8a8fffb5a443fe", "test", "1410685589", "test")


def test_v1_echo_is_opened_and_refused_with_another_nonce() -> None:
    assert WECOM.open(ECHO, ECHO_SIGNATURE, "1411443780", "437374425") == b"5927782489442352469"
    with pytest.raises(UnverifiedRequest):
        WECOM.open(ECHO, ECHO_SIGNATURE, "1411443780", "437374424")


def test_v2_encryption_is_deterministic_with_given_randomness() -> None:
    expected = "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
    assert OURS.encrypt("我是中文abcd123".encode(), random=b"aaaabbbbccccdddd") == expected
    assert OURS.decrypt(expected).decode() == "我是中文abcd123"


def test_v3_official_account_message_is_opened() -> None:
    plain = OURS.open(MP_ENCRYPT, "4f3ad57b6989f09f4eb392acce4f9e93942ed890", "1458300676", "260774613").decode()
    assert "<ToUserName><![CDATA[asdasdasd]]>" in plain
    assert "<FromUserName><![CDATA[asdasdasdsadasd]]>" in plain
    assert "1234567898" in plain
    assert "hello" in plain
    assert "12345" in plain


def test_v4_reply_is_sealed_as_wechatpy_does() -> None:
    lines = [
        "<xml>",
        "<MsgType><![CDATA[text]]></MsgType>",
        "<Content><![CDATA[test]]></Content>",
        "<FromUserName><![CDATA[wx49f0ab532d5d035a]]></FromUserName>",
        "<ToUserName><![CDATA[messense]]></ToUserName>",
        "<AgentID>1</AgentID>",
        "<CreateTime>1411525903</CreateTime>",
        "</xml>",
    ]
    envelope = WECOM.seal("\n".join(lines).encode(), "1411525903", "461056294", random=b"1234567890123456")
    assert envelope.msg_signature == "407518b7649e86ef23978113f92d27afa9296533"
    assert envelope.encrypt.startswith("9s4gMv99m88kKTh/H8IdkOiMg6bisoy3")


def test_v5_echo_of_tencents_own_sample() -> None:
    echo = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
    plain = TENCENT.open(echo, "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780")
    assert plain == b"1616140317555161061"


def test_v6_another_receive_id_is_refused() -> None:
    key, token = "CyjBvGm4tJNmcThkeL5Wajzom4jKlBygKtpTkYeqsnE", "pcoLldqMu2WQQtYBeDX5HiXPsBFlTnDM"
    echo = "o1XtmVltGmUAqoWee54yd4Q5ZBgrw4/9lFo5qdZoVPd1DybzarjuYCfFlR2AFbAcWHwFgmbrVBD+f9910QIF6g=="
    request = (echo, "1495c4dfd4958d4e5faf618978ae66943a042f87", "1623292419", "1623324060")
    assert WeChatCrypto(token, key, "wwedab3d5fc43636d8").open(*request) == b"6058207018001857403"
    with pytest.raises(UnverifiedRequest):
        WeChatCrypto(token, key, "1000005").open(*request)


def test_v7_empty_receive_id_and_json_envelope() -> None:
    bot = WeChatCrypto("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "")
    message = '{"msgtype":"text","text":{"content":"你好"}}'.encode()
    envelope = bot.seal(message, "1700000000", "nonce123", random=b"0123456789abcdef")
    assert envelope.encrypt == (
        "sKqRbbiSUnDhFHOvPjtUMevlVJi5gSks1smLwj58jImB2BNF0on6mvpE5XjYftWR+hKtqfw2+k/hItigkhHI2ITZ+4TZPkW1CRjdWTgPVbN+GsKb"
        "DXGJI9Sxfe05/dE5"
    )
    assert envelope.msg_signature == "cb975dceeb74c97aade3ca6f09c63b9df82abb19"
    assert b'"msgsignature": "cb975d' in envelope.to_json()


def test_v8_full_block_of_padding() -> None:
    expected = (
        "jn1L23DB+6ELqJ+6bruv26Bs5uYCV3HVmgeO4vSad7dLDr7+rnWyemcCRN5OR7WyYIOVZ+rWh44sv5pSbGODsKolwuzQmZIEVqYvwyIth36mxM82"
        "Fq0uc5AzBeGHP4YA"
    )
    assert OURS.encrypt(b"a" * 26, random=b"aaaabbbbccccdddd") == expected
    assert OURS.decrypt(expected) == b"a" * 26


def sealed(plain: bytes) -> str:
    """Any plaintext under the test key: also what no honest sender would encrypt."""
    key = base64.b64decode(KEY + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def padded(content: bytes, pad: int | None = None) -> bytes:
    size = 32 - len(content) % 32 if pad is None else pad
    return content + bytes([size]) * size


HEAD = b"r" * 16
GOOD = HEAD + struct.pack(">I", 5) + b"hello" + APP.encode()


@pytest.mark.parametrize(
    "encrypt",
    [
        pytest.param("", id="nothing"),
        pytest.param("not base64!", id="no base64"),
        pytest.param("é" * 64, id="no ASCII"),
        pytest.param(base64.b64encode(b"x" * 31).decode(), id="no whole block"),
        pytest.param(sealed(GOOD[:-1].ljust(63, b"\0") + b"\0"), id="padding 0"),
        pytest.param(sealed((GOOD + b"!" * 64)[:63] + b"\x21"), id="padding 33"),
        pytest.param(sealed(padded(GOOD)[:-2] + b"\x01" + padded(GOOD)[-1:]), id="padding bytes differ"),
        pytest.param(sealed(b"\x20" * 16), id="padding longer than the message"),
        pytest.param(sealed(padded(HEAD + b"ab")), id="no room for a length"),
        pytest.param(sealed(padded(HEAD + struct.pack(">I", 500) + b"hello" + APP.encode())), id="length too large"),
        pytest.param(sealed(padded(HEAD + struct.pack(">I", 2**32 - 1) + b"hi")), id="length enormous"),
        pytest.param(sealed(padded(HEAD + struct.pack(">I", 4) + b"hello" + APP.encode())), id="length too small"),
        pytest.param(
            sealed(padded(HEAD + struct.pack(">I", 5) + b"hello" + b"wx0000000000000000")), id="wrong appid"
        ),
        pytest.param(sealed(padded(HEAD + struct.pack(">I", 5) + b"hello")), id="no appid"),
        pytest.param(sealed(padded(GOOD + b"x")), id="appid with something after it"),
    ],
)
def test_what_is_not_honestly_sealed_is_refused(encrypt: str) -> None:
    with pytest.raises(UnverifiedRequest):
        OURS.open(encrypt, signature("pamtest", "1", "n", encrypt), "1", "n")


def test_the_honest_one_beside_them_is_opened() -> None:
    encrypt = sealed(padded(GOOD))
    assert OURS.open(encrypt, signature("pamtest", "1", "n", encrypt), "1", "n") == b"hello"


@given(st.binary(max_size=300))
def test_what_we_seal_wechatpy_opens_and_the_other_way_round(message: bytes) -> None:
    theirs = TheirCrypto("pamtest", KEY, APP)
    text = message.hex()
    envelope = OURS.seal(text.encode(), "1", "n")
    opened = theirs.decrypt_message(envelope.to_xml(), envelope.msg_signature, "1", "n")
    assert (opened if isinstance(opened, str) else opened.decode()) == text
    assert OURS.decrypt(OURS.encrypt(message)) == message


@given(st.binary(min_size=1, max_size=400))
def test_garbage_never_opens_and_never_crashes(content: bytes) -> None:
    with pytest.raises(UnverifiedRequest):
        OURS.decrypt(base64.b64encode(content).decode())


def test_every_sealing_is_different() -> None:
    assert OURS.encrypt(b"same") != OURS.encrypt(b"same")


@pytest.mark.parametrize("key", ["", "short", "a" * 42, "a" * 44, "!" * 43])
def test_bad_key_is_one_sentence(key: str) -> None:
    with pytest.raises(ConfigError, match="43"):
        WeChatCrypto("t", key, APP)
