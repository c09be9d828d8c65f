"""Read in a trace of strace (`-f -y`, every line one call or a half of one) what was on disk when an answer left."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

CALLS = ("pwrite64", "write", "fsync", "fdatasync", "sendto", "sendmsg", "writev")
_WHOLE = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<said>.*)\) += (?P<result>-?\d+)")
_BEGUN = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<said>.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<call>\w+) resumed>.*\) += (?P<result>-?\d+)")
_FILE = re.compile(r"^\d+<(?P<name>[^>]*)>")
_ID = re.compile(r'delivery_id\\?":\\?"(?P<id>[0-9a-f]{64})')


@dataclass
class Call:
    """One system call, by the lines at which it began and ended."""

    name: str
    said: str
    begun: int
    ended: int
    worked: bool

    @property
    def file(self) -> str:
        found = _FILE.match(self.said)
        return found["name"] if found else ""


@dataclass
class Order:
    """How many answers `200` left, and the ids of those that did before their commit was on disk."""

    acked: int = 0
    early: list[str] = field(default_factory=list)
    syncs: int = 0


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """The calls that ended, in the order of their ends."""
    begun: dict[str, tuple[str, str, int]] = {}
    for number, line in enumerate(lines):
        if found := _BEGUN.match(line):
            begun[found["pid"]] = found["call"], found["said"], number
        elif (found := _ENDED.match(line)) and found["pid"] in begun:
            name, said, at = begun.pop(found["pid"])
            yield Call(name, said, at, number, int(found["result"]) >= 0)
        elif found := _WHOLE.match(line):
            yield Call(found["call"], found["said"], number, number, int(found["result"]) >= 0)


def order(lines: Iterable[str], log: str) -> Order:
    """
    For each answer `200` that names its delivery: was the file called *log* synced after the delivery was written to
    it, and before the first byte of the answer went out?
    """
    made = sorted(calls(lines), key=lambda call: call.begun)
    written = [call for call in made if "write" in call.name and call.file.endswith(log)]
    synced = [call for call in made if "sync" in call.name and call.file.endswith(log) and call.worked]
    found = Order(syncs=len(synced))
    heads: dict[str, Call] = {}  # of each connection the answer that is on its way
    for call in made:
        if "socket:" not in call.file and "TCP" not in call.file:
            continue
        if "HTTP/1.1 " in call.said:
            heads[call.file] = call
        for named in _ID.finditer(call.said):
            head = heads.get(call.file)
            if head is None or "HTTP/1.1 200" not in head.said:
                continue
            found.acked += 1
            write = next((one for one in written if named["id"] in one.said), None)
            kept = write and any(write.ended < sync.begun and sync.ended < head.begun for sync in synced)
            if not kept:
                found.early.append(named["id"])
    return found
