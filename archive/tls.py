"""Whom we trust over TLS, the same on every machine and in every process."""

import ssl

import certifi


def authorities() -> ssl.SSLContext:
    """Trust certifi's authorities; SSL_CERT_FILE says nothing here."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
