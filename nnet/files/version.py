"""Whether a file is as it was when it was read, told from its times, its size and its inode."""

import os
import time

SETTLED_S = 2.0
"""A file that changed within this time may change again without a new time stamp: nothing is remembered of it."""

Version = tuple[int, int, int, int]


def version_of(status: os.stat_result) -> Version:
    """What changes whenever a file is replaced or written: time of writing, size, inode, time of any change."""
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns


def is_settled(version: Version) -> bool:
    """Whether the next change of the file will show in its version."""
    return abs(time.time_ns() - max(version[0], version[3])) > SETTLED_S * 1e9
