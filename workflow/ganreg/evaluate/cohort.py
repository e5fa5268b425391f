"""Sets of subjects that are read when they are asked for: hundreds of volumes do not fit into memory."""

from collections.abc import Sequence
from typing import TypedDict, overload

import numpy as np

from ganreg.volumes.subjects import Subjects


class Subject(TypedDict):
    """A subject, real or synthetic."""

    images: np.ndarray
    """float32 array (M, X, Y, Z), in the units of `normalize.zscore`"""
    labels: np.ndarray
    """uint8 array (X, Y, Z), 0 outside the brain"""


class Cohort(Sequence[Subject]):
    """Subjects of a folder.

    Parameters
    ----------
    subjects : volumes.subjects.Subjects
    names : list of str
    """

    def __init__(self, subjects: Subjects, names: Sequence[str]) -> None:
        self.subjects, self.names = subjects, list(names)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Subject: ...

    @overload
    def __getitem__(self, index: slice) -> "Cohort": ...

    def __getitem__(self, index: int | slice) -> "Subject | Cohort":
        if isinstance(index, slice):
            return Cohort(self.subjects, self.names[index])
        modalities = self.subjects.modalities
        volumes = self.subjects.read(self.names[index], [*modalities, "dseg"])
        images = np.concatenate([volumes[modality].numpy() for modality in modalities])
        return {"images": images, "labels": volumes["dseg"][0].numpy()}


class Joined(Sequence[Subject]):
    """Two sequences of subjects as one, without reading them."""

    def __init__(self, first: Sequence[Subject], second: Sequence[Subject]) -> None:
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    @overload
    def __getitem__(self, index: int) -> Subject: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Subject]: ...

    def __getitem__(self, index: int | slice) -> Subject | Sequence[Subject]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return self.first[index] if index < len(self.first) else self.second[index - len(self.first)]
