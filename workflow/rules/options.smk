# What scripts are handed beside files: the smallest block of settings that each needs, as one string.

from ganreg.evaluate.settings import Bootstrap
from ganreg.register.settings import Dropout
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
CROSS_FIT = ["all", "half1", "half2"]
ABLATIONS = ["", "_norecurrence"] if CONFIG.rdnn.ablation else [""]


def rdnn_options(recurrent, **more):
    """What the RDNN's scripts are handed, as one string."""
    block = {"settings": CONFIG.rdnn.only(RdnnTraining), "recurrent": recurrent, "modalities": TASK_MODALITIES}
    return canonical({**block, "grid": GRIDS.work, **more})


def rdnn_models(ends):
    """Input function: files of the models that make a fold's maps, or those of the ablation."""

    def paths(wildcards):
        parts = ["norecurrence"] if wildcards.ablation else CROSS_FIT
        return [f"<results>/models/fold{wildcards.fold}/rdnn_{part}{ends}" for part in parts]

    return paths


def sampling_options(**settings):
    """What a sampler is handed: all kinds but DAGAN's have as many samples, all are under the same deformations."""
    drawn = {"samples": CONFIG.pgan.samples, "deformation": CONFIG.deformation}
    return canonical({**drawn, "modalities": TASK_MODALITIES, **settings})


# What samples of all kinds are made from and labeled with: none where it is the reference labels.
LABEL_MAPS = ["<results>/segment/fold{fold}"] if CONFIG.pgan.labels == "rdnn" else []
LABEL_MAPS_MANIFEST = [f"{path}.json" for path in LABEL_MAPS]


def training_options(wildcards):
    """What a registration network is trained with in its arm; `method` may have fewer training subjects."""
    arm = methods.METHODS[wildcards.method].arm
    return canonical(
        {
            "settings": network_of(wildcards.method),
            "task": TASK,
            "augmentation": CONFIG.augmentation if arm.classic else None,
            "synthetic": CONFIG.synthetic if arm.samples else None,
        }
    )


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


def threads_of(wildcards):
    """Processors that a method's job uses."""
    method = methods.METHODS[wildcards.method]
    return getattr(CONFIG.block(method.block), "threads", 1) if method.block else 1


# Fig. 10 shows the fairest SyN there is, and the method that others are compared with.
FAIREST_SYN = [each for each in ("syn_mi", *IDS) if each in IDS and methods.METHODS[each].tool is methods.SYN][:1]
SHOWN_METHODS = list(dict.fromkeys([*FAIREST_SYN, CONFIG.registration.reference_method]))
STYLE, PLOT = CONFIG.plot.only(Style), CONFIG.plot
BOOTSTRAP = CONFIG.evaluation.only(Bootstrap)


def tool_definitions(tool):
    """What `register_tool` imports by name."""
    return [f"{tool.module}.{name}" for name in ("register", "PACKAGES", tool.settings.__name__)]
