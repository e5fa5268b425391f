"""Figures of preprocessing, of the whole road, and of two methods side by side, on made subjects."""

import figures
import numpy as np
import pandas as pd
import pytest
from figures import PLOT, SHAPE, axial, names, picture, points, same, texts

from ganreg import io
from ganreg.spatial import transform_file
from ganreg.volumes import bids

pytestmark = pytest.mark.filterwarnings("error")

OPTIONS = {"plot": PLOT, "fixed": "T1w", "moving": "T2w"}


@pytest.fixture
def drawn(monkeypatch):
    return figures.Closed(monkeypatch)


@pytest.fixture
def subjects(tmp_path):
    """Two made subjects, 01 and 02, in a folder, and their volumes."""
    return tmp_path / "subjects", figures.write_subjects(tmp_path / "subjects")


@pytest.fixture
def folds(tmp_path):
    """A split in which 01 is moving with 02."""
    pair = {"pair": bids.pair("01", "02"), "moving": "01", "fixed": "02"}
    io.write_json(tmp_path / "folds.json", {"folds": [{"fold": 1, "pairs": [pair]}]})
    return tmp_path / "folds.json"


def write_shift(folder, voxels):
    """Write the transform of the pair: a shift along the first axis."""
    field = np.zeros((*SHAPE, 3), dtype=np.float32)
    field[..., 0] = voxels
    folder.mkdir(parents=True)
    path = folder / f"{bids.pair('01', '02')}.nii.gz"
    transform_file.write_transform_mm(path, field * transform_file.RAS_TO_LPS, np.eye(4))
    return folder


def shifted(volume, voxels):
    moved = np.zeros_like(volume)
    moved[:-voxels] = volume[voxels:]
    return moved


def test_histograms_are_of_the_brain_before_and_after(root, tmp_path, subjects, drawn):
    _, made = subjects
    raw, normalized = [], []
    for name, volumes in made.items():
        normalized.append(tmp_path / f"sub-{name}")
        for modality in ("T1w", "T2w"):
            # ten times as bright, with a background that is no brain
            image = np.where(volumes["mask"], 10 * volumes[modality], 99).astype(np.float32)
            raw.append(tmp_path / f"{name}_{modality}.nii.gz")
            io.save(raw[-1], image, np.eye(4))
            io.save(bids.inside(normalized[-1], name, bids.normalized(modality)), volumes[modality], np.eye(4))
    options = {"plot": PLOT, "subjects": ["01", "02"], "modalities": ["T1w", "T2w"]}
    figures.draw(root, "plot_normalization", options, tmp_path / "figure.png", raw=raw, normalized=normalized)
    data = pd.read_csv(tmp_path / "figure.csv", dtype={"subject": str})
    axes = np.reshape(drawn[0].axes, (2, 4))
    for row, modality in enumerate(("T1w", "T2w")):
        assert same(axes[row, 1], made["01"][modality])
        for place, (when, factor) in enumerate((("raw", 10), ("normalized", 1))):
            for number, name in enumerate(("01", "02")):
                own = data[(data[["subject", "modality", "image"]] == [name, modality, when]).all(axis=1)]
                inside = factor * made[name][modality][made[name]["mask"] > 0]
                assert own["mean"].iloc[0] == pytest.approx(inside.mean(), rel=1e-4)
                assert own["sd"].iloc[0] == pytest.approx(inside.std(), rel=1e-4)
                # nearly all voxels are in the bins
                width = own["value"].diff().iloc[1]
                assert own["density"].sum() * width == pytest.approx(1, abs=1e-3)
                drawn_line = axes[row, 2 + place].lines[number].get_xydata()
                assert drawn_line == pytest.approx(own[["value", "density"]].to_numpy(), rel=1e-5)
    assert texts(drawn[0].legends[0]) == ["sub-01", "sub-02"]


def test_a_profile_is_of_one_line_before_and_after(root, tmp_path, subjects, drawn):
    folder, made = subjects
    # the scanner's grid is twice as fine along the first axis, and the head two millimeters further right
    fine, affine = np.repeat(made["01"]["T1w"], 2, axis=0), np.diag([0.5, 1, 1, 1])
    io.save(bids.inside(tmp_path / "normalized", "01", bids.normalized("T1w")), fine, affine)
    matrix = np.eye(4)
    matrix[0, 3] = 2
    path = bids.inside(tmp_path / "aligned", "01", bids.linear("template", "T1w"))
    path.parent.mkdir(parents=True)
    np.savetxt(path, matrix)
    options = {"plot": PLOT, "subject": "01", "reference": "T1w", "modalities": ["T1w"]}
    paths = {"subjects": folder, "normalized": tmp_path / "normalized", "aligned": tmp_path / "aligned"}
    figures.draw(root, "plot_resampling", options, tmp_path / "figure.png", **paths)
    data, (before, after, profile) = pd.read_csv(tmp_path / "figure.csv"), drawn[0].axes
    # the made brain is from 3 to 12 along the second axis
    row = round(np.mean(np.arange(3, 13)))
    own = data[data["image"] == "after"]
    assert own["value"].tolist() == pytest.approx(made["01"]["T1w"][:, row, 5].tolist(), rel=1e-5)
    assert own["mm"].tolist() == list(range(14))
    old = data[data["image"] == "before"]
    assert np.diff(old["mm"]) == pytest.approx(0.5)
    # at x mm of the working grid the scanner's voxel 2 (x + 2)
    expected = [fine[round(2 * (x + 2)), row, 5] if 2 * (x + 2) < 28 else 0 for x in old["mm"]]
    assert old["value"].tolist() == pytest.approx(expected, rel=1e-5)
    assert same(after, made["01"]["T1w"])
    assert [line.get_label() for line in profile.lines] == ["before", "after"]
    assert profile.lines[1].get_xydata() == pytest.approx(own[["mm", "value"]].to_numpy(), rel=1e-5)
    # drawn in the slice: as far from the front as the row is from the back
    assert set(after.lines[0].get_ydata()) == {SHAPE[1] - 1 - row}
    assert before.get_title() == "T1w, before\n0.5x1x1 mm"


def test_the_road_shows_what_each_stage_made(root, tmp_path, subjects, folds, drawn):
    folder, made = subjects
    first, second = made["01"], made["02"]
    raw = [tmp_path / f"{modality}.nii.gz" for modality in ("T1w", "T2w")]
    for path, modality in zip(raw, ("T1w", "T2w"), strict=True):
        io.save(path, 3 * first[modality], np.eye(4))
        io.save(bids.inside(tmp_path / "normalized", "01", bids.normalized(modality)), 2 * first[modality], np.eye(4))
        io.save(tmp_path / "augmented" / f"desc-augmented1_{modality}.nii.gz", 5 * first[modality], np.eye(4))
    io.save(bids.path(tmp_path / "maps", "01", bids.MAP), first["dseg"], np.eye(4), np.uint8)
    figures.write_subject(tmp_path / "samples", "pgan1", second)
    transforms = [write_shift(tmp_path / "fold1" / "syn_mi", 2)]
    paths = {name: tmp_path / name for name in ("normalized", "augmented", "maps", "samples")}
    paths |= {"raw": raw, "subjects": folder, "folds": folds, "transforms": transforms}
    options = {**OPTIONS, "subject": "01", "method": "syn_mi"}
    figures.draw(root, "plot_pipeline", options, tmp_path / "figure.png", **paths)
    data, axis = pd.read_csv(tmp_path / "figure.csv"), drawn[0].axes[0]
    volumes = [*(3 * first[name] for name in ("T1w", "T2w")), *(2 * first[name] for name in ("T1w", "T2w"))]
    volumes += [first["T1w"], first["T2w"], *(5 * first[name] for name in ("T1w", "T2w"))]
    volumes += [None, second["T1w"], second["T2w"], second["T1w"], first["T2w"], second["T1w"]]
    insets = axis.child_axes
    assert len(insets) == len(data) == 15
    for inset, volume in zip(insets, volumes, strict=False):
        if volume is not None:
            assert picture(inset) == pytest.approx(axial(volume), rel=1e-5)
    assert picture(insets[-1]) == pytest.approx(axial(shifted(first["T2w"], 2)), abs=1e-5)
    # two structures of each image, the warped ones on top
    assert len(insets[-1].collections) == 4
    assert data["mean"].iloc[4] == pytest.approx(axial(first["T1w"]).mean(), rel=1e-4)
    stages = data["stage"].unique().tolist()
    assert [text for text in texts(axis) if text in stages] == stages
    arrows = [text for text in axis.texts if not text.get_text()]
    assert len(arrows) == 9


def test_rivals_are_compared_subject_by_subject(root, tmp_path, subjects, folds, drawn):
    folder, made = subjects
    methods = ["unet_dagan", "unet_proposed"]
    transforms = [write_shift(tmp_path / "fold1" / method, 1 + number) for number, method in enumerate(methods)]
    dice = {"unet_dagan": [0.5, 0.6, 0.7], "unet_proposed": [0.55, 0.7, 0.65]}
    table = pd.DataFrame(
        {"method": method, "fold": 1, "fixed": subject, "pair": subject, "structure": "s", "dice": value}
        for method, values in dice.items()
        for subject, value in zip("abc", values, strict=True)
    )
    io.write_table(tmp_path / "measured.csv", table)
    paths = {"folds": folds, "subjects": folder, "measured": tmp_path / "measured.csv", "transforms": transforms}
    figures.draw(root, "plot_rivals", {**OPTIONS, "methods": methods}, tmp_path / "figure.png", **paths)
    axes, data = drawn[0].axes, pd.read_csv(tmp_path / "figure.csv")
    moving = made["01"]["T2w"]
    shown = (made["02"]["T1w"], moving, shifted(moving, 1), shifted(moving, 2))
    for axis, volume in zip(axes, shown, strict=False):
        assert picture(axis) == pytest.approx(axial(volume), abs=1e-5)
    assert len({axis.images[0].get_clim() for axis in axes[1:4]}) == 1
    assert data[methods].to_numpy().tolist() == np.transpose([*dice.values()]).tolist()
    assert points(axes[4].collections[0]).tolist() == data[methods].to_numpy().tolist()
    assert axes[4].lines[0].get_xydata()[0] == pytest.approx([0.6, 1.9 / 3])
    assert axes[4].get_title() == "2 of 3 subjects\nabove the diagonal"
    assert names(axes[4], "x")
