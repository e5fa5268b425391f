# What scripts are handed beside files: the smallest block of settings that each needs, as one string.

from ganreg.evaluate.settings import Design
from ganreg.register.recipe import Recipe
from ganreg.register.settings import Dropout, RegistrationTraining
from ganreg.report.settings import Style
from ganreg.segment.settings import RdnnTraining
from ganreg.simulate.settings import PATIENT_MODALITIES, Anatomy, Degradation
from ganreg.split.settings import Folds
from ganreg.synthesize.settings import DaganSampling, DaganTraining, PganTraining


def set_options(wildcards):
    """What a register script has to know of a set, its images and its pairs."""
    partial = set_of(wildcards).description.partial
    return {"fixed": TASK.fixed, "moving": TASK.moving, "partial": partial}


def modalities_of(wildcards):
    """What a subject's modalities are, the reference first."""
    chosen = SETS[wildcards.set]
    return {"reference": chosen.reference, "modalities": chosen.modalities[wildcards.subject]}


def alignment_options(wildcards):
    """What `align_subject` has to know of a subject."""
    chosen = SETS[wildcards.set]
    return canonical(
        {
            "reference": chosen.reference,
            "others": chosen.modalities[wildcards.subject][1:],
            # an extracted mask is a mask, once it is there
            "mask_source": {"extraction": "mask"}.get(chosen.mask_source, chosen.mask_source),
            # simulated images are of one head; of others' the modalities may be of two. Parts of heads cannot tell.
            "check_same_head": not chosen.simulated and not chosen.description.partial,
        }
    )


def rigid_of_modality(wildcards, input):
    """A param: the matrix from the reference to a modality; empty for the reference itself."""
    chosen = SETS[wildcards.set]
    if wildcards.modality == chosen.reference:
        return ""
    return of_subject("aligned", lambda reference: bids.linear(reference, wildcards.modality))(wildcards, input)


# all: the training subjects; half1, half2: the cross-fit; norecurrence: the ablation, on all of them.
MAPPING = ["all", "half1", "half2"] if CONFIG.rdnn.cross_fit else ["all"]
ABLATIONS = ["", "_norecurrence"] if CONFIG.rdnn.ablation else [""]


def rdnn_options(recurrent, **more):
    """What the RDNN's scripts are handed, as one string."""
    block = {"settings": CONFIG.rdnn.only(RdnnTraining), "recurrent": recurrent, "modalities": TASK_MODALITIES}
    return canonical({**block, "grid": GRIDS.work, **more})


def rdnn_models(ends):
    """Input function: files of the models that make a fold's maps, or those of the ablation."""

    def paths(wildcards):
        parts = ["norecurrence"] if wildcards.ablation else MAPPING
        return [f"<results>/models/fold{wildcards.fold}/rdnn_{part}{ends}" for part in parts]

    return paths


def sampling_options(**settings):
    """What a sampler is handed: all kinds but DAGAN's have as many samples, all are under the same deformations."""
    drawn = {"samples": CONFIG.pgan.samples, "deformation": CONFIG.deformation}
    return canonical({**drawn, "modalities": TASK_MODALITIES, **settings})


def velocities_of(deformation):
    """Velocities from the template to subjects, where a deformation is drawn from those of the training subjects."""
    if not deformation.components:
        return []
    return expand("<results>/variation/sub-{subject}/velocity.npy", subject=FOLD_SUBJECTS)


# What samples of all kinds are made from and labeled with: none where it is the reference labels.
LABEL_MAPS = ["<results>/segment/fold{fold}"] if CONFIG.pgan.labels == "rdnn" else []
LABEL_MAPS_MANIFEST = [f"{path}.json" for path in LABEL_MAPS]


def start_of(ends):
    """Input function: what a network's arms start from, or with `.json` its manifest; an empty list where nothing."""

    def path(wildcards):
        network = methods.METHODS[wildcards.method].network.id
        starts = CONFIG.block(network).pretraining
        return f"<results>/models/fold{wildcards.fold}/{network}_pretrained{ends}" if starts else []

    return path


def origins_of(wildcards):
    """Manifests of an arm's synthetic subjects and of what it starts from."""
    return [path for of in (samples_of(".json"), start_of(".json")) if (path := of(wildcards))]


def seeded(settings, fold):
    """Settings of a network, a further training seed of a fold (1s2) with a further number."""
    further = int(fold.partition("s")[2] or 1) - 1
    return settings.model_copy(update={"seed": settings.seed + further})


def training_options(wildcards):
    """What a registration network is trained with in its arm."""
    arm = methods.METHODS[wildcards.method].arm
    synthetic = CONFIG.synthetic if arm.samples or arm.known else None
    if arm.known and synthetic.supervision == "labels":
        synthetic = synthetic.model_copy(update={"supervision": "displacement"})
    recipe = Recipe(
        task=TASK,
        augmentation=CONFIG.augmentation if arm.classic else None,
        synthetic=synthetic,
        post_processing=CONFIG.augmentation if arm.post_processing else None,
        known=CONFIG.known,
    )
    return canonical({"settings": seeded(network_of(wildcards.method), wildcards.fold), "recipe": recipe})


def pretraining_options(wildcards):
    """What a registration network is trained with before its arms."""
    recipe = Recipe(task=TASK, known=CONFIG.known, pretraining=True)
    return canonical({"settings": seeded(CONFIG.block(wildcards.network), wildcards.fold), "recipe": recipe})


def network_options(wildcards):
    """What a trained network registers with."""
    refinement = CONFIG.refinement if methods.METHODS[wildcards.method].refined else None
    return canonical({"settings": network_of(wildcards.method), **set_options(wildcards), "refinement": refinement})


def tool_options(wildcards):
    """What a tool registers with."""
    method = methods.METHODS[wildcards.method]
    settings = CONFIG.block(method.block) if method.block else {}
    batch = {"pairs_per_batch": CONFIG.registration.pairs_per_batch}
    return canonical({"settings": settings, **set_options(wildcards), **batch})


WORK = {
    each.id: done
    for each in METHODS
    if each.block and (done := methods.work(each, CONFIG.block(each.block), CONFIG.refinement))
}


def threads_of(wildcards):
    """Processors that a method's job uses."""
    method = methods.METHODS[wildcards.method]
    return getattr(CONFIG.block(method.block), "threads", 1) if method.block else 1


def architecture_of(block, *trained):
    """What of a network's block its architecture may follow from: not what only its training does."""
    left_out = {name for each in trained for name in each.model_fields}
    return {name: value for name, value in block.model_dump(mode="json").items() if name not in left_out}


# what Fig. 6, 7 and 9 are drawn from
UNET_MODEL = architecture_of(CONFIG.block("unet"), RegistrationTraining)
RDNN_MODEL = {name: getattr(CONFIG.rdnn, name) for name in ("features", "slices")}
PGAN_MODEL = {name: getattr(CONFIG.pgan, name) for name in ("stages", "latent", "embedding")}
# Fig. 1 and 10 show the paper's method where it runs; Fig. 10 SyN with cross-correlation, as the paper has it, and with
# mutual information, or else the SyN there is; Fig. 11 the paper's method and DAGAN.
RIVALS = ["unet_dagan", "unet_proposed"]
PROPOSED = "unet_proposed" if "unet_proposed" in IDS else CONFIG.registration.reference_method
SYN = [each for each in IDS if methods.METHODS[each].tool is methods.SYN]
SHOWN_METHODS = list(dict.fromkeys([*([each for each in ("syn_cc", "syn_mi") if each in SYN] or SYN[:1]), PROPOSED]))
STYLE, PLOT = CONFIG.plot.only(Style), CONFIG.plot


def design_of(names):
    """What intervals of some methods must know; some may have fewer training subjects."""
    trained = [each for each in names if each in SMALLER or methods.METHODS[each].network]
    return Design(folds=CONFIG.split.folds, trained=trained)


def ranked(method):
    """Whether a method is ranked on the experiment's labels, silver ones or others."""
    settings = network_of(method.id) if method.block else method.settings
    return not MAIN.silver or method.ranked_on_silver(settings)


def tool_definitions(tool):
    """What `register_tool` imports by name."""
    return [f"{tool.module}.{name}" for name in ("register", "PACKAGES", tool.settings.__name__)]
