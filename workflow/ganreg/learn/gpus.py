"""A GPU for each process: several jobs on one machine take different ones."""

import fcntl
import functools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path


def _lock(path: Path) -> bool:
    """Hold a lock until this process ends, however it ends; False where another process of this user holds it."""
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        # the file stays open: closing it would free the lock
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    return True


def take(identities: Sequence[str], folder: Path) -> int:
    """Place of the first device that no other process has taken; where all are taken, one is shared.

    Parameters
    ----------
    identities : list of str
        Of the devices, the same in all processes whatever each of them sees.
    folder : Path of the lock files
    """
    for place, identity in enumerate(identities):
        if _lock(folder / f"ganreg-{os.getuid()}-gpu-{identity}.lock"):
            return place
    return os.getpid() % len(identities)


@functools.cache
def own_gpu() -> int:
    """Number of the CUDA device that is this process's own, the same at each call."""
    import torch

    properties = (torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count()))
    return take([str(each.uuid) for each in properties], Path(tempfile.gettempdir()))
