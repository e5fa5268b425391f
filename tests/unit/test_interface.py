"""The public functions: `import ganreg` gives them, typed, without importing what is not asked for."""

import ast
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

import ganreg
from ganreg import io


def test_importing_the_package_imports_no_imaging_package():
    script = (
        "import sys, ganreg, ganreg.configuration; print({'numpy', 'torch', 'nibabel', 'SimpleITK'} & {*sys.modules})"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_the_stub_names_what_the_package_gives(root):
    stub = ast.parse((root / "workflow" / "ganreg" / "__init__.pyi").read_text())
    named = {
        alias.asname or alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert named == {*ganreg.__all__}
    assert all(callable(getattr(ganreg, name)) for name in named)
    with pytest.raises(AttributeError, match="has no attribute nothing"):
        _ = ganreg.nothing


def test_a_registered_pair_is_warped_labels_and_image_alike(tmp_path):
    labels = np.zeros((24, 24, 24), np.int16)
    labels[6:16, 6:16, 6:16], labels[8:12, 8:12, 8:12] = 1, 2
    moved = np.roll(labels, 1, axis=1)
    for name, data in (("fixed", labels), ("moving", moved)):
        smooth = ndimage.gaussian_filter(data.astype(np.float32), 1)
        io.save(tmp_path / f"{name}.nii.gz", smooth, np.diag([2.0, 2, 2, 1]))
    paths = [tmp_path / f"{name}.nii.gz" for name in ("fixed", "moving", "warp")]
    ganreg.register_pair(*paths, method="greedy_nmi")
    warped = ganreg.warp(nib.Nifti1Image(moved, np.diag([2.0, 2, 2, 1])), paths[2], labels=True)
    before = ganreg.dice(labels, moved, 2)
    after = ganreg.dice(labels, np.asarray(warped.dataobj), 2)
    assert (after > before + 0.5 * (1 - before)).all()
    mask = nib.Nifti1Image((labels > 0).astype(np.uint8), np.diag([2.0, 2, 2, 1]))
    assert ganreg.regularity(paths[2], mask)["folded_forward_percent"] == 0
    assert ganreg.hd95(labels, labels, [1, 2], [2, 2, 2]).tolist() == [0, 0]


def test_a_method_that_is_no_tool_is_one_line(tmp_path):
    with pytest.raises(ganreg.InputError, match=r"expected one of the tools, initial, syn_msq.*, found unet_none"):
        ganreg.register_pair(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", tmp_path / "c.nii.gz", "unet_none")


def test_images_that_do_not_go_together_are_one_line(tmp_path):
    image, mask = nib.Nifti1Image(np.ones((4, 4, 4)), np.eye(4)), np.ones((4, 4, 5), np.int32)
    with pytest.raises(ganreg.InputError, match=r"mask: expected \(4, 4, 4\), .*, found \(4, 4, 5\)"):
        ganreg.preprocess_image(image, mask, image, spacing=1, shape=(16, 16, 16))
    paths = [tmp_path / f"{name}.nii.gz" for name in ("fixed", "moving", "warp")]
    for path, affine in zip(paths, (np.eye(4), np.diag([2, 2, 2, 1])), strict=False):
        io.save(path, np.indices((8, 8, 8))[0], affine)
    with pytest.raises(ganreg.InputError, match=r"moving\.nii\.gz: expected the affine of .*fixed"):
        ganreg.register_pair(*paths)
    with pytest.raises(ganreg.InputError, match=r"nothing\.nii\.gz: "):
        ganreg.register_pair(tmp_path / "nothing.nii.gz", *paths[1:])


def test_a_mask_of_numbers_is_a_mask():
    rng = np.random.default_rng(1)
    places = np.indices((20, 24, 20)) - np.array([9.5, 11.5, 9.5])[:, None, None, None]
    inside = np.sqrt((places**2).sum(axis=0)) < 9
    brain = nib.Nifti1Image(
        np.where(inside, 100 + 20 * (places[0] > 0) + rng.normal(size=inside.shape), 0).astype(np.float32),
        np.diag([4.0, 4, 4, 1]),
    )
    results = [
        np.asarray(ganreg.preprocess_image(brain, mask, brain, spacing=8, shape=(16, 16, 16)).dataobj)
        for mask in (inside, 7 * inside.astype(np.int32))
    ]
    np.testing.assert_array_equal(*results)
