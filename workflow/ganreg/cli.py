"""What every script shares: its parser, its thread count, and one-line errors instead of tracebacks."""

import argparse
import errno
import json
import os
import sys
from pathlib import Path

from ganreg import io
from ganreg.errors import InputError


def parser(description):
    """Argument parser with `--options`, a block of the configuration as JSON, and `--code`, the fingerprint."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--options", type=json.loads, default={}, help="configuration block, as JSON")
    result.add_argument("--code", default="", help="fingerprint of the code, by which unfinished work is recognised")
    return result


def add_paths(result, *names, many=()):
    """Add one required path argument for each of `names`, and a list of paths for each of `many`."""
    for name in names:
        result.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    for name in many:
        result.add_argument(f"--{name.replace('_', '-')}", type=Path, nargs="+", required=True)
    return result


def set_threads(count):
    """Limit OpenMP, ITK and torch to `count` threads, so that results do not depend on the machine."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        os.environ[variable] = str(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
    if "SimpleITK" in sys.modules:
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(count)


def run(main):
    """Run a script's `main`; an `InputError`, or a place that takes no files, is one line on standard error."""
    try:
        set_threads(1)
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in {*io.NO_ROOM, errno.EACCES, errno.EROFS}:
            raise
        sys.exit(f"error: {error}")
