"""The IXI data set as a raw BIDS folder: T1w and T2w of healthy subjects from three London hospitals."""

import re
import tarfile
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from ganreg.errors import InputError
from ganreg.get import archive, dataset, download
from ganreg.get.settings import Ixi
from ganreg.progress import Progress
from ganreg.volumes import bids

# IXI002-Guys-0828-T1.nii.gz: number, site, acquisition, modality
NAME = re.compile(r"(?:.*/)?(?P<subject>IXI\d{3})-(?P<site>[A-Za-z]+)-\d+-(?P<modality>T1|T2)\.nii\.gz")
# bytes; the largest image has about 15 MB
LIMIT = 200_000_000

# subject and site
Key = tuple[str, str]


def _images(found: dict[str, tarfile.TarInfo], modality: str) -> dict[Key, tarfile.TarInfo]:
    """The images of one archive."""
    names = [(NAME.fullmatch(name), member) for name, member in found.items()]
    return {(name["subject"], name["site"]): member for name, member in names if name and name["modality"] == modality}


def choose(first: Collection[Key], second: Collection[Key], settings: Ixi) -> tuple[list[Key], list[Key]]:
    """The subjects that are wanted and have both images, and those that lack one.

    Parameters
    ----------
    first, second : collections of (subject, site), of the two archives
    settings : Ixi

    Returns
    -------
    chosen, incomplete : sorted lists of (subject, site)
    """
    wanted = [key for key in sorted({*first, *second}) if not settings.sites or key[1] in settings.sites]
    complete = [key for key in wanted if key in first and key in second]
    return complete[: settings.subjects], [key for key in wanted if key not in complete]


def get(source: download.Source, files: pd.DataFrame, output: Path, settings: Ixi, **patience: float) -> None:
    """Download IXI's archives and write the chosen subjects as raw BIDS, the list of them last.

    Parameters
    ----------
    source, files : as `download.read_addresses` gives them; the T1 archive comes before the T2 archive
    output : Path
        The list, `participants.tsv`; archives lie in `sourcedata` beside it, images in a folder for each subject.
    settings : Ixi
    patience : `timeout` and `pause` of `download.fetch`

    Raises
    ------
    InputError
        If the license is not accepted, as `download.fetch` and `archive.members` do, or if no subject is left.
    """
    download.require_license(source, settings.accept_licence)
    folder = Path(output).parent
    paths = download.fetch_all(source, files, folder / "sourcedata", check=None, **patience)
    with archive.members(paths[0], LIMIT) as (t1_archive, t1), archive.members(paths[1], LIMIT) as (t2_archive, t2):
        first, second = _images(t1, "T1"), _images(t2, "T2")
        chosen, incomplete = choose(first, second, settings)
        for key in incomplete:
            lacking = paths[0] if key not in first else paths[1]
            print(
                f"ixi: {bids.participant(key[0])} ({key[1]}) is left out: {lacking.name} has no image of it", flush=True
            )
        if not chosen:
            sites = settings.sites or "any site"
            raise InputError(f"{folder}: expected subjects of {sites} with both images, found none")
        progress = Progress("ixi: subjects", len(chosen))
        written = set()
        for key in chosen:
            for opened, found, modality in ((t1_archive, first, "T1w"), (t2_archive, second, "T2w")):
                path = bids.path(folder, key[0], bids.raw(modality))
                archive.extract(opened, found[key], path)
                written.add(path)
            progress.step()
        progress.close()
    names = [bids.participant(subject) for subject, _ in chosen]
    table = pd.DataFrame({"participant_id": names, "site": [site for _, site in chosen]})
    dataset.complete(output, dataset.credits_of(source), table, ["T1w", "T2w"], written)
