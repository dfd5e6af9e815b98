"""Owns certificates for stand-ins whose vendors' clients speak TLS only: self-signed, for this machine."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sandbox.addresses import HOST

_LIFE = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """Where a certificate and its key are, as PEM. A client that trusts *path* trusts the stand-in."""

    path: Path
    key_path: Path


def self_signed(folder: Path) -> Certificate:
    """A certificate for this machine's own address and `localhost`, good for a day, written to *folder*."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CareGraph sandbox")])
    now = datetime.now(UTC)
    hosts = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
        .add_extension(hosts, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = Certificate(folder / "sandbox.pem", folder / "sandbox-key.pem")
    certificate.path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate.key_path.touch(mode=0o600)
    certificate.key_path.write_bytes(private)
    return certificate
