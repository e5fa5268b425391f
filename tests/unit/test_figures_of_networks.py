"""Figures of networks: what is drawn is what the built network consists of, layer by layer."""

import figures
import pandas as pd
import pytest
import torch
from figures import STYLE
from torch import nn

from ganreg.register import networks
from ganreg.register.methods import NETWORKS
from ganreg.report import architecture
from ganreg.report.trace import trace
from ganreg.segment.rdnn import RDNN
from ganreg.synthesize.pgan_training import Adversaries
from ganreg.synthesize.settings import PganTraining

pytestmark = pytest.mark.filterwarnings("error")

SHAPE = [16, 16, 16]


@pytest.fixture
def drawn(monkeypatch):
    return figures.Closed(monkeypatch)


@pytest.fixture
def structures(tmp_path):
    pd.DataFrame({"index": [1, 2, 3], "name": ["a", "b", "rest"]}).to_csv(tmp_path / "dseg.tsv", sep="\t", index=False)
    return tmp_path / "dseg.tsv"


class Small(nn.Module):
    """A network whose every layer and connection is known."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv3d(1, 4, 3, stride=2, padding=1), nn.GroupNorm(4, 4), nn.ReLU())
        self.again = nn.Conv3d(4, 4, 1)
        self.last = nn.Conv3d(8, 2, 3, padding=1)
        self.unused = nn.Conv3d(1, 1, 1)

    def forward(self, x):
        first = self.first(x)
        again = self.again(torch.tanh(self.again(first)))
        return self.last(torch.cat([first * 2, again], dim=1))


def test_layers_are_found_with_what_they_read():
    network = Small()
    first, again, last = trace(network, lambda: network(torch.zeros(1, 1, 8, 8, 8)))
    assert (first.name, first.kind, first.then) == ("first.0", "Conv3d 3x3x3, stride 2", ("GroupNorm", "ReLU"))
    assert (first.output, first.parameters, first.reads) == ((1, 4, 4, 4, 4), 27 * 4 + 4 + 8, ())
    assert (again.name, again.calls, again.reads) == ("again", 2, ("first.0",))
    # through a product and a concatenation, and past a layer
    assert (last.output, last.reads) == ((1, 2, 4, 4, 4), ("first.0", "again"))


class Outer(nn.Module):
    """A layer with a weight of its own around another one."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))
        self.inner = nn.Linear(3, 3, bias=False)

    def forward(self, x):
        return self.inner(x) @ self.weight


def test_a_layer_around_another_one_counts_its_own_weights():
    network = nn.Sequential(Outer())
    inner, outer = trace(network, lambda: network(torch.ones(1, 3)))
    assert [(each.name, each.parameters) for each in (inner, outer)] == [("0.inner", 9), ("0", 9)]
    assert outer.reads == ("0.inner",)


def test_a_tracing_leaves_nothing_behind():
    network = Small()
    trace(network, lambda: network(torch.zeros(1, 1, 8, 8, 8)))
    assert not any(module._forward_hooks for module in network.modules())


def test_an_arrow_crosses_no_box():
    occupied = {(0, 0), (1, 0), (2, 0), (3, -1)}
    route = architecture._route
    straight = route((0, 0), (1, 0), occupied)
    assert {y for _, y in straight} == {0}
    around = route((0, 0), (2, 0), occupied)
    assert min(y for _, y in around) < -architecture.BOX / 2
    assert route((2, 0), (3, -1), occupied)[1] == (2, -1)


def check(data, axis, network, layers):
    """Whether CSV and drawing have a network's layers: their texts, the parameters that are used, and the arrows."""
    assert data["layer"].tolist() == [layer.name for layer in layers]
    used = dict(network.named_parameters())
    names = {name.rpartition(".")[0] for name in used}
    # all modules with weights that the last stage does not leave out
    assert {*data["layer"]} <= names
    boxes = [text.get_text() for text in axis.texts if text.get_text()]
    assert boxes == [architecture.words(layer) for layer in layers]
    arrows = [text for text in axis.texts if not text.get_text()]
    assert len(arrows) == sum(len(layer.reads) for layer in layers)
    for line, layer in zip(data.itertuples(), layers, strict=True):
        shape = tuple(int(side) for side in str(line.output).split("x"))
        assert shape == layer.output
        assert f"{line.parameters:,}" in architecture.words(layer)


def test_the_unet_is_drawn_as_it_is_built(root, tmp_path, drawn):
    (unet,) = [each for each in NETWORKS if each.id == "unet"]
    network = networks.build(unet.settings).eval()
    images = torch.randn(2, 1, 1, *[32] * 3)
    options = {"plot": STYLE, "settings": {}, "shape": [32] * 3}
    figures.draw(root, "plot_unet", options, tmp_path / "figure.png")
    data, axis = pd.read_csv(tmp_path / "figure.csv", keep_default_na=False), drawn[0].axes[0]
    check(data, axis, network, trace(network, lambda: network(*images)))
    # every weight is in a box, and the title says how many there are
    count = sum(parameter.numel() for parameter in network.parameters())
    assert data["parameters"].sum() == count
    assert f"{count:,} parameters" in axis.get_title(loc="left")
    # a skip connection: a layer of the decoder reads one of the encoder, both on one grid
    outputs = data.set_index("layer")["output"].str.split("x").str[2:]
    skips = [
        (line.layer, read)
        for line in data.itertuples()
        for read in line.reads.split()
        if "up." in line.layer and "down.0" in read
    ]
    assert skips
    assert all(outputs[layer] == outputs[read] for layer, read in skips)


def test_the_rdnn_is_drawn_as_it_is_built(root, tmp_path, drawn, structures):
    settings = {"features": [8, 12, 16], "slices": 5}
    options = {"plot": STYLE, "settings": settings, "modalities": ["T1w", "T2w"], "shape": SHAPE}
    figures.draw(root, "plot_rdnn", options, tmp_path / "figure.png", structures=structures)
    network = RDNN(2, 3, settings["features"]).eval()
    data, axis = pd.read_csv(tmp_path / "figure.csv", keep_default_na=False), drawn[0].axes[0]
    check(data, axis, network, trace(network, lambda: network(torch.randn(1, 2, 16, 16, 5))))
    assert data["parameters"].sum() == sum(parameter.numel() for parameter in network.parameters())
    # the hidden state runs once a slice
    assert data.set_index("layer")["calls"].loc["context.hidden"] == 5


def test_the_pgan_is_drawn_as_it_is_built(root, tmp_path, drawn, structures):
    stages = [{"width": 8, "batch": 1, "fade_in": 0, "steady": 1}, {"width": 4, "batch": 1, "fade_in": 1, "steady": 1}]
    settings = {"stages": stages, "latent": 6}
    options = {"plot": STYLE, "settings": settings, "modalities": ["T1w", "T2w"], "shape": SHAPE}
    figures.draw(root, "plot_pgan", options, tmp_path / "figure.png", structures=structures)
    data = pd.read_csv(tmp_path / "figure.csv", keep_default_na=False)
    built = Adversaries(PganTraining.model_validate(settings), SHAPE, [1.0] * 3, 3, 2, torch.device("cpu"))
    for axis, name in zip(drawn[0].axes, ("Generator", "Discriminator"), strict=True):
        own = data[data["network"].str.startswith(name)]
        weights = dict(getattr(built, name.lower()).named_parameters())
        # weights of the network itself, in no layer, count in the last one
        last = own["layer"].iloc[-1]
        for line in own.itertuples():
            owners = {line.layer, ""} if line.layer == last else {line.layer}
            expected = sum(weight.numel() for key, weight in weights.items() if key.rpartition(".")[0] in owners)
            assert line.parameters == expected
        boxes = [text.get_text() for text in axis.texts if text.get_text()]
        assert [f"{each:,}" in box for each, box in zip(own["parameters"], boxes, strict=True)] == [True] * len(own)
        assert f"{own['parameters'].sum():,} parameters" in axis.get_title(loc="left")
    # the last layer of the generator draws both images on the full grid
    generator = data[data["network"].str.startswith("Generator")]
    assert generator["output"].iloc[-1] == "1x2x16x16x16"
