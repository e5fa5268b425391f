"""The typed model of the whole configuration: the rooms' blocks, and those that belong to no room."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, create_model, model_validator
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from ganreg.evaluate.settings import Evaluation
from ganreg.get.settings import Bids, Dicom, Ixi, Rire, Template
from ganreg.preprocess.settings import Augmentation, Preprocess, Propagation
from ganreg.register.methods import METHODS, REFINED, UNET, Method
from ganreg.register.settings import Dropout, KnownDeformation, Refinement
from ganreg.report.settings import Plot
from ganreg.segment.settings import Rdnn
from ganreg.settings import RUNTIME, Block, Count, Label, Runtime, Text, Unique
from ganreg.simulate.settings import Cohort, Degradation, Patients
from ganreg.spatial.settings import SampleDeformation
from ganreg.split.settings import Split, Task
from ganreg.synthesize.settings import Dagan, Pgan, Quality, RandomContrast, Synthetic

# what the files and the schema say of a list of methods: each with what it is
ABOUT = "about"


def _known(method: str) -> str:
    if method not in METHODS:
        raise ValueError(f"one of {', '.join(METHODS)}, found {method!r}")
    return method


# an alias with a name, so that the schema lists the methods once
MethodId = TypeAliasType(
    "MethodId", Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*METHODS]})]
)
# the methods that are shown in the file where they are not among those that run: of networks but the U-Net those
# without an arm
SHOWN = [
    each.id
    for each in METHODS.values()
    if (each.network is UNET and not each.refined) or not each.arm or each.arm.id == "none"
]


def _about(method: Method) -> str:
    return method.arm.about if method.arm and method.network is UNET and not method.refined else method.about


class Paths(Block):
    """Where everything that is made goes."""

    results: Text = Field("results", description="A preset has a folder of its own.")


class External(Block):
    """A second data set, to which the networks are applied as they are, those of fold f to its fold f.

    Any BIDS folder, described like the block `bids`: train on one data set, test on another. It asks for pairs between
    subjects, its reference as fixed modality, and two subjects a fold.
    """

    dataset: Literal["simulated", "bids"] | None = Field(
        None,
        description="null: no second data set. simulated: patients with the geometry of RIRE, beside the simulated "
        "cohort alone. bids: the folder described below.",
    )
    methods: Unique[MethodId] = Field(
        ["instance_mind", "unet_none", "unet_proposed", "unrolled_none"],
        description="Of registration.methods, beside the start.",
    )
    between: Unique[Label] = Field(
        ["T2w", "ct"], description="Moving modalities of pairs of subjects, as far as subjects have them."
    )
    within: Unique[Label] = Field(
        ["T2w", "ct", "pet"],
        description="Moving modalities within a subject, whose error is known where there is a truth.",
    )
    simulated: Patients = Field(Patients(), description="Of `dataset: simulated`.")
    bids: Bids = Field(
        Bids(name="external"),
        description="Of `dataset: bids`. RIRE: {name: RIRE, root: data/rire, labels: null, partial: true}.",
    )


class Registration(Block):
    """Which methods run, and how their jobs are cut."""

    methods: Annotated[Unique[MethodId], Field(min_length=1)] = Field(
        [
            "initial",
            "syn_msq",
            "syn_mi",
            "syn_cc",
            "niftyreg_ssd",
            "niftyreg_nmi",
            "instance_mind",
            "voxelmorph1",
            "unet_none",
            "unet_dagan",
            "unet_proposed",
            "unrolled_none",
        ],
        description="In the order of the tables. unet_*: the paper's registration U-Net, trained on the real subjects "
        "and ... (unet_proposed is the paper's method). Networks and arms combine freely, as in voxelmorph1_classic; "
        f"networks of a velocity may be refined on each test pair, as in unet_proposed{REFINED}.",
        json_schema_extra={ABOUT: {each: _about(METHODS[each]) for each in METHODS if each in SHOWN}},
    )
    reference_method: MethodId = Field("unet_proposed", description="The method that others are compared with.")
    training_seeds: Count = Field(
        1,
        description="So often each registration network is trained, with its seed and the ones after it. All register "
        "and are measured; tables average over them, and intervals count them.",
    )
    pairs_per_batch: Count = Field(20, description="Pairs of a job of a tool.")
    keep_transforms: bool = Field(True, description="false: transform files are removed once they are measured.")


class Uncertainty(Dropout):
    """Uncertainty of one network by Monte-Carlo dropout, against the true error, and its inverse consistency."""

    method: MethodId | None = Field(
        None,
        description="A network of a velocity, without refinement, as unet_proposed. null, or one that is not among "
        "registration.methods: neither.",
    )


class Robustness(Degradation):
    """The test pairs again with a degraded moving image, by methods that are not trained anew."""

    methods: Unique[MethodId] = Field(
        [], description="For example [instance_mind, unet_proposed, unet_none, unrolled_none]; of registration.methods."
    )


def _of_runtime(field: FieldInfo) -> bool:
    """Whether a field is taken from the block `runtime` where it is not set."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get(RUNTIME))


def _plain(block: Block) -> dict[str, Any]:
    """The values of a default block, without what is taken from the block `runtime`."""
    return {
        name: _plain(value) if isinstance(value := getattr(block, name), Block) else value
        for name, field in type(block).model_fields.items()
        if not _of_runtime(field)
    }


def _with_runtime(block: type[Block], values: Any, runtime: dict[str, Any]) -> Any:
    """Values of a block, what it takes from the block `runtime` filled in; whatever is no dict stays, to be refused."""
    if not isinstance(values, dict):
        return values
    filled = dict(values)
    for name, field in block.model_fields.items():
        if _of_runtime(field) and name in runtime:
            filled.setdefault(name, runtime[name])
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            default = _plain(field.default) if isinstance(field.default, Block) else {}
            filled[name] = _with_runtime(field.annotation, filled.get(name, default), runtime)
    return filled


class Whole(Block):
    """Every choice of the experiment, but for the blocks of tools and networks, which the list of methods adds."""

    dataset: Literal["embedded", "bids"] = Field(
        "embedded",
        description="embedded: the simulated cohort, no download. bids: your own folder, described in the block "
        "`bids`.",
    )
    pathvars: Paths = Paths()
    conda_pytorch: Literal["cpu", "gpu"] = Field(
        "cpu",
        description="The PyTorch that --use-conda installs for the networks: cpu, or gpu (NVIDIA). Changing it runs "
        "nothing again.",
    )
    runtime: Runtime = Runtime()
    cohort: Cohort = Cohort()
    bids: Bids = Field(
        Bids(),
        description="Your own BIDS folder, of `dataset: bids`. Patterns are relative to `root`; {subject} stands for "
        'the label without "sub-". A session is part of the patterns: sub-{subject}/ses-1/anat/...',
    )
    external: External = External()
    ixi: Ixi = Ixi()
    rire: Rire = Rire()
    dicom: Dicom = Dicom()
    template: Template = Template()
    task: Task = Task()
    preprocess: Preprocess = Preprocess()
    propagation: Propagation = Propagation()
    augmentation: Augmentation = Augmentation()
    split: Split = Split()
    rdnn: Rdnn = Rdnn()
    deformation: SampleDeformation = Field(
        SampleDeformation(rotation_deg=2, scale=0.02, translation_mm=1, elastic_sd_mm=2),
        description="The random deformation under which label maps are sampled from the PGAN, and training subjects "
        "for DAGAN and the controls without a GAN. Two draws move two subjects 4.5 mm apart; real ones differ by 4.8.",
    )
    pgan: Pgan = Pgan()
    random_contrast: RandomContrast = RandomContrast()
    dagan: Dagan = Dagan()
    synthetic: Synthetic = Synthetic()
    known: KnownDeformation = KnownDeformation()
    quality: Quality = Quality()
    registration: Registration = Registration()
    refinement: Refinement = Refinement()
    uncertainty: Uncertainty = Uncertainty()
    evaluation: Evaluation = Evaluation()
    robustness: Robustness = Robustness()
    plot: Plot = Plot()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        # strict: seeds, devices and threads as text are refused where they stand, in `runtime`
        runtime = values.get("runtime") or {}
        return _with_runtime(cls, values, runtime if isinstance(runtime, dict) else {})

    def block(self, name: str) -> Block:
        """A block by its name, as the list of methods has it."""
        found = getattr(self, name)
        assert isinstance(found, Block)
        return found


def _blocks_of_methods() -> dict[str, Any]:
    """The blocks of tools and networks, with their default values."""
    defaults = {method.block: method.settings for method in METHODS.values() if method.block}
    return {name: (type(default), FieldInfo(default=default)) for name, default in defaults.items()}


Config = create_model("Config", __base__=Whole, __doc__=Whole.__doc__, **_blocks_of_methods())
