"""Certificates with one thing wrong each, made at run time. They live by the machine's clock."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from archive.tls import authorities


@dataclass(frozen=True)
class Issuer:
    """Somebody who signs: a root, or an intermediate below one."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def issuer(name: str, above: Issuer | None = None) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    built = _built(name, key, above, (-1, 30)).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    return Issuer(built.sign(above.key if above else key, hashes.SHA256()), key)


def server(
    folder: Path,
    by: Issuer | None,
    *,
    names: Sequence[str] = ("hooks.example.com",),
    days: tuple[float, float] = (-1, 30),
    chain: Sequence[Issuer] = (),
    is_public: bool = True,
) -> ssl.SSLContext:
    """
    A server's context: a certificate for *names*, hosts or addresses, by *by* (None: itself), good from and to *days*
    from now. It says where its issuer's certificate is had, as those of public authorities do, if *is_public*.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    built = _built(names[0], key, by, days).add_extension(
        x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
    )
    if by and is_public:
        place = x509.UniformResourceIdentifier("http://ca.example/issuer.der")
        where = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
        built = built.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
    own = built.sign(by.key if by else key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(own + b"".join(one.pem for one in chain) + encoded)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class Authority:
    """An issuer and what it signs, where nothing is wrong with the chain."""

    def __init__(self) -> None:
        self._issuer = issuer("a test CA")
        self.pem = self._issuer.pem

    def trust(self) -> ssl.SSLContext:
        """A client's context: what the service trusts, and this authority."""
        context = authorities()
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def server(self, name: str, folder: str, *also: str, expired: bool = False) -> ssl.SSLContext:
        """A server's context with a certificate for *name* and what it is *also* called, host names or addresses."""
        days = (-31, -23) if expired else (-1, 7)
        return server(Path(folder), self._issuer, names=(name, *also), days=days, is_public=False)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _built(
    name: str, key: ec.EllipticCurvePrivateKey, by: Issuer | None, days: tuple[float, float]
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )
