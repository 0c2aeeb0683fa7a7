"""The self-signed certificate of the plugin handshake, cached between starts.

Creating one requires an import of ``cryptography``, and a provider starts up to five times per command.
"""

from __future__ import annotations

import base64
import os
import stat
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VALID_DAYS = 7
_REUSE_S = 5 * 86_400
_SEPARATOR = b"\n--certificate--\n"


@dataclass(frozen=True)
class Certificate:
    key_pem: bytes
    certificate_pem: bytes

    @property
    def der_base64(self) -> str:
        """The certificate for the handshake line: DER in base64 without padding."""
        return b"".join(self.certificate_pem.strip().splitlines()[1:-1]).decode().rstrip("=")


def load_certificate() -> Certificate:
    directory = _private_directory()
    if directory is None:
        return _create()
    path = directory / "certificate.pem"
    kept = _read_fresh(path)
    if kept is not None:
        return kept
    made = _create()
    _write(path, made)
    return made


def _private_directory() -> Path | None:
    """A directory that only the current user can access, or None. A certificate of another user must not be used."""
    path = Path(tempfile.gettempdir()) / f"standin-databricks-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return path if is_private else None


def _read_fresh(path: Path) -> Certificate | None:
    try:
        if time.time() - path.stat().st_mtime > _REUSE_S:
            return None
        key, certificate = path.read_bytes().split(_SEPARATOR)
        base64.b64decode(b"".join(certificate.splitlines()[1:-1]), validate=True)
    except (OSError, ValueError):
        return None
    return Certificate(key, certificate)


def _write(path: Path, made: Certificate) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(made.key_pem + _SEPARATOR + made.certificate_pem)
    os.replace(name, path)


def _create() -> Certificate:
    # Imported late: only the first start in five days needs it.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(key_pem, certificate.public_bytes(serialization.Encoding.PEM).strip())
