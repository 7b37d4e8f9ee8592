"""Certificates for the tests, made while they run: an authority, what it issues, and everything that can be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """The files of one certificate and its private key."""

    certificate: Path
    key: Path


@dataclass
class Authority:
    """Issues certificates into a folder; its own is `ca_file`."""

    folder: Path
    name: str = "Hospital CA"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._numbers = count(1)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca_file = self.folder / "ca.pem"
        self._certificate = self._made(
            self._key,
            self.name,
            self._key,
            self.name,
            (-DAY, 3650 * DAY),
            [x509.BasicConstraints(ca=True, path_length=0)],
        )
        self.ca_file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str = "127.0.0.1",
        valid: tuple[timedelta, timedelta] = (-DAY, 365 * DAY),
        *,
        self_signed: bool = False,
    ) -> Issued:
        """Return a certificate for a host, an address or an AE title."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._made(
            key,
            name,
            key if self_signed else self._key,
            name if self_signed else self.name,
            valid,
            [
                x509.SubjectAlternativeName([_general(name)]),
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            ],
        )
        number = next(self._numbers)
        issued = Issued(self.folder / f"{number}.pem", self.folder / f"{number}.key")
        issued.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        write_key(issued.key, key)
        return issued

    def _made(
        self,
        key: ec.EllipticCurvePrivateKey,
        name: str,
        issuer_key: ec.EllipticCurvePrivateKey,
        issuer: str,
        valid: tuple[timedelta, timedelta],
        extensions: list[x509.ExtensionType],
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            _name(issuer),
            _name(name),
            key.public_key(),
            x509.random_serial_number(),
            self.now + valid[0],
            self.now + valid[1],
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(issuer_key, hashes.SHA256())


def write_key(path: Path, key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> None:
    """Write a private key for this account alone."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    path.chmod(0o600)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
