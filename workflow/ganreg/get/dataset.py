"""What every raw BIDS folder that this project writes ends with: no leftovers, a description, the list of subjects."""

from pathlib import Path

from ganreg import io


def anat(folder, subject, suffix):
    """Path of a subject's image: `sub-01/anat/sub-01_T1w.nii.gz`."""
    return Path(folder) / f"sub-{subject}" / "anat" / f"sub-{subject}_{suffix}.nii.gz"


def complete(output, description, table, suffixes, written):
    """Remove what an earlier choice left, and write the description and, last, the list of subjects.

    Parameters
    ----------
    output : Path of the list, `participants.tsv`, in the folder
    description : dict, fields of `dataset_description.json`
    table : pandas.DataFrame, `participant_id` first
    suffixes : list of str
        Ends of the images' names, `*` for any: other images of these names go, as whoever reads the folder takes what
        lies there.
    written : collection of Path, the images that stay
    """
    folder = Path(output).parent
    for suffix in suffixes:
        for path in folder.glob(f"sub-*/anat/sub-*_{suffix}.nii.gz"):
            if path not in written:
                path.unlink()
                for empty in path.parents[:2]:
                    if not any(empty.iterdir()):
                        empty.rmdir()
    io.write_json(folder / "dataset_description.json", {"BIDSVersion": "1.9.0", **description})
    io.write_text(output, table.to_csv(sep="\t", index=False))


def credits_of(source):
    """Fields of the description that name a published data set's licence and authors."""
    return {"Name": source["name"], "License": source["licence"], "HowToAcknowledge": source["citation"]}
