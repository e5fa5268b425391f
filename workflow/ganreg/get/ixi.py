"""The IXI data set as a raw BIDS folder: T1w and T2w of healthy subjects from three London hospitals."""

import re
from pathlib import Path

import pandas as pd

from ganreg import io
from ganreg.errors import InputError
from ganreg.get import archive, download
from ganreg.progress import Progress

# IXI002-Guys-0828-T1.nii.gz: number, site, acquisition, modality
NAME = re.compile(r"(?:.*/)?(?P<subject>IXI\d{3})-(?P<site>[A-Za-z]+)-\d+-(?P<modality>T1|T2)\.nii\.gz")
# bytes; the largest image has about 15 MB
LIMIT = 200_000_000


def _images(found, modality):
    """(subject, site) -> member, of one archive."""
    names = [(NAME.fullmatch(name), member) for name, member in found.items()]
    return {(name["subject"], name["site"]): member for name, member in names if name and name["modality"] == modality}


def _remove_others(folder, chosen):
    """Remove the images of subjects that are not chosen any more: whoever reads the folder takes what lies there."""
    for path in folder.glob("sub-IXI*/anat/sub-IXI*_T[12]w.nii.gz"):
        if path.parents[1].name.removeprefix("sub-") not in chosen:
            path.unlink()
            for empty in path.parents[:2]:
                if not any(empty.iterdir()):
                    empty.rmdir()


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


def get(addresses, output, options, **fetch_options):
    """Download IXI's archives and write the chosen subjects as raw BIDS, the list of them last.

    Parameters
    ----------
    addresses : pandas.DataFrame
        Lines of `resources/downloads.tsv`: file, url, md5, licence, citation; the T1 archive, then the T2 archive.
    output : Path
        The list, `participants.tsv`; archives lie in `sourcedata` beside it, images in a folder for each subject.
    options : dict
        `accept_licence`, and as `choose` takes them.
    fetch_options : as `download.fetch` takes them

    Raises
    ------
    InputError
        If the licence is not accepted, as `download.fetch` and `archive.members` do, or if no subject is left.
    """
    licence, citation = addresses.iloc[0][["licence", "citation"]]
    if not options["accept_licence"]:
        raise InputError(f"ixi: expected `ixi: {{accept_licence: true}}` for {licence}; cite: {citation}; found false")
    print(f"ixi: {licence}; cite: {citation}", flush=True)
    folder = Path(output).parent
    paths = [folder / "sourcedata" / name for name in addresses["file"]]
    for path, url, checksum in zip(paths, addresses["url"], addresses["md5"], strict=True):
        download.fetch(url, path, checksum, **fetch_options)
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
        for key in chosen:
            stem = folder / f"sub-{key[0]}" / "anat" / f"sub-{key[0]}"
            archive.extract(t1_archive, t1[key], Path(f"{stem}_T1w.nii.gz"))
            archive.extract(t2_archive, t2[key], Path(f"{stem}_T2w.nii.gz"))
            progress.step()
        progress.close()
    _remove_others(folder, {subject for subject, _ in chosen})
    description = {"Name": "IXI", "BIDSVersion": "1.9.0", "License": licence, "HowToAcknowledge": citation}
    io.write_json(folder / "dataset_description.json", description)
    table = pd.DataFrame(
        {"participant_id": [f"sub-{subject}" for subject, _ in chosen], "site": [s for _, s in chosen]}
    )
    io.write_text(output, table.to_csv(sep="\t", index=False))
