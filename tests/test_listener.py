"""The listener of our tests does what tests lean on."""

import httpx
import pytest

from tests.listener import Listener


def test_listener__answers_by_its_script_and_keeps_its_port(listener: Listener) -> None:
    """It answers what it was told to, then 204; away it refuses connections, and comes back where it was."""
    listener.script(503, 410, retry_after="3")
    with httpx.Client(trust_env=False) as client:
        answers = [client.post(listener.url, content=body) for body in (b"a", b"b", b"c")]
    assert [503, 410, 204] == [answer.status_code for answer in answers]
    assert "3" == answers[0].headers["Retry-After"]
    url = listener.url
    listener.close()
    with pytest.raises(httpx.ConnectError):
        httpx.post(url, trust_env=False)
    listener.open()
    assert url == listener.url
    httpx.post(url, content=b"d", headers={"X-A": "1"}, trust_env=False)
    assert [b"a", b"b", b"c", b"d"] == [heard.body for heard in listener.wait_for(4)]
    assert "1" == listener.heard[-1].headers["x-a"]
