"""Certificates made for a test: an authority, what it issues, and a stub of a source that shows them."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates that name this machine; its own is in `certificate`. Files go into *folder*."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._signed(self._key, name, name, timedelta(days=1), None)
        self.certificate = self._written(f"{name}.pem", self._own.public_bytes(Encoding.PEM))

    def issued(self, name: str, *, host: str = "localhost", lives: timedelta = timedelta(days=1)) -> Pair:
        """A certificate for *host*; with a negative life, one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(key, name, self._own.subject.rfc4514_string()[3:], lives, host)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return Pair(
            self._written(f"{name}.pem", certificate.public_bytes(Encoding.PEM)),
            self._written(f"{name}.key", private),
        )

    def serving(self, pair: Pair, *, clients_of: Authority | None = None) -> ssl.SSLContext:
        """What a server needs to show *pair*, and to take only clients of that authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        if clients_of is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients_of.certificate)
        return context

    def _signed(
        self, key: ec.EllipticCurvePrivateKey, name: str, issuer: str, lives: timedelta, host: str | None
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=7))
            .not_valid_after(now + lives)
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        )
        if host is not None:
            names: list[x509.GeneralName] = [x509.DNSName(host)]
            if host == "localhost":
                names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _written(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
