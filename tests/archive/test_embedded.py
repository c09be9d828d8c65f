"""The servers that `reelkeep up` brings along."""

from pathlib import Path

from archive import embedded


def test_programs__keep_secrets_out_of_their_command_lines(tmp_path: Path) -> None:
    """Other users of a machine read command lines, so passwords travel by standard input and environment (F80)."""
    queue, to_queue = embedded.queue(tmp_path)
    store, to_store = embedded.store(tmp_path / "s3", "videos", "videos-companion")
    password = to_queue["REDIS_URL"].partition("//:")[2].partition("@")[0]
    secret = to_store["AWS_SECRET_ACCESS_KEY"]
    assert password in queue.text
    assert secret in store.env["RCLONE_AUTH_KEY"]
    said = f"{queue.command} {store.command} {queue} {store}"
    assert not [each for each in (password, secret) if each in said]
