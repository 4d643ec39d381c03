"""A manifest's bytes: the body that is signed, and the document that carries the signature.

The document is canonical JSON (see `canonical`): `{"body": …, "key": …, "signature": …}`. The
signature is Ed25519 over `SIGNATURE_TAG` followed by the canonical spelling of `body`, in base64;
`key` is the public key, for people to compare with the one they trust. Whoever has the document
and that key can check it without this program.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from backends.types import Omission
from daemon.domain.beside import NOTHING, decode_beside, encode_beside
from daemon.domain.canonical import (
    Fields,
    JsonObject,
    JsonValue,
    read_canonical,
    read_object,
    write_canonical,
)
from daemon.domain.contract import Expiry
from daemon.domain.instant import read_instant, write_instant
from daemon.domain.manifest import (
    ContractFact,
    Manifest,
    PackFact,
    RepositoryFact,
    SourceComparison,
    SumsFact,
    ToolVersion,
    VerificationFact,
)
from daemon.domain.pathtext import read_path, write_path
from daemon.domain.run import RunKind
from daemon.domain.source import Consistency, SourcePart, SourceView
from daemon.domain.verification import Depth, Outcome
from daemon.errors import InvalidValue, ManifestInvalid

MANIFEST_TYPE: Final = "lapseguard-manifest"
MANIFEST_VERSION: Final = 1
#: Keeps a signature made over a manifest from being valid over anything else.
SIGNATURE_TAG: Final = b"lapseguard-manifest-v1\n"

_Member = TypeVar("_Member", bound=Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedManifest:
    """A manifest as read from its document; whether the signature holds is still to be checked.

    Attributes:
        manifest: What it says.
        sha256: Digest of the whole document in hex; the manifest's identity.
        message: The bytes that were signed.
        signature: 64 bytes.
        key: The public key that it claims, as `public_text` of the signing key.
    """

    manifest: Manifest
    sha256: str
    message: bytes
    signature: bytes
    key: str


def write_manifest(manifest: Manifest, sign: Callable[[bytes], bytes], key: str) -> bytes:
    """The signed document of `manifest`: what is stored, and what its digest is taken of.

    Args:
        manifest: What it says.
        sign: Gives the signature of a message.
        key: The public key belonging to `sign`, as text.
    """
    body = encode_body(manifest)
    signature = sign(SIGNATURE_TAG + write_canonical(body))
    return write_canonical(
        {"body": body, "key": key, "signature": base64.b64encode(signature).decode()}
    )


def read_manifest(document: bytes) -> SignedManifest:
    """Take a document apart.

    Raises:
        ManifestInvalid: it is not one, is one of another version, or holds anything that this
            program would pass over.
    """
    try:
        return _read_document(document)
    except InvalidValue as error:
        raise ManifestInvalid(f"The manifest is malformed: {error}") from error


def _read_document(document: bytes) -> SignedManifest:
    value = read_canonical(document)
    outer = Fields(value, "document")
    body = outer.take("body")
    signed = SignedManifest(
        manifest=decode_body(body),
        sha256=digest_document(document),
        message=SIGNATURE_TAG + write_canonical(body),
        signature=_decode_signature(outer.text("signature")),
        key=outer.text("key"),
    )
    outer.finish()
    return signed


def digest_document(document: bytes) -> str:
    """The SHA-256 of a document in hex: how history, chain and verifications name it."""
    return hashlib.sha256(document).hexdigest()


def _decode_signature(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidValue("The signature is not base64.") from error


def encode_body(manifest: Manifest) -> JsonObject:
    """What is signed, as a JSON value."""
    return {
        "type": MANIFEST_TYPE,
        "version": MANIFEST_VERSION,
        "run": manifest.run,
        "kind": manifest.kind.value,
        "sequence": manifest.sequence,
        "previous_sha256": manifest.previous_sha256,
        "complete": manifest.complete,
        "server": manifest.server,
        "host": manifest.host,
        "paths": manifest.paths,
        "excludes": manifest.excludes,
        "contracts": [_encode_contract(contract) for contract in manifest.contracts],
        "started_at": write_instant(manifest.started_at),
        "finished_at": write_instant(manifest.finished_at),
        "packs": [_encode_pack(pack) for pack in manifest.packs],
        "omissions": [
            {"path": write_path(omission.path), "reason": _tidy(omission.reason)}
            for omission in manifest.omissions
        ],
        "vanished": [write_path(path) for path in manifest.vanished],
        "tools": [{"name": tool.name, "version": tool.version} for tool in manifest.tools],
        **_encode_figures(manifest),
        **_encode_facts(manifest),
        **({} if manifest.beside == NOTHING else {"beside": encode_beside(manifest.beside)}),
    }


def _tidy(prose: str) -> str:
    """Reasons quote what programs printed; half a character must not spoil a whole manifest."""
    return prose.encode(errors="replace").decode()


def _encode_figures(manifest: Manifest) -> JsonObject:
    return {
        "files": manifest.files,
        "dirs": manifest.dirs,
        "bytes": manifest.bytes,
        "stored_bytes": manifest.stored_bytes,
        "new_bytes": manifest.new_bytes,
    }


def _encode_facts(manifest: Manifest) -> JsonObject:
    comparison = manifest.comparison
    repository, verification = manifest.repository, manifest.verification
    return {
        "source": _encode_source(manifest.source),
        "repository": {
            "id": repository.id,
            "url": repository.url,
            "snapshot": repository.snapshot,
            "tree": repository.tree,
        },
        "comparison": {
            "compared": comparison.compared,
            "unchanged": comparison.unchanged,
            "uncompared": comparison.uncompared,
            "mismatched": comparison.mismatched,
        },
        "sums": _encode_sums(manifest.sums),
        "verification": {
            "depth": verification.depth.value,
            "outcome": verification.outcome.value,
            "checked_at": write_instant(verification.checked_at),
        },
    }


def _encode_sums(sums: SumsFact) -> JsonObject:
    stored: JsonObject = {"key": sums.key, "sha256": sums.sha256}
    return stored if sums.text_sha256 is None else {**stored, "text_sha256": sums.text_sha256}


def _encode_source(source: SourceView) -> JsonObject:
    whole = {"kind": source.kind, "consistency": source.consistency.value}
    if not source.parts:
        return {**whole}
    parts = [
        {
            "target": part.target,
            "kind": part.kind,
            "id": part.id,
            "taken_at": write_instant(part.taken_at),
            "consistency": part.consistency.value,
            "reason": _tidy(part.reason),
        }
        for part in source.parts
    ]
    return {**whole, "parts": parts}


def _encode_contract(contract: ContractFact) -> JsonObject:
    return {
        "name": contract.name,
        "provider": contract.provider,
        "reference": contract.reference,
        "expiry": contract.expiry.text,
        "timezone": contract.expiry.timezone,
        "expires_at": write_instant(contract.expires_at),
    }


def _encode_pack(pack: PackFact) -> JsonObject:
    return {
        "id": pack.id,
        "size": pack.size,
        "attested": pack.attested,
        "version_id": pack.version_id,
        "new": pack.new,
    }


def decode_body(body: JsonValue) -> Manifest:
    """The manifest that `encode_body` wrote.

    Raises:
        ManifestInvalid: it is no manifest, or of a version that this program does not know.
        InvalidValue: it is malformed.
    """
    _require_known_version(body)
    return read_object(body, "manifest", _decode_manifest)


def _require_known_version(body: JsonValue) -> None:
    fields = Fields(body, "manifest")
    if fields.text("type") != MANIFEST_TYPE:
        raise ManifestInvalid("This is not a manifest of Lapseguard.")
    version = fields.number("version")
    if version != MANIFEST_VERSION:
        raise ManifestInvalid(
            f"The manifest has version {version}; this program knows {MANIFEST_VERSION}.",
            hint="Use the version of Lapseguard that wrote it, or a newer one.",
        )


def _decode_manifest(fields: Fields) -> Manifest:
    # Both were looked at before; taken here so that nothing is left over.
    fields.text("type")
    fields.number("version")
    return Manifest(
        run=fields.text("run"),
        kind=_member(RunKind, fields.text("kind")),
        sequence=fields.number("sequence"),
        previous_sha256=fields.optional_text("previous_sha256"),
        complete=fields.flag("complete"),
        server=fields.text("server"),
        host=fields.text("host"),
        paths=fields.texts("paths"),
        excludes=fields.texts("excludes"),
        contracts=fields.each("contracts", _decode_contract),
        source=fields.one("source", _decode_source),
        # Manifests of runs that took neither dumps nor a passport have none.
        beside=fields.one("beside", decode_beside) if fields.has("beside") else NOTHING,
        started_at=read_instant(fields.text("started_at")),
        finished_at=read_instant(fields.text("finished_at")),
        files=fields.number("files"),
        dirs=fields.number("dirs"),
        bytes=fields.number("bytes"),
        stored_bytes=fields.number("stored_bytes"),
        new_bytes=fields.number("new_bytes"),
        repository=fields.one("repository", _decode_repository),
        packs=fields.each("packs", _decode_pack),
        omissions=fields.each("omissions", _decode_omission),
        vanished=tuple(read_path(path) for path in fields.texts("vanished")),
        tools=fields.each("tools", _decode_tool),
        comparison=fields.one("comparison", _decode_comparison),
        sums=fields.one("sums", _decode_sums),
        verification=fields.one("verification", _decode_verification),
    )


def _decode_contract(fields: Fields) -> ContractFact:
    return ContractFact(
        name=fields.text("name"),
        provider=fields.text("provider"),
        reference=fields.optional_text("reference"),
        expiry=Expiry(text=fields.text("expiry"), timezone=fields.optional_text("timezone")),
        expires_at=read_instant(fields.text("expires_at")),
    )


def _decode_source(fields: Fields) -> SourceView:
    return SourceView(
        kind=fields.text("kind"),
        consistency=_member(Consistency, fields.text("consistency")),
        # Manifests of servers that are read live have none.
        parts=fields.each("parts", _decode_part) if fields.has("parts") else (),
    )


def _decode_part(fields: Fields) -> SourcePart:
    return SourcePart(
        target=fields.text("target"),
        kind=fields.text("kind"),
        id=fields.text("id"),
        taken_at=read_instant(fields.text("taken_at")),
        consistency=_member(Consistency, fields.text("consistency")),
        reason=fields.text("reason"),
    )


def _decode_repository(fields: Fields) -> RepositoryFact:
    return RepositoryFact(
        id=fields.text("id"),
        url=fields.text("url"),
        snapshot=fields.text("snapshot"),
        tree=fields.text("tree"),
    )


def _decode_pack(fields: Fields) -> PackFact:
    return PackFact(
        id=fields.text("id"),
        size=fields.number("size"),
        attested=fields.flag("attested"),
        version_id=fields.optional_text("version_id"),
        new=fields.flag("new"),
    )


def _decode_omission(fields: Fields) -> Omission:
    return Omission(path=read_path(fields.text("path")), reason=fields.text("reason"))


def _decode_tool(fields: Fields) -> ToolVersion:
    return ToolVersion(name=fields.text("name"), version=fields.text("version"))


def _decode_comparison(fields: Fields) -> SourceComparison:
    return SourceComparison(
        compared=fields.number("compared"),
        unchanged=fields.number("unchanged"),
        uncompared=fields.number("uncompared"),
        mismatched=fields.number("mismatched"),
    )


def _decode_sums(fields: Fields) -> SumsFact:
    return SumsFact(
        key=fields.text("key"),
        sha256=fields.text("sha256"),
        # Older manifests have none.
        text_sha256=fields.text("text_sha256") if fields.has("text_sha256") else None,
    )


def _decode_verification(fields: Fields) -> VerificationFact:
    return VerificationFact(
        depth=_member(Depth, fields.text("depth")),
        outcome=_member(Outcome, fields.text("outcome")),
        checked_at=read_instant(fields.text("checked_at")),
    )


def _member(kind: type[_Member], text: str) -> _Member:
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidValue(f"{text!r} is not a {kind.__name__.lower()}.") from error
