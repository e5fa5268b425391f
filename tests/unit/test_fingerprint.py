"""Fingerprints: logic and tools count, words do not."""

import pytest

from ganreg import fingerprint


@pytest.fixture
def project(tmp_path):
    (tmp_path / "ganreg").mkdir()
    (tmp_path / "ganreg" / "__init__.py").write_text("")
    (tmp_path / "ganreg" / "used.py").write_text("import numpy\n\n\ndef f():\n    return 1\n")
    (tmp_path / "ganreg" / "unused.py").write_text("import torch\n")
    (tmp_path / "script.py").write_text("from ganreg import used\n\nprint(used.f())\n")
    (tmp_path / "env.yaml").write_text("dependencies:\n  - numpy=2.0\n  - pytorch=2.1\n")

    def digest():
        fingerprint._parse.cache_clear()
        return fingerprint.fingerprint(tmp_path / "script.py", tmp_path, tmp_path / "env.yaml")

    return tmp_path, digest


@pytest.mark.parametrize(
    ("name", "old", "new", "changes"),
    [
        ("script.py", "print", "# a comment\nprint", False),
        ("ganreg/used.py", "    return 1", '    """Says one."""\n    return 1', False),
        ("ganreg/used.py", "return 1", "return (1)", False),
        ("ganreg/used.py", "return 1", "return 2", True),
        ("ganreg/unused.py", "torch", "scipy", False),
        ("env.yaml", "numpy=2.0", "numpy=2.1", True),
        ("env.yaml", "pytorch=2.1", "pytorch=2.2", False),
    ],
)
def test_what_changes_the_fingerprint(project, name, old, new, changes):
    folder, digest = project
    before = digest()
    path = folder / name
    path.write_text(path.read_text().replace(old, new))
    assert (digest() != before) is changes


def test_versions_of_programs_that_are_called_count(root, tmp_path):
    scripts, env = root / "workflow" / "scripts", tmp_path / "env.yaml"
    digests = []
    for version in ("1.5", "1.6"):
        env.write_text(f"dependencies:\n  - niftyreg={version}\n")
        digests.append(
            [
                fingerprint.fingerprint(scripts / f"{name}.py", root / "workflow", env)
                for name in ("register_niftyreg", "register_syn")
            ]
        )
    assert digests[0][0] != digests[1][0]
    assert digests[0][1] == digests[1][1]
    # each of them belongs to a file that there is
    assert all((root / "workflow" / "ganreg" / name).is_file() for name in fingerprint.TOOLS)


def test_imports_are_followed_through_packages(root):
    files, modules = fingerprint.imports(root / "workflow" / "scripts" / "register_unet.py", root / "workflow")
    names = {path.relative_to(root / "workflow").as_posix() for path in files}
    assert {"ganreg/spatial/warp.py", "ganreg/register/networks.py", "ganreg/__init__.py"} <= names
    assert "ganreg/syn.py" not in names
    assert {"torch", "nibabel"} <= modules
    assert not {"ganreg", "os"} & modules
