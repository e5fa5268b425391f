"""Charts: what is drawn is what the CSV beside it says, on numbers that are known."""

import figures
import numpy as np
import pandas as pd
import pytest
from figures import COLORS, STYLE
from matplotlib.colors import to_hex

from ganreg import io

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def drawn(monkeypatch):
    return figures.Closed(monkeypatch)


def long_table(values):
    """A long table: method -> fold -> subject -> Dice of its two structures."""
    return pd.DataFrame(
        {"fold": fold, "pair": f"{subject}_{fold}", "fixed": subject, "method": method, "structure": structure}
        | {"dice": dice + shift}
        for method, folds in values.items()
        for fold, subjects in folds.items()
        for subject, dice in subjects.items()
        for structure, shift in (("left", -0.1), ("right", 0.1))
    )


def test_the_comparison_shows_each_subject_the_mean_and_the_papers_number(root, tmp_path, drawn):
    values = {"syn_mi": {1: {"a": 0.5, "b": 0.6}}, "unet_none": {1: {"a": 0.7, "b": 0.8}}}
    io.write_table(tmp_path / "structures.csv", long_table(values))
    table = pd.DataFrame({"method": ["unet_none", "syn_mi"], "paper_dice": [np.nan, 0.55]})
    io.write_table(tmp_path / "table.csv", table)
    output = tmp_path / "figure.png"
    paths = {"table": tmp_path / "table.csv", "structures": tmp_path / "structures.csv"}
    figures.draw(root, "plot_comparison", {"plot": STYLE}, output, **paths)
    axis, data = drawn[0].axes[0], pd.read_csv(tmp_path / "figure.csv")
    # the table's first line is at the top
    assert figures.names(axis, "y") == ["SyN (Mattes MI)", "U-Net"]
    for row, method in enumerate(["syn_mi", "unet_none"]):
        x, y = figures.points(axis.collections[row]).T
        assert x.tolist() == pytest.approx(data.loc[data["method"] == method, "dice"].tolist())
        assert (np.abs(y - row) < 0.2).all()
        assert to_hex(axis.collections[row].get_facecolor()[0]) == COLORS[row].lower()
    means = [line.get_xdata() for line in axis.lines if len(line.get_xdata()) == 2]
    assert means == [pytest.approx([0.55] * 2), pytest.approx([0.75] * 2)]
    diamonds = [line for line in axis.lines if line.get_marker() == "D" and len(line.get_xdata())]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in diamonds] == [(0.55, 0)]


def test_losses_have_a_line_for_each_fold(root, tmp_path, drawn):
    paths, values = [], iter(np.arange(1, 100) / 100)
    for method in ("unet_none", "unet_pgan"):
        for fold in (1, 2):
            path = tmp_path / f"fold{fold}" / f"{method}_history.jsonl"
            lines = pd.DataFrame({"step": [10, 20], "seconds": [1.0, 2.0]})
            for column in ("loss", "validation_loss", "validation_dice"):
                lines[column] = [next(values), next(values)]
            io.write_text(path, lines.to_json(orient="records", lines=True))
            paths.append(path)
    figures.draw(root, "plot_losses", {"plot": STYLE}, tmp_path / "figure.png", histories=paths)
    data = pd.read_csv(tmp_path / "figure.csv")
    assert [column for column in data if column != "seconds"] == list(data)
    axes = np.reshape(drawn[0].axes, (2, 3))
    for row, method in enumerate(("unet_none", "unet_pgan")):
        for column, key in enumerate(("loss", "validation_loss", "validation_dice")):
            for fold, line in zip((1, 2), axes[row][column].lines, strict=True):
                own = data[(data["method"] == method) & (data["fold"] == fold)]
                assert line.get_xydata().tolist() == own[["step", key]].to_numpy().tolist()
                assert line.get_color() == COLORS[fold - 1]
    assert [axis.get_ylabel() for axis in axes[:, 0]] == ["U-Net", "U-Net + PGAN"]
    assert [axis.get_title() for axis in axes[0]] == ["training loss", "validation loss", "validation Dice"]
    assert figures.texts(drawn[0].legends[0]) == ["fold 1", "fold 2"]


def test_robustness_has_a_panel_for_each_degradation(root, tmp_path, drawn):
    table = pd.DataFrame(
        {"method": method, "degradation": kind, "level": level, "dice_mean": mean, "ci_low": mean - 0.1}
        | {"ci_high": mean + 0.05}
        for method, start in (("syn_mi", 0.7), ("unet_none", 0.8))
        for kind in ("rotation_deg", "noise_sd")
        for level, mean in ((0, start), (2, start - 0.2))
    )
    io.write_table(tmp_path / "table.csv", table)
    figures.draw(root, "plot_robustness", {"plot": STYLE}, tmp_path / "figure.png", table=tmp_path / "table.csv")
    data = pd.read_csv(tmp_path / "figure.csv")
    assert [axis.get_xlabel() for axis in drawn[0].axes] == ["noise (SD of the brain)", "initial rotation (degrees)"]
    for axis, kind in zip(drawn[0].axes, ("noise_sd", "rotation_deg"), strict=True):
        for number, method in enumerate(("syn_mi", "unet_none")):
            own = data[(data["method"] == method) & (data["degradation"] == kind)]
            assert axis.lines[number].get_xydata().tolist() == own[["level", "dice_mean"]].to_numpy().tolist()
            x, y = axis.collections[number].get_paths()[0].vertices.T
            for level, low, high in own[["level", "ci_low", "ci_high"]].to_numpy():
                assert [y[x == level].min(), y[x == level].max()] == pytest.approx([low, high])
    assert figures.texts(drawn[0].legends[0]) == ["SyN (Mattes MI)", "U-Net"]


def bars(container):
    """Ends of an error bar's bars: array (N, 2)."""
    return np.array([segment[:, 1] for segment in container.lines[2][0].get_segments()])


def test_training_sizes_are_drawn_with_what_the_augmentation_adds(root, tmp_path, drawn):
    dice = {"unet_none": 0.6, "unet_none_n3": 0.5, "unet_proposed": 0.61, "unet_proposed_n3": 0.54}
    paths = []
    for method, value in dice.items():
        table = long_table({method: {fold: {"a": value + 0.1, "b": value} for fold in (1, 2)}})
        # what is excluded would change the mean
        paths.append(tmp_path / f"{method}.csv")
        io.write_table(paths[-1], pd.concat([table, table.assign(structure="left out", dice=0)]))
    io.write_json(tmp_path / "folds.json", {"folds": [{"train": ["c"] * 8}, {"train": ["c"] * 7}]})
    options = {"plot": STYLE, "compared": ["unet_none", "unet_proposed"], "exclude": ["left out"]}
    options["design"] = {"folds": 2, "trained": []}
    paths = {"structures": paths, "folds": tmp_path / "folds.json"}
    figures.draw(root, "plot_training_sizes", options, tmp_path / "figure.png", **paths)
    data = pd.read_csv(tmp_path / "figure.csv")
    assert data["training_subjects"].tolist() == [3, 7, 3, 7]
    assert data["dice_mean"].tolist() == pytest.approx([0.55, 0.65, 0.59, 0.66])
    assert data["gain"].dropna().tolist() == pytest.approx([0.04, 0.01])
    left, right = drawn[0].axes
    for container, method in zip(left.containers, options["compared"], strict=True):
        own = data[data["method"] == method]
        assert container.lines[0].get_ydata().tolist() == pytest.approx(own["dice_mean"].tolist(), abs=1e-5)
        assert container.lines[0].get_xdata() == pytest.approx([3, 7], abs=0.1)
        assert bars(container) == pytest.approx(own[["ci_low", "ci_high"]].to_numpy(), abs=1e-5)
    own = data[data["method"] == "unet_proposed"]
    assert right.containers[0].lines[0].get_xydata() == pytest.approx(
        own[["training_subjects", "gain"]].to_numpy(), abs=1e-5
    )
    assert bars(right.containers[0]) == pytest.approx(own[["gain_low", "gain_high"]].to_numpy(), abs=1e-5)
    assert figures.texts(left.get_legend()) == ["U-Net", "U-Net + proposed"]


def test_segmentation_is_drawn_with_what_lacking_recurrence_costs(root, tmp_path, drawn):
    structures = {"right thalamus": 0.02, "left thalamus": 0}
    table = pd.DataFrame(
        {"fold": int(subject), "subject": subject, "role": role, "model": model, "structure": structure}
        # training subjects are not drawn
        | {"dice": 0.7 + 0.1 * (subject == "02") - 0.05 * (model != "rdnn") + more if role == "test" else 0.1}
        for model in ("rdnn", "rdnn_norecurrence")
        for subject, role in (("01", "test"), ("02", "test"), ("03", "train"))
        for structure, more in structures.items()
    )
    io.write_table(tmp_path / "segmentation.csv", table)
    options = {"plot": STYLE, "folds": 2}
    output = tmp_path / "figure.png"
    figures.draw(root, "plot_segmentation_dice", options, output, measured=tmp_path / "segmentation.csv")
    assert figures.texts(drawn[0].legends[0]) == [
        "RDNN: mean 0.760",
        "without recurrence: mean 0.710, -0.050 (-0.050 to -0.050)",
    ]
    axis, data = drawn[0].axes[0], pd.read_csv(tmp_path / "figure.csv")
    assert set(data["role"]) == {"test"}
    # the better structure is further up
    assert figures.names(axis, "y") == ["left thalamus", "right thalamus"]
    rows = {"left thalamus": 0, "right thalamus": 1}
    for place, (model, shift) in enumerate((("rdnn", 0.15), ("rdnn_norecurrence", -0.15))):
        own = data[data["model"] == model]
        points, means = map(figures.points, axis.collections[2 * place : 2 * place + 2])
        expected = np.column_stack([own["dice"], own["structure"].map(rows) + shift])
        assert points == pytest.approx(expected)
        expected = [(own.loc[own["structure"] == name, "dice"].mean(), row + shift) for name, row in rows.items()]
        assert means == pytest.approx(np.array(expected))


def test_tables_are_drawn_cell_by_cell(root, tmp_path, drawn):
    first = {"method": ["syn_mi", "unet_none"], "labels_in_training": ["no", "yes"], "n_subjects": [5, 5]}
    numbers = ("dice_mean", "dice_sd_subjects", "dice_sd_structures", "diff_reference", "ci_low", "ci_high", "p_holm")
    numbers += ("hd95_mm", "ndv_percent", "folded_percent", "paper_dice", "paper_sd")
    first |= {name: [0.12345 + number, np.nan] for number, name in enumerate(numbers)}
    second = {"dataset": ["d"], "method": ["unet_none"], "fold_1": [0.5], "mean": [0.5], "sd": [0], "paper_mean": [0.6]}
    io.write_table(tmp_path / "table1.csv", pd.DataFrame({**first, "dataset": "d", "p_holm": [1e-5, np.nan]}))
    io.write_table(tmp_path / "table2.csv", pd.DataFrame(second))
    paths = {name: tmp_path / f"{name}.csv" for name in ("table1", "table2")}
    for number in (1, 2):
        paths[f"caption{number}"] = tmp_path / f"caption{number}.json"
        io.write_json(paths[f"caption{number}"], {"caption": f"Table {number}."})
    figures.draw_all(
        root, "plot_tables", {"plot": STYLE}, output1=tmp_path / "1.png", output2=tmp_path / "2.png", **paths
    )
    cells = [figures.cells(each.axes[0].tables[0]) for each in drawn]
    assert [cells[0][row, 0] for row in range(3)] == ["method", "SyN (Mattes MI)", "U-Net"]
    shown = ["no", "5", "0.123", "1.123", "2.123", "3.123", "4.123", "5.123", "<0.001", "7.123", "8.123", "9.123"]
    assert [cells[0][1, column] for column in range(1, 15)] == [*shown, "10.123", "11.123"]
    assert [cells[0][2, column] for column in range(1, 15)] == ["yes", "5", *[""] * 12]
    assert [cells[1][0, column] for column in range(5)] == ["method", "fold 1", "mean", "sd", "paper mean"]
    assert [cells[1][1, column] for column in range(5)] == ["U-Net", "0.500", "0.500", "0", "0.600"]
    assert [each.get_supxlabel() for each in drawn] == ["Table 1.", "Table 2."]
    assert sorted(path.name for path in tmp_path.glob("?.*")) == ["1.png", "2.png"]


def test_the_graph_of_rules_is_a_column_for_each_stage(root, tmp_path, drawn, monkeypatch):
    rules = {"get_data": [], "align_subject": ["get_data"], "resample_grid": ["align_subject", "get_data"]}
    rules["all"] = ["resample_grid"]
    text = ""
    for name, needed in {"all": rules.pop("all"), **rules}.items():
        text += f"rule {name}:\n    input: {[f'{each}.txt' for each in needed]}\n"
        text += "" if name == "all" else f"    output: '{name}.txt'\n    shell: 'touch {{output}}'\n"
    (tmp_path / "Snakefile").write_text(text)
    monkeypatch.setenv("GANREG_CONFIG", "{}")
    # not in the order of the alphabet
    listed = ["resample_grid", "align_subject", "not_needed"]
    stages = [["split", ["get_data"]], ["register", listed], ["report", ["all"]]]
    options = {"plot": STYLE, "stages": stages, "depends_on": {"methods": ["syn_mi"]}}
    figures.draw(root, "plot_rulegraph", options, tmp_path / "figure.png", snakefile=tmp_path / "Snakefile")
    data = pd.read_csv(tmp_path / "figure.csv")
    edges = [("align_subject", "resample_grid"), ("get_data", "align_subject"), ("get_data", "resample_grid")]
    assert data.to_numpy().tolist() == [list(edge) for edge in edges]
    axis = drawn[0].axes[0]
    places = {text.get_text(): text.get_position() for text in axis.texts if text.get_text()}
    assert {name: x for name, (x, _) in places.items()} == {
        **{"split": 0, "get_\ndata": 0, "register": 1, "align_\nsubject": 1, "resample_\ngrid": 1, "report": 2}
    }
    # in a column, what feeds others is further up
    assert places["register"][1] > places["align_\nsubject"][1] > places["resample_\ngrid"][1]
    arrows = {(text.xyann, text.xy) for text in axis.texts if not text.get_text()}
    # the third edge follows from the others
    expected = {("get_\ndata", "align_\nsubject"), ("align_\nsubject", "resample_\ngrid")}
    assert arrows == {(places[first], places[second]) for first, second in expected}
