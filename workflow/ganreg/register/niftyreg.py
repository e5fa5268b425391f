"""Free-form deformation with NiftyReg's `reg_f3d` (Modat et al. 2010, doi:10.1016/j.cmpb.2009.09.002)."""

import os
import subprocess

import nibabel as nib
import numpy as np

from ganreg import io
from ganreg.errors import InputError
from ganreg.register import programs
from ganreg.spatial import transform_file


def _run(name, arguments):
    """Run a program of NiftyReg; returns its peak memory in MiB."""
    path = programs.find(name)
    if path is None:
        raise InputError(f"{name}: expected NiftyReg's program on the PATH, found none (`make setup` builds it)")
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


def register(fixed_path, moving_path, output, options):
    """Register two preprocessed images with `reg_f3d` and write the transform file.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid.
    output : Path of the transform file
    options : dict
        `similarity`: ssd or nmi; `spacing_mm`: of the control points; `bending_energy`: weight; `iterations` at the
        last level; `levels`; `threads`.

    Returns
    -------
    float: peak memory of `reg_f3d`, MiB

    Raises
    ------
    InputError
        If a program is missing or fails.
    """
    with io.scratch() as folder:
        grid, field = folder / "grid.nii", folder / "field.nii"
        arguments = ["-ref", fixed_path, "-flo", moving_path, "-cpp", grid, "-res", folder / "warped.nii"]
        arguments += [f"--{options['similarity']}", "-sx", options["spacing_mm"], "-be", options["bending_energy"]]
        arguments += ["-maxit", options["iterations"], "-ln", options["levels"], "-omp", options["threads"]]
        # background is 0 after normalisation, and NaN beyond the edge would spread into the gradient
        peak = _run("reg_f3d", [*arguments, "-pad", 0, "-voff"])
        _run("reg_transform", ["-ref", fixed_path, "-disp", grid, field])
        image = nib.load(field)
        # NiftyReg writes RAS signs
        ras = np.asarray(image.dataobj, dtype=np.float32)[:, :, :, 0, :]
    transform_file.write_transform_mm(output, ras * transform_file.RAS_TO_LPS, nib.load(fixed_path).affine)
    return peak
