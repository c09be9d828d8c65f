"""A real browser, driven by WebDriver (https://www.w3.org/TR/webdriver2/): JSON over HTTP, no library needed."""

import base64
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.doubles import wait_for

INSTALL = "apt-get install chromium chromium-driver"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference to an element
_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def missing() -> list[str]:
    """The programs that are not here."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


class Browser:
    """One headless Chromium with an empty profile under *folder*. `find` takes XPath, and waits."""

    def __init__(self, folder: Path) -> None:
        self._driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)  # noqa: S607
        assert self._driver.stdout is not None
        port = next(
            found[1] for line in self._driver.stdout if (found := re.search(r"successfully on port (\d+)", line))
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
        options = {"binary": shutil.which("chromium"), "args": [*_FLAGS, f"--user-data-dir={folder}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"

    def close(self) -> None:
        self._ask("DELETE", self._session)
        self._http.close()
        self._driver.terminate()
        self._driver.communicate(timeout=10)

    def open(self, url: str) -> None:
        self._do("url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        return self._do("execute/sync", {"script": script, "args": arguments})

    def text(self, css: str = "body") -> str:
        """What a person can read there now."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", css))

    def sees(self, *texts: str, css: str = "body", without: tuple[str, ...] = ()) -> None:
        """Wait until all *texts* can be read there, and none of *without*."""

        def as_wanted() -> bool:
            read = self.text(css)
            return all(text in read for text in texts) and not any(text in read for text in without)

        try:
            wait_for(as_wanted, 10)
        except AssertionError:
            raise AssertionError(f"{texts} without {without} is not what stands there:\n{self.text(css)}") from None

    def click(self, xpath: str) -> None:
        self._do(f"element/{self._find(xpath)}/click", {})

    def type(self, xpath: str, text: str) -> None:
        self._do(f"element/{self._find(xpath)}/value", {"text": text})

    def log(self) -> list[str]:
        """What the console of the browser said since the last time: errors, warnings, refused resources."""
        return [f"{line['level']} {line['message']}" for line in self._do("se/log", {"type": "browser"})]

    def cdp(self, command: str, **parameters: Any) -> None:
        self._do("goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self) -> bytes:
        return base64.b64decode(self._ask("GET", f"{self._session}/screenshot"))

    def _find(self, xpath: str) -> str:
        found: list[dict[str, str]] = []

        def is_there() -> bool:
            found[:] = self._do("elements", {"using": "xpath", "value": xpath})
            return bool(found)

        wait_for(is_there, 10)
        return found[0][_ELEMENT]

    def _do(self, what: str, values: dict[str, Any]) -> Any:
        return self._ask("POST", f"{self._session}/{what}", values)

    def _ask(self, method: str, path: str, values: dict[str, Any] | None = None) -> Any:
        said = self._http.request(method, path, json=values).json()["value"]
        assert not (isinstance(said, dict) and "error" in said), said["message"]
        return said
