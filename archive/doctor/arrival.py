"""What has become of a probe on its way to the receiver, by what that says. Pure."""

import hashlib
import json
from collections.abc import Callable
from urllib.parse import unquote

from archive.doctor.echo import Seen
from archive.doctor.findings import Finding, error, note
from archive.doctor.probe import QUERY, Probe
from archive.tables import printable


def judge_request(probe: Probe, seen: Seen) -> list[Finding]:
    """What has become of the request on its way."""
    judges: tuple[Callable[[Probe, Seen], list[Finding]], ...] = (judge_body, _headers, _path, _manners)
    return [finding for judge in judges for finding in judge(probe, seen)]


def judge_body(probe: Probe, seen: Seen) -> list[Finding]:
    """Whether it is the very body that was sent."""
    if seen.headers.get("content-encoding", ("identity",)) != ("identity",):
        text = f"The body arrives encoded ({printable(', '.join(seen.headers['content-encoding']))})."
        advice = "Let bodies to /webhooks/ pass as they are: Reelkeep answers 415 to encoded ones."
        return [error("body_encoded", text, advice)]
    if (seen.size, seen.sha256) == (probe.size, probe.sha256):
        return []
    text = f"The body is changed on its way: {probe.size} bytes were sent, {seen.size} arrived{_how(probe, seen)}."
    advice = "Signatures cover the body byte for byte. Switch off what reads and rewrites JSON, converts character sets"
    return [error("body_changed", text, advice + " or trims bodies, for /webhooks/.")]


def _how(probe: Probe, seen: Seen) -> str:
    """A guess at what was done, where it is one of the usual things."""
    body = probe.request.body
    document = json.loads(body)
    again = [
        json.dumps(document, separators=separators, ensure_ascii=is_ascii, sort_keys=is_sorted).encode()
        for separators in ((",", ":"), (", ", ": "))
        for is_ascii in (True, False)
        for is_sorted in (True, False)
    ]
    guesses = {
        "; nothing of it is left": [b""],
        "; the line ends behind it are cut off": [body.rstrip()],
        "; its line ends are changed": [body.replace(b"\r\n", b"\n"), body.replace(b"\r", b"")],
        "; the JSON was read and written anew": again,
    }
    for how, bodies in guesses.items():
        if seen.sha256 in [hashlib.sha256(guess).hexdigest() for guess in bodies]:
            return how
    return ""


def _headers(probe: Probe, seen: Seen) -> list[Finding]:
    met: dict[str, list[str]] = {}
    for name, sent in probe.headers.items():
        values = seen.headers.get(name.lower())
        if values is None:
            is_renamed = name.lower().replace("-", "_") in seen.headers
            met.setdefault("header_renamed" if is_renamed else "header_dropped", []).append(name)
        elif values != (sent,):
            is_repeated = not "".join(values).replace(sent, "").strip(", ")
            met.setdefault("header_joined" if is_repeated else "header_changed", []).append(name)
    advice = "Let the proxy pass all request headers of /webhooks/ as they came."
    return [
        error(slug, f"On the way {what}: {', '.join(names)}. Callbacks cannot be verified without.", advice)
        for slug, what in _HEADERS.items()
        if (names := met.get(slug))
    ]


_HEADERS = {
    "header_dropped": "headers are taken out",
    "header_renamed": "headers get underscores in their names",
    "header_changed": "headers get other values",
    "header_joined": "headers come to be there more than once",
}


def _path(probe: Probe, seen: Seen) -> list[Finding]:
    found = []
    if not seen.path.endswith(probe.path):
        if unquote(seen.path).endswith(unquote(probe.path)):
            text = "Escapes in the path are written anew on its way."
            found.append(note("path_decoded", text, "Nothing: no path of Reelkeep needs an escape."))
        else:
            text = "The path is changed on its way: tokens in it do not arrive as they were given."
            advice = "Switch off rewriting, and lower-casing, of paths under /webhooks/."
            found.append(error("path_changed", text, advice))
    if seen.query != QUERY:
        text = "The query of the URL is taken out or changed on its way."
        found.append(note("query_changed", text, "Nothing, while callback URLs have no query of your own."))
    return found


def _manners(probe: Probe, seen: Seen) -> list[Finding]:
    found = []
    if seen.http_version == "1.0":
        text = "The proxy speaks HTTP/1.0 to Reelkeep: a new connection for each callback."
        found.append(note("http_1_0", text, 'nginx: proxy_http_version 1.1; proxy_set_header Connection "";'))
    if seen.headers.get("host") != (probe.authority,):
        host = printable(", ".join(seen.headers.get("host", ())))
        text = f"Reelkeep is told another Host: {host or 'none'}."
        found.append(
            note("host_changed", text, "Nothing: Reelkeep does not go by it. nginx: proxy_set_header Host $host;")
        )
    return found
