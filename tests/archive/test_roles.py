"""Which kinds of file a role allows, and which role a path suggests."""

import pytest

from archive.roles import EXTENSIONS, ROLES, Kind, kinds_of, role_of


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        ("video", {Kind.VIDEO}),
        ("original", {Kind.VIDEO}),
        ("upscaled", {Kind.VIDEO}),
        ("extended", {Kind.VIDEO}),
        ("last_frame", {Kind.IMAGE}),
        ("cover", {Kind.IMAGE}),
        ("image", {Kind.IMAGE}),
        ("audio", {Kind.AUDIO}),
        ("file", {Kind.VIDEO, Kind.IMAGE, Kind.AUDIO}),
        ("a role of another release", {Kind.VIDEO, Kind.IMAGE, Kind.AUDIO}),
    ],
)
def test_kinds_of(role: str, kinds: set[Kind]) -> None:
    """A role that says what the file is allows that kind only; one that does not allows every kind."""
    assert kinds == kinds_of(role)


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/a/film.mp4", "video"),
        ("/film.MOV", "video"),
        ("/film.m4v", "video"),
        ("/film.webm", "video"),
        ("/last.png", "image"),
        ("/last.JPG", "image"),
        ("/last.jpeg", "image"),
        ("/last.webp", "image"),
        ("/last.gif", "image"),
        ("/voice.mp3", "audio"),
        ("/voice.wav", "audio"),
        ("/voice.m4a", "audio"),
        ("/voice.aac", "audio"),
        ("/film%2Emp4", "video"),
        ("/film.mp4.zip", "file"),
        ("/film.mp4/download", "file"),
        ("/png", "file"),
        ("/.png", "file"),
        ("/", "file"),
        ("", "file"),
    ],
)
def test_role_of(path: str, role: str) -> None:
    """The extension of the last segment decides, in any case; without a known one nothing is guessed."""
    assert role == role_of(path)


def test_role_of__is_a_role_of_the_table() -> None:
    """Every role a path can suggest is one the table knows."""
    assert {*EXTENSIONS.values(), "file"} <= ROLES.keys()
