"""Batches of pairs: which pairs, which files, and where the scans of both reach."""

import numpy as np
import pandas as pd
import pytest

from ganreg import io
from ganreg.errors import InputError
from ganreg.register import batch
from ganreg.register.cost import COST_FILE

GRID = np.diag([4.0, 4, 4, 1])
PAIRS = [{"pair": f"pair{number}", "fixed": "01", "moving": f"{number:02d}"} for number in (1, 2, 3)]


def test_every_pair_is_in_one_batch_and_late_batches_are_empty():
    batches = [batch.batch_of(PAIRS, number, 2) for number in (1, 2, 3)]
    assert [[pair["pair"] for pair in each] for each in batches] == [["pair1", "pair2"], ["pair3"], []]


def test_a_batch_without_pairs_leaves_an_empty_table(tmp_path):
    batch.register_batch([], 1, "toy", 1, lambda pair: [], lambda *paths: None, tmp_path / "out", "key")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [COST_FILE]
    table = pd.read_csv(tmp_path / "out" / COST_FILE)
    assert table.empty
    assert list(table)[:5] == ["fold", "pair", "fixed", "moving", "method"]


def test_the_peak_of_a_child_process_counts_for_the_pair_it_was_started_for(tmp_path):
    (tmp_path / "image").write_text("image")

    def register(_image, output):
        output.write_text("transform")
        return 7.25 if output.name == "pair1.nii.gz" else None

    batch.register_batch(PAIRS, 2, "toy", 3, lambda _: [tmp_path / "image"], register, tmp_path / "out", "key")
    table = pd.read_csv(tmp_path / "out" / COST_FILE)
    assert table["peak_mib"][0] == 7.2
    # what this process takes, torch and all
    assert (table["peak_mib"][1:] > 20).all()
    assert set(table["threads"]) == {3}
    assert list(table["pair"]) == ["pair1", "pair2", "pair3"]


def test_a_pair_reads_the_images_of_its_modalities_and_where_they_reach(tmp_path):
    pair = {"pair": "02_to_01", "fixed": "01", "moving": "02"}

    def named(partial, pair):
        paths = batch.inputs_of_pairs(tmp_path, "T1w", "T2w", partial)(pair)
        assert [path.parent for path in paths] == [tmp_path / f"sub-{each}" / "anat" for each in ("01", "02")] * (
            1 + partial
        )
        return [path.name for path in paths]

    images = ["sub-01_desc-preproc_T1w.nii", "sub-02_desc-preproc_T2w.nii"]
    assert named(False, pair) == images
    reaching = ["sub-01_mod-T1w_desc-fov_mask.nii.gz", "sub-02_mod-T2w_desc-fov_mask.nii.gz"]
    assert named(True, pair) == images + reaching
    assert named(False, {**pair, "modality": "ct"}) == [images[0], "sub-02_desc-preproc_ct.nii"]


def test_both_images_are_cut_to_where_both_scans_reach(tmp_path):
    views = {"fixed": np.ones((4, 4, 6), np.uint8), "moving": np.ones((4, 4, 6), np.uint8)}
    views["fixed"][:, :, :2], views["moving"][:, :, 5:] = 0, 0
    for name, view in views.items():
        io.save(tmp_path / f"{name}.nii.gz", np.arange(1, 97, dtype=np.float32).reshape(view.shape), GRID)
        io.save(tmp_path / f"{name}_view.nii.gz", view, GRID, np.uint8)
    found = {}

    def register(fixed, moving, output):
        found.update({path.name: np.asarray(io.load_image(path).dataobj).copy() for path in (fixed, moving)})
        return output

    paths = [tmp_path / f"{name}.nii.gz" for name in ("fixed", "moving", "fixed_view", "moving_view")]
    assert batch.in_common_field_of_view(register)(*paths, "output") == "output"
    for name in views:
        image = found[f"{name}.nii.gz"]
        assert image[:, :, 2:5].all()
        assert not image[:, :, [0, 1, 5]].any()
    io.save(tmp_path / "moving_view.nii.gz", 1 - views["fixed"], GRID, np.uint8)
    with pytest.raises(
        InputError, match=r"fixed_view.nii.gz: expected a place that .*moving_view.nii.gz has, too, found"
    ):
        batch.in_common_field_of_view(register)(*paths, "output")
