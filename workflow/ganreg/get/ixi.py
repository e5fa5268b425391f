"""The IXI data set as a raw BIDS folder: T1w and T2w of healthy subjects from three London hospitals."""

import re
from pathlib import Path

import pandas as pd

from ganreg.errors import InputError
from ganreg.get import archive, dataset, download
from ganreg.progress import Progress

# IXI002-Guys-0828-T1.nii.gz: number, site, acquisition, modality
NAME = re.compile(r"(?:.*/)?(?P<subject>IXI\d{3})-(?P<site>[A-Za-z]+)-\d+-(?P<modality>T1|T2)\.nii\.gz")
# bytes; the largest image has about 15 MB
LIMIT = 200_000_000


def _images(found, modality):
    """(subject, site) -> member, of one archive."""
    names = [(NAME.fullmatch(name), member) for name, member in found.items()]
    return {(name["subject"], name["site"]): member for name, member in names if name and name["modality"] == modality}


def choose(first, second, options):
    """The subjects that are wanted and have both images, and those that lack one.

    Parameters
    ----------
    first, second : collections of (subject, site), of the two archives
    options : dict
        `sites`, all if empty; `subjects`, how many, the first by number, or None for all.

    Returns
    -------
    chosen, incomplete : sorted lists of (subject, site)
    """
    wanted = [key for key in sorted({*first, *second}) if not options["sites"] or key[1] in options["sites"]]
    complete = [key for key in wanted if key in first and key in second]
    return complete[: options["subjects"]], [key for key in wanted if key not in complete]


def get(source, files, output, options, **fetch_options):
    """Download IXI's archives and write the chosen subjects as raw BIDS, the list of them last.

    Parameters
    ----------
    source, files : as `download.read_addresses` gives them; the T1 archive comes before the T2 archive
    output : Path
        The list, `participants.tsv`; archives lie in `sourcedata` beside it, images in a folder for each subject.
    options : dict
        `accept_licence`, and as `choose` takes them.
    fetch_options : as `download.fetch_all` takes them

    Raises
    ------
    InputError
        If the licence is not accepted, as `download.fetch` and `archive.members` do, or if no subject is left.
    """
    download.require_licence(source, options["accept_licence"])
    folder = Path(output).parent
    paths = download.fetch_all(source, files, folder / "sourcedata", **fetch_options)
    with archive.members(paths[0], LIMIT) as (t1_archive, t1), archive.members(paths[1], LIMIT) as (t2_archive, t2):
        t1, t2 = _images(t1, "T1"), _images(t2, "T2")
        chosen, incomplete = choose(t1, t2, options)
        for subject, site in incomplete:
            lacking = paths[0] if (subject, site) not in t1 else paths[1]
            print(f"ixi: sub-{subject} ({site}) is left out: {lacking.name} has no image of it", flush=True)
        if not chosen:
            raise InputError(
                f"{folder}: expected subjects of {options['sites'] or 'any site'} with both images, found none"
            )
        progress = Progress("ixi: subjects", len(chosen))
        written = set()
        for key in chosen:
            for opened, found, suffix in ((t1_archive, t1, "T1w"), (t2_archive, t2, "T2w")):
                path = dataset.anat(folder, key[0], suffix)
                archive.extract(opened, found[key], path)
                written.add(path)
            progress.step()
        progress.close()
    table = pd.DataFrame(
        {"participant_id": [f"sub-{subject}" for subject, _ in chosen], "site": [s for _, s in chosen]}
    )
    dataset.complete(output, dataset.credits_of(source), table, ["T1w", "T2w"], written)
