"""From transform files alone to the long tables, their statistics, Table 1 and Table 2."""
