"""Whom we trust over TLS, the same on every machine and in every process."""

import ssl
from pathlib import Path

import certifi


def authorities(own: Path | None = None) -> ssl.SSLContext:
    """Trust certifi's authorities, and those in the file *own*; SSL_CERT_FILE says nothing here."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if own is not None:
        context.load_verify_locations(own)
    return context
