"""Subjects on disk, label tables and structures: what is written is what is read, whatever the table."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganreg import io
from ganreg.errors import InputError
from ganreg.volumes import bids, labels
from ganreg.volumes.subjects import Subjects

QUICK = settings(max_examples=25, deadline=None)


@st.composite
def tables(draw):
    """A label table as `read_table` gives it: some labels without a structure, mirrors in pairs or themselves."""
    pairs, midline = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    mirrors = {f"left {k}": f"right {k}" for k in range(pairs)} | {f"right {k}": f"left {k}" for k in range(pairs)}
    mirrors |= {f"middle {k}": f"middle {k}" for k in range(midline)}
    names = draw(st.permutations(sorted(mirrors)))
    # several labels of one structure, and some of none
    chosen = draw(st.permutations([*names, *draw(st.lists(st.sampled_from([*names, ""]), max_size=5))]))
    indices = draw(st.lists(st.integers(1, 400), min_size=len(chosen), max_size=len(chosen), unique=True))
    rows = [(index, f"label {index}", name, mirrors.get(name, "")) for index, name in zip(indices, chosen, strict=True)]
    return pd.DataFrame(rows, columns=["index", "name", "structure", "mirror"])


@QUICK
@given(tables())
def test_a_table_is_read_as_it_was_written(table):
    with io.scratch() as folder:
        io.write_table(folder / "dseg.tsv", table, separator="\t")
        if len(table):
            pd.testing.assert_frame_equal(labels.read_table(folder / "dseg.tsv"), table, check_dtype=False)


@QUICK
@given(tables(), st.integers(0, 99))
def test_every_label_is_its_structure_and_what_has_none_the_rest(table, seed):
    listed = labels.structures(table)
    name_of = dict(zip(listed["index"], listed["name"], strict=True)) | {0: "background"}
    assert list(listed["index"]) == list(range(1, len(listed) + 1))
    assert set(listed["name"]) == {*table["structure"]} - {""} | {labels.REST}
    assert [name for _, name in labels.measured(listed)] == listed["name"].tolist()[:-1]
    structure_of = dict(zip(table["index"], table["structure"], strict=True))
    rng = np.random.default_rng(seed)
    # 0 and 401 are in no table
    volume, mask = rng.choice([0, 401, *table["index"]], (5, 4, 3)), rng.random((5, 4, 3)) < 0.8
    found = labels.to_structures(volume, table, mask)
    for label, inside, number in zip(volume.ravel(), mask.ravel(), found.ravel(), strict=True):
        expected = (structure_of.get(label) or labels.REST) if inside else "background"
        assert name_of[number] == expected


@QUICK
@given(tables())
def test_the_mirror_of_a_mirror_is_the_label_itself(table):
    listed = labels.structures(table)
    mirror = labels.mirror_labels(listed)
    assert mirror[0] == 0
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(listed) + 1))
    for index, name in labels.measured(listed):
        expected = name.replace("left", "L").replace("right", "left").replace("L", "right")
        assert listed["name"][mirror[index] - 1] == expected
    if len(listed) > 1:
        # one that is unknown, and there are none
        first = table["structure"][table["structure"] != ""].iloc[0]
        unknown = labels.structures(table.assign(mirror=table["mirror"].where(table["structure"] != first, "")))
        assert unknown["mirror"].tolist() == [0, *listed["mirror"][1:]]
        assert labels.mirror_labels(unknown) is None


def test_a_table_of_labels_that_cannot_be_used_is_one_line(tmp_path):
    path = tmp_path / "dseg.tsv"
    for text, message in (
        ("index\tlabel\n1\tx\n", "expected columns index and name, found no name"),
        ("index\tname\n1\tx\n1\ty\n", "expected each index once, found 1 twice"),
        ("index\tname\none\tx\n", "expected whole numbers as index"),
        ("index\tname\tmirror\n1\tx\ty\n", "expected mirrors among the structures, found 'y'"),
        ("index\tname\n" + "".join(f"{k}\tx{k}\n" for k in range(1, 257)), "expected at most 254 structures"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=rf"dseg\.tsv: {message}"):
            labels.read_table(path)
    with pytest.raises(InputError, match=r"nowhere\.tsv: expected a tab-separated label table"):
        labels.read_table(tmp_path / "nowhere.tsv")


def test_the_brain_of_its_labels_has_no_holes():
    ball = (np.indices((21, 21, 21)) - 10).astype(float)
    brain = (ball**2).sum(axis=0) < 64
    covered = np.where(brain, 5, 0)
    covered[9:12, 9:12, 9:12] = 0
    np.testing.assert_array_equal(labels.brain_mask(covered), brain)


@QUICK
@given(st.from_regex(r"[A-Za-z0-9]+", fullmatch=True), st.sampled_from(["T1w", "ct"]))
def test_a_path_says_whose_file_it_is(subject, modality):
    for name in (bids.raw(modality), bids.preprocessed(modality), bids.MASK, bids.linear("template", modality)):
        path = bids.path("folder", subject, name)
        assert bids.subject_of(path) == subject
        assert path.name.endswith(name)
    assert bids.subject_of("folder/fold1/model.pt") is None


def write_subject(folder, subject, value):
    images = {bids.preprocessed(modality): np.arange(24).reshape(2, 3, 4) + value for modality in ("T1w", "T2w")}
    for name, data in (images | {bids.MASK: np.ones((2, 3, 4)), bids.DSEG: np.full((2, 3, 4), 7)}).items():
        io.save(bids.path(folder, subject, name), data, np.diag([2.0, 2, 2, 1]))


def test_subjects_are_read_once_and_what_was_opened_is_known(tmp_path):
    for subject, value in (("a", 0), ("b", 1)):
        write_subject(tmp_path / "real", subject, value)
    for number in (1, 2, 3):
        write_subject(tmp_path / "samples", f"s{number}", 10 * number)
    subjects = Subjects(tmp_path / "real", ["T1w"], tmp_path / "samples", limit=2)
    assert bids.subjects_in(tmp_path / "real") == ["a", "b"]
    assert subjects.synthetic == ["s1", "s2"]
    volumes = subjects.read("s2")
    assert {name: tuple(each.shape) for name, each in volumes.items()} == dict.fromkeys(
        ("T1w", "mask", "dseg"), (1, 2, 3, 4)
    )
    assert [volumes[name].dtype for name in ("T1w", "mask", "dseg")] == [torch.float32, torch.uint8, torch.uint8]
    assert volumes["T1w"][0, 0, 0, 0] == 20
    assert all(again is volumes[name] for name, again in subjects.read("s2").items())
    opened = subjects.opened("s2")
    assert opened == {str(path): io.sha256(path) for path in subjects.paths("s2").values()}
    assert all(bids.subject_of(path) == "s2" for path in opened)


def test_nothing_is_opened_that_is_not_asked_for_and_nothing_is_hashed_twice(tmp_path, monkeypatch):
    write_subject(tmp_path, "a", 0)
    subjects, hashed, sha256 = Subjects(tmp_path, ["T1w", "T2w"]), [], io.sha256
    monkeypatch.setattr(io, "sha256", lambda path: hashed.append(path) or sha256(path))
    paths = subjects.paths("a")
    for name in ("T2w", "mask"):
        paths[name].write_bytes(b"not a volume")
    assert list(subjects.read("a", ["T1w", "dseg"])) == ["T1w", "dseg"]
    opened = subjects.opened("a", names=["T1w", "dseg"])
    assert opened == {str(paths[name]): sha256(paths[name]) for name in ("T1w", "dseg")}
    with pytest.raises(InputError, match=r"sub-a_desc-preproc_T2w\.nii: expected a NIfTI volume"):
        subjects.read("a")
    subjects.opened("a")
    subjects.opened("a", names=["mask"])
    assert sorted(hashed) == sorted(paths.values())


def test_a_subject_on_two_grids_is_one_line(tmp_path):
    write_subject(tmp_path, "a", 0)
    io.save(bids.path(tmp_path, "a", bids.DSEG), np.ones((2, 3, 4)), np.eye(4))
    with pytest.raises(InputError, match=r"sub-a_dseg\.nii: expected the affine of .*T1w"):
        Subjects(tmp_path, ["T1w"]).read("a")
