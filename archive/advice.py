"""What to do about a notification that could not be delivered, as a sentence. Pure."""

import re

# By the reason of an attempt; http_NNN is what the target answered, the others are what kept us from asking it.
_ADVICE = {
    "unreachable": "Nothing answers there: see that the application runs, and that its name and port are right.",
    "name_not_resolved": "The worker's machine knows no such name: correct the url, or see to its DNS.",
    "certificate_refused": "Its certificate is not valid for that name, or ended, or nobody known signed it: renew it.",
    "tls_failed": "No TLS comes about: see that the port speaks https, and TLS 1.2 or later.",
    "answer_malformed": "What answers does not speak HTTP as it should: see that the port is right.",
    "timed_out": "The target took too long: let it answer first and work afterwards.",
    "proxy_refused": "The egress proxy does not let it through: see egress.proxy's password and the proxy's own log.",
    "proxy_unreachable": "The egress proxy does not answer: see that egress.proxy is right, and that it runs.",
    "address_not_public": "It is a private address: if that is meant, set private = true (for callers: forward_hosts).",
    "scheme_not_allowed": "The URL is plain http: use https, or set insecure_http = true for tests.",
    "port_not_allowed": "The URL that a caller gave has an unusual port: if that is meant, add it to forward_hosts.",
    "credentials_in_link": "The URL that a caller gave holds a user name or password: have it give one without.",
    "link_malformed": "The URL that a caller gave is not one that everybody reads alike: have it give another.",
    "target_removed": "The target was taken out of the settings: redrive once it is back.",
    "crashes_worker": "The workers that sent it died: look at the log around it, mend that, then redrive.",
    "unexpected_error": "A mistake of ours: please report it with the log's lines.",
    "http_401": "The target refuses the signature or wants a token: compare its secret with that of the settings.",
    "http_403": "The target refuses us: compare its secret with that of the settings, and see what stands in front.",
    "http_404": "There is nothing at that path: correct the target's url.",
    "http_405": "The target takes no POST there: correct its url.",
    "http_410": "The target wants no more notifications: take it out of the settings, or mend it and redrive.",
    "http_413": "The target or a proxy in front allows too small a body: raise its limit.",
    "http_429": "The target asks us to slow down: we do; raise its limit if it lasts.",
}
_PATTERNS = (
    (r"http_3\d\d", "The target redirects, which is not followed: set its url to where it leads."),
    (r"http_4\d\d", "The target refuses what we send: its own log says why."),
    (r"http_5\d\d", "The target has trouble: its own log says why."),
)


def advice(reason: str | None) -> str | None:
    """None where there is nothing to say beyond *reason* itself."""
    if reason is None or reason in _ADVICE:
        return _ADVICE.get(reason or "")
    return next((said for pattern, said in _PATTERNS if re.fullmatch(pattern, reason)), None)
