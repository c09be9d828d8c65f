"""What the simulator's tests share: the program as a process, a tiny receiver, and patience with a limit."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).parents[2]
API_KEY = "sim-api-key"
HMAC_KEY = "kie-test-hmac-key"

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, within: float = 10.0) -> T:
    """Return what *look* finds, looking again until it finds something; fail when the time is up."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError(f"{look} found nothing within {within} s")


def layout_of(film: bytes) -> str:
    """Name a film's layout by the order of its outermost boxes (ISO/IEC 14496-12, 4.2), of 32-bit sizes."""
    boxes, at = [], 0
    while at < len(film):
        boxes.append(film[at + 4 : at + 8].decode("ascii"))
        at += int.from_bytes(film[at : at + 4])
    match [box for box in boxes if box in {"moov", "mdat", "moof"}]:
        case ["moov", "mdat"]:
            return "moov_first"
        case ["mdat", "moov"]:
            return "moov_last"
        case ["moov", "moof", "mdat", "moof", "mdat"]:
            return "fragmented"
    raise AssertionError(f"no layout: {boxes}")


@dataclass
class Simulator:
    """A running simulator and a customer of it."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]  # its ready line
    state: Path
    customer: httpx.Client

    @property
    def api(self) -> str:
        """Address of the API."""
        return str(self.ready["api"])

    @property
    def files(self) -> str:
        """Address of the file host."""
        return str(self.ready["files"])

    def create_seed(self, *, callback: str | None = None, **plan: object) -> str:
        """Create a task on the seed route and return its id."""
        body = {"prompt": "a street", "duration": 8, "resolution": "720p"}
        return self._create("/api/v1/seedance/generate", body, callback, plan)

    def create_market(self, *, callback: str | None = None, **plan: object) -> str:
        """Create a task on the market route and return its id."""
        body = {"model": "wan/3-0-video-prime", "input": {"duration": 5}}
        return self._create("/api/v1/jobs/createTask", body, callback, plan)

    def _create(self, path: str, body: dict[str, Any], callback: str | None, plan: dict[str, object]) -> str:
        if callback:
            body["callBackUrl"] = callback
        quick = {"ready_after": 0, "size": 60_000} | plan
        answer = self.customer.post(path, json=body, headers={"X-Sim-Plan": json.dumps(quick)})
        assert answer.status_code == 200, answer.text
        task_id: str = answer.json()["data"]["taskId"]
        return task_id

    def poll(self, task_id: str) -> dict[str, Any]:
        """Ask after a task on its own route."""
        seed = task_id.startswith("seedance_")
        path = "/api/v1/seedance/record-info" if seed else "/api/v1/jobs/recordInfo"
        answer: dict[str, Any] = self.customer.get(path, params={"taskId": task_id}).json()
        return answer

    def finished(self, task_id: str) -> dict[str, Any]:
        """Poll until the task has ended, and return that answer."""

        def ended() -> dict[str, Any] | None:
            answer = self.poll(task_id)
            data = answer["data"]
            return answer if data.get("status") in {1, 2} or data.get("state") in {"success", "fail"} else None

        return eventually(ended)

    def links(self, task_id: str) -> list[str]:
        """Return the result links of a task, once it has them."""
        data = self.finished(task_id)["data"]
        links: list[str] = [data["videoUrl"]] if "videoUrl" in data else json.loads(data["resultJson"])["resultUrls"]
        return links

    def fresh_link(self, url: str) -> dict[str, Any]:
        """Ask for a fresh link and return the whole answer."""
        answer: dict[str, Any] = self.customer.post("/api/v1/common/download-url", json={"url": url}).json()
        return answer

    def log(self, event: str, **facts: object) -> list[dict[str, Any]]:
        """Return the journal's lines of one kind that carry all of *facts*, read from the file itself."""
        lines = [json.loads(line) for line in (self.state / "log.jsonl").read_text().splitlines()]
        return [line for line in lines if line["event"] == event and facts.items() <= line.items()]


@contextmanager
def running(state: Path, *extra: str) -> Iterator[Simulator]:
    """Run the simulator on free ports, warnings being errors, with a customer who has its key."""
    command = [sys.executable, "-W", "error", "-m", "simulator", "--port", "0", "--files-port", "0"]
    command += ["--state", str(state), "--api-key", API_KEY, *extra]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            headers = {"Authorization": f"Bearer {API_KEY}"}
            with httpx.Client(base_url=ready["api"], headers=headers, trust_env=False) as customer:
                yield Simulator(process, ready, state, customer)
        finally:
            process.terminate()


@dataclass
class Receiver:
    """A webhook receiver that remembers every request and says 200, in KIE's words."""

    url: str
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[Any]:
        """Return the JSON bodies in the order of their coming."""
        return [json.loads(body) for _, body in self.requests]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a `Receiver` in a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            reply = b'{"code":200,"msg":"success","outcome":"accepted"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hooks/secret-token")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
