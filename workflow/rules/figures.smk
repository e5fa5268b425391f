# Figures; changing the block `plot` makes these anew and nothing else.


rule plot_rulegraph:
    """Draw the workflow itself (Fig. 22)."""
    output:
        png=report("<results>/figures/fig22_rulegraph.png", caption="../report/rulegraph.rst", category="Figures"),
        others=multiext("<results>/figures/fig22_rulegraph", ".svg", ".csv"),
    log:
        "<logs>/plot_rulegraph.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=rulegraph_options,
        code=code("plot_rulegraph", "report"),
        # no input: a comment in it draws nothing anew
        snakefile=project_file("Snakefile"),
    shell:
        """
        python "$SCRIPTS/plot_rulegraph.py" \
            --options {params.options:q} \
            --snakefile {params.snakefile:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


for figure, drawn in FIGURES.items():

    rule:
        """Draw one figure of the list."""
        name:
            drawn.script
        input:
            **drawn.inputs,
        output:
            png=report(
                f"<results>/figures/{figure}.png",
                caption=f"../report/{drawn.script.removeprefix('plot_')}.rst",
                category="Figures",
            ),
            others=multiext(f"<results>/figures/{figure}", ".svg", ".csv"),
        log:
            f"<logs>/{drawn.script}.log",
        # on a cluster all figures go in one job, in which each takes minutes
        group:
            "report"
        conda:
            f"../../envs/{drawn.environment}.yaml"
        resources:
            runtime=lambda wildcards, attempt: 10 * attempt,
        params:
            options=canonical(drawn.options),
            code=code(drawn.script, drawn.environment),
            script=drawn.script,
            arguments=arguments_of,
        shell:
            """
            python "$SCRIPTS/{params.script}.py" \
                --options {params.options:q} \
                {params.arguments} \
                --output {output.png:q} \
                > {log:q} 2>&1
            """
