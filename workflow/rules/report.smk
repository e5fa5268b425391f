# The report's tables, the targets, and the record of the run.


rule report_samples:
    """The table of sample quality: means over folds."""
    input:
        measured=expand("<results>/metrics/samples/fold{fold}.csv", fold=FOLDS),
    output:
        table="<results>/tables/samples.csv",
        others=multiext("<results>/tables/samples", ".md", ".json"),
    log:
        "<logs>/report_samples.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical({"dataset": MAIN.name}),
        code=code("report_samples", "report"),
    shell:
        """
        python "$SCRIPTS/report_samples.py" \
            --options {params.options:q} \
            --measured {input.measured:q} \
            --output "$(dirname {output.table:q})" \
            > {log:q} 2>&1
        """


rule report_networks:
    """The tables of networks: what they cost, how they generalize, and what fewer passes give."""
    input:
        measured=expand("<results>/metrics/networks/fold{fold}_{method}.csv", fold=FOLDS, method=TRAINED),
        manifests=expand("<results>/models/fold{fold}/{method}.json", fold=FOLDS, method=TRAINED),
    output:
        table=multiext("<results>/tables/networks", ".csv", ".md"),
        passes=multiext("<results>/tables/passes", ".csv", ".md"),
    log:
        "<logs>/report_networks.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical({"dataset": MAIN.name, "methods": TRAINED}),
        code=code("report_networks", "report"),
    shell:
        """
        python "$SCRIPTS/report_networks.py" \
            --options {params.options:q} \
            --measured {input.measured:q} \
            --manifests {input.manifests:q} \
            --output "$(dirname {output.table[0]:q})" \
            > {log:q} 2>&1
        """


rule report_uncertainty:
    """The table of uncertainty and inverse consistency."""
    input:
        pairs="<results>/metrics/uncertainty.csv",
        reliability="<results>/metrics/reliability.csv",
    output:
        table="<results>/tables/uncertainty.csv",
        others=multiext("<results>/tables/uncertainty", ".md", ".json"),
    log:
        "<logs>/report_uncertainty.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical({"samples": CONFIG.uncertainty.samples}),
        code=code("report_uncertainty", "report"),
    shell:
        """
        python "$SCRIPTS/report_uncertainty.py" \
            --options {params.options:q} \
            --pairs {input.pairs:q} \
            --reliability {input.reliability:q} \
            --output "$(dirname {output.table:q})" \
            > {log:q} 2>&1
        """


rule report_dice:
    """The five-fold Dice report: Table 1, Table 2, what each arm adds, and the cost table."""
    input:
        folds="<results>/split/folds.json",
        structures="<results>/metrics/structures.csv",
        pairs="<results>/metrics/pairs.csv",
        cost="<results>/metrics/cost.csv",
        manifests=manifests_of(IDS),
        paper=project_file("resources", "paper_results.csv"),
    output:
        table1=report(
            multiext("<results>/tables/table1", ".csv", ".md", ".json"),
            caption="../report/table1.rst",
            category="Tables",
        ),
        table2=multiext("<results>/tables/table2", ".csv", ".md", ".json"),
        cost=multiext("<results>/tables/cost", ".csv", ".md", ".json"),
        arms=multiext("<results>/tables/arms", ".csv", ".md", ".json") if CONTRASTS else [],
    log:
        "<logs>/report_dice.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical(
            {
                "dataset": MAIN.name,
                "simulated": MAIN.simulated,
                "silver": MAIN.silver,
                "labeled": [
                    each.id for each in METHODS if each.network and each.learns_from_labels(network_of(each.id))
                ],
                "unranked": [each.id for each in METHODS if not ranked(each)],
                "task": f"{TASK.pairs} {TASK.moving} to {TASK.fixed}",
                "methods": IDS,
                "reference_method": CONFIG.registration.reference_method,
                "contrasts": CONTRASTS,
                "work": WORK,
                "design": design_of(IDS),
            }
        ),
        code=code("report_dice", "report"),
    shell:
        """
        python "$SCRIPTS/report_dice.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --structures {input.structures:q} \
            --pairs {input.pairs:q} \
            --cost {input.cost:q} \
            --manifests {input.manifests:q} \
            --paper {input.paper:q} \
            --output "$(dirname {output.table1[0]:q})" \
            > {log:q} 2>&1
        """


rule report_robustness:
    """The table of Dice under noise, bias fields and rotated starts."""
    input:
        folds=f"<results>/{DEGRADED}split/folds.json",
        structures=measured(DEGRADED, "structures", ROBUST),
    output:
        table="<results>/tables/robustness.csv",
        others=multiext("<results>/tables/robustness", ".md", ".json"),
    log:
        "<logs>/report_robustness.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical({"dataset": MAIN.name, "exclude": CONFIG.evaluation.exclude, "design": design_of(ROBUST)}),
        code=code("report_robustness", "report"),
    shell:
        """
        python "$SCRIPTS/report_robustness.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --structures {input.structures:q} \
            --output "$(dirname {output.table:q})" \
            > {log:q} 2>&1
        """


if EXTERNAL:

    rule report_external:
        """The table of the second data set: Dice between subjects, target registration error within."""
        input:
            structures=measured("external/", "structures", EXTERNAL_METHODS),
            pairs=measured("external/", "pairs", EXTERNAL_METHODS),
            paper=project_file("resources", "paper_results.csv"),
        output:
            table="<results>/tables/external.csv",
            others=multiext("<results>/tables/external", ".md", ".json"),
            folds=multiext("<results>/tables/external_folds", ".csv", ".md"),
        log:
            "<logs>/report_external.log",
        conda:
            "../../envs/report.yaml"
        params:
            options=canonical(
                {
                    "exclude": CONFIG.evaluation.exclude,
                    "design": design_of(EXTERNAL_METHODS),
                    "silver": EXTERNAL.silver,
                    "learned_from_silver": MAIN.silver,
                    "simulated": EXTERNAL.simulated,
                }
            ),
            code=code("report_external", "report"),
        shell:
            """
            python "$SCRIPTS/report_external.py" \
                --options {params.options:q} \
                --structures {input.structures:q} \
                --pairs {input.pairs:q} \
                --paper {input.paper:q} \
                --output "$(dirname {output.table:q})" \
                > {log:q} 2>&1
            """


rule plot_tables:
    """Draw Table 1 and Table 2 as pictures."""
    input:
        table1="<results>/tables/table1.csv",
        table2="<results>/tables/table2.csv",
        caption1="<results>/tables/table1.json",
        caption2="<results>/tables/table2.json",
    output:
        table1=report("<results>/tables/table1.png", caption="../report/table1.rst", category="Tables"),
        table2=report("<results>/tables/table2.png", caption="../report/table2.rst", category="Tables"),
    log:
        "<logs>/plot_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical({"plot": STYLE}),
        code=code("plot_tables", "report"),
    shell:
        """
        python "$SCRIPTS/plot_tables.py" \
            --options {params.options:q} \
            --table1 {input.table1:q} \
            --table2 {input.table2:q} \
            --caption1 {input.caption1:q} \
            --caption2 {input.caption2:q} \
            --output1 {output.table1:q} \
            --output2 {output.table2:q} \
            > {log:q} 2>&1
        """


rule tables:
    """The tables alone."""
    input:
        rules.report_dice.output,
        rules.plot_tables.output,
        rules.report_samples.output if KINDS else [],
        rules.report_networks.output if TRAINED else [],
        rules.report_uncertainty.output if UNCERTAIN else [],
        rules.report_robustness.output if ROBUST else [],
        rules.report_external.output if EXTERNAL else [],


rule figures:
    """The figures alone."""
    input:
        multiext("<results>/figures/fig22_rulegraph", ".png", ".svg", ".csv"),
        expand("<results>/figures/{figure}.{kind}", figure=FIGURES, kind=["png", "svg", "csv"]),


rule write_provenance:
    """What the run was: configuration, code, tools, machine, data and seconds by rule."""
    input:
        # written last; the configuration is no param: what of it counts has made one of these anew
        results=lambda wildcards: [*rules.tables.input, *rules.figures.input],
        data=list(
            dict.fromkeys(
                [
                    *(path for path in (CONFIG.template.image, CONFIG.template.mask) if path),
                    *(path for path in truth_of("external/") if not EXTERNAL.simulated),
                    *(path for folder in SETS for path in raw_files(folder)),
                ]
            )
        ),
    output:
        record="<results>/provenance.json",
        page=report("<results>/provenance.html", caption="../report/provenance.rst", category="Provenance"),
    log:
        "<logs>/write_provenance.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=code("write_provenance", "report"),
    shell:
        """
        python "$SCRIPTS/write_provenance.py" \
            --data {input.data:q} \
            --benchmarks "$(dirname {output.record:q})/benchmarks" \
            --output {output.record:q} \
            --output-page {output.page:q} \
            > {log:q} 2>&1
        """
