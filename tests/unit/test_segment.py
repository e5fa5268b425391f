"""The segmentation network: context along slices, flips, class weights; nobody is segmented by a model that saw him."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ganreg import io, training
from ganreg.errors import InputError
from ganreg.evaluate.segmentation import evaluate_maps
from ganreg.preprocess import labels
from ganreg.preprocess.subjects import Subjects
from ganreg.segment import learned, prior, rdnn, samples

SETTINGS = {
    "features": [8, 16], "recurrent": True, "prior": True, "class_weights": "sqrt_inverse", "dice": 1.0, "slices": 8,
    "flip": True,
    "deformation": {
        "rotation_deg": 8, "scale": 0.1, "translation_mm": 4, "elastic_spacing_mm": 32, "elastic_sd_mm": 2,
    },
    "gain": 0.1, "seed": 1, "steps": 4, "learning_rate": 0.01, "muon_rate": 0.02,
    "validate_every": 2, "device": "cpu", "precision": "float32", "threads": 1, "workers": 0,
}  # fmt: skip
OPTIONS = {
    "settings": SETTINGS, "part": "half1", "modalities": ["T1w", "T2w"], "spacing": 8.0, "shape": [16, 16, 16],
}  # fmt: skip
STRUCTURES = pd.DataFrame({"index": [1, 2, 3], "name": ["right half", "left half", labels.REST], "mirror": [2, 1, 3]})
FOLD = {"fold": 1, "train": ["c", "a", "e", "b", "d"], "validation": ["v"], "test": ["t", "u"]}


def network(recurrent):
    torch.manual_seed(1)
    return rdnn.RDNN(2, 5, [8, 16, 32], recurrent).eval()


@pytest.fixture
def cohort(tmp_path):
    """Preprocessed subjects of a fold: a brain of a right half, a left half and a rest."""
    rng = np.random.default_rng(0)
    for subject in [*FOLD["train"], *FOLD["validation"], *FOLD["test"]]:
        stem = tmp_path / "preprocess" / f"sub-{subject}" / "anat" / f"sub-{subject}"
        dseg = np.zeros((16, 16, 16), np.uint8)
        dseg[8:13, 3:12, 3:12], dseg[4:8, 3:12, 3:12], dseg[4:13, 3:12, 12:14] = 1, 2, 3
        for modality in ("T1w", "T2w"):
            image = np.where(dseg > 0, 4 + dseg + rng.normal(0, 0.3, dseg.shape), 0)
            io.save(f"{stem}_desc-preproc_{modality}.nii.gz", image, np.diag([8, 8, 8, 1]))
        io.save(f"{stem}_desc-brain_mask.nii.gz", dseg > 0, np.diag([8, 8, 8, 1]), np.uint8)
        io.save(f"{stem}_dseg.nii.gz", dseg, np.diag([8, 8, 8, 1]), np.uint8)
    return tmp_path / "preprocess"


def test_logits_are_not_rounded_by_autocast():
    model, images = network(recurrent=True), torch.randn(1, 2, 16, 16, 4)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(images)
    assert logits.dtype == torch.float32
    assert (logits != logits.bfloat16().float()).any()


def test_subjects_of_a_batch_do_not_meet():
    model, images = network(recurrent=True), torch.randn(2, 2, 16, 16, 4)
    with torch.no_grad():
        together, alone = model(images), torch.cat([model(images[:1]), model(images[1:])])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def segmented(weights, options, structures, folder, subject):
    """The map of a preprocessed subject."""
    stem = folder / f"sub-{subject}" / "anat" / f"sub-{subject}"
    images = [nib.load(f"{stem}_desc-preproc_{name}.nii.gz").get_fdata(dtype=np.float32) for name in ("T1w", "T2w")]
    mask = nib.load(f"{stem}_desc-brain_mask.nii.gz").get_fdata() > 0
    return learned.segmenter(weights, options, structures)(np.stack(images), mask)


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("shape", [(16, 24, 5), (13, 18, 1)])
def test_logits_have_the_grid_of_the_images_whatever_its_size(recurrent, shape):
    assert network(recurrent)(torch.randn(2, 2, *shape)).shape == (2, 5, *shape)


@pytest.mark.parametrize(("changed", "watched"), [(0, 8), (8, 0)])
def test_the_hidden_state_carries_context_along_slices_both_ways(changed, watched):
    images = torch.randn(1, 2, 16, 16, 9)
    other = images.clone()
    other[..., changed] += torch.randn(16, 16)
    difference = {}
    for recurrent in (True, False):
        model = network(recurrent)
        with torch.no_grad():
            difference[recurrent] = (model(images) - model(other)).abs().amax(dim=(0, 1, 2, 3))
        assert difference[recurrent][changed] > 1e-2
    assert difference[True][watched] > 1e-4
    assert difference[False][watched] == 0


def test_without_recurrence_a_slice_is_segmented_as_if_it_were_alone():
    model, images = network(recurrent=False), torch.randn(1, 2, 16, 16, 6)
    with torch.no_grad():
        torch.testing.assert_close(model(images)[..., 2:3], model(images[..., 2:3]), rtol=1e-4, atol=1e-5)


def test_the_ablation_has_as_many_weights():
    first, second = (sum(p.numel() for p in network(recurrent).parameters()) for recurrent in (True, False))
    assert second == pytest.approx(first, rel=0.02)


def test_turning_the_slices_around_turns_a_symmetric_gru_around():
    torch.manual_seed(0)
    gru, x = rdnn.SliceGRU(8), torch.randn(5, 8, 4, 4)
    with torch.no_grad():
        for layer in (gru.inputs, gru.hidden):
            layer.weight[12:] = layer.weight[:12]
        up, down = gru(x, 1).chunk(2, dim=1)
        # the way down is the way up of the reversed slices
        torch.testing.assert_close(down, gru(x.flip(0), 1).chunk(2, dim=1)[0].flip(0))
    assert not torch.allclose(up, down)


def test_flip_mirrors_image_and_labels():
    dseg = torch.tensor([0, 1, 1, 2, 3], dtype=torch.uint8).view(1, 1, 5, 1, 1)
    images, flipped = samples.flip(torch.arange(5.0).view(1, 1, 5, 1, 1), dseg, torch.tensor([0, 2, 1, 3]))
    assert images.flatten().tolist() == [4, 3, 2, 1, 0]
    assert flipped.flatten().tolist() == [3, 1, 2, 2, 0]


def test_images_become_plain_zscores_with_background_zero():
    images, mask = torch.tensor([0.0, 3.0, 5.5]), torch.tensor([0.0, 1.0, 1.0])
    assert samples.plain_zscore(images, mask).tolist() == [0, -1, 1.5]


def test_class_weights_of_known_counts():
    # frequencies .8 and .2: one over their roots, 1.118 and 2.236, brought to mean 1 over the voxels
    found = learned.class_weights("sqrt_inverse", [80, 0, 20])
    torch.testing.assert_close(found, torch.tensor([5 / 6, 0, 5 / 3]))
    assert learned.class_weights("none", [80, 0, 20]).tolist() == [1, 0, 1]


def test_loss_is_cross_entropy_of_the_brain_and_dice():
    truth = torch.tensor([0, 1, 1, 2], dtype=torch.uint8).view(1, 1, 4, 1, 1)
    batch = {"images": torch.zeros(1, 1, 4, 1, 1), "labels": truth}
    probabilities = torch.tensor([[0.5, 0.5], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    logits = probabilities.log().T.view(1, 2, 4, 1, 1)
    entropy = -np.log([0.8, 0.6, 0.7]).mean()
    loss_of = learned.loss_function({"dice": 0}, torch.ones(2))
    assert float(loss_of(lambda *_: logits, batch)[0]) == pytest.approx(entropy)
    overlap = (2 * 1.4 / (1.7 + 2) + 2 * 0.7 / (1.3 + 1)) / 2
    loss_of = learned.loss_function({"dice": 0.5}, torch.ones(2))
    assert float(loss_of(lambda *_: logits, batch)[0]) == pytest.approx(entropy + 0.5 * (1 - overlap))


def line(*structures):
    """Labels along the first axis, alike along the others."""
    return torch.tensor(structures, dtype=torch.uint8).view(-1, 1, 1).expand(-1, 16, 16).contiguous()


def test_prior_counts_subjects_place_by_place_and_leaves_a_subjects_group_out():
    labels_of = {name: line(*[0] * 4, *[1] * 4, *[2] * 4, *[0] * 4) for name in "abcde"}
    labels_of["f"] = line(*[0] * 4, *[2] * 8, *[0] * 4)
    everyone, without = prior.log_frequencies(labels_of.get, list("abcdef"), 2, 8.0)
    shares = everyone.exp()[:, 8, 8].float()
    # two voxels from the border between structures the smoothing does not reach
    torch.testing.assert_close(shares[5], torch.tensor([5 / 6, 1 / 6]), atol=2e-3, rtol=0)
    torch.testing.assert_close(shares[10], torch.tensor([0.0, 1.0]), atol=2e-3, rtol=0)
    # no brain there, nor within reach
    assert shares[0, 0] == shares[0, 1]
    # f is in a's group
    torch.testing.assert_close(without["f"].exp()[5, 8, 8].float(), torch.tensor([1.0, 0.0]), atol=2e-3, rtol=0)
    assert torch.equal(without["a"], without["f"])
    torch.testing.assert_close(without["b"].exp()[5, 8, 8].float(), torch.tensor([0.8, 0.2]), atol=2e-3, rtol=0)


def test_one_subject_alone_has_no_prior():
    everyone, without = prior.log_frequencies(lambda _: line(*[1] * 8, *[2] * 8), ["a"], 2, 8.0)
    assert (everyone == everyone[0, 0, 0, 0]).all()
    assert torch.equal(everyone, without["a"])


def test_batches_bring_the_prior_of_their_subject_and_place(cohort):
    subjects = Subjects(cohort, ["T1w", "T2w"])
    # a prior that says where it is, and whose
    grid = torch.stack(torch.meshgrid(*[torch.arange(16.0)] * 3, indexing="ij"), dim=-1).half()
    priors = {name: grid + 100 * number for number, name in enumerate("abc")}
    still = {"rotation_deg": 0, "scale": 0, "translation_mm": 0, "elastic_spacing_mm": 32, "elastic_sd_mm": 0}
    settings = SETTINGS | {"deformation": still, "gain": 0, "flip": False}
    batches = samples.Slices(subjects, ["a", "b", "c"], 8.0, settings, None, priors)
    for batch in (batches[index] for index in range(3)):
        x, y, z = (batch["prior"][0] % 100).long()
        whole = subjects.read(batch["name"].removeprefix("sub-"))["dseg"][0]
        assert torch.equal(whole[x, y, z], batch["labels"][0, 0])
        assert (batch["prior"] // 100 == "abc".index(batch["name"][-1])).all()


def test_training_takes_the_prior_without_the_subject_and_validation_that_of_all(cohort, tmp_path, monkeypatch):
    # one of them is unlike the others, who are all alike
    path = cohort / "sub-a" / "anat" / "sub-a_dseg.nii.gz"
    dseg = np.asarray(nib.load(path).dataobj)
    io.save(path, np.where(dseg == 1, 2, dseg), np.diag([8, 8, 8, 1]), np.uint8)
    kept = []
    monkeypatch.setattr(learned.training, "train", lambda *args: kept.append(args) or ([], {}))
    options = OPTIONS | {"part": "all"}
    _, opened = learned.train("rdnn", options, FOLD, STRUCTURES, cohort, tmp_path / "rdnn.pt", "code")
    _, model, steps, validation = kept[0][:4]
    assert set(steps.priors) == set(FOLD["train"])
    everyone = validation.priors["v"]
    assert torch.equal(everyone, model.prior)
    assert all(not torch.equal(each, everyone) for each in steps.priors.values())
    # four steps draw four of five subjects; the prior has seen them all
    assert all(any(f"sub-{subject}" in path for path in opened) for subject in FOLD["train"])
    assert not any(f"sub-{subject}" in path for path in opened for subject in FOLD["test"])


def test_without_a_prior_the_network_is_the_papers(cohort, tmp_path):
    options = OPTIONS | {"settings": SETTINGS | {"prior": False, "steps": 2}}
    learned.train("rdnn", options, FOLD, STRUCTURES, cohort, tmp_path / "rdnn.pt", "code")
    assert "prior" not in torch.load(tmp_path / "rdnn.pt", weights_only=True)
    assert set(np.unique(segmented(tmp_path / "rdnn.pt", options, STRUCTURES, cohort, "t"))) <= {0, 1, 2, 3}
    with pytest.raises(InputError, match="expected weights of the configured network"):
        learned.segmenter(tmp_path / "rdnn.pt", OPTIONS, STRUCTURES)


def test_structures_without_known_mirrors_are_segmented_without_the_mirror_image(cohort, models):
    unknown = STRUCTURES.assign(mirror=[0, 0, 3])
    found = segmented(models[".pt"][0], OPTIONS, unknown, cohort, "t")
    mask = nib.load(cohort / "sub-t" / "anat" / "sub-t_desc-brain_mask.nii.gz").get_fdata() > 0
    assert np.array_equal(found > 0, mask)
    assert found.max() <= 3


def test_memberships_are_averaged_over_where_coarse_voxels_begin(cohort, tmp_path):
    options = OPTIONS | {"settings": SETTINGS | {"flip": False, "prior": False}}
    model = learned.build(options, 3).eval()
    torch.manual_seed(2)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.normal_(layer.weight, std=0.2)
    training.save_weights(tmp_path / "random.pt", model.state_dict())
    found = segmented(tmp_path / "random.pt", options, STRUCTURES, cohort, "t")
    stem = cohort / "sub-t" / "anat" / "sub-t"
    names = ("T1w", "T2w")
    images = [nib.load(f"{stem}_desc-preproc_{name}.nii.gz").get_fdata(dtype=np.float32) for name in names]
    mask = torch.from_numpy(nib.load(f"{stem}_desc-brain_mask.nii.gz").get_fdata() > 0)
    scores = samples.plain_zscore(torch.from_numpy(np.stack(images)), mask)[None]
    box = learned.brain_box(mask, samples.MARGINS)
    before = (..., *(slice(side.start - 1, side.stop) for side in box[:2]), box[2])
    with torch.no_grad():
        here = model(scores[(..., *box)]).softmax(dim=1)
        there = model(scores[before]).softmax(dim=1)[:, :, 1:, 1:]
    expected = ((here + there)[0].argmax(dim=0) + 1) * mask[box]
    assert np.array_equal(found[box], expected.numpy())
    assert not np.array_equal(expected, (here[0].argmax(dim=0) + 1) * mask[box])


def test_prior_counts_mirror_images_with_structures_swapped():
    halves = line(*[0] * 4, *[1] * 4, *[2] * 4, *[0] * 4)
    mirrored, _ = prior.log_frequencies(lambda _: halves, ["a", "b"], 2, 8.0, np.array([0, 2, 1], np.uint8))
    torch.testing.assert_close(mirrored, mirrored.flip(0)[..., [1, 0]])
    off_centre = line(*[1] * 4, *[2] * 12)
    mirrored, _ = prior.log_frequencies(lambda _: off_centre, ["a", "b"], 2, 8.0, np.array([0, 2, 1], np.uint8))
    torch.testing.assert_close(mirrored.exp()[8, 8, 8].float(), torch.tensor([0.5, 0.5]), atol=2e-3, rtol=0)


def test_prior_of_a_fine_grid_is_coarse_and_cropped_to_the_fine_one():
    assert [prior.factor(spacing) for spacing in (8, 4, 3, 2, 1)] == [1, 1, 1, 2, 4]
    labels = line(*[1] * 8, *[2] * 8)
    fine, _ = prior.log_frequencies(lambda _: labels, ["a", "b"], 2, 2.0)
    assert fine.shape == prior.shape_of(2, (16, 16, 16), 2.0) == (8, 8, 8, 2)
    box = slice(3, 13), slice(0, 5), slice(2, 4)
    cropped = prior.crop(fine, box, 2.0)
    assert cropped.shape == (1, 2, 10, 5, 2)
    # between the centres of coarse voxels, 1.25 and .75 of them from the border
    first, second = cropped[0, :, :, 2, 0].exp()
    torch.testing.assert_close(first[:4], torch.tensor([1, 1, 0.89**0.25, 0.89**0.75]), atol=5e-3, rtol=0)
    torch.testing.assert_close(first, second.flip(0), atol=5e-3, rtol=0)


def test_untrained_network_with_prior_starts_from_it(cohort, tmp_path):
    settings = SETTINGS | {"learning_rate": 1e-9, "muon_rate": 0, "steps": 1}
    weights = tmp_path / "rdnn.pt"
    options = OPTIONS | {"settings": settings, "part": "all"}
    learned.train("rdnn", options, FOLD, STRUCTURES, cohort, weights, "code")
    saved = torch.load(weights, weights_only=True)
    silent = {key: torch.zeros_like(value) if "heads" in key else value for key, value in saved.items()}
    torch.save(silent, weights)
    found = segmented(weights, options, STRUCTURES, cohort, "t")
    # all subjects have the same anatomy, symmetrical but for a plane
    truth = np.asarray(io.load_labels(cohort / "sub-t" / "anat" / "sub-t_dseg.nii.gz").dataobj)
    assert (found == truth)[truth > 0].mean() > 0.85


def test_adam_keeps_the_heads():
    model = rdnn.RDNN(2, 3, [8, 16])
    adam, _ = training.optimisers(model, SETTINGS)
    left = {id(parameter) for parameter in adam.param_groups[0]["params"]}
    kernels = [name for name, parameter in model.named_parameters() if id(parameter) in left and parameter.ndim > 1]
    assert kernels == ["heads.0.weight", "heads.1.weight"]


def test_no_training_subject_is_segmented_by_a_model_that_saw_it():
    parts, models = learned.parts(FOLD["train"]), learned.models_of_subjects(FOLD)
    assert parts == {"all": ["a", "b", "c", "d", "e"], "half1": ["a", "b", "c"], "half2": ["d", "e"]}
    assert set(models) == {*FOLD["train"], *FOLD["validation"], *FOLD["test"]}
    for subject in FOLD["train"]:
        assert models[subject] != "all"
        assert subject not in parts[models[subject]]
    assert {models[subject] for subject in ("v", "t", "u")} == {"all"}


def test_batches_are_a_function_of_seed_and_index(cohort):
    def batches():
        subjects = Subjects(cohort, ["T1w", "T2w"])
        return samples.Slices(subjects, ["a", "b", "c"], 8.0, SETTINGS, labels.mirrors(STRUCTURES))

    first, again = batches(), batches()
    later = again[3]
    for index in (0, 1, 2):
        assert not torch.equal(first[index]["images"], later["images"])
    assert torch.equal(first[3]["images"], later["images"])
    assert torch.equal(first[3]["labels"], later["labels"])
    assert sorted(first[index]["name"] for index in range(3)) == ["sub-a", "sub-b", "sub-c"]
    assert later["images"].shape[4] == later["labels"].shape[4] == SETTINGS["slices"]
    assert set(later["labels"].unique().tolist()) <= {0, 1, 2, 3}
    # images move with their labels
    assert later["images"][0, 0][later["labels"][0, 0] == 0].abs().mean() < 0.3


def run(function, cohort, tmp_path, options, **arguments):
    io.write_json(tmp_path / "folds.json", {"folds": [FOLD]})
    STRUCTURES.to_csv(tmp_path / "dseg.tsv", sep="\t", index=False)
    paths = {"folds": tmp_path / "folds.json", "structures": tmp_path / "dseg.tsv", "subjects": cohort, **arguments}
    argv = ["--options", json.dumps(options), "--fold", "1"]
    for name, value in paths.items():
        argv += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    function(learned.cli.parser("test"), argv)


@pytest.fixture
def models(cohort, tmp_path):
    """The three trained models of a fold: weights and manifests."""
    folder = tmp_path / "models"
    for part in ("all", "half1", "half2"):
        stem = folder / f"rdnn_{part}"
        files = {"weights": f"{stem}.pt", "history": f"{stem}_history.jsonl", "manifest": f"{stem}.json"}
        run(learned.run_training, cohort, tmp_path, OPTIONS | {"part": part}, **files)
    return {ends: [folder / f"rdnn_{part}{ends}" for part in ("all", "half1", "half2")] for ends in (".pt", ".json")}


def test_a_fold_is_segmented_without_looking_at_test_labels(cohort, models, tmp_path):
    for subject in FOLD["test"]:
        (cohort / f"sub-{subject}" / "anat" / f"sub-{subject}_dseg.nii.gz").unlink()
    files = {"output": tmp_path / "fold1", "manifest": tmp_path / "fold1.json"}
    run(learned.run_segmentation, cohort, tmp_path, OPTIONS, weights=models[".pt"], models=models[".json"], **files)
    for subject in [*FOLD["train"], *FOLD["validation"], *FOLD["test"]]:
        found = nib.load(learned.map_path(tmp_path / "fold1", subject))
        mask = nib.load(cohort / f"sub-{subject}" / "anat" / f"sub-{subject}_desc-brain_mask.nii.gz")
        assert found.get_data_dtype() == np.uint8
        assert np.array_equal(found.get_fdata() > 0, mask.get_fdata() > 0)
        assert np.array_equal(found.affine, mask.affine)
    manifest = io.read_json(tmp_path / "fold1.json")
    assert not any("sub-t" in path or "sub-u" in path for path in manifest["opened"])
    assert any("sub-t" in path for path in manifest["segmented"])
    for subject, model in manifest["models"].items():
        opened = io.read_json(tmp_path / "models" / f"rdnn_{model}.json")["opened"]
        assert subject == "v" or not any(f"sub-{subject}" in path for path in opened)


def test_a_mirrored_subject_gets_the_mirrored_map(cohort, models, tmp_path):
    for ends in ("desc-preproc_T1w", "desc-preproc_T2w", "desc-brain_mask"):
        image = nib.load(cohort / "sub-v" / "anat" / f"sub-v_{ends}.nii.gz")
        io.save(
            tmp_path / "turned" / "sub-v" / "anat" / f"sub-v_{ends}.nii.gz",
            image.get_fdata()[::-1], image.affine, image.get_data_dtype(),
        )  # fmt: skip
    plain, turned = (segmented(models[".pt"][0], OPTIONS, STRUCTURES, f, "v") for f in (cohort, tmp_path / "turned"))
    assert {1, 2} <= set(np.unique(plain))
    assert np.array_equal(turned, labels.mirrors(STRUCTURES)[plain][::-1])


def test_a_model_that_saw_a_subject_may_not_segment_it(cohort, models, tmp_path):
    swapped = [models[".json"][place] for place in (0, 2, 1)]
    files = {"output": tmp_path / "fold1", "manifest": tmp_path / "fold1.json", "weights": models[".pt"]}
    with pytest.raises(InputError, match="rdnn_half2: expected a model that has not seen sub-a, found"):
        run(learned.run_segmentation, cohort, tmp_path, OPTIONS, models=swapped, **files)
    assert not (tmp_path / "fold1").exists()


def test_the_ablations_single_model_segments_test_subjects_alone(cohort, models, tmp_path):
    files = {"output": tmp_path / "fold1_x", "manifest": tmp_path / "fold1_x.json"}
    single = {"weights": models[".pt"][:1], "models": models[".json"][:1]}
    run(learned.run_segmentation, cohort, tmp_path, OPTIONS, **single, **files)
    assert sorted(path.name for path in (tmp_path / "fold1_x").iterdir()) == ["sub-t", "sub-u"]


def test_weights_of_another_network_are_one_line(cohort, models):
    other = OPTIONS | {"settings": SETTINGS | {"features": [8, 32]}}
    with pytest.raises(InputError, match="expected weights of the configured network"):
        learned.segmenter(models[".pt"][0], other, STRUCTURES)


def test_dice_of_maps_leaves_the_rest_out(cohort, tmp_path):
    def reference(subject):
        return cohort / f"sub-{subject}" / "anat" / f"sub-{subject}_dseg.nii.gz"

    truth = np.asarray(io.load_labels(reference("t")).dataobj)
    found = np.where(truth == 2, 1, truth)
    io.save(learned.map_path(tmp_path / "fold1", "t"), found, np.diag([8, 8, 8, 1]), np.uint8)
    lines = evaluate_maps(FOLD, "toy", "rdnn", tmp_path / "fold1", reference, STRUCTURES)
    right, left = ((truth == index).sum() for index in (1, 2))
    assert [(line["subject"], line["role"], line["structure"]) for line in lines] == [
        ("t", "test", "right half"), ("t", "test", "left half"),
    ]  # fmt: skip
    assert [line["dice"] for line in lines] == pytest.approx([2 * right / (2 * right + left), 0])
