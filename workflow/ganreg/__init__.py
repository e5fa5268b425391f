"""The science of the workflow: one sub-package a stage, none of which knows of Snakemake."""
