"""What the records of studies say: statistics, tables, figures and comparisons; without torch and Ray."""
