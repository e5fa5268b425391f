"""What an arm of the experiment trains a registration network on, beside the network's own settings."""

from ganreg.preprocess.settings import Augmentation
from ganreg.register.settings import KnownDeformation
from ganreg.settings import Block
from ganreg.split.settings import Task
from ganreg.synthesize.settings import Synthetic


class Recipe(Block):
    """What an arm trains on."""

    task: Task
    augmentation: Augmentation | None = None
    """Classic augmentation of the real pairs."""
    synthetic: Synthetic | None = None
    """How synthetic subjects, or real ones under known deformations, take part."""
    post_processing: Augmentation | None = None
    """Classic augmentation of the synthetic pairs."""
    known: KnownDeformation
    """Of pairs whose displacement is known."""
    pretraining: bool = False
    """true: pairs whose displacement is known alone, before all arms."""

    @property
    def supervision(self) -> str | None:
        """What is right in the steps that are added, as `Synthetic.supervision` says it; None where none are."""
        if self.pretraining:
            return "displacement"
        return self.synthetic.supervision if self.synthetic else None

    @property
    def draws_known(self) -> bool:
        """Whether pairs are made whose displacement is known."""
        return self.supervision in ("displacement", "both")
