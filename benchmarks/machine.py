"""The machine that a benchmark ran on, in one line, for tables that are published."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """Processor, cores and memory, without the host name.

    >>> "cores" in machine()
    True
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor}, {os.cpu_count()} cores, {gigabytes:.0f} GiB, {platform.system()}, Python {platform.python_version()}"
