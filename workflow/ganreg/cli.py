"""The command line's own room: what every script shares."""

import argparse
import errno
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from ganreg import io
from ganreg.errors import InputError
from ganreg.settings import Block


def parser(description: str | None, options: type[Block] | None = None) -> argparse.ArgumentParser:
    """Argument parser with `--options`, a typed block as JSON, and `--code`, the fingerprint for resume keys."""
    result = argparse.ArgumentParser(description=description)
    if options is not None:
        result.add_argument("--options", type=_block(options), required=True, help="settings, as JSON")
    result.add_argument("--code", default="", help="fingerprint of the code, a part of the resume key")
    return result


def _block(options: type[Block]) -> Callable[[str], Block]:
    def read(text: str) -> Block:
        try:
            return options.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "JSON"
            raise argparse.ArgumentTypeError(f"{place}: {first['msg']}") from None

    return read


def add_paths(
    result: argparse.ArgumentParser, *names: str, many: Iterable[str] = (), any_number: Iterable[str] = ()
) -> argparse.ArgumentParser:
    """Add a path argument for each of `names`, a list of paths for each of `many`, and one that may be empty."""
    for name in names:
        result.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    for name in many:
        result.add_argument(f"--{name.replace('_', '-')}", type=Path, nargs="+", required=True)
    for name in any_number:
        result.add_argument(f"--{name.replace('_', '-')}", type=Path, nargs="*", required=True)
    return result


def set_threads(count: int) -> None:
    """Limit BLAS, OpenMP, ITK and torch to `count` threads, so that results do not depend on the machine."""
    # for libraries that are loaded later, and for child processes
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        os.environ[variable] = str(count)
    # NumPy is loaded already, and with it OpenBLAS, which reads its variable only then
    threadpool_limits(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
    if "SimpleITK" in sys.modules:
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(count)


def run(main: Callable[[], Any]) -> None:
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
