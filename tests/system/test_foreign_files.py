"""A real worker before a file host that serves what is no whole film under every excuse."""

import json
from pathlib import Path
from typing import Any

from simulator.films import make_film
from tests.origin import Scene, origin, whole
from tests.system.harness import HMAC_KEY, GatedS3, Redis, Service, signed, wait_for


def until_closed(body: bytes) -> Scene:
    return lambda wire: wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: video/mp4\r\n\r\n" + body)


def test_only_the_whole_film_is_archived(tmp_path: Path, s3: GatedS3, redis: Redis) -> None:
    """F41, F42, F62: of sixteen files a worker is sent to, the one that is a film is archived, no other is ever put."""
    film = make_film(tmp_path / "film", layout="moov_first", size=200_000, seconds=1.0).path.read_bytes()
    cut = {f"cut-{n}": whole(film[: len(film) * n // 7], "Content-Type: video/mp4") for n in range(1, 7)}
    open_ended = {f"open-{n}": until_closed(film[: len(film) * n // 4]) for n in range(1, 4)}
    foreign = {
        "page": b"<!DOCTYPE html><html>expired</html>",
        "error": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "json": b'{"code": 403}',
        "playlist": b"#EXTM3U\nfile:///etc/passwd\n",
        "program": b"\x7fELF" + bytes(200),
        "beginning": film[:32] + b"\xff" * 5000,
    }
    scenes = {name: whole(body, "Content-Type: video/mp4") for name, body in foreign.items()} | cut | open_ended
    scenes["good"] = whole(film, "Content-Type: text/html")
    with origin() as host:
        source = (
            f'[sources.kie]\nprovider = "kie"\nwebhook_keys = ["{HMAC_KEY}"]\n'
            f'insecure_http = true\nallowed_hosts = ["{host.authority}"]'
        )
        service = Service(tmp_path, s3=s3.url, redis=redis.url, sources=source)
        try:
            service.start("web")
            service.start("worker")
            for name, scene in scenes.items():
                link = host.url(f"/{name}.mp4", scene)
                body = json.dumps({"taskId": name, "status": 1, "videoUrl": link}).encode()
                service.api.post(service.webhook, content=body, headers=signed(name, body)).raise_for_status()
            [good] = service.archived(1)
            refused = wait_for("all others are judged", lambda: _judged(service, len(scenes) - 1))
            assert "good" == good["task_id"]
            assert {"truncated", "html_page", "xml_document", "json_document", "playlist", "executable"} <= {
                a["reason"] for a in refused
            }
            assert [good["key"]] == s3.videos()
        finally:
            service.stop()


def _judged(service: Service, number: int) -> list[dict[str, Any]]:
    found = [asset for asset in service.assets() if asset["reason"]]
    return found if len(found) == number else []
