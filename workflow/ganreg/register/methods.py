"""The one list of methods: tools that are applied as they are, and networks, each trained in arms of the experiment.

Rules, the validation of the configuration, tables, figures, documentation and tests read it; it is importable without
the imaging packages. A new tool is a module of `ganreg.tools` and a line of `TOOLS` and of `_tool_methods`; a new
network a module, a line of `register.networks` and one of `NETWORKS`; a new arm a line of `ARMS`.
"""

from dataclasses import dataclass
from typing import Literal

from ganreg.register.instance import Instance
from ganreg.register.settings import Refinement, RegistrationTraining, Unet, Unrolled, Voxelmorph
from ganreg.settings import Block
from ganreg.tools import niftyreg
from ganreg.tools.ants import Syn
from ganreg.tools.convexadam import Convexadam
from ganreg.tools.greedy import Greedy
from ganreg.tools.identity import Nothing
from ganreg.tools.niftyreg import Niftyreg

REFINED = "_refined"
NOTHING = Nothing()


@dataclass(frozen=True, eq=False)
class Tool:
    """A registration program that is applied to pairs as it is."""

    id: str
    """As in the name of its rule, register_{id}."""
    module: str
    """Whose `register(fixed path, moving path, output, settings)` writes a transform file, with `PACKAGES` loaded."""
    settings: type[Block]
    environment: str
    """Of `envs/`."""
    program: str | None = None
    """What must be installed; None: Python packages alone."""
    gpu: bool = False
    """Whether it computes on a GPU where there is one."""


@dataclass(frozen=True, eq=False)
class Network:
    """A registration network."""

    id: str
    family: str
    """As in the names of its rules, train_{family} and register_{family}."""
    name: str
    about: str
    settings: RegistrationTraining
    """The default values of its block of the configuration, which has its id."""
    refinable: bool = False
    """Whether its result can be refined on a pair: it has a stationary velocity."""


@dataclass(frozen=True, eq=False)
class Arm:
    """What a network is trained on beside the real training subjects, all else being the same."""

    id: str
    name: str
    about: str
    """Completes: trained on the real subjects and ..."""
    samples: str | None = None
    """The kind of synthetic subjects."""
    known: bool = False
    """The real subjects under known random deformations."""
    classic: bool = False
    """Classic augmentation of the real pairs, on the fly."""
    post_processing: bool = False
    """Classic augmentation of the synthetic pairs, on the fly."""
    from_labels: bool = False
    """Whether the samples are made of training subjects' labels, or by a network that learned from them."""


@dataclass(frozen=True, eq=False)
class Method:
    """A method that registers pairs."""

    id: str
    name: str
    """For readers of figures."""
    about: str
    """For the tables of the documentation."""
    family: Literal["tool", "network"]
    block: str | None = None
    """Of the configuration; None: it has no settings."""
    settings: Block = NOTHING
    """The default values of its block."""
    tool: Tool | None = None
    makes_labels: bool = False
    """Whether its like propagates silver labels from the template."""
    network: Network | None = None
    arm: Arm | None = None
    refined: bool = False

    @property
    def trained(self) -> str | None:
        """The id under which its network is trained: unet_none of unet_none_refined; None for a tool."""
        return self.id.removesuffix(REFINED) if self.network else None

    def learns_from_labels(self, settings: Block) -> bool:
        """Whether it learned from the training subjects' labels, by its loss or by the samples it was trained on."""
        if not isinstance(settings, RegistrationTraining) or self.arm is None:
            return False
        return settings.dice > 0 or self.arm.from_labels

    def ranked_on_silver(self, settings: Block) -> bool:
        """Whether it is ranked on silver labels: its like did not make them, and it did not learn from them."""
        return not (self.makes_labels or self.learns_from_labels(settings))


def work(method: Method, settings: Block, refinement: Refinement) -> tuple[int, int] | None:
    """Evaluations of a network, and gradients of a similarity, that a registration takes.

    Parameters
    ----------
    method : Method
    settings : Block, of its block of the configuration
    refinement : Refinement, of the refined methods

    Returns
    -------
    evaluations, gradients; None for a program, which counts neither
    """
    if isinstance(settings, Instance):
        return 0, settings.steps
    if not isinstance(settings, RegistrationTraining):
        return None
    return settings.evaluations, settings.gradients + (refinement.steps if method.refined else 0)


INITIAL = Tool("initial", "ganreg.tools.identity", Nothing, "imaging")
SYN = Tool("syn", "ganreg.tools.ants", Syn, "ants")
NIFTYREG = Tool("niftyreg", "ganreg.tools.niftyreg", Niftyreg, "niftyreg", program=niftyreg.PROGRAM)
GREEDY = Tool("greedy", "ganreg.tools.greedy", Greedy, "greedy")
CONVEXADAM = Tool("convexadam", "ganreg.tools.convexadam", Convexadam, "convexadam")
INSTANCE = Tool("instance", "ganreg.register.instance", Instance, "torch", gpu=True)
TOOLS = [INITIAL, SYN, NIFTYREG, GREEDY, CONVEXADAM, INSTANCE]

# the paper's network carries the arms
UNET = Network("unet", "unet", "U-Net", "the registration U-Net of the paper's Fig. 9", Unet(), True)
UNROLLED = Network("unrolled", "unrolled", "Unrolled", "ours: a learned optimizer of several passes", Unrolled(), True)
NETWORKS = [
    Network("voxelmorph1", "voxelmorph", "VoxelMorph-1", "VoxelMorph-1, 274,387 parameters", Voxelmorph()),
    Network(
        "voxelmorph2",
        "voxelmorph",
        "VoxelMorph-2",
        "VoxelMorph-2, 301,411 parameters",
        Voxelmorph(encoder=[16, 32, 32, 32], decoder=[32, 32, 32, 32, 32, 16, 16]),
    ),
    UNET,
    UNROLLED,
]

ARMS = [
    Arm("none", "", "nothing else"),
    Arm("classic", "classic", "classic augmentation of them, on the fly", classic=True),
    Arm("known", "known", "T1w and T2w of one of them under two known random deformations", known=True),
    Arm("warped", "warped", "them under the PGAN's sampling deformations: the PGAN's control", samples="warped"),
    Arm(
        "random_contrast",
        "random contrast",
        "images of random contrast, made from labels",
        samples="random_contrast",
        from_labels=True,
    ),
    Arm("dagan", "DAGAN", "samples of DAGAN", samples="dagan"),
    Arm("pgan", "PGAN", "samples of the PGAN", samples="pgan", from_labels=True),
    Arm(
        "pgan_post",
        "PGAN, post-processed",
        "samples of the PGAN under classic augmentation",
        samples="pgan",
        post_processing=True,
        from_labels=True,
    ),
    Arm(
        "proposed",
        "proposed",
        "samples of the PGAN, and classic augmentation of both",
        samples="pgan",
        classic=True,
        post_processing=True,
        from_labels=True,
    ),
]

INSTANCE_ABOUT = "MIND and mutual information optimized on each pair from the start, without a network"

# (arm, what it is compared with beside `none`): the arm that lacks one thing, and the rivals of the paper's method
LACKING = [
    ("pgan", "warped"),
    ("pgan_post", "pgan"),
    ("proposed", "pgan_post"),
    ("proposed", "classic"),
    ("proposed", "random_contrast"),
    ("proposed", "dagan"),
]


def _tool_methods() -> list[Method]:
    syn_msq = Syn(metric="meansquares", sampling=32, iterations=[40, 20, 0])
    syn_mi = Syn(metric="mattes", sampling=32, iterations=[100, 70, 30])
    syn_cc = Syn(metric="CC", sampling=2, iterations=[40, 20, 0])
    ssd, nmi = Niftyreg(similarity="ssd", levels=3), Niftyreg(similarity="nmi", levels=2)
    listed = [
        ("initial", "Affine only", "the start: affine alignment alone", INITIAL, NOTHING),
        ("syn_msq", "SyN (mean squares)", "as the paper: mean squares, which T1w/T2w does not suit", SYN, syn_msq),
        ("syn_mi", "SyN (Mattes MI)", "fair: Mattes mutual information, iterations at full resolution", SYN, syn_mi),
        ("syn_cc", "SyN (CC)", "cross-correlation, for T1w to T1w", SYN, syn_cc),
        ("niftyreg_ssd", "NiftyReg (SSD)", "as the paper: sum of squared differences", NIFTYREG, ssd),
        ("niftyreg_nmi", "NiftyReg (NMI)", "fair: normalized mutual information", NIFTYREG, nmi),
        ("greedy_nmi", "greedy (NMI)", "greedy, normalized mutual information", GREEDY, Greedy()),
        ("convexadam_mind", "ConvexAdam (MIND)", "ConvexAdam, MIND descriptors", CONVEXADAM, Convexadam()),
        ("instance_mind", "Instance (MIND)", INSTANCE_ABOUT, INSTANCE, Instance()),
    ]
    return [
        Method(
            identifier,
            name,
            about,
            "tool",
            None if tool is INITIAL else identifier,
            settings,
            tool,
            makes_labels=tool is SYN,
        )
        for identifier, name, about, tool, settings in listed
    ]


def _network_method(network: Network, arm: Arm, refined: bool) -> Method:
    # VoxelMorph without an arm is called as it was published
    plain = network.id if arm.id == "none" and not network.refinable else f"{network.id}_{arm.id}"
    name = f"{network.name} + {arm.name}" if arm.name else network.name
    about = f"{network.about}, trained on the real subjects and {arm.about}"
    return Method(
        plain + (REFINED if refined else ""),
        name + (", refined" if refined else ""),
        about + ("; then optimized on each test pair" if refined else ""),
        "network",
        network.id,
        network.settings,
        network=network,
        arm=arm,
        refined=refined,
    )


def _network_methods() -> list[Method]:
    """Every network in every arm, and refined where it can be."""
    return [
        _network_method(network, arm, refined)
        for network in NETWORKS
        for refined in ((False, True) if network.refinable else (False,))
        for arm in ARMS
    ]


METHODS = {method.id: method for method in [*_tool_methods(), *_network_methods()]}


def _contrasts_of(network: Network) -> list[tuple[str, str]]:
    """All pairs (method, method that lacks one thing) of a network."""
    own = {
        (method.arm.id, method.refined): method.id
        for method in METHODS.values()
        if method.network is network and method.arm
    }
    arms = [arm.id for arm in ARMS if arm.id != "none"]
    wanted = [
        *(((arm, False), ("none", False)) for arm in arms),
        *(((arm, False), (lacking, False)) for arm, lacking in LACKING),
        *(((arm.id, True), (arm.id, False)) for arm in ARMS),
        *(((arm, True), ("none", True)) for arm in arms),
    ]
    return [(own[first], own[second]) for first, second in wanted if {first, second} <= {*own}]


def contrasts(methods: list[str]) -> list[tuple[str, str]]:
    """Pairs (method, method that lacks one thing) among some methods: what an arm, or refinement, adds."""
    return [pair for network in NETWORKS for pair in _contrasts_of(network) if {*pair} <= {*methods}]
