"""Owns whom we trust when we call a source over TLS, and how we prove ourselves where it asks (mutual TLS).

TLS 1.2 at least; the certificate is always verified, and that it is for the host that was called.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from wreq.tls import CertStore, Identity


class BadTls(Exception):
    """A file can't be used. `setting` names it; the words hold nothing of its content."""

    def __init__(self, setting: str, why: str) -> None:
        super().__init__(f"`{setting}` {why}")
        self.setting = setting
        self.why = why


@dataclass(frozen=True)
class Tls:
    """PEM files: the authorities that are trusted, in place of those of the system; our certificate, with the
    chain behind it; its private key, not encrypted.
    """

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def check(self) -> None:
        """That the files can be used, and belong together.

        Raises:
            BadTls: they can't.
        """
        self.store()
        self.identity()

    def store(self) -> CertStore | None:
        """The authorities that are trusted; None: those of the system."""
        if self.ca_file is None:
            return None
        return CertStore(pem_certs=[_text(each) for each in _certificates("ca_file", self.ca_file)])

    def identity(self) -> Identity | None:
        """How we prove ourselves; None: not at all."""
        if self.certificate_file is None and self.key_file is None:
            return None
        if self.certificate_file is None:
            raise BadTls("certificate_file", "is missing; set it, because `key_file` is set")
        if self.key_file is None:
            raise BadTls("key_file", "is missing; set it, because `certificate_file` is set")
        chain = _certificates("certificate_file", self.certificate_file)
        key = _key(self.key_file, chain[0])
        return Identity.from_pkcs8_pem("".join(map(_text, chain)).encode(), key)

    def context(self) -> ssl.SSLContext:
        """The same for clients that take Python's own."""
        self.check()
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate_file is not None:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context


SYSTEM = Tls()
"""The system's authorities, and no certificate of ours."""


def _certificates(setting: str, path: Path) -> list[x509.Certificate]:
    content = _read(setting, path)
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise BadTls(setting, "holds no certificates that can be read; give a PEM file") from None


def _key(path: Path, certificate: x509.Certificate) -> bytes:
    """The key as PKCS #8."""
    content = _read("key_file", path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        why = "holds no private key that can be read; give a PEM file that is not encrypted"
        raise BadTls("key_file", why) from None
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != certificate.public_key().public_bytes(*spki):
        raise BadTls("key_file", "is not the key of the certificate in `certificate_file`")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise BadTls(setting, "can't be read; give the path of a file that we may read") from None


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
