"""Archives from the network, opened so that nothing is written but what is wanted, where it is wanted."""

import contextlib
import gzip
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ganreg import io
from ganreg.errors import InputError

BLOCK = 1 << 20
GZIP = b"\x1f\x8b"


@contextlib.contextmanager
def members(path: Path, limit: int) -> Iterator[tuple[tarfile.TarFile, dict[str, tarfile.TarInfo]]]:
    """Open a tar archive, packed by gzip or not, and yield its regular files, after all members were checked.

    A packed archive is unpacked to a nameless temporary file first, and so read to its last byte: gzip's own checksum
    (CRC-32) holds then.

    Parameters
    ----------
    path : Path
    limit : int, bytes
        Of one member; a packed archive may unpack to twice as much.

    Yields
    ------
    (tarfile.TarFile, dict name -> tarfile.TarInfo)

    Raises
    ------
    InputError
        If it is no tar archive, cut off or damaged; if it unpacks to more than twice `limit`; if a member has an
        absolute path or one that leads out of the archive, is a link or a device, or claims more than `limit` bytes.
    """
    found = {}
    with contextlib.ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(open(path, "rb"))
        try:
            if stream.read(2) == GZIP:
                packed = stack.enter_context(gzip.open(path))
                stream = stack.enter_context(tempfile.TemporaryFile())
                _copy(path, packed, stream, 2 * limit)
            stream.seek(0)
            archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r:"))
            for member in archive:
                _refuse(path, member, limit)
                if member.isfile():
                    found[member.name] = member
        except (tarfile.ReadError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}: expected a tar archive, found one that cannot be read ({error})") from None
        yield archive, found


def _copy(path: Path, packed: gzip.GzipFile, stream: IO[bytes], limit: int) -> None:
    """Unpack a stream as far as `limit` bytes; more are refused, whatever the archive claims."""
    while block := packed.read(BLOCK):
        if stream.tell() + len(block) > limit:
            raise InputError(f"{path}: expected at most {limit / 1e6:.0f} MB when unpacked, found more")
        stream.write(block)


def _refuse(path: Path, member: tarfile.TarInfo, limit: int) -> None:
    """Refuse links and devices, paths out of the archive (as Python's data filter sees them), and large files."""
    if not (member.isfile() or member.isdir()):
        raise InputError(f"{path}: expected files and folders, found a link or device: {member.name}")
    try:
        # the filter makes an absolute path relative
        inside = tarfile.data_filter(member, str(path.parent)).name == member.name
    except tarfile.FilterError:
        inside = False
    if not inside:
        raise InputError(f"{path}: expected paths inside the archive, found {member.name}")
    if member.size > limit:
        raise InputError(
            f"{path}: expected at most {limit / 1e6:.0f} MB a file, found {member.size / 1e6:.0f}: {member.name}"
        )


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    """A stream of a member's bytes, both as `members` gives them."""
    stream = archive.extractfile(member)
    # links and folders alone have none
    assert stream is not None
    return stream


def extract(archive: tarfile.TarFile, member: tarfile.TarInfo, output: Path) -> None:
    """Write one member to a file, whole or not at all; one that is there in the same size stays.

    Parameters
    ----------
    archive, member : as `members` gives them
    output : Path
    """
    if output.is_file() and output.stat().st_size == member.size:
        return
    with io.atomic(output) as beside, content(archive, member) as source, open(beside, "wb") as stream:
        shutil.copyfileobj(source, stream)
