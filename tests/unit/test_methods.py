"""The list of methods: names that parse back, contrasts of one thing, and tools that are what the list says."""

import ast
import importlib
import inspect
import typing
from pathlib import Path

import pytest

from ganreg.register import methods
from ganreg.register.methods import ARMS, METHODS, NETWORKS, TOOLS

NETWORK_METHODS = [method for method in METHODS.values() if method.network]


def test_ids_are_unique_and_those_that_results_are_known_by():
    for listed in (TOOLS, NETWORKS, ARMS, METHODS.values()):
        assert len({each.id for each in listed}) == len(listed)
        assert all(each.id.isidentifier() and each.id.islower() for each in listed)
    assert len({method.name for method in METHODS.values()}) == len(METHODS)
    arms = ["none", "classic", "known", "warped", "random_contrast", "dagan", "pgan", "pgan_post", "proposed"]
    tools = ["initial", "syn_msq", "syn_mi", "syn_cc", "niftyreg_ssd", "niftyreg_nmi", "greedy_nmi"]
    tools += ["convexadam_mind", "instance_mind"]
    assert {*tools} <= {method.id for method in METHODS.values() if method.tool}
    networks = [
        f"{network}_{arm}{refined}"
        for network in ("unet", "unrolled")
        for refined in ("", methods.REFINED)
        for arm in arms
    ]
    assert {"voxelmorph1", "voxelmorph2", *networks} <= {method.id for method in NETWORK_METHODS}


@pytest.mark.parametrize("method", NETWORK_METHODS, ids=lambda method: method.id)
def test_an_id_of_a_network_says_network_arm_and_refinement(method):
    trained = method.id.removesuffix(methods.REFINED)
    assert method.refined == (trained != method.id)
    assert method.trained == trained
    # the longest id that fits: arms and networks may have an underscore in theirs
    network = max((each for each in NETWORKS if trained.startswith(each.id)), key=lambda each: len(each.id))
    arm = trained.removeprefix(network.id).removeprefix("_") or "none"
    assert (method.network, method.arm) == (network, next(each for each in ARMS if each.id == arm))
    assert (method.block, type(method.settings)) == (network.id, type(network.settings))
    assert not method.refined or network.refinable


@pytest.mark.parametrize(("more", "less"), methods.contrasts([*METHODS]))
def test_a_contrast_is_of_one_thing(more, less):
    more, less = METHODS[more], METHODS[less]
    assert more.network is less.network
    if more.refined != less.refined:
        assert more.refined
        assert more.arm is less.arm
    elif less.arm.id == "none":
        # what the arm adds, all of it
        assert more.arm is not less.arm
    else:
        # what is done to the real pairs, and what is added, in what state
        treatments = [(arm.classic, (arm.samples, arm.post_processing)) for arm in (more.arm, less.arm)]
        assert sum(one != other for one, other in zip(*treatments, strict=True)) == 1 or (
            # the paper's method against its rivals: one augmentation in the place of another
            more.arm.id == "proposed" and less.arm.samples not in (None, more.arm.samples)
        )


def test_contrasts_are_among_the_methods_asked_for():
    assert methods.contrasts(["initial", "syn_mi", "unet_pgan"]) == []
    asked = ["unet_none", "unet_warped", "unet_pgan", "unet_none_refined", "voxelmorph1"]
    expected = [("unet_warped", "unet_none"), ("unet_pgan", "unet_none"), ("unet_pgan", "unet_warped")]
    assert methods.contrasts(asked) == [*expected, ("unet_none_refined", "unet_none")]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.id)
def test_a_tools_module_registers_with_the_tools_settings(tool, root):
    register = importlib.import_module(tool.module).register
    parameters = list(inspect.signature(register).parameters.values())
    annotations = typing.get_type_hints(register)
    assert [annotations[parameter.name] for parameter in parameters] == [Path, Path, Path, tool.settings]
    assert annotations["return"] in (type(None), float)
    assert (root / "envs" / f"{tool.environment}.yaml").is_file()
    assert any(isinstance(method.settings, tool.settings) for method in METHODS.values() if method.tool is tool)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.id)
def test_what_a_tool_imports_late_is_imported_before_the_clock_starts(tool, root):
    tree = ast.parse((root / "workflow" / f"{tool.module.replace('.', '/')}.py").read_text())
    register = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "register")
    late = set()
    for node in ast.walk(register):
        if isinstance(node, ast.ImportFrom):
            late.add(node.module)
        elif isinstance(node, ast.Import):
            late |= {alias.name for alias in node.names}
    # what every batch of pairs has loaded
    loaded = {"numpy", "nibabel", "ganreg", "ganreg.spatial"}
    assert late - loaded == {*importlib.import_module(tool.module).PACKAGES}


@pytest.mark.parametrize(
    ("dice", "expected"),
    [(0.3, {"voxelmorph1", "unet_none_refined", "unet_dagan", "unet_proposed"}), (0, {"unet_proposed"})],
)
def test_labels_reach_a_network_by_its_loss_or_by_its_samples(dice, expected):
    asked = ["syn_mi", "voxelmorph1", "unet_none_refined", "unet_dagan", "unet_proposed"]
    learned = set()
    for method in (METHODS[name] for name in asked):
        settings = method.settings.model_copy(update={"dice": dice}) if method.network else method.settings
        if method.learns_from_labels(settings):
            learned.add(method.id)
    assert learned == expected
