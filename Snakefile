from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"
configfile: "config/data.yaml"
configfile: "config/networks.yaml"
configfile: "config/tools.yaml"


pathvars:
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",
    data="data",


report: "workflow/report/workflow.rst"


rule all:
    """Everything: tables, figures and what made them."""
    input:
        lambda wildcards: [*rules.tables.input, *rules.figures.input, *rules.write_provenance.output],


include: "workflow/rules/common.smk"
include: "workflow/rules/options.smk"
include: "workflow/rules/drawings.smk"
include: "workflow/rules/get.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/split.smk"
include: "workflow/rules/segment.smk"
include: "workflow/rules/synthesize.smk"
include: "workflow/rules/register.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
