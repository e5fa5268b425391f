# Who is in which fold; nothing else decides that.


rule make_folds:
    """Seeded, subject-disjoint folds and their pair lists."""
    output:
        "<results>/split/folds.json",
    log:
        "<logs>/make_folds.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical({"subjects": FOLD_SUBJECTS, "split": config["split"], "task": TASK}),
        code=code("make_folds", "imaging"),
    shell:
        """
        python "$SCRIPTS/make_folds.py" \
            --options {params.options:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """
