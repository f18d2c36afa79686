"""What a model file can do to the tool that scans it, as code to put into a small model."""

from __future__ import annotations

from textwrap import indent

_MODEL = """
import torch
from torch import nn
{at_import}
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)
{at_build}
    def forward(self, x):
{at_forward}
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return torch.softmax(q @ k.mT / 8**0.5, dim=-1) @ v

def build_model():
    return Model()

def example_inputs():
    return torch.zeros(1, 4, 8)
"""


def model_source(at_import: str = "", at_build: str = "", at_forward: str = "") -> str:
    """A small attention model with code of the test's at one of three places."""
    return _MODEL.format(
        at_import=at_import, at_build=indent(at_build, " " * 8), at_forward=indent(at_forward, " " * 8)
    )


def raising(body: str) -> str:
    """Raise an exception whose `__str__` does `body`."""
    return f"class Nasty(Exception):\n    def __str__(self):\n        {body}\nraise Nasty()\n"


LOOP = "while True: pass\n"
DEAF_LOOP = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LOOP
DEADLOCK = "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n"
SEGFAULT = "import ctypes\nctypes.string_at(0)\n"
CLOSE_ALL = "import os\nos.closerange(0, 4096)\n"
FAKE_RESULT = """
import sys
print('{"schema": 1, "sites": []}', flush=True)
print("::error::fake", flush=True)
print("::set-output name=x::y", flush=True)
print("##[error]fake", file=sys.stderr)
"""
EXIT = "import os\nos._exit(0)\n"
WRITE_EVERYWHERE = """
import os
for number in range(3, 64):
    try:
        os.write(number, b"APW1" + b"x" * 5000)
    except OSError:
        pass
"""
DEEP_RECURSION = """
import sys
sys.setrecursionlimit(10**6)
def deep(depth):
    return depth and sorted([0], key=lambda _: deep(depth - 1))
deep(10**5)
"""
CONNECT = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=0.2)\n"
PRINT_1_GB = "import os\nfor _ in range(1024): os.write(1, b'x' * 2**20)\n"
CHANGE_PROCESS = """
import locale, os, random, sys
os.chdir("/")
sys.path.clear()
os.umask(0o777)
os.environ.clear()
locale.setlocale(locale.LC_ALL, "C")
random.seed(7)
torch.manual_seed(3)
"""
REPLACE_JSON_AND_TIME = """
import json, time
json.dumps = json.loads = None
time.time = time.perf_counter = lambda: 0.0
"""
WRITE_OUTPUTS = """
open("attnprobe-report.html", "w").write("mine")
open("attnprobe-scan.json", "w").write("mine")
"""
LEAVE_THREAD = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
HANG_AT_EXIT = "import atexit, time\natexit.register(time.sleep, 600)\n"
HOARD = "pieces = []\nwhile True: pieces.append(bytearray(b'x') * 2**20)\n"
HOARD_IN_CHILDREN = """
import os, time
for _ in range(2):
    if os.fork() == 0:
        piece = b"x" * 2**30
        time.sleep(60)
time.sleep(60)
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon.part", "w").write(str(os.getpid()))
        os.rename("daemon.part", "daemon.pid")
        time.sleep(600)
    os._exit(0)
while not os.path.exists("daemon.pid"):
    time.sleep(0.01)
"""
HOSTILE_NAMES = r"""
import torch
from torch import nn

NAMES = (
    "</script><script>alert(1)</script>", "{{7*7}}{% raw %}", "[bold][/]", "__proto__", " ", "x" * 100_000,
    "\x1b]0;title\x07\r", "\u202e\u200b\u2028\udcff", "::error::x", "##[error]x", "]]>\x00", "=cmd|x",
    "`|@everyone ![](http://beacon)",
)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        for name in NAMES:
            self.add_module(name, nn.MultiheadAttention(8, 2, batch_first=True))
    def forward(self, x):
        for part in self.children():
            x = part(x, x, x, need_weights=False)[0]
        return x

Model.__name__ = "Model\x1b[31m</script>"

def build_model():
    return Model()

def example_inputs():
    return torch.zeros(1, 4, 8)
"""
