"""One line a request, with the route's template and never its path."""

import re

import pytest

from tests.receiver.house import KEY, TOKEN, House


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("POST", f"/webhooks/token/{TOKEN}", "POST /webhooks/{source}/{token} 200"),
        ("POST", "/webhooks/token/guessed", "POST /webhooks/{source}/{token} 401"),
        ("GET", f"/webhooks/token/{TOKEN}", "GET /webhooks/{source}/{token} 405"),
        ("POST", f"/webhooks/absent/{TOKEN}", "POST /webhooks/{source}/{token} 404"),
        ("POST", "/webhooks/signed", "POST /webhooks/{source} 400"),
        ("POST", f"/webhooks/token/rkcb_{'ab' * 52}", "POST /webhooks/{source}/{token} 401"),
        ("POST", f"/webhooks/token/rkcb_{'ab' * 52}/x", "POST unrouted 404"),
        ("POST", f"/webhooks/token/{TOKEN}/", "POST unrouted 404"),
        ("GET", f"/{TOKEN}?q={TOKEN}", "GET unrouted 404"),
        ("GET", f"/api/assets/{TOKEN}?q={TOKEN}", "GET /api/assets/{id} 401"),
        ("GET", "/healthz", "GET /healthz 200"),
    ],
)
def test_line(house: House, caplog: pytest.LogCaptureFixture, method: str, path: str, line: str) -> None:
    """Method, template, status and time; no token, no query, no id."""
    with caplog.at_level("INFO", "receiver.access"):
        house.client.request(method, path)
    [record] = [r.getMessage() for r in caplog.records if r.name == "receiver.access"]
    assert re.fullmatch(re.escape(line) + r" \d+\.\dms", record)


def test_line__no_token_in_any(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand ways to say a token leave none in the log."""
    with caplog.at_level("DEBUG"):
        house.deliver("token", key=None, token=TOKEN)
        house.deliver("both", token=TOKEN)
        house.deliver("both", token="guess-" + TOKEN)
        house.ask("GET", f"/api/tasks/{TOKEN}", TOKEN)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert 4 == sum("receiver" in record.name for record in caplog.records)
    assert not any(secret in text for text in ours for secret in (TOKEN, KEY))
