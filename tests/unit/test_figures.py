"""Figures that the smoke preset does not draw, from numbers that are known."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from ganreg import io

PLOT = {"dpi": 60, "font_size": 8, "palette": "colorblind"}
EVALUATION = {"bootstrap": 100, "seed": 1}


def draw(root, script, options, *arguments):
    """Run a script that draws a figure."""
    options = json.dumps({"plot": PLOT, "evaluation": EVALUATION, **options})
    command = [sys.executable, root / "workflow" / "scripts" / f"{script}.py", "--options", options, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow")}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr


def test_training_sizes_are_drawn_with_what_the_augmentation_adds(root, tmp_path):
    dice = {"unet_none": 0.6, "unet_none_n3": 0.5, "unet_proposed": 0.61, "unet_proposed_n3": 0.54}
    for method, value in dice.items():
        lines = [
            {"fold": fold, "pair": f"p{fold}{subject}", "fixed": subject, "method": method, "structure": structure}
            | {"dice": value + 0.1 * (subject == "a") + (structure == "left out")}
            for fold in (1, 2)
            for subject in ("a", "b")
            for structure in ("s1", "left out")
        ]
        pd.DataFrame(lines).to_csv(tmp_path / f"{method}.csv", index=False)
    io.write_json(tmp_path / "folds.json", {"folds": [{"train": ["c"] * 8}, {"train": ["c"] * 7}]})
    options = {"compared": ["unet_none", "unet_proposed"], "exclude": ["left out"]}
    paths = [tmp_path / f"{method}.csv" for method in dice]
    arguments = ["--folds", tmp_path / "folds.json", "--structures", *paths, "--output", tmp_path / "figure.png"]
    draw(root, "plot_training_sizes", options, *arguments)
    drawn = pd.read_csv(tmp_path / "figure.csv")
    assert drawn["training_subjects"].tolist() == [3, 7, 3, 7]
    assert drawn["dice_mean"].tolist() == pytest.approx([0.55, 0.65, 0.59, 0.66])
    assert drawn["gain"].dropna().tolist() == pytest.approx([0.04, 0.01])
    assert "what the augmentation adds" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_segmentation_is_drawn_with_what_lacking_recurrence_costs(root, tmp_path):
    lines = [
        {"fold": 1, "subject": subject, "role": role, "model": model, "structure": structure}
        # training subjects are not drawn
        | {"dice": 0.7 + 0.1 * (subject == "02") - 0.05 * (model != "rdnn") if role == "test" else 0.1}
        for model in ("rdnn", "rdnn_norecurrence")
        for subject, role in (("01", "test"), ("02", "test"), ("03", "train"))
        for structure in ("left thalamus", "right thalamus")
    ]
    pd.DataFrame(lines).to_csv(tmp_path / "segmentation.csv", index=False)
    draw(
        root, "plot_segmentation_dice", {}, "--measured", tmp_path / "segmentation.csv",
        "--output", tmp_path / "figure.png",
    )  # fmt: skip
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert "RDNN: mean 0.750" in svg
    assert "without recurrence: mean 0.700, -0.050 (-0.050 to -0.050)" in svg
