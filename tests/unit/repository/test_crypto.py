"""The cipher, against published vectors and against tampering."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged
from backends.repository.crypto import OVERHEAD, MasterKey

MASTER = MasterKey.generate()

# r, k, nonce, message, tag: appendix B of "The Poly1305-AES message-authentication code".
POLY1305_AES = [
    (
        "851fc40c3467ac0be05cc20404f3f700",
        "ec074c835580741701425b623235add6",
        "fb447350c4e868c52ac3275cf9d4327e",
        "f3f6",
        "f4c633c3044fc145f84f335cb81953de",
    ),
    (
        "a0f3080000f46400d0c7e9076c834403",
        "75deaa25c09f208e1dc4ce6b5cad3fbf",
        "61ee09218d29b0aaed7e154a2c5509cc",
        "",
        "dd3fab2251f11ac759f0887129cc2ee7",
    ),
    (
        "48443d0bb0d21109c89a100b5ce2c208",
        "6acb5f61a7176dd320c5c1eb2edcdc74",
        "ae212a55399729595dea458bc621ff0e",
        "663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136",
        "0ee1c16bb73f0f4fd19881753c01cdbe",
    ),
]


@pytest.mark.parametrize(("r", "k", "nonce", "message", "tag"), POLY1305_AES)
def test_the_tag_is_the_published_one(r, k, nonce, message, tag):
    master = MasterKey(encrypt=bytes(32), mac_k=bytes.fromhex(k), mac_r=bytes.fromhex(r))

    opened = master.open(bytes.fromhex(nonce + message + tag))

    assert len(opened) == len(message) // 2


def test_the_cipher_stream_is_the_published_one():
    """NIST SP 800-38A, F.5.5: CTR-AES256."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    iv = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    hidden = bytes.fromhex(
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
        "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
    )
    # Under r = 0 the tag of every message is the encrypted nonce.
    tag = Cipher(AES128(bytes(16)), ECB()).encryptor().update(iv)  # noqa: S305 - one block

    plain = MasterKey(encrypt=key, mac_k=bytes(16), mac_r=bytes(16)).open(iv + hidden + tag)

    assert plain.hex() == (
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )


@given(st.binary(max_size=5000))
def test_what_is_sealed_opens_again(plain):
    sealed = MASTER.seal(plain)

    assert len(sealed) == len(plain) + OVERHEAD
    assert MASTER.open(sealed) == plain


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_messages_sealed_together_open_singly(plains):
    assert [MASTER.open(each) for each in MASTER.seal_many(plains)] == plains


def test_messages_sealed_together_never_look_the_same():
    assert len(set(MASTER.seal_many([b"once"] * 50))) == 50


def test_the_same_message_never_looks_the_same():
    assert len({MASTER.seal(b"same")[:16] for _ in range(1000)}) == 1000


def test_a_flip_of_any_bit_is_refused():
    sealed = MASTER.seal(b"some message of a few blocks" * 3)

    for position in range(len(sealed)):
        for bit in range(8):
            altered = bytearray(sealed)
            altered[position] ^= 1 << bit
            with pytest.raises(RepositoryDamaged):
                MASTER.open(altered)


@given(st.binary(max_size=OVERHEAD - 1))
def test_what_is_too_short_to_be_sealed_is_refused(short):
    with pytest.raises(RepositoryDamaged):
        MASTER.open(short)


def test_another_key_opens_nothing():
    with pytest.raises(RepositoryDamaged):
        MasterKey.generate().open(MASTER.seal(b"message"))


def test_threads_seal_and_open_side_by_side():
    messages = [bytes([number]) * 70_000 for number in range(64)]

    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda plain: MASTER.open(MASTER.seal(plain)), messages))

    assert opened == messages


def test_a_key_does_not_show_in_logs():
    assert repr(MASTER) == "MasterKey()"


def test_a_key_of_the_wrong_length_is_refused():
    with pytest.raises(RepositoryDamaged):
        MasterKey.from_derived(bytes(63))
