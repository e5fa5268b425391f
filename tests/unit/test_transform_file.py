"""The transform file against SimpleITK and ANTs, whatever wrote it, on an oblique, anisotropic grid."""

import ants
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg import io
from ganreg.errors import InputError
from ganreg.register import instance, learned, networks
from ganreg.register.settings import Unet, Unrolled, VelocityTraining, Voxelmorph
from ganreg.spatial import transform_file, warp
from ganreg.spatial.points import displacement_on
from ganreg.tools import ants as ants_syn
from ganreg.tools import convexadam, greedy, niftyreg, programs

SHAPE = (48, 32, 32)
SHIFT_VOXELS = np.array([2.0, -1.0, 1.5])
SYN = ants_syn.Syn(metric="meansquares", sampling=32, iterations=[100, 100, 50], gradient_step=0.25)
NIFTYREG = niftyreg.Niftyreg(similarity="ssd", levels=2)
GREEDY = greedy.Greedy(iterations=[200, 50], flow_sigma=3, total_sigma=0.2)
INSTANCE = instance.Instance(diffusion=0.1, steps=80, device="cpu")
CONVEXADAM = convexadam.Convexadam(mind_d=1, disp_hw=2, selected_niter=30, lambda_weight=0.5)
TOOLS = {"syn": (ants_syn, SYN), "niftyreg": (niftyreg, NIFTYREG), "greedy": (greedy, GREEDY)}
TOOLS |= {"convexadam": (convexadam, CONVEXADAM), "instance": (instance, INSTANCE)}
NETWORKS = {
    "unet": Unet(features=[4, 4], dropout=0, integration_steps=3, device="cpu"),
    "unrolled": Unrolled(
        features=[4, 4], dropout=0, integration_steps=3, search=[1], passes=1, symmetric=False, mirrored=False,
        device="cpu",
    ),
    "voxelmorph": Voxelmorph(encoder=[4, 4], decoder=[4, 4, 4], device="cpu", precision="float32"),
}  # fmt: skip


def oblique_affine():
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [8, -12, 15], degrees=True).as_matrix() @ np.diag([1.5, 2.0, 2.5])
    affine[:3, 3] = [-30, 12, 7]
    return affine


def blob(smoothness):
    """An image of a block in an empty background, its texture of a smoothness in voxels."""
    rng = np.random.default_rng(0)
    envelope = np.zeros(SHAPE)
    envelope[10:-10, 8:-8, 8:-8] = 1
    texture = ndimage.gaussian_filter(rng.standard_normal(SHAPE), smoothness)
    return ndimage.gaussian_filter(envelope, 1.5) * (2 + texture / texture.std())


@pytest.fixture(scope="module")
def shifted_pair(tmp_path_factory):
    """A blob image and its copy moved by three different shifts, on an oblique, anisotropic grid."""
    folder = tmp_path_factory.mktemp("pair")
    fixed = blob(2.0)
    # moving(x + shift) = fixed(x)
    moving = ndimage.shift(fixed, SHIFT_VOXELS, order=3)
    paths = folder / "fixed.nii.gz", folder / "moving.nii.gz"
    for path, data in zip(paths, (fixed, moving), strict=True):
        io.save(path, data, oblique_affine())
    return paths


def network_weights(folder, settings):
    """Weights of a network that answers with the planted shift, whatever it reads."""
    torch.manual_seed(0)
    model = networks.build(settings)
    torch.nn.init.zeros_(model.flow.weight)
    # the U-Net's velocity is in voxels of the half grid
    half = [(size // 2 - 1) / (size - 1) for size in SHAPE] if isinstance(settings, VelocityTraining) else [1, 1, 1]
    model.flow.bias.data[:] = torch.tensor(SHIFT_VOXELS * half)
    torch.save(model.state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


def register(method, paths, folder):
    output = folder / "transform.nii.gz"
    if method in TOOLS:
        tool, settings = TOOLS[method]
        tool.register(*paths, output, settings)
    else:
        learned.registrar(network_weights(folder, NETWORKS[method]), NETWORKS[method])(*paths, output)
    return output


def ours(path, moving):
    """The moving image warped by the evaluation's own reading of the file."""
    image = io.load_image(moving)
    displacement = displacement_on(path, SHAPE, image.affine)
    data = torch.from_numpy(np.asarray(image.dataobj))[None, None]
    return warp.warp(data, displacement)[0, 0].numpy(), displacement[0].numpy()


@pytest.mark.parametrize("method", [*NETWORKS, *TOOLS])
def test_simpleitk_and_ants_read_the_file_as_we_do(method, shifted_pair, tmp_path):
    if method == "niftyreg" and not programs.find(niftyreg.PROGRAM):
        pytest.skip("NiftyReg is not installed")
    fixed, moving = shifted_pair
    path = register(method, shifted_pair, tmp_path)
    warped, displacement = ours(path, moving)

    field = sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkVectorFloat64)
    images = [sitk.ReadImage(str(volume)) for volume in (fixed, moving)]
    resampled = sitk.Resample(images[1], images[0], sitk.DisplacementFieldTransform(field), sitk.sitkLinear, 0.0)
    with_sitk = sitk.GetArrayFromImage(resampled).transpose(2, 1, 0)
    with_ants = ants.apply_transforms(
        ants.image_read(str(fixed)), ants.image_read(str(moving)), transformlist=[str(path)], interpolator="linear"
    ).numpy()

    # one voxel from the edges, where each tool has its own idea of the outside
    inside = (slice(4, -4),) * 3
    spread = warped.std()
    assert np.abs(warped - with_sitk)[inside].max() < 1e-3 * spread
    assert np.abs(warped - with_ants)[inside].max() < 1e-3 * spread

    # and the shift is found, with the right sign along each axis
    target = np.asarray(io.load_image(fixed).dataobj)
    brain = target > 0.5
    found = displacement[:, brain].mean(axis=1)
    tolerance = 1e-3 if method in NETWORKS else 0.4
    np.testing.assert_allclose(found, SHIFT_VOXELS, atol=tolerance)
    start = np.asarray(io.load_image(moving).dataobj)
    assert np.abs(warped - target)[brain].mean() < 0.35 * np.abs(start - target)[brain].mean()


def planted_warp():
    """A smooth displacement (3, X, Y, Z) in voxels, of another size along each axis."""
    rng = np.random.default_rng(1)
    field = np.stack([ndimage.gaussian_filter(rng.standard_normal(SHAPE), 6) for _ in range(3)])
    return field / np.abs(field).max(axis=(1, 2, 3), keepdims=True) * np.reshape([5, 3, 4], (3, 1, 1, 1))


@pytest.mark.parametrize("method", ["greedy", "convexadam"])
def test_a_planted_smooth_warp_is_found_across_contrasts(method, tmp_path):
    truth, moving = planted_warp(), blob(1.5)
    # fixed(x) = moving(x + u(x)), bright where the moving image is dark
    warped = warp.warp(torch.from_numpy(moving)[None, None].float(), torch.from_numpy(truth)[None].float())[0, 0]
    block = warped.numpy() > 0.5
    fixed = np.where(block, 6 - warped.numpy(), 0)
    paths = tmp_path / "fixed.nii.gz", tmp_path / "moving.nii.gz"
    for path, data in zip(paths, (fixed, moving), strict=True):
        io.save(path, data, oblique_affine())
    _, found = ours(register(method, paths, tmp_path), paths[1])
    inside = ndimage.binary_erosion(block)
    error, start = (np.linalg.norm(each[:, inside], axis=0).mean() for each in (found - truth, truth))
    assert error < 0.5 * start
    # each component goes with its own axis, with the right sign
    across = np.corrcoef(found[:, inside], truth[:, inside])[:3, 3:]
    assert np.diag(across).min() > 0.75
    assert (np.abs(across).argmax(axis=1) == [0, 1, 2]).all()


def test_greedy_and_convexadam_refuse_images_on_two_grids(tmp_path):
    paths = tmp_path / "fixed.nii.gz", tmp_path / "moving.nii.gz"
    for path, shape in zip(paths, (SHAPE, (32, 32, 32)), strict=True):
        io.save(path, np.random.default_rng(0).random(shape), oblique_affine())
    for method in ("greedy", "convexadam"):
        with pytest.raises(InputError, match=r"moving\.nii\.gz: expected the shape of .*, found \(32, 32, 32\)"):
            register(method, paths, tmp_path)


def test_planted_smooth_warp_is_read_back(tmp_path):
    rng = np.random.default_rng(1)
    field = np.stack([ndimage.gaussian_filter(rng.standard_normal(SHAPE), 4) for _ in range(3)])
    field *= 5 / np.abs(field).max()
    transform_file.write_transform(tmp_path / "warp.nii.gz", field, oblique_affine())
    millimeters, affine = transform_file.read_transform(tmp_path / "warp.nii.gz")
    expected = np.einsum("ij,jxyz->xyzi", oblique_affine()[:3, :3], field)
    assert np.abs(millimeters - expected).max() < 1e-3
    np.testing.assert_allclose(affine, oblique_affine(), atol=1e-5)


def test_the_header_is_what_itk_wants(tmp_path):
    transform_file.write_transform(tmp_path / "warp.nii.gz", np.zeros((3, 4, 5, 6)), oblique_affine())
    header = nib.load(tmp_path / "warp.nii.gz").header
    assert header.get_data_shape() == (4, 5, 6, 1, 3)
    assert int(header["intent_code"]) == 1007
    assert bytes(header["intent_name"]).strip(b"\0") == b""
    np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=1e-4)


def test_a_wrong_file_is_named(tmp_path):
    io.save(tmp_path / "image.nii.gz", np.arange(60.0).reshape(3, 4, 5), np.eye(4))
    with pytest.raises(InputError, match=r"image\.nii\.gz: expected shape \(X, Y, Z, 1, 3\) and intent 1007, found"):
        transform_file.read_transform(tmp_path / "image.nii.gz")
    with pytest.raises(InputError, match=r"warp\.nii\.gz: expected a finite displacement"):
        transform_file.write_transform(tmp_path / "warp.nii.gz", np.full((3, 4, 5, 6), np.nan), np.eye(4))
