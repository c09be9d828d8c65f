"""Who answers instead of Reelkeep, what Reelkeep itself refuses, and whether its refusals arrive as they are. Pure."""

from typing import Any
from urllib.parse import urljoin, urlsplit

from archive.doctor.findings import Finding, error, warning
from archive.doctor.place import Place
from archive.doctor.wire import Answered
from archive.documents import parse
from archive.errors import MalformedDeliveryError
from archive.tables import printable

_FORWARD = "Let the proxy pass POST under /webhooks/ on to Reelkeep's port (deploy/nginx.conf, deploy/Caddyfile)."
_NO_DOOR = "Let POST under /webhooks/ pass without login, list of addresses, or check for robots: providers are robots."
_START = "See whether web runs (reelkeep doctor, on its machine) and whether the proxy's upstream is its address."
_PATIENCE = "Let senders of callbacks pass without such a limit: not every provider comes again."
_FRONT = {
    401: ("front_refuses", _NO_DOOR),
    403: ("front_refuses", _NO_DOOR),
    407: ("front_refuses", _NO_DOOR),
    404: ("not_passed_on", _FORWARD),
    405: ("not_passed_on", _FORWARD),
    410: ("not_passed_on", _FORWARD),
    413: ("body_limit", "Allow bodies of server.max_body in the proxy (nginx: client_max_body_size)."),
    429: ("front_limits", _PATIENCE),
    502: ("receiver_away", _START),
    503: ("receiver_away", _START),
    504: ("receiver_away", _START),
}
_OURS = {
    "token_mismatch": (
        "other_keys",
        "A Reelkeep answers, but it does not know this signing key.",
        (
            "Use the same server.signing_keys here and there, and restart web after a change. Or the name leads to "
            "another installation."
        ),
    ),
    "probe_expired": (
        "clock_skew",
        "A Reelkeep answers, and its clock is more than ten minutes away from this machine's.",
        "Run NTP on both: signatures of callbacks are good for 300 s.",
    ),
    "unknown_source": (
        "older_version",
        "A Reelkeep answers that knows no probes: it is older than this one.",
        "Upgrade it, or run the doctor of its own version.",
    ),
    "method_not_allowed": (
        "method_changed",
        "The POST arrives at Reelkeep as another method.",
        "Look for a redirect or a rewrite inside the proxy: it turns POST into GET, and the body is lost.",
    ),
}


def judge_refusal(place: Place, answered: Answered) -> Finding:
    """The one reason why the answer to a good probe is not ours, or is none but a refusal."""
    status, slug = answered.status, reason(answered)
    if 300 <= status < 400:
        target = redirect_target(place, answered)
        text = f"The request is redirected ({status}) to {target or 'nowhere'}: a provider's POST is lost by that."
        advice = "Set server.public_url to where it leads, or switch the redirect off for /webhooks/."
        return error("redirected", text, advice)
    if slug == "not_found":
        return _strayed(place)
    if slug in _OURS:
        return error(*_OURS[slug])
    if slug is not None:
        text = f"Reelkeep refuses the probe ({status}, {printable(slug)[:60]})."
        return error("refused", text, "See web's log at this time.")
    if 200 <= status < 300:
        text = f"Somebody else answers {status}: a provider would believe that its callback is delivered."
        advice = f"See where the name leads (a parking page, another server, a cache). {_FORWARD}"
        return error("not_reelkeep", text, advice)
    found, advice = _FRONT.get(status, ("front_status", _FORWARD))
    text = f"Somebody in front of Reelkeep answers {status} in its place{_signed(answered)}."
    return error(found, text, advice)


def _strayed(place: Place) -> Finding:
    text = "A Reelkeep answers, but the request comes to it under another path."
    if place.prefix:
        advice = f"Let the proxy take {printable(place.prefix)} off, or take it out of server.public_url, which has no "
        return error("path_changed", text, advice + "/webhooks at its end.")
    return error("path_changed", text, "Switch off rewriting of paths under /webhooks/ in the proxy.")


def _signed(answered: Answered) -> str:
    """Who it was by its own word: proxies and CDNs sign their pages."""
    server = printable(answered.headers.get("server", ""))[:40]
    return f" (by its own word: {server})" if server else ""


def judge_false(place: Place, answered: Answered) -> list[Finding]:
    """A probe with a false token: our 401, as it is."""
    if answered.status == 401 and reason(answered) == "token_mismatch":
        return []
    advice = "Let answers of /webhooks/ pass as they are (nginx: proxy_intercept_errors off; no error pages of a CDN)."
    if answered.status == 401:
        text = "Somebody in between puts a page of its own in place of Reelkeep's refusals."
        return [warning("refusal_replaced", text, advice)]
    target = redirect_target(place, answered)
    how = f"{answered.status}" + (f" to {target}" if target else "")
    text = f"A forged callback is told {how} instead of 401: somebody in between changes refusals."
    return [error("refusal_changed", text, f"{advice} A sender that is told 200 does not come again.")]


def redirect_target(place: Place, answered: Answered) -> str | None:
    """Scheme and host alone: the rest may hold the token."""
    location = answered.headers.get("location")
    if not location:
        return None
    try:
        parts = urlsplit(urljoin(f"{place.scheme}://{place.authority}/", location))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "somewhere"
    return printable(f"{parts.scheme}://{parts.hostname or ''}{port}")


def reason(answered: Answered) -> str | None:
    """The slug of a problem document (RFC 9457); other JSON with such a field is somebody else's."""
    if not answered.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        document: Any = parse(answered.body)
    except MalformedDeliveryError:
        return None
    found = document.get("reason") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None
