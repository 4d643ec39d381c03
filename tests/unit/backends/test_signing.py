"""Signatures, and the key file that makes them."""

import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from backends.errors import LocalPathUnusable, SignatureInvalid
from backends.signing import SigningKey, verify_signature
from tests.parts.requirement import require_program


def test_a_signature_holds_for_its_own_message_and_key_only():
    key, other = SigningKey.generate(), SigningKey.generate()
    signature = key.sign(b"message")
    verify_signature(key.public_text, b"message", signature)
    for public, message, signed in [
        (key.public_text, b"massage", signature),
        (other.public_text, b"message", signature),
        (key.public_text, b"message", signature[:-1] + bytes([signature[-1] ^ 1])),
        (key.public_text, b"message", b""),
    ]:
        with pytest.raises(SignatureInvalid):
            verify_signature(public, message, signed)


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:!!", "ed25519:AAAA", "ssh-ed25519 AA"])
def test_what_is_no_public_key_checks_nothing(text):
    with pytest.raises(SignatureInvalid, match="not an Ed25519 public key"):
        verify_signature(text, b"", bytes(64))


def test_a_saved_key_is_ours_alone_and_signs_as_before(tmp_path):
    key, path = SigningKey.generate(), tmp_path / "key"
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    loaded = SigningKey.load(path)
    assert loaded.public_text == key.public_text
    assert loaded.sign(b"m") == key.sign(b"m")


def test_openssl_understands_the_key_file(tmp_path):
    SigningKey.generate().save(tmp_path / "key")
    openssl = require_program("openssl", "openssl")
    shown = subprocess.run(
        [openssl, "pkey", "-in", tmp_path / "key", "-noout", "-text"],
        capture_output=True,
        check=True,
    )
    assert b"ED25519" in shown.stdout


def test_a_key_is_never_overwritten(tmp_path):
    path = tmp_path / "key"
    SigningKey.generate().save(path)
    before = path.read_bytes()
    with pytest.raises(LocalPathUnusable, match="exists"):
        SigningKey.generate().save(path)
    assert path.read_bytes() == before


def test_a_key_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "key"
    SigningKey.generate().save(path)
    path.chmod(0o640)
    with pytest.raises(LocalPathUnusable, match="read by others"):
        SigningKey.load(path)


def test_a_missing_key_says_how_to_make_one(tmp_path):
    with pytest.raises(LocalPathUnusable) as missing:
        SigningKey.load(tmp_path / "key")
    assert "init" in missing.value.hint


def test_a_file_with_something_else_is_no_key(tmp_path):
    rsa = generate_private_key(public_exponent=65537, key_size=2048)
    pem = rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"", b"junk", pem):
        path = tmp_path / "key"
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(LocalPathUnusable, match="holds no Ed25519"):
            SigningKey.load(path)
