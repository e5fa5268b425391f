"""Segmentation of a fold: slices, flips, training on parts; nobody is segmented by a model that saw him."""

import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate.segmentation import evaluate_maps
from ganreg.learn.checkpoint import save_weights
from ganreg.preprocess.settings import Grid
from ganreg.segment import crossfit, rdnn, samples, training
from ganreg.segment.segmenting import segmenter
from ganreg.segment.settings import RdnnPart, RdnnTraining
from ganreg.spatial.box import brain_box
from ganreg.spatial.settings import Deformation
from ganreg.volumes import bids, labels
from ganreg.volumes.subjects import Subjects
from scripts import segment_rdnn, train_rdnn

SETTINGS = RdnnTraining(
    features=[8, 16], class_weights="sqrt_inverse", dice=1, slices=8, gain=0.1, steps=4, learning_rate=0.01,
    deformation=Deformation(rotation_deg=8, scale=0.1, translation_mm=4, elastic_sd_mm=2),
    muon_rate=0.02, validate_every=2, device="cpu", precision="float32",
)  # fmt: skip
MODEL = RdnnPart(
    settings=SETTINGS,
    part="half1",
    recurrent=True,
    modalities=["T1w", "T2w"],
    grid=Grid(shape=[16, 16, 16], spacing=8.0),
)
STRUCTURES = pd.DataFrame({"index": [1, 2, 3], "name": ["right half", "left half", labels.REST], "mirror": [2, 1, 3]})

AFFINE = np.diag([8, 8, 8, 1])
FOLD = {"fold": 1, "train": ["c", "a", "e", "b", "d"], "validation": ["v"], "test": ["t", "u"]}


def changed(part="half1", **settings):
    """The model with other settings."""
    return MODEL.model_copy(update={"part": part, "settings": SETTINGS.model_copy(update=settings)})


@pytest.fixture
def cohort(tmp_path):
    """Preprocessed subjects of a fold: a brain of a right half, a left half and a rest."""
    rng, folder = np.random.default_rng(0), tmp_path / "preprocess"
    for subject in [*FOLD["train"], *FOLD["validation"], *FOLD["test"]]:
        dseg = np.zeros((16, 16, 16), np.uint8)
        dseg[8:13, 3:12, 3:12], dseg[4:8, 3:12, 3:12], dseg[4:13, 3:12, 12:14] = 1, 2, 3
        for modality in ("T1w", "T2w"):
            image = np.where(dseg > 0, 4 + dseg + rng.normal(0, 0.3, dseg.shape), 0)
            io.save(bids.path(folder, subject, bids.preprocessed(modality)), image, AFFINE)
        io.save(bids.path(folder, subject, bids.MASK), dseg > 0, AFFINE, np.uint8)
        io.save(bids.path(folder, subject, bids.DSEG), dseg, AFFINE, np.uint8)
    return folder


def read(folder, subject):
    """Images (M, X, Y, Z) and mask of a preprocessed subject."""
    paths = [bids.path(folder, subject, bids.preprocessed(name)) for name in MODEL.modalities]
    mask = nib.load(bids.path(folder, subject, bids.MASK)).get_fdata() > 0
    return np.stack([nib.load(path).get_fdata(dtype=np.float32) for path in paths]), mask


def segmented(weights, model, structures, folder, subject):
    """The map of a preprocessed subject."""
    return segmenter(weights, model, structures)(*read(folder, subject))


def test_flip_mirrors_image_and_labels():
    dseg = torch.tensor([0, 1, 1, 2, 3], dtype=torch.uint8).view(1, 1, 5, 1, 1)
    images, flipped = samples.flip(torch.arange(5.0).view(1, 1, 5, 1, 1), dseg, torch.tensor([0, 2, 1, 3]))
    assert images.flatten().tolist() == [4, 3, 2, 1, 0]
    assert flipped.flatten().tolist() == [3, 1, 2, 2, 0]


def test_images_become_plain_zscores_with_background_zero():
    images, mask = torch.tensor([0.0, 3.0, 5.5]), torch.tensor([0.0, 1.0, 1.0])
    assert samples.plain_zscore(images, mask).tolist() == [0, -1, 1.5]


def test_batches_bring_the_prior_of_their_subject_and_place(cohort):
    subjects = Subjects(cohort, ["T1w", "T2w"])
    # a prior that says where it is, and whose
    grid = torch.stack(torch.meshgrid(*[torch.arange(16.0)] * 3, indexing="ij"), dim=-1).half()
    priors = {name: grid + 100 * number for number, name in enumerate("abc")}
    still = Deformation(rotation_deg=0, scale=0, translation_mm=0, elastic_sd_mm=0)
    settings = SETTINGS.model_copy(update={"deformation": still, "gain": 0, "flip": False})
    batches = samples.Slices(subjects, ["a", "b", "c"], 8.0, settings, None, priors)
    for batch in (batches[index] for index in range(3)):
        x, y, z = (batch["prior"][0] % 100).long()
        whole = subjects.read(batch["name"].removeprefix("sub-"))["dseg"][0]
        assert torch.equal(whole[x, y, z], batch["labels"][0, 0])
        assert (batch["prior"] // 100 == "abc".index(batch["name"][-1])).all()


def test_training_takes_the_prior_without_the_subject_and_validation_that_of_all(cohort, tmp_path, monkeypatch):
    # one of them is unlike the others, who are all alike
    path = bids.path(cohort, "a", bids.DSEG)
    dseg = np.asarray(nib.load(path).dataobj)
    io.save(path, np.where(dseg == 1, 2, dseg), AFFINE, np.uint8)
    kept = []
    monkeypatch.setattr(training.training, "train", lambda *args: kept.append(args) or ([], {}))
    _, opened = training.train("rdnn", changed("all"), FOLD, STRUCTURES, cohort, tmp_path / "rdnn.pt", "code")
    _, model, steps, validation = kept[0][:4]
    assert set(steps.priors) == set(FOLD["train"])
    everyone = validation.priors["v"]
    assert torch.equal(everyone, model.prior)
    assert all(not torch.equal(each, everyone) for each in steps.priors.values())
    # four steps draw four of five subjects; the prior has seen them all
    assert all(any(f"sub-{subject}" in path for path in opened) for subject in FOLD["train"])
    assert not any(f"sub-{subject}" in path for path in opened for subject in FOLD["test"])


def test_without_a_prior_the_network_is_the_papers(cohort, tmp_path):
    model = changed(prior=False, steps=2)
    training.train("rdnn", model, FOLD, STRUCTURES, cohort, tmp_path / "rdnn.pt", "code")
    assert "prior" not in torch.load(tmp_path / "rdnn.pt", weights_only=True)
    assert set(np.unique(segmented(tmp_path / "rdnn.pt", model, STRUCTURES, cohort, "t"))) <= {0, 1, 2, 3}
    with pytest.raises(InputError, match="expected weights of the configured network"):
        segmenter(tmp_path / "rdnn.pt", MODEL, STRUCTURES)


def test_structures_without_known_mirrors_are_segmented_without_the_mirror_image(cohort, models):
    unknown = STRUCTURES.assign(mirror=[0, 0, 3])
    found = segmented(models[".pt"][0], MODEL, unknown, cohort, "t")
    assert np.array_equal(found > 0, read(cohort, "t")[1])
    assert found.max() <= 3


def test_memberships_are_averaged_over_where_coarse_voxels_begin(cohort, tmp_path):
    options = changed(flip=False, prior=False)
    model = rdnn.build(options, 3).eval()
    torch.manual_seed(2)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.normal_(layer.weight, std=0.2)
    save_weights(tmp_path / "random.pt", model.state_dict())
    found = segmented(tmp_path / "random.pt", options, STRUCTURES, cohort, "t")
    images, mask = map(torch.from_numpy, read(cohort, "t"))
    scores = samples.plain_zscore(images, mask)[None]
    box = brain_box(mask, samples.MARGINS)
    before = (..., *(slice(side.start - 1, side.stop) for side in box[:2]), box[2])
    with torch.no_grad():
        here = model(scores[(..., *box)]).softmax(dim=1)
        there = model(scores[before]).softmax(dim=1)[:, :, 1:, 1:]
    expected = ((here + there)[0].argmax(dim=0) + 1) * mask[box]
    assert np.array_equal(found[box], expected.numpy())
    assert not np.array_equal(expected, (here[0].argmax(dim=0) + 1) * mask[box])


def test_untrained_network_with_prior_starts_from_it(cohort, tmp_path):
    weights, model = tmp_path / "rdnn.pt", changed("all", learning_rate=1e-9, muon_rate=0, steps=1)
    training.train("rdnn", model, FOLD, STRUCTURES, cohort, weights, "code")
    saved = torch.load(weights, weights_only=True)
    silent = {key: torch.zeros_like(value) if "heads" in key else value for key, value in saved.items()}
    torch.save(silent, weights)
    found = segmented(weights, model, STRUCTURES, cohort, "t")
    # all subjects have the same anatomy, symmetrical but for a plane
    truth = np.asarray(io.load_labels(bids.path(cohort, "t", bids.DSEG)).dataobj)
    assert (found == truth)[truth > 0].mean() > 0.85


def test_the_network_that_measures_samples_opens_validation_subjects_alone(cohort, tmp_path):
    _, opened = training.train("toy", changed("validation"), FOLD, STRUCTURES, cohort, tmp_path / "rdnn.pt", "code")
    assert {bids.subject_of(path) for path in opened} == {"v"}
    crossfit.refuse_seen(dict.fromkeys("abcdetu", "validation"), {"validation": opened}, FOLD)
    _, opened = training.train("toy", changed("half1"), FOLD, STRUCTURES, cohort, tmp_path / "half.pt", "code")
    with pytest.raises(InputError, match="expected a model that has not seen sub-a"):
        crossfit.refuse_seen(dict.fromkeys("abcdetu", "half1"), {"half1": opened}, FOLD)


def test_batches_are_a_function_of_seed_and_index(cohort):
    def batches():
        subjects = Subjects(cohort, ["T1w", "T2w"])
        return samples.Slices(subjects, ["a", "b", "c"], 8.0, SETTINGS, labels.mirror_labels(STRUCTURES))

    first, again = batches(), batches()
    later = again[3]
    for index in (0, 1, 2):
        assert not torch.equal(first[index]["images"], later["images"])
    assert torch.equal(first[3]["images"], later["images"])
    assert torch.equal(first[3]["labels"], later["labels"])
    assert sorted(first[index]["name"] for index in range(3)) == ["sub-a", "sub-b", "sub-c"]
    assert later["images"].shape[4] == later["labels"].shape[4] == SETTINGS.slices
    assert set(later["labels"].unique().tolist()) <= {0, 1, 2, 3}
    unflipped = SETTINGS.model_copy(update={"flip": False})
    plain, unknown = (
        samples.Slices(first.subjects, ["a", "b", "c"], 8.0, unflipped, mirrored)
        for mirrored in (labels.mirror_labels(STRUCTURES), None)
    )
    assert all(torch.equal(plain[index]["labels"], unknown[index]["labels"]) for index in range(4))
    # images move with their labels
    assert later["images"][0, 0][later["labels"][0, 0] == 0].abs().mean() < 0.3


def run(script, cohort, tmp_path, options, **arguments):
    """Run a script on the fold; lists of paths are handed over one by one."""
    io.write_json(tmp_path / "folds.json", {"folds": [FOLD]})
    STRUCTURES.to_csv(tmp_path / "dseg.tsv", sep="\t", index=False)
    paths = {"folds": tmp_path / "folds.json", "structures": tmp_path / "dseg.tsv", "subjects": cohort, **arguments}
    argv = ["--options", options, "--fold", "1"]
    for name, value in paths.items():
        argv += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    script.main(argv)


@pytest.fixture
def models(cohort, tmp_path):
    """The three trained models of a fold: weights and manifests."""
    folder = tmp_path / "models"
    for part in ("all", "half1", "half2"):
        stem = folder / f"rdnn_{part}"
        files = {"weights": f"{stem}.pt", "history": f"{stem}_history.jsonl", "manifest": f"{stem}.json"}
        run(train_rdnn, cohort, tmp_path, changed(part).model_dump_json(), **files)
    return {
        suffix: [folder / f"rdnn_{part}{suffix}" for part in ("all", "half1", "half2")] for suffix in (".pt", ".json")
    }


def segment(cohort, tmp_path, name, **files):
    """Run the script that segments the fold."""
    options = MODEL.model_dump_json(exclude={"part"})
    output, manifest = tmp_path / name, tmp_path / f"{name}.json"
    run(segment_rdnn, cohort, tmp_path, options, output=output, manifest=manifest, **files)


def test_a_fold_is_segmented_without_looking_at_test_labels(cohort, models, tmp_path):
    for subject in FOLD["test"]:
        bids.path(cohort, subject, bids.DSEG).unlink()
    segment(cohort, tmp_path, "fold1", weights=models[".pt"], models=models[".json"])
    for subject in [*FOLD["train"], *FOLD["validation"], *FOLD["test"]]:
        found = nib.load(bids.path(tmp_path / "fold1", subject, bids.MAP))
        mask = nib.load(bids.path(cohort, subject, bids.MASK))
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
    for name in (bids.preprocessed("T1w"), bids.preprocessed("T2w"), bids.MASK):
        image = nib.load(bids.path(cohort, "v", name))
        flipped = bids.path(tmp_path / "flipped", "v", name)
        io.save(flipped, image.get_fdata()[::-1], image.affine, image.get_data_dtype())
    weights = models[".pt"][0]
    plain, mirrored = (segmented(weights, MODEL, STRUCTURES, each, "v") for each in (cohort, tmp_path / "flipped"))
    assert {1, 2} <= set(np.unique(plain))
    assert np.array_equal(mirrored, labels.mirror_labels(STRUCTURES)[plain][::-1])


def test_a_model_that_saw_a_subject_may_not_segment_it(cohort, models, tmp_path):
    swapped = [models[".json"][place] for place in (0, 2, 1)]
    with pytest.raises(InputError, match="rdnn_half2: expected a model that has not seen sub-a, found"):
        segment(cohort, tmp_path, "fold1", weights=models[".pt"], models=swapped)
    assert not (tmp_path / "fold1").exists()


def test_the_ablations_single_model_segments_test_subjects_alone(cohort, models, tmp_path):
    ablation = {}
    for name, suffix in (("weights", ".pt"), ("models", ".json")):
        ablation[name] = models[suffix][0].with_name(f"rdnn_norecurrence{suffix}")
        shutil.copyfile(models[suffix][0], ablation[name])
    segment(cohort, tmp_path, "fold1_x", **ablation)
    assert sorted(path.name for path in (tmp_path / "fold1_x").iterdir()) == ["sub-t", "sub-u"]


def test_without_a_cross_fit_one_model_segments_all_and_may_have_seen_training_subjects(cohort, models, tmp_path):
    segment(cohort, tmp_path, "fold1", weights=models[".pt"][:1], models=models[".json"][:1])
    manifest = io.read_json(tmp_path / "fold1.json")
    assert manifest["models"] == dict.fromkeys([*FOLD["train"], *FOLD["validation"], *FOLD["test"]], "all")


def test_weights_of_another_network_are_one_line(cohort, models):
    with pytest.raises(InputError, match="expected weights of the configured network"):
        segmenter(models[".pt"][0], changed(features=[8, 32]), STRUCTURES)


def test_dice_of_maps_leaves_the_rest_out(cohort, tmp_path):
    truth = np.asarray(io.load_labels(bids.path(cohort, "t", bids.DSEG)).dataobj)
    found = np.where(truth == 2, 1, truth)
    io.save(bids.path(tmp_path / "fold1", "t", bids.MAP), found, AFFINE, np.uint8)
    lines = evaluate_maps(FOLD, "toy", "rdnn", tmp_path / "fold1", cohort, STRUCTURES)
    right, left = ((truth == index).sum() for index in (1, 2))
    assert [(line["subject"], line["role"], line["structure"]) for line in lines] == [
        ("t", "test", "right half"), ("t", "test", "left half"),
    ]  # fmt: skip
    assert [line["dice"] for line in lines] == pytest.approx([2 * right / (2 * right + left), 0])
