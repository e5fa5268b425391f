"""Archives from the network, opened so that nothing is written but what is wanted, where it is wanted."""

import contextlib
import shutil
import tarfile
from pathlib import PurePosixPath

from ganreg import io
from ganreg.errors import InputError


@contextlib.contextmanager
def members(path, limit):
    """Open an uncompressed tar archive and yield its regular files, after all of its members were looked at.

    Parameters
    ----------
    path : Path
    limit : int, bytes
        Of one member.

    Yields
    ------
    (tarfile.TarFile, dict name -> tarfile.TarInfo)

    Raises
    ------
    InputError
        If it is no tar archive or cut off; if a member has an absolute path or one that leads out of the archive, is a
        link or a device, or claims more than `limit` bytes.
    """
    found = {}
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(tarfile.open(path, "r:"))
            for member in archive:
                _refuse(path, member, limit)
                if member.isfile():
                    found[member.name] = member
        except (tarfile.ReadError, EOFError) as error:
            raise InputError(f"{path}: expected a tar archive, found one that cannot be read ({error})") from None
        yield archive, found


def _refuse(path, member, limit):
    if not (member.isfile() or member.isdir()):
        raise InputError(f"{path}: expected files and folders, found a link or device: {member.name}")
    inside = PurePosixPath(member.name)
    if inside.is_absolute() or ".." in inside.parts:
        raise InputError(f"{path}: expected paths inside the archive, found {member.name}")
    if member.size > limit:
        raise InputError(
            f"{path}: expected at most {limit / 1e6:.0f} MB a file, found {member.size / 1e6:.0f}: {member.name}"
        )


def extract(archive, member, output):
    """Write one member to a file, whole or not at all; one that is there in the same size stays.

    Parameters
    ----------
    archive, member : as `members` gives them
    output : Path
    """
    if output.is_file() and output.stat().st_size == member.size:
        return
    with io.atomic(output) as beside, archive.extractfile(member) as source, open(beside, "wb") as stream:
        shutil.copyfileobj(source, stream)
