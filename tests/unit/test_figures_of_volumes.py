"""Figures of images: the pixels that are drawn are the slices of the volumes, on made subjects."""

import figures
import numpy as np
import pandas as pd
import pytest
from figures import MIDDLE, PLOT, SHAPE, axial, picture, same, texts
from matplotlib.colors import to_hex

from ganreg import io
from ganreg.register.sampled import file_of
from ganreg.spatial import transform_file
from ganreg.volumes import bids

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def drawn(monkeypatch):
    return figures.Closed(monkeypatch)


@pytest.fixture
def subjects(tmp_path):
    """Two made subjects, 01 and 02, in a folder, and their volumes."""
    return tmp_path / "subjects", figures.write_subjects(tmp_path / "subjects")


@pytest.fixture
def folds(tmp_path):
    """A split in which 01 is tested, and moving with 02."""
    pair = {"pair": bids.pair("01", "02"), "moving": "01", "fixed": "02"}
    io.write_json(
        tmp_path / "folds.json", {"folds": [{"fold": 1, "test": ["01"], "train": ["01", "02"], "pairs": [pair]}]}
    )
    return tmp_path / "folds.json"


def outlined(axis):
    """Colors of an axis's contours, in order, each once."""
    return list(dict.fromkeys(to_hex(each.get_edgecolor()[0]) for each in axis.collections))


def write_shift(path, voxels):
    """Write the transform file of a shift along the first axis."""
    field = np.zeros((*SHAPE, 3), dtype=np.float32)
    field[..., 0] = voxels
    transform_file.write_transform_mm(path, field * transform_file.RAS_TO_LPS, np.eye(4))


def test_the_cohort_is_drawn_as_it_comes(root, tmp_path, subjects, drawn):
    folder, made = subjects
    paths = {
        role: [bids.path(folder, name, kind) for name in made]
        for role, kind in (
            ("fixed", bids.preprocessed("T1w")),
            ("moving", bids.preprocessed("T2w")),
            ("labels", bids.DSEG),
        )
    }
    figures.draw(root, "plot_cohort", {"plot": PLOT}, tmp_path / "figure.png", **paths)
    data = pd.read_csv(tmp_path / "figure.csv")
    assert data["file"].tolist() == [path.name for each in paths.values() for path in each]
    assert set(data["shape"]) == {"14x16x11"}
    axes = np.reshape(drawn[0].axes, (3, 2))
    for column, volumes in enumerate(made.values()):
        assert same(axes[0, column], volumes["T1w"])
        assert same(axes[1, column], volumes["T2w"])
        assert same(axes[2, column], np.where(volumes["dseg"], volumes["dseg"], np.nan))
    assert [axis.get_title() for axis in axes[0]] == ["sub-01", "sub-02"]
    # T1w to T1w: one row of images
    figures.draw(root, "plot_cohort", {"plot": PLOT}, tmp_path / "figure.png", **{**paths, "moving": paths["fixed"]})
    assert len(drawn[1].axes) == 4


def test_augmented_copies_follow_the_subject(root, tmp_path, subjects, drawn):
    folder, made = subjects
    augmented, labels = made["02"]["T1w"], made["02"]["dseg"] // 2
    io.save(tmp_path / "augmented" / "desc-augmented1_T1w.nii.gz", augmented, np.eye(4))
    io.save(tmp_path / "augmented" / "desc-augmented1_T2w.nii.gz", augmented, np.eye(4))
    io.save(tmp_path / "augmented" / "desc-augmented1_dseg.nii.gz", labels, np.eye(4), np.uint8)
    options = {"plot": PLOT, "subject": "01", "modality": "T1w"}
    paths = {"subjects": folder, "augmented": tmp_path / "augmented"}
    figures.draw(root, "plot_augmentation", options, tmp_path / "figure.png", **paths)
    data = pd.read_csv(tmp_path / "figure.csv")
    axes = drawn[0].axes
    assert [axis.get_title() for axis in axes] == data["copy"].tolist() == ["preprocessed", "augmented1"]
    assert data["labelled_voxels"].tolist() == [400, 200]
    for axis, volume, mean in zip(axes, (made["01"]["T1w"], augmented), data["mean"], strict=True):
        assert same(axis, volume)
        assert volume.mean() == pytest.approx(mean, rel=1e-5)
    # an outline for each structure
    assert [len(axis.collections) for axis in axes] == [2, 1]


def test_each_stage_of_the_gan_is_drawn_on_the_full_grid(root, tmp_path, drawn):
    rng, shape = np.random.default_rng(0), (8, 8, 8)
    labels = np.ones(shape, dtype=np.uint8)
    real = {name: rng.uniform(1, 2, shape).astype(np.float32) for name in ("T1w", "T2w")}
    figures.write_subject(tmp_path, "01", real)
    stages = {f"stage{number}": rng.uniform(1, 2, (2, *[4 * number] * 3)) for number in (1, 2)}
    previews = tmp_path / "stages.npz"
    np.savez(previews, labels=labels, subject="01", modalities=["T1w", "T2w"], **stages)
    figures.draw(
        root, "plot_pgan_stages", {"plot": PLOT}, tmp_path / "figure.png", previews=previews, subjects=tmp_path
    )
    data = pd.read_csv(tmp_path / "figure.csv")
    assert data["grid"].tolist() == ["4x4x4", "8x8x8"]
    axes = np.reshape(drawn[0].axes, (2, 4))
    for row, (modality, image) in enumerate(real.items()):
        # half of the height of 7 steps is rounded to the even 4
        first = np.repeat(np.repeat(axial(stages["stage1"][row], 2), 2, axis=0), 2, axis=1)
        assert np.array_equal(picture(axes[row, 0]), first)
        assert np.array_equal(picture(axes[row, 1]), axial(stages["stage2"][row], 4))
        assert np.array_equal(picture(axes[row, 3]), axial(image, 4))
        assert np.unique(picture(axes[row, 2])).size == 1
        titles = [f"{modality}, 4x4x4", f"{modality}, 8x8x8", "label map", "real: sub-01"]
        assert [axis.get_title() for axis in axes[row]] == titles


def test_a_sample_is_drawn_above_the_real_subject_that_is_nearest(root, tmp_path, subjects, folds, drawn):
    folder, made = subjects
    # the sample is a copy of 02
    figures.write_subject(tmp_path / "samples", "pgan1", made["02"])
    options = {"plot": PLOT, "modalities": ["T1w", "T2w"], "fold": 1}
    paths = {"folds": folds, "subjects": folder, "samples": tmp_path / "samples"}
    figures.draw(root, "plot_samples", options, tmp_path / "figure.png", **paths)
    data = pd.read_csv(tmp_path / "figure.csv", dtype={"nearest": str})
    assert data.to_numpy().tolist() == [["pgan1", "02", 1]]
    axes, volumes = drawn[0].axes, made["02"]
    assert axes[0].get_title() == "sub-pgan1\nlabel map"
    assert axes[3].get_title() == "nearest: sub-02, 1.00\nT1w"
    for axis, name in zip(axes[1:], ("T1w", "T2w", "T1w", "T2w"), strict=True):
        assert same(axis, volumes[name])
    assert len(np.unique(picture(axes[0]))) == len(np.unique(volumes["dseg"]))


def test_samples_of_one_map_lie_side_by_side(root, tmp_path, subjects, folds, drawn):
    folder, made = subjects
    for name in ("pgan1", "pgan2"):
        figures.write_subject(tmp_path / "samples", name, made["01"])
    brighter = {**made["02"], "T1w": made["02"]["T1w"] * 2}
    for name, volumes in (("02z1", made["02"]), ("02z2", brighter), ("03z1", made["01"])):
        figures.write_subject(tmp_path / "vectors", name, volumes)
    options = {"plot": PLOT, "modalities": ["T1w", "T2w"], "fold": 1}
    paths = {"folds": folds, "subjects": folder, "samples": tmp_path / "samples", "vectors": tmp_path / "vectors"}
    figures.draw(root, "plot_samples", options, tmp_path / "figure.png", **paths)
    axes = np.reshape(drawn[0].axes, (7, 2))[5:]
    for row, modality in enumerate(("T1w", "T2w")):
        # of the first map, not of another one
        assert same(axes[row, 0], made["02"][modality])
        assert same(axes[row, 1], brighter[modality])
        # in one window: a brighter image looks brighter
        assert axes[row, 0].images[0].get_clim() == axes[row, 1].images[0].get_clim()
    assert [axis.get_title() for axis in axes[0]] == ["map of sub-02, z 1\nT1w", "map of sub-02, z 2\nT1w"]


def test_wrong_voxels_of_a_segmentation_are_marked(root, tmp_path, subjects, folds, drawn):
    folder, made = subjects
    found = made["01"]["dseg"].copy()
    found[5, 6, 3:8] = 2
    io.save(bids.path(tmp_path / "maps", "01", bids.MAP), found, np.eye(4), np.uint8)
    table = pd.DataFrame({"fold": [1, 1, 1], "subject": ["01", "01", "02"], "model": "rdnn", "dice": [0.8, 0.9, 0.1]})
    io.write_table(tmp_path / "measured.csv", table)
    options = {"plot": PLOT, "modalities": ["T1w", "T2w"]}
    paths = {"folds": folds, "subjects": folder, "maps": tmp_path / "maps", "measured": tmp_path / "measured.csv"}
    figures.draw(root, "plot_segmentation", options, tmp_path / "figure.png", **paths)
    axes, data = drawn[0].axes, pd.read_csv(tmp_path / "figure.csv", dtype={"subject": str})
    assert data["subject"].tolist() == ["01", "01"]
    titles = ["sub-01 T1w", "sub-01 T2w", "reference", "RDNN, Dice 0.850", "difference"]
    assert [axis.get_title() for axis in axes] == titles
    assert same(axes[0], made["01"]["T1w"])
    assert same(axes[1], made["01"]["T2w"])
    # the maps differ in one pixel of the slice
    assert (picture(axes[2]) != picture(axes[3])).sum() == 1
    wrong = np.full(SHAPE, np.nan)
    wrong[5, 6, MIDDLE] = 1
    assert same(axes[4], wrong, number=1)


def test_each_method_is_drawn_as_it_warps(root, tmp_path, subjects, folds, drawn):
    folder, made = subjects
    pair, shifts = bids.pair("01", "02"), {"initial": 0, "syn_mi": 2}
    transforms = [tmp_path / "fold1" / method for method in shifts]
    for path, shift in zip(transforms, shifts.values(), strict=True):
        path.mkdir(parents=True)
        write_shift(path / f"{pair}.nii.gz", shift)
    table = pd.DataFrame({"pair": pair, "method": ["initial", "initial", "syn_mi"], "dice": [0.4, 0.6, 0.7]})
    io.write_table(tmp_path / "measured.csv", pd.concat([table, table.assign(pair="another", dice=0)]))
    options = {"plot": PLOT, "methods": ["initial", "syn_mi"], "fixed": "T1w", "moving": "T2w"}
    paths = {"folds": folds, "subjects": folder, "measured": tmp_path / "measured.csv", "transforms": transforms}
    figures.draw(root, "plot_registration", options, tmp_path / "figure.png", **paths)
    data = pd.read_csv(tmp_path / "figure.csv")
    assert data["dice_mean"].tolist() == [0.5, 0.7]
    axes = np.reshape(drawn[0].axes, (2, 4))
    fixed, moving = made["02"]["T1w"], made["01"]["T2w"]
    shifted = np.zeros_like(moving)
    shifted[:-2] = moving[2:]
    for axis, volume in zip(axes[0], (fixed, moving, moving, shifted), strict=True):
        assert picture(axis) == pytest.approx(axial(volume), abs=1e-5)
    assert [axis.get_title() for axis in axes[0]] == [
        "fixed: sub-02 T1w", "moving: sub-01 T2w", "Affine only\nDice 0.500", "SyN (Mattes MI)\nDice 0.700",
    ]  # fmt: skip
    assert [len(axis.collections) for axis in axes[0]] == [2, 2, 4, 4]
    # the moving image is shown in one window before and after
    assert len({axis.images[0].get_clim() for axis in axes[0, 1:]}) == 1
    # squares of the one and of the other
    board = picture(axes[1, 3])
    from_fixed = np.isclose(board, axial(fixed))
    assert np.isclose(board, axial(shifted))[~from_fixed].all()
    brain = axial(fixed) > 0
    assert 0.3 < from_fixed[brain].mean() < 0.7
    assert not axes[1, 0].images


def test_subjects_lie_on_a_sheet_by_their_overlap(root, tmp_path, subjects, drawn):
    folder, made = subjects
    table = pd.DataFrame(
        {"subject": ["01", "02"], "template_overlap": [0.95, 0.8], "outlier": [False, True], "limit": 0.9}
    )
    io.write_table(tmp_path / "measured.csv", table.assign(limit=0.9))
    paths = {"measured": tmp_path / "measured.csv", "subjects": folder}
    figures.draw(root, "plot_subjects", {"plot": PLOT, "modality": "T1w"}, tmp_path / "figure.png", **paths)
    axis, data = drawn[0].axes[0], pd.read_csv(tmp_path / "figure.csv", dtype={"subject": str})
    assert data["subject"].tolist() == ["02", "01"]
    assert texts(axis) == ["02\n0.800", "01\n0.950"]
    assert axis.get_title() == "1 of 2 subjects below 0.900"
    assert [to_hex(text.get_color()) for text in axis.texts] == ["#d55e00", "#000000"]
    sheet = picture(axis)
    for column, name in enumerate(("02", "01")):
        image = axial(made[name]["T1w"])
        brightest = np.percentile(image[image > 0], 99)
        own = sheet[:16, 16 * column : 16 * column + 14]
        assert own == pytest.approx(np.clip(image / brightest, 0, 1), rel=1e-5)
    # where the text goes is blank
    assert np.isnan(sheet[16:]).all()


@pytest.mark.parametrize("calibrated", [True, False])
def test_uncertainty_is_drawn_beside_its_calibration(root, tmp_path, subjects, folds, drawn, calibrated):
    folder, made = subjects
    pair, rng = bids.pair("01", "02"), np.random.default_rng(1)
    maps = {
        name: rng.uniform(0.1, 1, SHAPE).astype(np.float32) for name in ("variance", "appearance_variance", "residual")
    }
    for name, data in maps.items():
        io.save(file_of(tmp_path / "sampled", pair, name), data, np.eye(4))
    (tmp_path / "transforms").mkdir()
    write_shift(tmp_path / "transforms" / f"{pair}.nii.gz", 2)
    io.write_table(tmp_path / "pairs.csv", pd.DataFrame({"pair": [pair, "another"], "sd_mm": [1, 2]}))
    curve = pd.DataFrame({"sd_mm": [1.0, 2.0], "rmse_mm": [1.5, 2.5], "voxels": [10, 10]})
    io.write_table(tmp_path / "reliability.csv", curve if calibrated else curve.iloc[:0])
    options = {"plot": PLOT, "fixed": "T1w", "moving": "T2w"}
    paths = {name: tmp_path / f"{name}.csv" for name in ("pairs", "reliability")}
    paths |= {name: tmp_path / name for name in ("transforms", "sampled")}
    figures.draw(root, "plot_uncertainty", options, tmp_path / "figure.png", folds=folds, subjects=folder, **paths)
    data, moving, inside = pd.read_csv(tmp_path / "figure.csv"), made["01"]["T2w"], made["02"]["mask"] > 0
    shifted = np.zeros_like(moving)
    shifted[:-2] = moving[2:]
    images = [axis for axis in drawn[0].axes if axis.images and axis.get_title()]
    for axis, volume in zip(images[:3], (made["02"]["T1w"], moving, shifted), strict=True):
        assert picture(axis) == pytest.approx(axial(volume), abs=1e-5)
    maps["variance"] = np.sqrt(maps["variance"])
    for axis, values in zip(images[3:], maps.values(), strict=True):
        assert same(axis, np.where(inside, values, np.nan))
    charts = [axis for axis in drawn[0].axes if axis.lines]
    if not calibrated:
        assert not charts
        assert data["pair"].tolist() == [pair]
        return
    assert charts[0].lines[1].get_xydata().tolist() == data[["sd_mm", "rmse_mm"]].to_numpy().tolist()
    assert charts[0].get_title().endswith("calibration error 0.50 mm")
    assert texts(charts[0].get_legend()) == ["calibrated", "50 % of the voxels each"]
