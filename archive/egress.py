"""The way out as the settings have it: an egress proxy, and authorities of your own. Receiver and workers share it."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator, SecretStr

from archive.fields import CaFile, Secret, Section

_PROXY = re.compile(r"http://(?:([^:@/?#\s]*):([^:@/?#\s]*)@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})/?")


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that opens tunnels (CONNECT). `resolves`: it is given names, and has to refuse what is private."""

    host: str  # a name, or an address without brackets
    port: int
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    resolves: bool = False

    @property
    def authorization(self) -> str | None:
        """The value of Proxy-Authorization, None where it asks for none."""
        if self.credentials is None:
            return None
        return f"Basic {b64encode(':'.join(self.credentials).encode()).decode()}"


def _read(value: SecretStr) -> Proxy:
    found = _PROXY.fullmatch(value.get_secret_value())
    if found is None or not 0 < int(found[4]) <= 0xFFFF:
        raise ValueError("must be http://host:port or http://user:password@host:port (escape as in any URL)")
    credentials = None if found[1] is None else (unquote(found[1]), unquote(found[2]))
    return Proxy(found[3].strip("[]"), int(found[4]), credentials)


def _checked(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        _read(value)
    return value


class Egress(Section):
    # http://host:port or http://user:password@host:port; empty: none
    proxy: Annotated[
        Secret | None, BeforeValidator(lambda value: None if value == "" else value), AfterValidator(_checked)
    ] = None
    proxy_resolves: bool = False  # the proxy is given names, and has to refuse private addresses itself
    ca_file: CaFile = None  # PEM: authorities trusted beside the public ones

    @property
    def way(self) -> Proxy | None:
        """The proxy to go through, None where there is none."""
        if self.proxy is None:
            return None
        read = _read(self.proxy)
        return Proxy(read.host, read.port, read.credentials, self.proxy_resolves)
