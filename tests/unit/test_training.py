"""The training loop: resuming exactly, losses that are not finite, the best weights, which weights Muon trains."""

from typing import ClassVar

import pytest
import torch

from ganreg.errors import InputError
from ganreg.learn import training
from ganreg.learn.base import BatchDataset
from ganreg.learn.devices import choose_device
from ganreg.learn.settings import Supervised

SETTINGS = Supervised(steps=12, learning_rate=0.05, muon_rate=0, validate_every=4, device="cpu", precision="float32")


class Numbers(BatchDataset):
    """Step k asks for the value sin(k), half of which is read; interrupted or poisoned at a step if wanted."""

    def __init__(self, length, stop_at=None, poison_at=None):
        self.length, self.stop_at, self.poison_at = length, stop_at, poison_at

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index >= self.length:
            raise IndexError
        if index == self.stop_at:
            raise KeyboardInterrupt
        value = torch.tensor(float("nan")) if index == self.poison_at else torch.sin(torch.tensor(float(index)))
        return {
            "x": torch.ones(1, 1, 4, 4, 4),
            "read": value / 2,
            "name": f"pair {index}",
            "opened": {f"f{index}": "0"},
        }

    def finish(self, batch):
        return batch | {"y": 2 * batch["read"]}


class Network(torch.nn.Sequential):
    output_layers = ("3",)


def network():
    torch.manual_seed(0)
    layers = torch.nn.Conv3d(1, 4, 1), torch.nn.Conv3d(4, 4, 3), torch.nn.Dropout3d(0.5), torch.nn.Conv3d(4, 1, 2)
    return Network(*layers)


def run(tmp_path, samples, key="key", sign=-1, **changed):
    """Train the network; weights are chosen by how small its output is, or, with the sign 1, how large."""

    def loss_of(model, batch):
        prediction = model(batch["x"])
        return (prediction - batch["y"]).square().mean(), prediction

    validation = Numbers(2)
    return training.train(
        "toy", network(), samples, validation, loss_of, lambda _, found: sign * float(found.abs().mean()),
        SETTINGS.model_copy(update=changed), tmp_path / "toy.pt", key,
    )  # fmt: skip


@pytest.mark.parametrize("muon_rate", [0, 0.05])
def test_resumed_training_equals_uninterrupted_training_bit_for_bit(tmp_path, muon_rate):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    history, opened = run(tmp_path / "whole", Numbers(12), muon_rate=muon_rate)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", Numbers(12, stop_at=9), muon_rate=muon_rate)
    assert not (tmp_path / "parts" / "toy.pt").exists()
    resumed, opened_again = run(tmp_path / "parts", Numbers(12), muon_rate=muon_rate)
    assert [{**line, "seconds": 0} for line in resumed] == [{**line, "seconds": 0} for line in history]
    assert opened_again == opened == {f"f{index}": "0" for index in range(12)}
    first, second = (torch.load(tmp_path / part / "toy.pt") for part in ("whole", "parts"))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["toy.pt"]


def test_muon_has_all_convolutions_but_the_output_layers():
    model = network()
    adam, muon = training.optimizers(model, SETTINGS.model_copy(update={"muon_rate": 0.05}))
    by_adam, by_muon = ({id(p) for p in each.param_groups[0]["params"]} for each in (adam, muon))
    assert by_muon == {id(model[0].weight), id(model[1].weight)}
    assert by_adam == {id(p) for p in model.parameters()} - by_muon
    assert len(training.optimizers(model, SETTINGS)) == 1


def test_a_checkpoint_of_another_configuration_is_set_aside(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Numbers(12, stop_at=9), key="other")
    history, _ = run(tmp_path, Numbers(12))
    assert "set aside" in capsys.readouterr().out
    assert [line["step"] for line in history] == [4, 8, 12]


def test_a_loss_that_is_not_finite_stops_with_step_and_pair(tmp_path):
    with pytest.raises(InputError, match="toy: expected finite losses, found loss nan at step 6, pair 5"):
        run(tmp_path, Numbers(12, poison_at=5))


def test_the_best_weights_are_kept_not_the_last(tmp_path):
    history, _ = run(tmp_path, Numbers(12), sign=1)
    best = max(line["validation_dice"] for line in history)
    model = network()
    model.load_state_dict(torch.load(tmp_path / "toy.pt"))
    with torch.no_grad():
        found = float(model.eval()(torch.ones(1, 1, 4, 4, 4)).abs().mean())
    assert found == pytest.approx(best, abs=1e-6)
    assert best > history[-1]["validation_dice"] + 1e-3


def test_cuda_asked_for_and_not_there_is_one_line():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="expected a CUDA device, found none"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("scores", "gain"),
    [([0.5, 0.6, 0.63, 0.65], 0.05), ([0.5, 0.6, 0.59, 0.601], 0.001), ([0.6, 0.5, 0.5, 0.5], 0.0)],
)
def test_under_training_is_seen_in_the_second_half(scores, gain):
    history = [{"step": 10 * (k + 1), "validation_dice": score} for k, score in enumerate(scores)]
    assert training.late_gain(history) == pytest.approx(gain)
    assert training.under_trained(training.late_gain(history)) is (gain > 0.005)


def test_a_training_that_was_measured_at_its_end_alone_cannot_be_called_flat():
    assert training.under_trained(training.late_gain([{"step": 10, "validation_dice": 0.5}]))


class Recorder(torch.optim.SGD):
    """Notes the rate and the length of the gradient of each step."""

    seen: ClassVar[list] = []

    def step(self):
        gradients = [each.grad for group in self.param_groups for each in group["params"]]
        length = torch.stack([each.norm() for each in gradients]).norm()
        self.seen.append((self.param_groups[0]["lr"], float(length)))
        super().step()


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_rates_follow_the_schedule(tmp_path, monkeypatch, schedule):
    seen = []
    monkeypatch.setattr(Recorder, "seen", seen)
    monkeypatch.setattr(training, "optimizers", lambda model, settings: [Recorder(model.parameters(), lr=0.05)])
    run(tmp_path, Numbers(40), steps=40, schedule=schedule)
    rates = [rate for rate, _ in seen]
    if schedule == "constant":
        assert rates == [0.05] * 40
        return
    # half of the rate at the first of two steps of warm-up, half at half time, nearly nothing at the end
    assert rates[0] == pytest.approx(0.025)
    assert rates[20] == pytest.approx(0.025)
    assert rates[39] < 0.001
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_gradients_are_clipped_unless_they_are_not(tmp_path, monkeypatch):
    lengths = []
    monkeypatch.setattr(training, "optimizers", lambda model, settings: [Recorder(model.parameters(), lr=1e-6)])
    for clip in (0, 0.1):
        monkeypatch.setattr(Recorder, "seen", [])
        run(tmp_path, Numbers(12), clip=clip)
        lengths.append([length for _, length in Recorder.seen])
    assert min(lengths[0]) > 0.1
    assert lengths[1] == pytest.approx([0.1] * 12, rel=1e-3)
