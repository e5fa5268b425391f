"""The name of the cost table that every folder of transforms holds."""

COST_FILE = "cost.csv"
