"""
What the documentation shows is run as it stands. See `tests.doc_examples`.

A marked block without a scene of its own must end well in an empty folder, against the running service; `SCENES` has
those that need something prepared, or whose result can be looked at.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.doc_examples import DOCS, MOST_LINES, RUNNABLE, Example, all_examples, examples
from tests.javascript.runner import JavaScript
from tests.listener import Listener
from tests.system.harness import free_port, wait_for
from tests.system.stage import SECRET, Stage, staged

# Pages that must show an example that is run. Enforced where a page has any marker; all of them once they have.
PAGES = ("generate.md", "proxy.md", "import.md", "client.md", "notifications.md", "verify-notifications.md")
EXAMPLES = all_examples()
BODY = '{"type":"asset.archived","timestamp":"2026-11-21T12:00:00Z","data":{"asset_id":"ä"}}'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all examples, as for a reader who tries one after the other."""
    with staged(tmp_path_factory.mktemp("stage")) as on:
        yield on


def signed(body: str = BODY) -> dict[str, str]:
    """The headers of a notification of now."""
    now = datetime.fromtimestamp(int(time.time()), UTC)
    signature = Webhook(SECRET).sign("msg_1", now, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


# --- scenes: each gets an example, a folder, the environment of a user, and whatever else it names --------------------


def python_function(example: Example, folder: Path, env: dict[str, str], **_: object) -> None:
    """The function gives what was told, and None for an altered body and for a header of no form."""
    example.written(folder)
    for body, headers, expected in cases():
        call = f"example.verified(sys.stdin.buffer.read(), {headers!r})"
        program = f"import json, sys, example; print(json.dumps({call}))"
        command = (sys.executable, "-c", program)
        done = subprocess.run(command, cwd=folder, env=env, input=body.encode(), capture_output=True, check=True)
        assert expected == json.loads(done.stdout), done.stderr


def js_function(example: Example, folder: Path, env: dict[str, str], javascript: JavaScript, **_: object) -> None:
    """The function gives what was told, and null for an altered body and for a header of no form."""
    example.written(folder, javascript)
    for body, headers, expected in cases():
        program = f"""import {{ verified }} from "./example.mjs";
        console.log(JSON.stringify(verified({json.dumps(body)}, {json.dumps(headers)})));"""
        assert expected == json.loads(javascript.run(program, env=env, name="caller.mjs"))


def js_server(example: Example, folder: Path, env: dict[str, str], javascript: JavaScript, **_: object) -> None:
    """The server answers 204 to what is ours and 401 to anything else."""
    port = free_port()
    command = example.written(folder, javascript)
    with subprocess.Popen(command, cwd=javascript.folder, env={**env, "PORT": str(port)}, stdout=subprocess.PIPE) as it:
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_for("the server listens", lambda: _is_there(url))
            for body, headers, expected in cases():
                answer = httpx.post(url, content=body.encode(), headers=headers, trust_env=False)
                assert (204 if expected else 401) == answer.status_code
        finally:
            it.terminate()


def openssl(example: Example, folder: Path, env: dict[str, str], **_: object) -> None:
    """By hand one says verified of what is ours, and fails for anything else, also where it is old."""
    for body, headers, expected in cases():
        (folder / "body.json").write_text(body)
        names = {"ID": "webhook-id", "TIMESTAMP": "webhook-timestamp", "SIGNATURE": "webhook-signature"}
        told = {name: headers[header] for name, header in names.items()}
        command = example.written(folder)
        done = subprocess.run(command, cwd=folder, env=env | told, capture_output=True, text=True, check=False)
        assert ("verified\n" if expected else None) == (done.stdout if done.returncode == 0 else None), done.stderr


def curl(example: Example, folder: Path, env: dict[str, str], listener: Listener, **_: object) -> None:
    """What is signed by hand is verified by the library, and the status is printed."""
    assert "204\n" == example.run(folder, env | {"APPLICATION_URL": listener.url})
    [heard] = listener.heard
    assert "notify.test" == Webhook(SECRET).verify(heard.body, heard.headers)["type"]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(heard.body + b" ", heard.headers)


def ends_well(example: Example, folder: Path, env: dict[str, str], javascript: JavaScript, **_: object) -> None:
    """It ends well."""
    example.run(folder, env, javascript)


def cases() -> list[tuple[str, dict[str, str], object]]:
    """Body, headers, and what must come of it."""
    headers = signed()
    old = Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(1_700_000_000, UTC), BODY)
    return [
        (BODY, headers, json.loads(BODY)),
        (BODY, headers | {"webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}, json.loads(BODY)),
        (BODY.replace("archived", "lost"), headers, None),
        (BODY, headers | {"webhook-id": "msg_2"}, None),
        (BODY, headers | {"webhook-signature": "hello"}, None),
        (BODY, headers | {"webhook-timestamp": "1700000000", "webhook-signature": old}, None),
    ]


def _is_there(url: str) -> bool:
    try:
        return httpx.post(url, trust_env=False).status_code == 401
    except httpx.TransportError:
        return False


SCENES: dict[tuple[str, str, str], Callable[..., None]] = {
    ("verify-notifications.md", "python", "function"): python_function,
    ("verify-notifications.md", "js", "function"): js_function,
    ("verify-notifications.md", "js", "server"): js_server,
    ("verify-notifications.md", "sh", "openssl"): openssl,
    ("verify-notifications.md", "sh", "curl"): curl,
}


# --- the tests --------------------------------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example(example: Example, shared: Stage, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """An example of the documentation does what its page says, as it stands."""
    javascript = request.getfixturevalue("javascript") if example.language == "js" else None
    scene = SCENES.get((example.page, example.language, example.name), ends_well)
    listener = request.getfixturevalue("listener")
    scene(example, folder=tmp_path, env=shared.environment, stage=shared, listener=listener, javascript=javascript)


def test_examples__are_short_and_can_be_run() -> None:
    """Each example has at most ten lines, a language we run, and a name of its own on its page."""
    assert not [str(each) for each in EXAMPLES if len(each.code.splitlines()) > MOST_LINES]
    assert not [str(each) for each in EXAMPLES if each.language not in RUNNABLE]
    names = Counter((each.page, each.language, each.name) for each in EXAMPLES)
    assert not [name for name, number in names.items() if number > 1]


def test_scenes__are_of_examples() -> None:
    """No scene is left of an example that is gone or was renamed."""
    assert set(SCENES) <= {(each.page, each.language, each.name) for each in EXAMPLES}


@pytest.mark.parametrize("page", PAGES)
def test_pages__show_what_is_run(page: str) -> None:
    """A page of the user's side that has fenced code and any marker shows an example that is run."""
    file = DOCS / page
    if file.exists() and "<!-- run:" in file.read_text():
        assert [each for each in EXAMPLES if each.page == page]


@pytest.mark.parametrize("text", ["<!-- run: a -->\n\nText.\n\n```sh\ntrue\n```\n", "<!-- run: a -->\n```sh\ntrue\n"])
def test_examples__a_marker_marks_something(text: str) -> None:
    """A marker without a block under it is a mistake and not passed over."""
    with pytest.raises(ValueError, match="marker"):
        examples(text, "page.md")


def test_examples__a_failing_one_fails(tmp_path: Path) -> None:
    """An example whose first command fails is not saved by its last."""
    [example] = examples("<!-- run: a -->\n```sh\nfalse\ntrue\n```\n", "page.md")
    with pytest.raises(AssertionError, match=r"page\.md-sh-a"):
        example.run(tmp_path, {})
