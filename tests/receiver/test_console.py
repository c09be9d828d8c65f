"""The console as it is served: its own files, a strict policy, and nothing secret in any of them."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import receiver.console
from archive.ledger.database import Database
from archive.settings import Store
from receiver.console import policy
from tests.doubles import FakeClock
from tests.receiver.house import KEY, OPERATOR, SETTINGS, TOKEN, VIEWER, House, archive_one, open_house

FOLDER = Path(receiver.console.__file__).parent
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".js", ".css", ".svg"})


@pytest.fixture
def visitor(house: House) -> TestClient:
    """Somebody without a token."""
    return house.client


@pytest.mark.parametrize("path", ["/", *(f"/console/{name}" for name in FILES)])
def test_file__is_served_with_its_policy(visitor: TestClient, path: str) -> None:
    """Every file comes without a token, under the strict policy, and is asked for again each time."""
    answer = visitor.get(path)
    assert 200 == answer.status_code
    assert "no-cache" == answer.headers["cache-control"]
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert "no-referrer" == answer.headers["referrer-policy"]
    directives = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert {directives[name] for name in ("media-src", "img-src")} == {"'self' https://cdn.example"}
    assert {directives[name] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert {directives[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_file__unchanged(visitor: TestClient) -> None:
    """Who has the file already gets 304 and no body, with the same policy."""
    tag = visitor.get("/console/app.js").headers["etag"]
    again = visitor.get("/console/app.js", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (304, b"", tag) == (again.status_code, again.content, again.headers["etag"])
    assert "content-security-policy" in again.headers
    assert 200 == visitor.get("/console/app.js", headers={"If-None-Match": '"other"'}).status_code


@pytest.mark.parametrize("path", ["/console/", "/console/__init__.py", "/console/../api.py", "/console/%2e%2e/api.py"])
def test_file__that_is_not_one(visitor: TestClient, path: str) -> None:
    """Only the console's own files are served, each under its own route."""
    assert 404 == visitor.get(path).status_code


def test_page__has_nothing_inline_and_nothing_foreign(visitor: TestClient) -> None:
    """No script, style or handler stands in the page, and all it loads comes from the receiver."""
    page = visitor.get("/").text
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page)
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert loaded
    assert {200} == {visitor.get(path).status_code for path in loaded if path.startswith("/")}
    assert all(path.startswith("/console/") for path in loaded)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_script__never_makes_markup_or_code_of_text(name: str) -> None:
    """Nothing in the scripts can turn text from outside into markup or code."""
    script = (FOLDER / name).read_text()
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|localStorage"
    assert not re.findall(banned, script)
    assert all((FOLDER / path).exists() for path in re.findall(r'from "\./([^"]+)"', script))


def test_page__tells_the_public_address_and_no_secret(small_db: Database, clock: FakeClock) -> None:
    """The page names the address that providers call, escaped; no token, key or password is in any file."""
    hostile = 'https://hooks.example.com/"><script>alert(1)</script>'
    server = {**SETTINGS["server"], "public_url": hostile}
    with open_house(small_db, clock, server=server) as house:
        page = house.client.get("/").text
        served = page + "".join(house.client.get(f"/console/{name}").text for name in FILES)
    assert "<script>alert" not in page
    assert 'content="https://hooks.example.com/&quot;&gt;' in page
    assert not [secret for secret in (OPERATOR, VIEWER, KEY, TOKEN, "canary-s3-secret") if secret in served]


@pytest.mark.parametrize(
    ("store", "origins"),
    [
        (Store(), "https://s3.us-east-1.amazonaws.com https://videos.s3.us-east-1.amazonaws.com https://videos.s3.amazonaws.com"),
        (Store(endpoint_url="http://minio:9000", public_endpoint_url="https://Films.Example.com/"), "https://films.example.com"),
        (Store.model_construct(public_endpoint_url="https://user:secret@films.example.com"), "https://films.example.com https://videos.films.example.com"),
        (Store.model_construct(endpoint_url="https://evil.example;script-src *"), ""),
    ],
    ids=["aws", "public endpoint", "credentials in the endpoint", "a directive in the endpoint"],
)  # fmt: skip
def test_policy__films_only_from_the_store(store: Store, origins: str) -> None:
    """Films may come from where presigned links lead; nothing in a setting can add a directive or show a secret."""
    assert f"media-src 'self' {origins}".strip() in policy(store).split("; ")


def test_content__as_a_document(house: House) -> None:
    """Who accepts JSON is told the link; anyone else is sent there, as before."""
    path = f"/api/assets/{archive_one(house)}/content"
    told = house.client.get(path, headers={"Authorization": f"Bearer {VIEWER}", "Accept": "application/json"})
    assert 200 == told.status_code
    assert told.json()["url"].startswith("https://cdn.example/videos/assets/signed/t1/video.mp4?")
    assert told.json()["expires_at"] == told.headers["reelkeep-link-expires-at"]
    assert ("no-store", "Accept") == (told.headers["cache-control"], told.headers["vary"])
    sent = house.ask("GET", path, VIEWER)
    assert (302, b"") == (sent.status_code, sent.content)
    assert sent.headers["location"].startswith("https://cdn.example/videos/assets/signed/t1/video.mp4?")
    assert 401 == house.client.get(path, headers={"Accept": "application/json"}).status_code
    described = house.get("/openapi.json")["paths"]["/api/assets/{id}/content"]["get"]["responses"]
    assert {"200", "302"} <= described.keys()
