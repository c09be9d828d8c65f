"""What a worker's threads leave behind of what they no longer use."""

import subprocess
import sys

SIXTEEN_FILMS = """
import struct, tempfile, threading
from contextlib import suppress
from pathlib import Path
from archive.errors import NotMediaError
from archive.roles import ANY
from workers.media import check_media
from workers.memory import give_back

def used(name):
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith(name)]
    return int(line.split()[1]) >> 10

def box(kind, body):
    return struct.pack(">I4s", 8 + len(body), kind) + body

def look():
    with tempfile.TemporaryFile() as file, suppress(NotMediaError):
        file.write(film)
        check_media(file, len(film), ANY)

give_back()
film = box(b"ftyp", b"isom" + bytes(8)) + box(b"moov", box(b"udta", bytes(7 << 20)))
before = used("VmRSS")
threads = [threading.Thread(target=lambda: [look() for _ in range(3)]) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(used("VmHWM") - before)
"""


def test_memory__of_files_that_were_looked_at() -> None:
    """Sixteen threads that each look at films with 7 MiB of tables need what two such films take, not sixteen."""
    told = subprocess.run([sys.executable, "-c", SIXTEEN_FILMS], capture_output=True, text=True, check=True, timeout=25)
    assert int(told.stdout) <= 64
