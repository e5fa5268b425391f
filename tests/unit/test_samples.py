"""Samples of the GAN and of the controls: their layout, their units, what they are made from, resuming."""

import itertools

import nibabel as nib
import numpy as np
import pytest
import torch
from small_pgan import LABELS, SETTINGS, SIDE, label_map, write_subjects

from ganreg import io
from ganreg.configuration.model import Config
from ganreg.errors import InputError
from ganreg.fingerprint import imports
from ganreg.learn.checkpoint import save_weights
from ganreg.settings import canonical
from ganreg.spatial.deform import Displacements
from ganreg.spatial.settings import SampleDeformation
from ganreg.synthesize import contrast, dagan_networks, samples, sampling
from ganreg.synthesize.pgan_networks import Generator
from ganreg.synthesize.settings import DaganSampling, RandomContrast
from ganreg.volumes import bids
from ganreg.volumes.normalize import SHIFT
from ganreg.volumes.subjects import Subjects
from scripts import sample_dagan, sample_pgan, sample_random_contrast, sample_warped

DEFORMATION = SampleDeformation(rotation_deg=8, scale=0.05, translation_mm=4)
CONTRAST = RandomContrast(deviation=0.1, blur=0.5, bias_sd=0.1, noise_sd=0.05)


@pytest.fixture
def folder(tmp_path):
    return write_subjects(tmp_path)


def test_samples_share_nothing_with_the_cohort(root):
    for kind in ("pgan", "dagan", "warped", "random_contrast"):
        files, _ = imports(root / "workflow" / "scripts" / f"sample_{kind}.py", root / "workflow")
        assert {path.name for path in files} >= {"deform.py", "pgan_data.py"}
        assert not [path for path in files if path.parent.name in ("simulate", "get")]


def test_random_contrast_gives_each_structure_its_own_gray():
    labels = label_map(32)
    plain = RandomContrast(deviation=0, blur=0, bias_sd=0, noise_sd=0)
    image = contrast.random_contrast(np.random.default_rng(0), labels, plain)
    values = [np.unique(image[labels == label]) for label in range(LABELS + 1)]
    assert [len(value) for value in values] == [1] * (LABELS + 1)
    assert values[0][0] == 0
    assert len({float(value[0]) for value in values}) == LABELS + 1
    rough = contrast.random_contrast(np.random.default_rng(0), labels, CONTRAST)
    assert (rough[labels == 0] == 0).all()
    assert rough[labels == 2].std() > 0


def test_a_sample_is_read_like_a_preprocessed_subject(tmp_path):
    labels = label_map()
    rng = np.random.default_rng(0)
    images = {"T1w": 100 * rng.normal(size=labels.shape) + 700, "T2w": rng.random(labels.shape)}
    samples.write_sample(tmp_path, "pgan0001", images, labels, np.diag([4.0, 4, 4, 1]))
    stored = nib.load(bids.path(tmp_path, "pgan0001", bids.preprocessed("T1w")))
    assert stored.get_data_dtype() == np.int16
    volumes = Subjects(tmp_path, ["T1w", "T2w"]).read("pgan0001")
    brain = torch.from_numpy(labels)[None] > 0
    assert torch.equal(volumes["mask"] > 0, brain)
    assert torch.equal(volumes["dseg"], torch.from_numpy(labels)[None])
    for name, data in images.items():
        assert (volumes[name][~brain] == 0).all()
        assert volumes[name][brain].mean().item() == pytest.approx(4, abs=1e-3)
        assert volumes[name][brain].std().item() == pytest.approx(1, abs=1e-3)
        assert np.corrcoef(volumes[name][brain], data[brain[0].numpy()])[0, 1] > 0.99999


def test_an_interrupted_set_of_samples_goes_on_where_it_was(tmp_path, capsys):
    drawn, names = [], [f"toy000{k}" for k in (1, 2, 3, 4)]

    def draw(number, stop_at=None):
        if number == stop_at:
            raise KeyboardInterrupt
        drawn.append(number)
        rng = np.random.default_rng(number)
        return {"T1w": rng.normal(size=(SIDE, SIDE, SIDE))}, label_map(), np.eye(4)

    with pytest.raises(KeyboardInterrupt):
        samples.write_set(tmp_path / "set", "toy", names, lambda number: draw(number, stop_at=3), "key")
    assert not (tmp_path / "set").exists()
    samples.write_set(tmp_path / "set", "toy", names, draw, "key")
    assert drawn == [1, 2, 3, 4]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [f"sub-{name}" for name in names]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]

    with pytest.raises(KeyboardInterrupt):
        samples.write_set(tmp_path / "other", "toy", names, lambda number: draw(number, stop_at=3), "key")
    drawn.clear()
    samples.write_set(tmp_path / "other", "toy", names, draw, "another key")
    assert drawn == [1, 2, 3, 4]
    assert "set aside" in capsys.readouterr().out


def save_generator(path):
    """Write the weights of a generator, as its training leaves them."""
    torch.manual_seed(0)
    widths = [stage.width for stage in SETTINGS.stages]
    model = Generator((SIDE,) * 3, widths, SETTINGS.latent, LABELS, SETTINGS.embedding, 2, checkpointing=False)
    save_weights(path, model.state_dict())


def write_all_kinds(folder, maps, velocities=()):
    """Three samples of each kind of one fold, made from the label maps of a folder, or the reference labels."""
    content = {"folds": [{"fold": 1, "train": ["01", "03"], "validation": [], "test": ["02"]}]}
    io.write_json(folder / "folds.json", content)
    (folder / "dseg.tsv").write_text("index\tname\tmirror\n1\ta\t1\n2\tb\t2\n3\tc\t3\n")
    save_generator(folder / "pgan.pt")
    save_weights(folder / "dagan.pt", dagan_networks.Generator([4, 8], torch.ones(SIDE, dtype=torch.bool)).state_dict())
    io.write_json(folder / "maps.json", {"opened": {"file": "hash"}})
    io.write_json(folder / "model.json", {"opened": {"seen": "hash"}})
    common = {"samples": 3, "deformation": DEFORMATION, "modalities": ["T1w", "T2w"]}
    gan = {"structures": "dseg.tsv", "built-on": "model.json"}
    dagan = DaganSampling(features=[4, 8], device="cpu", precision="float32")
    kinds = {
        "pgan": (sample_pgan, {"settings": SETTINGS}, {**gan, "weights": "pgan.pt", "vectors": "vectors"}),
        "dagan": (sample_dagan, {"settings": dagan}, {**gan, "weights": "dagan.pt"}),
        "warped": (sample_warped, {}, {}),
        "random_contrast": (sample_random_contrast, {"settings": CONTRAST}, {}),
    }
    for kind, (script, settings, files) in kinds.items():
        files = {"folds": "folds.json", "subjects": "preprocess", "output": kind, "manifest": f"{kind}.json", **files}
        argv = ["--options", canonical({**common, **settings}), "--fold", "1", "--maps", *(map(str, maps))]
        argv += ["--built-on", *(f"{path}.json" for path in maps)]
        if built_on := files.pop("built-on", None):
            argv.append(str(folder / built_on))
        argv += ["--velocities", *map(str, velocities)]
        script.main([*argv, *(part for name, path in files.items() for part in (f"--{name}", str(folder / path)))])
    return {
        kind: [Subjects(folder / kind, ["T1w", "T2w"]).read(f"{samples.LABELS[kind]}000{k}") for k in (1, 2, 3)]
        for kind in kinds
    }


@pytest.mark.parametrize(("source", "varied"), [("rdnn", False), ("reference", False), ("reference", True)])
def test_kinds_differ_in_their_images_alone(folder, source, varied):
    # the maps are not the reference labels
    for subject in ("01", "02", "03"):
        path = bids.path(folder / "maps", subject, bids.MAP)
        found = io.load(path)
        labels = np.asarray(found.dataobj)
        io.save(path, np.where(labels == 3, 2, labels), found.affine, np.uint8)
    maps = [folder / "maps"] if source == "rdnn" else []
    velocities = [folder / "variation" / f"sub-{subject}" / "velocity.npy" for subject in ("01", "02", "03") if varied]
    for number, path in enumerate(velocities):
        path.parent.mkdir(parents=True)
        np.save(path, np.full((3, SIDE // 2, SIDE // 2, SIDE // 2), 0.3 * number, np.float32))
    kinds = write_all_kinds(folder, maps, velocities)
    for volumes in zip(*kinds.values(), strict=True):
        # labels and masks, byte for byte; of the right source
        assert len({each["dseg"].numpy().tobytes() for each in volumes}) == 1
        assert len({each["mask"].numpy().tobytes() for each in volumes}) == 1
        assert (3 in volumes[0]["dseg"]) == (source == "reference")
        for modality in ("T1w", "T2w"):
            assert len({each[modality].numpy().tobytes() for each in volumes}) == len(kinds)
            for each in volumes:
                inside = each[modality][each["mask"] > 0]
                assert inside.mean().item() == pytest.approx(SHIFT, abs=1e-3)
                assert inside.std().item() == pytest.approx(1, abs=1e-3)
    for kind in kinds:
        opened = io.read_json(folder / f"{kind}.json")["opened"]
        assert any("sub-01" in path for path in opened)
        assert not any("sub-02" in path for path in opened)
        # what the maps and the models are built on, too
        assert ("file" in opened) == (source == "rdnn")
        assert ("seen" in opened) == (kind in ("pgan", "dagan"))
        assert any(path.startswith(str(folder / "maps")) for path in opened) == (source == "rdnn")
        assert (str(folder / "variation" / "sub-01" / "velocity.npy") in opened) == varied


def test_the_warped_image_lies_under_its_labels(folder):
    kinds = write_all_kinds(folder, [folder / "maps"])
    for volumes in kinds["warped"]:
        means = [volumes["T1w"][volumes["dseg"] == label].mean() for label in range(1, LABELS + 1)]
        # the T1w of the subjects is their labels, with noise
        assert means == sorted(means)
        assert means[-1] - means[0] > 1.5


def test_samples_of_one_map_differ_by_the_vector_alone(folder):
    write_all_kinds(folder, [folder / "maps"])
    names = [f"{subject}z{number}" for subject in ("01", "03") for number in range(1, 6)]
    assert bids.subjects_in(folder / "vectors") == names
    volumes = [Subjects(folder / "vectors", ["T1w"]).read(name) for name in names]
    for first in (0, 5):
        assert [samples.map_of_vector(name) for name in names[first : first + 5]] == [("01", "03")[first // 5]] * 5
        own = volumes[first : first + 5]
        assert all(torch.equal(each["dseg"], own[0]["dseg"]) for each in own)
        assert len({each["T1w"].numpy().tobytes() for each in own}) == 5


def test_two_samples_are_moved_apart_less_than_real_subjects_are():
    # of the default cohort's subjects, 4.75 mm on the average; points of a brain of 140 mm
    deformation, spacing = Config().deformation, np.array([4.0, 4, 4])
    inside = np.linalg.norm((np.indices((48, 48, 48)) - 23.5) * 4, axis=0) < 70
    drawn = [Displacements(deformation)(k, (48, 48, 48), spacing)[0].numpy()[:, inside] for k in range(1, 11)]
    apart = [4 * np.linalg.norm(one - other, axis=0).mean() for one, other in itertools.pairwise(drawn)]
    assert 2 < np.mean(apart) < 4.75


def test_weights_of_another_network_are_one_line(tmp_path):
    save_generator(tmp_path / "pgan.pt")
    with pytest.raises(InputError, match="expected weights of the configured network"):
        sampling.generator(tmp_path / "pgan.pt", SETTINGS.model_copy(update={"latent": 7}), LABELS, 2, (SIDE,) * 3)
