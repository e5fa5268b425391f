"""Tables as they are shown."""

import numpy as np
import pandas as pd


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """A table as it is shown: three decimals, empty where there is no value, small p values as <0.001."""
    shown = table.copy()
    for column in shown.select_dtypes("float"):
        # z: no minus before a zero
        shown[column] = ["" if np.isnan(value) else f"{value:z.3f}" for value in table[column]]
    for column in shown.select_dtypes("Int64"):
        shown[column] = shown[column].astype("string").fillna("")
    if "p_holm" in table:
        shown.loc[table["p_holm"] < 0.001, "p_holm"] = "<0.001"
    return shown


def to_markdown(table: pd.DataFrame, caption: str) -> str:
    """A table as Markdown, the caption below."""
    return f"{as_text(table).to_markdown(index=False, disable_numparse=True)}\n\n{caption}\n"
