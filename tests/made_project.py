"""A made project for tests of fingerprints: a script, and a package that it uses in many ways."""

import textwrap
from pathlib import Path

from ganreg import fingerprint

FILES = {
    "script.py": """
        '''Says what the script does.'''

        from numpy import zeros

        from ganreg import cli, registry
        from ganreg.shapes import area as area_of, hidden
        from ganreg.volumes import overlap as o

        LEAST = 3


        def main(argv=None):
            print("begins")
            cli.run(area_of(zeros(LEAST)), o.dice, hidden.found)


        if __name__ == "__main__":
            main()
    """,
    "ganreg/__init__.py": "",
    "ganreg/cli.py": """
        import sys

        from ganreg.errors import InputError
        from ganreg.settings import Options


        def run(*content):
            '''Runs.'''
            options = Options()
            try:
                for each in content:
                    total = options.of(each)
                    message = f"expected {total}"
                    message += ", found none"
                    if total is None:
                        raise InputError(message)
            except InputError as error:
                sys.exit(f"error: {error}")
            return total


        def other():
            return run
    """,
    "ganreg/errors.py": "class InputError(Exception):\n    pass\n",
    "ganreg/settings.py": """
        from dataclasses import dataclass
        from typing import TYPE_CHECKING

        from pydantic import Field

        if TYPE_CHECKING:
            from ganreg.unused import Unused


        @dataclass
        class Options:
            '''Options.'''

            steps: int = Field(3, description="Of Adam.")
            '''Steps.'''
            kind = "plain"

            def of(self, value: "Unused") -> int:
                return value * self.steps
    """,
    "ganreg/registry.py": """
        import scipy

        KNOWN = []
        SIZES = {}
        SIZES["small"] = 1


        def register(function):
            KNOWN.append(function)
            return function


        @register
        def first():
            return 1


        def second():
            return scipy.second()


        for each in [1, 2]:
            KNOWN.append(each)
        KNOWN += [3]
    """,
    "ganreg/shapes/__init__.py": "from ganreg.shapes import hidden\nfrom ganreg.shapes.plane import area\n",
    "ganreg/shapes/plane.py": """
        import functools

        SCALE = 2
        NAME = "plane"
        UNIT = "mm"


        @functools.cache
        def area(side, power=SCALE):
            def squared(value):
                def inner():
                    return value**power

                return inner()

            picked = [side for side in range(3) if side]
            return squared(side) + sum(x for x in picked) + volume.__name__.count(NAME)


        def volume(side):
            from ganreg.shapes import solid

            if side < 0:
                raise ValueError(f"expected mm, found {side} {UNIT}")
            return solid.volume(side)
    """,
    "ganreg/shapes/hidden.py": "from ganreg.shapes import plane\n\n\ndef found():\n    return plane.volume\n",
    "ganreg/shapes/solid.py": """
        import torch

        from ganreg.shapes.plane import area


        def volume(side):
            return area(side) * torch.tensor(side)
    """,
    "ganreg/volumes/__init__.py": "",
    "ganreg/volumes/overlap.py": """
        import nibabel


        def dice(first, second):
            return (first & second).sum()


        def hd95(first, second):
            return nibabel.load(first)
    """,
    "ganreg/unused.py": "import torch\n\n\nclass Unused:\n    pass\n",
    "env.yaml": "dependencies:\n  - numpy=2.0\n  - pytorch=2.1\n  - nibabel=5\n  - scipy=1.1\n",
}


def write(folder: Path) -> Path:
    """Write the project's files into a folder, and return it."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
    return folder


def digest(project: Path, *extra: str) -> str:
    """Fingerprint of the project's script."""
    return fingerprint.fingerprint(project / "script.py", project, project / "env.yaml", *extra)


def edit(project: Path, name: str, old: str, new: str) -> None:
    """Replace a text in one of its files."""
    path = project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
