"""Samples of the GAN and of the controls: their layout, their units, what they are made from, resuming."""

import nibabel as nib
import numpy as np
import pytest
import torch
from small_pgan import LABELS, SETTINGS, SIDE, label_map, write_subjects

from ganreg import io
from ganreg.errors import InputError
from ganreg.fingerprint import imports
from ganreg.learn.checkpoint import save_weights
from ganreg.settings import canonical
from ganreg.spatial.settings import SeededDeformation
from ganreg.synthesize import contrast, samples, sampling
from ganreg.synthesize.pgan_networks import Generator
from ganreg.synthesize.settings import RandomContrast
from ganreg.volumes import bids
from ganreg.volumes.subjects import Subjects
from scripts import sample_pgan, sample_random_contrast, sample_warped

DEFORMATION = SeededDeformation(rotation_deg=8, scale=0.05, translation_mm=4)
CONTRAST = RandomContrast(deviation=0.1, blur=0.5, bias_sd=0.1, noise_sd=0.05)


@pytest.fixture
def folder(tmp_path):
    return write_subjects(tmp_path)


def test_samples_share_nothing_with_the_cohort(root):
    for kind in ("pgan", "warped", "random_contrast"):
        files, _ = imports(root / "workflow" / "scripts" / f"sample_{kind}.py", root / "workflow")
        assert {path.name for path in files} >= {"deform.py", "sampling.py"}
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
    drawn = []

    def draw(number, stop_at=None):
        if number == stop_at:
            raise KeyboardInterrupt
        drawn.append(number)
        rng = np.random.default_rng(number)
        return {"T1w": rng.normal(size=(SIDE, SIDE, SIDE))}, label_map(), np.eye(4)

    with pytest.raises(KeyboardInterrupt):
        samples.write_set(tmp_path / "set", "toy", "toy", 4, lambda number: draw(number, stop_at=3), "key")
    assert not (tmp_path / "set").exists()
    samples.write_set(tmp_path / "set", "toy", "toy", 4, draw, "key")
    assert drawn == [1, 2, 3, 4]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [f"sub-toy000{k}" for k in (1, 2, 3, 4)]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]

    with pytest.raises(KeyboardInterrupt):
        samples.write_set(tmp_path / "other", "toy", "toy", 4, lambda number: draw(number, stop_at=3), "key")
    drawn.clear()
    samples.write_set(tmp_path / "other", "toy", "toy", 4, draw, "another key")
    assert drawn == [1, 2, 3, 4]
    assert "set aside" in capsys.readouterr().out


def save_generator(path):
    """Write the weights of a generator, as its training leaves them."""
    torch.manual_seed(0)
    widths = [stage.width for stage in SETTINGS.stages]
    model = Generator((SIDE,) * 3, widths, SETTINGS.latent, LABELS, SETTINGS.embedding, 2, checkpointing=False)
    save_weights(path, model.state_dict())


def test_a_set_is_made_from_training_subjects_alone_and_kinds_share_their_deformations(folder):
    content = {"folds": [{"fold": 1, "train": ["01", "03"], "validation": [], "test": ["02"]}]}
    io.write_json(folder / "folds.json", content)
    (folder / "dseg.tsv").write_text("index\tname\tmirror\n1\ta\t1\n2\tb\t2\n3\tc\t3\n")
    save_generator(folder / "pgan.pt")
    io.write_json(folder / "built_on.json", {"opened": {"file": "hash"}})
    common = {"samples": 3, "deformation": DEFORMATION, "modalities": ["T1w", "T2w"]}
    gan = {"maps": "maps", "structures": "dseg.tsv", "weights": "pgan.pt", "built-on": "built_on.json"}
    kinds = {
        "pgan": (sample_pgan, {"settings": SETTINGS}, gan),
        "warped": (sample_warped, {}, {}),
        "random_contrast": (sample_random_contrast, {"settings": CONTRAST}, {}),
    }
    maps = {}
    for kind, (script, settings, files) in kinds.items():
        files = {"folds": "folds.json", "subjects": "preprocess", "output": kind, "manifest": f"{kind}.json", **files}
        argv = ["--options", canonical({**common, **settings}), "--fold", "1"]
        script.main([*argv, *(part for name, path in files.items() for part in (f"--{name}", str(folder / path)))])
        subjects = Subjects(folder / kind, ["T1w", "T2w"])
        maps[kind] = [subjects.read(f"{samples.LABELS[kind]}000{number}")["dseg"] for number in (1, 2, 3)]
        opened = io.read_json(folder / f"{kind}.json")["opened"]
        assert any("sub-01" in path for path in opened)
        assert not any("sub-02" in path for path in opened)
        assert (kind == "pgan") == ("file" in opened)
    for one, other, third in zip(*maps.values(), strict=True):
        assert torch.equal(one, other)
        assert torch.equal(other, third)


def test_weights_of_another_network_are_one_line(tmp_path):
    save_generator(tmp_path / "pgan.pt")
    with pytest.raises(InputError, match="expected weights of the configured network"):
        sampling.generator(tmp_path / "pgan.pt", SETTINGS.model_copy(update={"latent": 7}), LABELS, 2, (SIDE,) * 3)
