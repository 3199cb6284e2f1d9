"""How a command ends: its exit code, and a sentence for what the system refuses."""

import errno
import os
from collections.abc import Callable

from campaign.machine import console, signals
from nnet.checks import ConfigError

FAILED, WRONG = 1, 2
"""Exit codes: the work could not be done here and now; what was asked for is wrong, and nothing was started."""
WRONG_PLACES = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENODEV, errno.ENXIO),
}
"""Error numbers of a file or folder that was named wrongly."""
REMEDIES = {
    errno.EMFILE: "raise the limit of open files (ulimit -n), or use fewer workers (--max-workers)",
    errno.ENFILE: "the whole machine has too many open files",
    errno.EAGAIN: "raise the limit of processes (ulimit -u), or use fewer workers (--max-workers)",
    errno.ENOMEM: "memory is short; use fewer workers (--max-workers)",
}
REFUSALS = (OSError, RuntimeError, MemoryError)
"""Exceptions by which the system may refuse something; `sentence` tells which of them are refusals."""
NO_THREAD = ("can't start new thread", "can't allocate lock")
"""What Python says, in a RuntimeError, when the system gives no further thread."""


def exit_code(command: Callable[[], int], interrupted: str = "interrupted") -> int:
    """What `command()` returns, or the exit code of what it raises, which is said in one sentence on stderr.

    2: a wrong configuration, a name that the system refuses, or no worker could be started; 1: the system gave no room,
    memory, file or process; 130: Ctrl-C or SIGTERM. Any other exception is a bug and passes. What is printed meanwhile
    waits for no reader.
    """
    with signals.handled(), console.attached():
        try:
            refuse_no_folder()
            return command()
        except ConfigError as error:
            return _said(f"error: {error}", WRONG)
        except KeyboardInterrupt:
            return _said(interrupted, signals.EXIT_CODE)
        except REFUSALS as error:
            why = sentence(error)
            if why is None:
                raise
            return _said(f"error: {why}", WRONG if _is_wrong(error) else FAILED)


def sentence(error: BaseException) -> str | None:
    """What the system refuses, and of what, in one sentence; None if the exception is no refusal of the system."""
    if isinstance(error, MemoryError):
        return REMEDIES[errno.ENOMEM]
    if isinstance(error, RuntimeError) and str(error).startswith(NO_THREAD):
        return f"no further thread can be started; {REMEDIES[errno.EAGAIN]}"
    if not isinstance(error, OSError):
        return None
    if error.errno is None or error.strerror is None:
        return str(error) or type(error).__name__
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    about = f"{error.strerror}{f': {names[0]}' if names else ''}"
    return f"{about}; {REMEDIES[error.errno]}" if error.errno in REMEDIES else about


def refuse_no_folder() -> None:
    """Raise ConfigError if the current folder was deleted, or may not be entered: relative paths lead nowhere."""
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(f"the current folder cannot be used ({error.strerror}): change to one that exists") from error


def _is_wrong(error: BaseException) -> bool:
    named = isinstance(error, OSError) and error.filename is not None and error.errno in WRONG_PLACES
    return named or isinstance(error, ChildProcessError)


def _said(text: str, code: int) -> int:
    console.complain(console.one_line(text))
    return code
