"""
The server's certificate as a provider would judge it: by the public authorities (certifi's), not by this machine's.

Where a handshake fails, it is made again without belief, to read what the certificate says; nothing is sent over it.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi

from archive.doctor.findings import Finding, error, warning
from archive.tables import printable

Connect = Callable[[], socket.socket]
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which ssl does not name
# X509_V_ERR_* of the same file. 19: a root came along, and nobody knows it; 2, 20, 21: the chain ends before any root.
_REASONS = {9: "certificate_not_yet_valid", 10: "certificate_expired", 18: "self_signed", 19: "unknown_authority"}
_REASONS |= {62: "wrong_name", 64: "wrong_name", **dict.fromkeys((2, 20, 21), "chain_incomplete")}
SOON = timedelta(days=14)


@dataclass(frozen=True)
class Certificate:
    """What a certificate says of itself. `has_issuer_url`: it says where its issuer's is had, as public ones do."""

    names: tuple[str, ...]
    issuer: str
    begins_at: datetime
    ends_at: datetime
    has_issuer_url: bool


@dataclass(frozen=True)
class Handshake:
    """How one went: `fault` is None where it was as it should be."""

    fault: str | None
    certificate: Certificate | None = None
    protocol: str = ""


def authorities(own: Path | None = None) -> ssl.SSLContext:
    """Whom providers trust; *own* is a file with further authorities. SSL_CERT_FILE says nothing here."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if own is not None:
        context.load_verify_locations(own)
    return context


def look(connect: Connect, host: str, context: ssl.SSLContext) -> Handshake:
    """Shake hands, and find out why not where it fails."""
    try:
        with closing(context.wrap_socket(connect(), server_hostname=host)) as sock:
            return Handshake(None, _read(sock), sock.version() or "")
    except ssl.SSLCertVerificationError as exc:
        fault = _REASONS.get(exc.verify_code, "certificate_refused")
        return Handshake(fault, _look_closer(connect, host))
    except ssl.SSLError as exc:
        if exc.reason in {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION"}:
            return Handshake("tls_too_old")
        return Handshake("not_tls" if exc.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"} else "tls_refused")
    except TimeoutError:
        return Handshake("tls_timed_out")
    except OSError:
        return Handshake("tls_refused")


def _look_closer(connect: Connect, host: str) -> Certificate | None:
    """What a certificate says that is not believed. ssl decodes only what it trusts, so it is made its own trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with closing(context.wrap_socket(connect(), server_hostname=host)) as sock:
            encoded = sock.getpeercert(binary_form=True)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME)
        context.load_verify_locations(cadata=encoded or b"")
        with closing(context.wrap_socket(connect(), server_hostname=host)) as sock:
            return _read(sock)
    except (OSError, ValueError):
        return None


def _read(sock: ssl.SSLSocket) -> Certificate | None:
    said: Any = sock.getpeercert()
    if not said:
        return None
    names = tuple(printable(name) for kind, name in said.get("subjectAltName", ()) if kind in {"DNS", "IP Address"})
    issuer = {key: value for part in said.get("issuer", ()) for key, value in part}
    begins, ends = (ssl.cert_time_to_seconds(said[word]) for word in ("notBefore", "notAfter"))
    return Certificate(
        names,
        printable(issuer.get("commonName") or issuer.get("organizationName") or "somebody without a name"),
        datetime.fromtimestamp(begins, UTC),
        datetime.fromtimestamp(ends, UTC),
        "caIssuers" in said,
    )


def judge(shaken: Handshake, host: str, now: datetime) -> list[Finding]:
    """What is wrong with *shaken*; at most one thing, since the first hides the others."""
    certificate = shaken.certificate
    if shaken.fault is None:
        return [] if certificate is None else _ends_soon(certificate, now)
    fault, unsure = shaken.fault, "its certificate could not be read"
    if fault == "chain_incomplete" and not (certificate and certificate.has_issuer_url):
        fault = "unknown_authority"  # private authorities have no place to fetch their certificates from
    told = {
        "certificate_expired": f"ended on {certificate.ends_at:%Y-%m-%d %H:%M} UTC" if certificate else unsure,
        "certificate_not_yet_valid": f"begins on {certificate.begins_at:%Y-%m-%d %H:%M} UTC" if certificate else unsure,
        "wrong_name": f"names {', '.join(certificate.names) or 'nobody'}" if certificate else unsure,
        "unknown_authority": f"issued by {certificate.issuer}" if certificate else unsure,
        "chain_incomplete": f"issued by {certificate.issuer}" if certificate else unsure,
    }
    text, advice = _SAID[fault]
    return [error(fault, text.format(host=host, told=told.get(fault, "")), advice)]


def _ends_soon(certificate: Certificate, now: datetime) -> list[Finding]:
    left = certificate.ends_at - now
    # Some certificates live for six days only: those are renewed when a third is left.
    if left >= min(SOON, (certificate.ends_at - certificate.begins_at) / 3):
        return []
    text = f"The certificate ends on {certificate.ends_at:%Y-%m-%d %H:%M} UTC, in {left.days} days."
    advice = "Renew it, and see why it was not renewed by itself (certbot renew --dry-run, the proxy's log)."
    return [warning("certificate_ends_soon", text, advice)]


_SAID = {
    "certificate_expired": (
        "The certificate of {host} is over ({told}).",
        "Renew it and reload the proxy. If the date is in the future, this machine's clock is wrong.",
    ),
    "certificate_not_yet_valid": (
        "The certificate of {host} is not valid yet ({told}).",
        "Set the clocks right: the one of the machine that made it, or of this one.",
    ),
    "wrong_name": (
        "The certificate is not for {host} ({told}).",
        (
            "Get one that names this host, or see that the proxy chooses it for this name (server_name, SNI). Another "
            "name's certificate often means that another server answers: check the address in DNS."
        ),
    ),
    "self_signed": (
        "The certificate of {host} is signed by nobody but itself: providers refuse it.",
        (
            "Get one from a public authority (Let's Encrypt costs nothing; Caddy does it by itself). --ca FILE trusts "
            "an own authority here, for set-ups whose callers do the same."
        ),
    ),
    "unknown_authority": (
        "The certificate of {host} comes from an authority that providers do not know ({told}).",
        (
            "Get one from a public authority. If it is from one, serve its whole chain (fullchain.pem). --ca FILE "
            "trusts an own authority here, for set-ups whose callers do the same."
        ),
    ),
    "chain_incomplete": (
        "The certificate's chain of {host} does not lead to an authority that providers know ({told}).",
        (
            "Serve the whole chain: the intermediate certificate is missing (nginx: ssl_certificate fullchain.pem). "
            "Browsers find it by themselves, providers do not."
        ),
    ),
    "certificate_refused": (
        "The certificate of {host} is refused, as providers would refuse it.",
        "See what openssl s_client -connect HOST:PORT -servername HOST says of it.",
    ),
    "tls_too_old": (
        "{host} speaks no TLS of version 1.2 or later.",
        "Allow TLSv1.2 and TLSv1.3 in the proxy (nginx: ssl_protocols).",
    ),
    "not_tls": (
        "{host} does not speak TLS at this port.",
        (
            "The proxy serves plain http where https is expected: add ssl to its listen directive, or correct the "
            "port of server.public_url."
        ),
    ),
    "tls_refused": (
        "{host} ends the TLS handshake.",
        "The proxy knows no certificate for this name, or wants one of its callers: see its error log.",
    ),
    "tls_timed_out": (
        "{host} takes the connection, but does not answer the TLS handshake.",
        "Something forwards the port without anybody behind it: see where the port leads.",
    ),
}
