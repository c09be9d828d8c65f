"""Where `server.public_url` leads, judged by its form and by what its name resolves to. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from archive.addresses import is_public
from archive.doctor.findings import Finding, error, note, warning

# Names that no public resolver knows: RFC 6761, 6762, 8375, ICANN's .internal, and what routers hand out.
_PRIVATE_NAME = re.compile(r"(.*\.)?(localhost|local|internal|lan|home|corp|test|invalid|example|home\.arpa)")
_ELSEWHERE = (
    "Inside a network DNS may answer otherwise than outside (split DNS): run this from a machine outside, with the "
    "same signing key, to see what providers see. If they see the same, publish the public address."
)


@dataclass(frozen=True)
class Place:
    """Host and port as a client connects to them; `prefix` is the path of the URL without a slash at its end."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @property
    def authority(self) -> str:
        """As it stands in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"

    @property
    def is_address(self) -> bool:
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True


def read(url: str) -> Place | None:
    """The place of *url*, None where it is not one that a callback path can be added to."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii").decode()
    except ValueError:
        return None
    printable = all("!" <= c <= "~" for c in url[url.find("//") + 2 :].partition("/")[2])
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[0-9a-z:._-]+", host) or not printable:
        return None
    if parts.query or parts.fragment or "@" in parts.netloc or url.endswith(("?", "#")):
        return None
    return Place(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/"))


def judge_form(place: Place | None) -> list[Finding]:
    """What can be told without asking anybody."""
    if place is None:
        return [
            error(
                "url_malformed",
                "server.public_url is not a URL that a callback path can be added to.",
                "Write it as https://hooks.example.com: a scheme, a host, perhaps a port and a path, and no user, "
                "query or fragment.",
            )
        ]
    if _is_private(place):
        return [
            error(
                "not_public",
                f"No provider can reach {place.host}: it is a private name or address.",
                "Set server.public_url (or REELKEEP_PUBLIC_URL) to the https address that the world reaches you by, "
                "with a TLS proxy in front (docs/deploy.md).",
            )
        ]
    if place.scheme == "http":
        return [
            warning(
                "not_https",
                "server.public_url is plain http: tokens and bodies can be read and changed on their way.",
                "Put a TLS proxy in front (docs/deploy.md) and set server.public_url to its https address.",
            )
        ]
    return []


def _is_private(place: Place) -> bool:
    if place.is_address:
        return not is_public(place.host)
    name = place.host.rstrip(".")
    return "." not in name or _PRIVATE_NAME.fullmatch(name) is not None


def judge_addresses(place: Place, addresses: Sequence[str]) -> list[Finding]:
    """What the name's addresses say of who can reach them."""
    private = [address for address in addresses if not is_public(address)]
    if not private or _is_private(place):
        return []
    if len(private) == len(addresses):
        text = f"From here {place.host} leads to private addresses only ({', '.join(private)})."
        return [warning("private_addresses", text, _ELSEWHERE)]
    text = (
        f"{place.host} leads to public and to private addresses ({', '.join(private)}): some callbacks would be lost."
    )
    return [warning("mixed_addresses", text, f"Remove the private ones from DNS. {_ELSEWHERE}")]


def judge_no_name(place: Place, reason: str) -> Finding:
    """*reason* is why it was not resolved: `unknown`, `no_answer`."""
    if reason == "unknown":
        return error(
            "name_unknown",
            f"DNS knows no address of {place.host}.",
            "Correct server.public_url, or add an A record (and an AAAA record where IPv6 is served) for this name and "
            "wait until the old answer's TTL is over.",
        )
    return error(
        "dns_failed",
        f"DNS gave no answer about {place.host}.",
        "Try again; if it stays, this machine's resolver or the zone's name servers do not answer (dig +trace NAME).",
    )


def judge_connections(place: Place, answered: Sequence[str], failed: dict[str, str]) -> list[Finding]:
    """
    *answered* are addresses that took a connection; *failed* those that did not, with the reason: `refused`,
    `timed_out`, `no_route`.
    """
    away = {address: reason for address, reason in failed.items() if reason != "no_route" or not answered}
    found = []
    if not answered:
        listed = ", ".join(f"{address} {_WORDS[reason]}" for address, reason in failed.items())
        return [
            error(
                "no_connection",
                f"Nothing takes connections at port {place.port}: {listed}.",
                "Refused: the proxy is not running or listens elsewhere. No answer: a firewall, a security group, or a "
                "router without port forwarding is in between. (A router that cannot lead its own network back in "
                "shows the same from inside: try from outside.)",
            )
        ]
    if away:
        listed = ", ".join(f"{address} {_WORDS[reason]}" for address, reason in away.items())
        found.append(
            error(
                "address_dead",
                f"Not every address answers at port {place.port}: {listed}; {', '.join(answered)} does.",
                "Whoever takes a dead address waits or gives up. Make the proxy listen there, or remove it from DNS "
                "(IPv6 addresses stand in AAAA records).",
            )
        )
    if unseen := [address for address in failed if address not in away]:
        found.append(
            note(
                "no_route_from_here",
                f"This machine has no way to {', '.join(unseen)}, so it was not tried.",
                "Run this from a machine that has IPv6 (or IPv4) to know.",
            )
        )
    return found


_WORDS = {"refused": "refuses", "timed_out": "does not answer", "no_route": "cannot be reached from this machine"}
