"""What a network and its data have to be for the training loops."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import nn
from torch.utils.data import Dataset

Batch = dict[str, Any]


class Network(nn.Module):
    """A network that can be trained with Muon.

    Attributes
    ----------
    output_layers : tuple of str
        The attributes whose convolutions Muon leaves to Adam.
    """

    output_layers: ClassVar[tuple[str, ...]]


class BatchDataset(Dataset[Batch], ABC):
    """A dataset of a known number of batches.

    An item is a dict of tensors, of `name`, what the batch is made of, and of `opened`, {path: SHA-256} of the files
    that it came from.
    """

    @abstractmethod
    def __len__(self) -> int:
        """How many batches there are."""

    def finish(self, batch: Batch) -> Batch:
        """An item, its tensors on the device of the network, as the network is given it.

        What takes long to compute is done here and not where the item is read; a function of the item alone.
        """
        return batch
