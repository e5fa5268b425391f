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
        options=canonical(
            {
                "subjects": FOLD_SUBJECTS,
                "split": {key: config["split"][key] for key in ("folds", "validation_subjects", "seed")},
                "task": TASK,
            }
        ),
        code=code("make_folds", "imaging"),
    shell:
        """
        python "$SCRIPTS/make_folds.py" \
            --options {params.options:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule make_patient_folds:
    """Seeded folds of the patients and what is registered in each."""
    output:
        "<results>/patients/folds.json",
    log:
        "<logs>/make_patient_folds.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical(
            {
                "modalities": {patient: names[1:] for patient, names in PATIENTS.items()},
                "folds": config["split"]["folds"],
                "seed": config["split"]["seed"],
            }
        ),
        code=code("make_patient_folds", "imaging"),
    shell:
        """
        python "$SCRIPTS/make_patient_folds.py" \
            --options {params.options:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """
