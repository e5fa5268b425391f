"""The figure of a second data set, and whether every figure has a test."""

import figures
import numpy as np
import pandas as pd
import pytest
from figures import PLOT, names, same, texts

from ganreg import io

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def drawn(monkeypatch):
    return figures.Closed(monkeypatch)


def external_pairs(with_truth):
    """A pairs table of a second data set: one pair of two subjects, and two subjects' own CT."""
    lines = [
        {"pair": "between", "fixed": "01", "moving": "02", "modality": "T2w", "task": "between", "method": "initial"}
    ]
    lines += [
        {"pair": f"{name}_ct", "fixed": name, "moving": name, "modality": "ct", "task": "within", "method": method}
        | {column: value if with_truth else np.nan for column in ("tre_median_mm", "tre_max_mm", "tre_corners_mm")}
        for method, values in (("headers", (5, 7)), ("initial", (1, 3)))
        for name, value in zip(("01", "02"), values, strict=True)
    ]
    table = pd.DataFrame(lines)
    return table.assign(dataset="d", fold=1, ndv_percent=0.5, tre_median_mm=table.get("tre_median_mm", np.nan))


@pytest.mark.parametrize("with_truth", [True, False])
def test_a_second_data_set_is_drawn_with_its_target_errors(root, tmp_path, drawn, with_truth):
    folder, made = tmp_path / "subjects", figures.write_subjects(tmp_path / "subjects")
    ct = np.where(made["01"]["mask"], 50, -1000).astype(np.float32)
    figures.write_subject(folder, "01", {"ct": ct})
    raw = [tmp_path / f"{name}.nii.gz" for name in ("T1w", "ct")]
    for path, image in zip(raw, (made["02"]["T1w"], ct), strict=True):
        io.save(path, image, np.eye(4))
    io.write_table(tmp_path / "pairs.csv", external_pairs(with_truth))
    options = {"plot": PLOT, "subject": "01", "modalities": ["T1w", "ct"]}
    paths = {"pairs": [tmp_path / "pairs.csv"], "images": raw, "subjects": folder}
    figures.draw(root, "plot_external", options, tmp_path / "figure.png", **paths)
    axes, data = drawn[0].axes, pd.read_csv(tmp_path / "figure.csv")
    for axis, volume in zip(axes, (made["02"]["T1w"], ct, made["01"]["T1w"], ct), strict=False):
        assert same(axis, volume)
    assert [axis.get_title() for axis in axes[:2]] == ["T1w", "CT"]
    assert axes[1].images[0].get_clim() == (-20, 80)
    if not with_truth:
        assert data.empty
        assert len(axes) == 4
        return
    assert "ndv_percent" not in data
    assert data["tre_median_mm"].tolist() == [5, 7, 1, 3]
    dots, medians = axes[4].lines[::2], axes[4].lines[1::2]
    for method, line, median in zip(("headers", "initial"), dots, medians, strict=True):
        own = data.loc[data["method"] == method, "tre_median_mm"].tolist()
        assert line.get_ydata().tolist() == own
        assert median.get_ydata().tolist() == [np.median(own)] * 2
    assert names(axes[4], "x") == ["CT to T1w"]
    assert texts(drawn[0].legends[0]) == ["As scanned", "Rigid"]


def test_every_figure_has_a_test(root):
    tests = "".join(path.read_text() for path in (root / "tests" / "unit").glob("test_figures*.py"))
    scripts = [path.stem for path in (root / "workflow" / "scripts").glob("plot_*.py")]
    assert len(scripts) >= 16
    assert [name for name in scripts if f'"{name}"' not in tests] == []
