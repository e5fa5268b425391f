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
        # training sizes take a part of a fold and change none
        options=canonical({"subjects": FOLD_SUBJECTS, "split": CONFIG.split.only(Folds), "task": TASK}),
        code=code("make_folds", "imaging"),
    shell:
        """
        python "$SCRIPTS/make_folds.py" \
            --options {params.options:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


if EXTERNAL:

    rule make_external_folds:
        """Seeded folds of the second data set and what is registered in each."""
        output:
            "<results>/external/split/folds.json",
        log:
            "<logs>/make_external_folds.log",
        conda:
            "../../envs/imaging.yaml"
        params:
            options=canonical(
                {
                    "modalities": {subject: names[1:] for subject, names in EXTERNAL.modalities.items()},
                    "between": CONFIG.external.between,
                    "within": CONFIG.external.within,
                    "folds": CONFIG.split.folds,
                    "seed": CONFIG.split.seed,
                }
            ),
            code=code("make_external_folds", "imaging"),
        shell:
            """
            python "$SCRIPTS/make_external_folds.py" \
                --options {params.options:q} \
                --output {output:q} \
                > {log:q} 2>&1
            """


rule degrade_subjects:
    """Degraded copies of the moving test subjects, preprocessed as these are, and the pairs to register."""
    input:
        folds="<results>/split/folds.json",
        subjects=PREPROCESSED,
    output:
        folds=f"<results>/{DEGRADED}split/folds.json",
        # the last file of the folder, in which the subjects lie
        subjects=f"<results>/{DEGRADED}preprocess/subjects.tsv",
    log:
        "<logs>/degrade_subjects.log",
    benchmark:
        "<benchmarks>/degrade_subjects.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        options=canonical(
            {"degradation": CONFIG.robustness.only(Degradation), "fixed": TASK.fixed, "moving": TASK.moving}
        ),
        code=code("degrade_subjects", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/degrade_subjects.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --subjects {params.subjects:q} \
            --output-folds {output.folds:q} \
            --output {output.subjects:q} \
            > {log:q} 2>&1
        """
