"""Free-form deformation with NiftyReg's `reg_f3d` (Modat et al. 2010, doi:10.1016/j.cmpb.2009.09.002)."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from ganreg.errors import InputError
from ganreg.settings import Block, Count, Positive, Weight, of_runtime
from ganreg.tools import programs

# the program by which its installation is recognized
PROGRAM = "reg_f3d"

# what the function imports and takes long to: imported before the first pair's seconds are counted
PACKAGES = ()


class Niftyreg(Block):
    """NiftyReg's reg_f3d."""

    similarity: Literal["ssd", "nmi"] = Field(description="ssd or nmi.")
    spacing_mm: Positive = Field(10, description="Of the control points.")
    bending_energy: Weight = Field(0.001, description="Its weight.")
    iterations: Count = Field(150, description="At most, at the last level.")
    levels: Count = Field(description="Of the pyramid.")
    threads: Count = of_runtime(1)


def _run(name: str, arguments: Sequence[object]) -> float:
    """Run a program of NiftyReg; returns its peak memory in MiB."""
    from ganreg import io

    path = programs.find(name)
    if path is None:
        raise InputError(f"{name}: expected NiftyReg's program on the PATH, found none")
    with io.scratch() as folder, open(folder / "output", "w+") as output:
        process = subprocess.Popen([path, *map(str, arguments)], stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            lines = output.read().strip().splitlines()
            raise InputError(
                f"{name}: expected exit status 0, found {process.returncode}: {lines[-1] if lines else ''}"
            )
    return usage.ru_maxrss / 1024


def register(fixed_path: Path, moving_path: Path, output: Path, settings: Niftyreg) -> float:
    """Register two preprocessed images with `reg_f3d` and write the transform file.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid.
    output : Path of the transform file
    settings : Niftyreg

    Returns
    -------
    float: peak memory of `reg_f3d`, MiB

    Raises
    ------
    InputError
        If a program is missing or fails.
    """
    import nibabel as nib
    import numpy as np

    from ganreg import io
    from ganreg.spatial import transform_file

    with io.scratch() as folder:
        grid, field = folder / "grid.nii", folder / "field.nii"
        arguments = ["-ref", fixed_path, "-flo", moving_path, "-cpp", grid, "-res", folder / "warped.nii"]
        arguments += [f"--{settings.similarity}", "-sx", settings.spacing_mm, "-be", settings.bending_energy]
        arguments += ["-maxit", settings.iterations, "-ln", settings.levels, "-omp", settings.threads]
        # background is 0 after normalization, and NaN beyond the edge would spread into the gradient
        peak = _run(PROGRAM, [*arguments, "-pad", 0, "-voff"])
        _run("reg_transform", ["-ref", fixed_path, "-disp", grid, field])
        image = nib.Nifti1Image.from_filename(field)
        # NiftyReg writes RAS signs
        ras = np.asarray(image.dataobj, dtype=np.float32)[:, :, :, 0, :]
    transform_file.write_transform_mm(
        output, ras * transform_file.RAS_TO_LPS, nib.Nifti1Image.from_filename(fixed_path).affine
    )
    return peak
