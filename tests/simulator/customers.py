"""
The providers as their customers know them, from the documentation and not from the simulator: paths, requests, answers.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.simulator.helpers import Simulator, eventually

ACE_TASKS = "/seedance/tasks"


@dataclass(frozen=True)
class Product:
    """One path that makes tasks, and how to ask after them."""

    source: str
    create: str
    body: dict[str, Any]
    status: str = ""  # {} stands for the task id; "" where nobody can ask
    callback_field: str = ""  # "" where nobody is called
    running: frozenset[object] = frozenset()  # the words for a task that has not ended
    id_path: tuple[str, ...] = ("id",)
    word_path: tuple[str, ...] = ("status",)


KIE_ID = ("data", "taskId")
TEXT = [{"type": "text", "text": "a cat"}]
PRODUCTS = {
    "seed": Product(
        "kie",
        "/api/v1/seedance/generate",
        {"prompt": "a street"},
        "/api/v1/seedance/record-info?taskId={}",
        "callBackUrl",
        frozenset({0}),
        KIE_ID,
        ("data", "status"),
    ),
    "market": Product(
        "kie",
        "/api/v1/jobs/createTask",
        {"model": "wan/3-0-video-prime", "input": {"duration": 5}},
        "/api/v1/jobs/recordInfo?taskId={}",
        "callBackUrl",
        frozenset({"waiting", "queuing", "generating"}),
        KIE_ID,
        ("data", "state"),
    ),
    "runway": Product(
        "kie",
        "/api/v1/runway/generate",
        {"prompt": "a street"},
        "/api/v1/runway/record-detail?taskId={}",
        "callBackUrl",
        frozenset({"wait", "queueing", "generating"}),
        KIE_ID,
        ("data", "state"),
    ),
    "veo": Product(
        "kie",
        "/api/v1/veo/generate",
        {"prompt": "a street"},
        "/api/v1/veo/record-info?taskId={}",
        "callBackUrl",
        frozenset({0}),
        KIE_ID,
        ("data", "successFlag"),
    ),
    "v2": Product(
        "seedanceapi",
        "/v2/generate",
        {"prompt": "p", "aspect_ratio": "16:9", "duration": 10, "model": "seedance-2.0"},
        "/v2/status?task_id={}",
        "callback_url",
        frozenset({"IN_PROGRESS"}),
        ("data", "task_id"),
        ("data", "status"),
    ),
    "seedance2": Product(
        "seedance2ai",
        "/api/v1/video/seedance2",
        {"mode": "text-to-video", "prompt": "A glass train crossing a bridge"},
        "/api/v1/tasks/{}",
        running=frozenset({"processing"}),
    ),
    "gpt-image-2": Product(
        "seedance2ai",
        "/api/v1/image/gpt-image-2",
        {"type": "text-to-image", "prompt": "a shoe", "resolution": "1K", "aspect_ratio": "1:1"},
        "/api/v1/tasks/{}",
        running=frozenset({"processing"}),
    ),
    "nano-banana-pro": Product(
        "seedance2ai",
        "/api/v1/image/nano-banana-pro",
        {"type": "text-to-image", "prompt": "a package"},
        "/api/v1/tasks/{}",
        running=frozenset({"processing"}),
    ),
    "kyy": Product(
        "kyyaipower",
        "/kyyAiPower/v1/seedance/videos",
        {"model": "seedance_1_5_pro_720p", "content": TEXT, "ratio": "16:9", "duration": 5},
        "/kyyAiPower/v1/result/{}",
        running=frozenset({"queued", "processing"}),
    ),
    "ace": Product(
        "acedata",
        "/seedance/videos",
        {"model": "doubao-seedance-1-0-pro-250528", "content": TEXT},
        ACE_TASKS,
        "callback_url",
        frozenset({"processing", None}),
        ("task_id",),
        ("response", "data", "status"),
    ),
}
POLLED = [name for name, product in PRODUCTS.items() if product.status]
CALLING = [name for name, product in PRODUCTS.items() if product.callback_field]
SILENT = [name for name, product in PRODUCTS.items() if not product.callback_field]
UNSIGNED = ["v2", "ace"]


@dataclass(frozen=True)
class Customer:
    """One who has the key to all of them."""

    sim: Simulator
    headers: dict[str, str] = field(default_factory=dict)

    def order(
        self, name: str, callback: str = "", *, body: dict[str, Any] | None = None, **plan: Any
    ) -> httpx.Response:
        """Send a create request, with a quick plan unless told otherwise."""
        product = PRODUCTS[name]
        asked = product.body | ({product.callback_field: callback} if callback else {}) | (body or {})
        if name == "ace" and not callback and body is None:
            asked["async"] = True
        quick = {"ready_after": 0, "size": 60_000} | plan
        headers = self.headers | {"X-Sim-Plan": json.dumps(quick)}
        return self.sim.customer.post(product.create, json=asked, headers=headers)

    def create(self, name: str, callback: str = "", **plan: Any) -> str:
        """Create a task and return its id."""
        answer = self.order(name, callback, **plan)
        assert answer.status_code == 200, answer.text
        return str(inside(answer.json(), PRODUCTS[name].id_path))

    def ask(self, name: str, task_id: str) -> httpx.Response:
        """Ask after a task."""
        if name == "ace":
            return self.sim.customer.post(ACE_TASKS, json={"id": task_id, "action": "retrieve"})
        return self.sim.customer.get(PRODUCTS[name].status.format(task_id))

    def ended(self, name: str, task_id: str) -> dict[str, Any]:
        """Ask until the task has ended, and return that answer."""

        def look() -> dict[str, Any] | None:
            answer: dict[str, Any] = self.ask(name, task_id).json()
            if name == "ace" and "error" in answer.get("response", {}):
                return answer
            return None if inside(answer, PRODUCTS[name].word_path) in PRODUCTS[name].running else answer

        return eventually(look)


def inside(answer: Any, path: tuple[str, ...]) -> Any:
    """The value at *path*, None where it leads nowhere."""
    for key in path:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def form(value: object) -> object:
    """The form of a JSON value: keys in their order, types, and of a list its first element."""
    if isinstance(value, dict):
        return [(key, form(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [form(each) for each in value[:1]]
    return type(value).__name__


def links_in(value: object) -> list[str]:
    """Every link in a JSON value, also in strings that hold JSON, in their order."""
    if isinstance(value, dict):
        return [link for each in value.values() for link in links_in(each)]
    if isinstance(value, list):
        return [link for each in value for link in links_in(each)]
    if isinstance(value, str) and value.startswith("{"):
        return links_in(json.loads(value))
    return [value] if isinstance(value, str) and "sig=" in value else []
