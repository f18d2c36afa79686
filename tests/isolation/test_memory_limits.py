from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from attnprobe.errors import UsageError
from attnprobe.isolation.limits import default_memory_bytes, has_gpu_driver, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8G", 8 * 1024**3),
        ("512M", 512 * 1024**2),
        ("1.5k", 1536),
        ("2 GiB", 2 * 1024**3),
        ("3gb", 3 * 1024**3),
        ("1T", 1024**4),
        ("4096", 4096),
    ],
)
def test_sizes_are_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "0", "0.1", "8 X", "8GG", "1e9", "nan", "8G\n8G"])
def test_what_is_no_size_is_an_error_of_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)


def test_the_default_limit_leaves_a_tenth_of_what_is_available() -> None:
    assert 0 < default_memory_bytes() <= 0.9 * psutil.virtual_memory().total


@pytest.mark.skipif(sys.platform != "linux" or has_gpu_driver(), reason="the kernel's limit is not used here")
def test_one_large_allocation_fails_and_a_large_reserved_range_does_not() -> None:
    code = """
import mmap
from attnprobe.isolation.limits import limit_this_process
limit_this_process(2**30)
shared = mmap.mmap(-1, 2**32)
try:
    bytearray(2**31)
except MemoryError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
