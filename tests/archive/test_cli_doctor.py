"""`reelkeep doctor`: what it prints, how it exits, and what it never says."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from archive.cli import main
from tests.middleman import Message, Middleman, page, receiver, token_in
from tests.receiver.house import s3_credentials

KEY = "canary-signing-key-of-the-command-12"
OPERATOR = "canary-operator-token"


@dataclass
class Desk:
    """Settings, and a receiver that runs with them."""

    config: Path
    port: int
    output: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code, and all that was printed."""
        code = main(["doctor", *words, "--config", str(self.config)])
        said = self.output.readouterr()
        return code, said.out + said.err


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    before = dict(os.environ)
    server = {"signing_keys": [KEY], "operator_tokens": [OPERATOR]}
    with s3_credentials(), receiver(tmp_path, {"server": server}) as (port, _):
        config = tmp_path / "reelkeep.toml"
        config.write_text(
            f'[server]\nport = {port}\nsigning_keys = ["{KEY}"]\noperator_tokens = ["{OPERATOR}"]\n'
            f'public_url = "https://hooks.example.com"\n[ledger]\nurl = "sqlite:///{tmp_path}/ledger.db"\n'
        )
        # Whoever used the environment's proxy would be told by nobody.
        os.environ.update(HTTP_PROXY="http://127.0.0.1:1", HTTPS_PROXY="http://127.0.0.1:1")
        yield Desk(config, port, capsys)
    os.environ.clear()
    os.environ.update(before)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_plain__settings_and_service(desk: Desk) -> None:
    """Without a flag the settings are read and the local service is asked; what it does not reach is a warning."""
    code, said = desk.run()
    assert 0 == code
    assert "ok  settings" in said
    assert f"service     http://127.0.0.1:{desk.port} is ready" in said
    assert "ok  address     https://hooks.example.com" in said
    assert "proved" not in said


def test_plain__an_address_for_trying_out(desk: Desk) -> None:
    """Who tries it out is warned that no provider reaches 127.0.0.1, and no more; asked to prove it, it is an error."""
    code, said = desk.run("--public-url", f"http://127.0.0.1:{desk.port}")
    assert (0, True) == (code, "!   address" in said)
    code, said = desk.run("--callback", "--public-url", f"http://127.0.0.1:{desk.port}")
    assert (1, True) == (code, "!!  address" in said)
    assert "ok  forgery     a false token is answered 401" in said


def test_exit__nothing_answers(desk: Desk) -> None:
    """69 where nothing answers: the service, or with --callback what public_url leads to."""
    url = f"http://127.0.0.1:{closed_port()}"
    code, said = desk.run("--url", url)
    assert (69, True) == (code, f"Nothing answers at {url}." in said)
    code, said = desk.run("--callback", "--public-url", url)
    assert (69, True) == (code, "--  callback    not tried" in said)


def test_exit__from_another_machine(desk: Desk) -> None:
    """With --callback no service needs to run here: that is a note, and the rest counts."""
    words = ("--callback", "--url", f"http://127.0.0.1:{closed_port()}", "--json")
    code, said = desk.run(*words, "--public-url", f"http://127.0.0.1:{desk.port}")
    report = json.loads(said)
    assert (1, False) == (code, report["ok"])
    slugs = [finding["slug"] for step in report["steps"] for finding in step["findings"]]
    assert ["not_here", "not_public"] == slugs
    assert {"level", "slug", "text", "advice"} == set(report["steps"][1]["findings"][0])
    assert ["ok", "note", "error", *["ok"] * 7] == [step["state"] for step in report["steps"]]


def test_exit__settings(desk: Desk, tmp_path: Path) -> None:
    """78 where the settings cannot be used, no signing key is known, or --ca names no certificates; 1 for a bad URL."""
    code, said = desk.run("--callback", "--ca", str(desk.config))
    assert (78, True) == (code, "is no file of PEM certificates" in said)
    assert 78 == desk.run("--callback", "--ca", str(tmp_path / "absent"))[0]
    for words in ((), ("--callback",), ("--json",)):
        code, said = desk.run(*words, "--public-url", "https://user:canary@h.example.com/?x=1")
        assert (1, True, False) == (code, "user, query or fragment" in said, "canary" in said)
    desk.config.write_text("[server]\n")
    code, said = desk.run("--callback")
    assert (78, True) == (code, "openssl rand -hex 32" in said)
    desk.config.write_text("[nonsense]\n")
    assert 78 == desk.run()[0]


def test_output__no_token_and_no_key(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Neither output, in words or JSON, nor any log shows a probe's token or a key, whatever goes wrong."""
    caplog.set_level("DEBUG")
    for noisy in ("uvicorn.access", "botocore"):  # as archive.logs has them in every process
        caplog.set_level("WARNING", noisy)
    said: list[str] = []
    for fault in (
        lambda r: r,
        lambda r: page("302 Found", Location=r.start.split()[1]),
        lambda r: page("500 " + r.start),
    ):
        with Middleman(desk.port, None, fault).running() as middleman:
            url = f"http://127.0.0.1:{middleman.port}"
            said += [desk.run("--callback", "--public-url", url, *words)[1] for words in ((), ("--json",))]
            tokens = [token_in(message) for message in middleman.heard]
        assert tokens
        everything = [*said, *(f"{vars(record)}" for record in caplog.records)]
        for secret in (*tokens, *(token[-64:] for token in tokens), KEY, OPERATOR):
            assert not [text for text in everything if secret in text.replace(str(desk.config), "")]


def _answering(answer: Message, _request: Message) -> Message:
    return answer


def test_service__of_another_kind(desk: Desk) -> None:
    """What is no Reelkeep, and one that cannot commit, are told apart."""
    for answer, slug in (
        (page("200 OK"), "service_unknown"),
        (page("200 OK", b"[1]"), "service_unknown"),
        (page("503 Service Unavailable", b'{"checks":{"ledger":"ledger_unavailable"}}'), "not_ready"),
    ):
        with Middleman(desk.port, None, partial(_answering, answer)).running() as middleman:
            code, said = desk.run("--json", "--url", f"http://127.0.0.1:{middleman.port}")
        assert (1, [slug]) == (code, [finding["slug"] for finding in json.loads(said)["steps"][1]["findings"]])
