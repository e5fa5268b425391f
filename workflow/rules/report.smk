# Figures and pictures of the tables; changing `plot` makes these anew and nothing else.


rule plot_rulegraph:
    """Draw the workflow itself (Fig. 1)."""
    output:
        png=report("<results>/figures/fig01_rulegraph.png", caption="../report/rulegraph.rst", category="Figures"),
        others=multiext("<results>/figures/fig01_rulegraph", ".svg", ".csv"),
    log:
        "<logs>/plot_rulegraph.log",
    conda:
        "../../envs/report.yaml"
    params:
        # what the graph follows from; the rules are all known once the Snakefile is read
        options=lambda wildcards: plot_options(
            dataset=config["dataset"],
            mask_source=MASK_SOURCE,
            silver=SILVER,
            corrected=CORRECTED,
            methods=METHODS,
            pairs=TASK["pairs"],
            uncertain=UNCERTAIN,
            robust=ROBUST,
            sized=SIZED,
            patients=[PATIENT_SOURCE, *PATIENT_METHODS] if PATIENTS else [],
            rules=[rule.name for rule in workflow.rules],
        ),
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


rule plot_cohort:
    """Draw the raw subjects and their labels."""
    input:
        fixed=[raw_file(subject, TASK["fixed"]) for subject in FOLD_SUBJECTS[:5]],
        moving=[raw_file(subject, TASK["moving"]) for subject in FOLD_SUBJECTS[:5]],
        labels=[raw_file(subject, "labels") for subject in FOLD_SUBJECTS[:5]],
    output:
        png=report("<results>/figures/fig03_cohort.png", caption="../report/cohort.rst", category="Figures"),
        others=multiext("<results>/figures/fig03_cohort", ".svg", ".csv"),
    log:
        "<logs>/plot_cohort.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options("slice"),
        code=code("plot_cohort", "report"),
    shell:
        """
        python "$SCRIPTS/plot_cohort.py" \
            --options {params.options:q} \
            --fixed {input.fixed:q} \
            --moving {input.moving:q} \
            --labels {input.labels:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_augmentation:
    """Draw classic augmentation (Fig. 4)."""
    input:
        image=preprocessed(f"desc-preproc_{TASK['fixed']}.nii.gz", FOLD_SUBJECTS[:1]),
        dseg=preprocessed("dseg.nii.gz", FOLD_SUBJECTS[:1]),
        augmented=f"<results>/augment/sub-{FOLD_SUBJECTS[0]}",
    output:
        png=report("<results>/figures/fig04_augmentation.png", caption="../report/augmentation.rst", category="Figures"),
        others=multiext("<results>/figures/fig04_augmentation", ".svg", ".csv"),
    log:
        "<logs>/plot_augmentation.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options("slice", modality=TASK["fixed"]),
        code=code("plot_augmentation", "report"),
    shell:
        """
        python "$SCRIPTS/plot_augmentation.py" \
            --options {params.options:q} \
            --image {input.image:q} \
            --dseg {input.dseg:q} \
            --augmented {input.augmented:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_segmentation:
    """Draw one segmented test subject (Fig. 5)."""
    input:
        folds="<results>/split/folds.json",
        subjects=PREPROCESSED,
        maps="<results>/segment/fold1",
        measured="<results>/metrics/segmentation.csv",
    output:
        png=report("<results>/figures/fig05_segmentation.png", caption="../report/segmentation.rst", category="Figures"),
        others=multiext("<results>/figures/fig05_segmentation", ".svg", ".csv"),
    log:
        "<logs>/plot_segmentation.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options("slice", modalities=TASK_MODALITIES),
        code=code("plot_segmentation", "report"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/plot_segmentation.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --subjects {params.subjects:q} \
            --maps {input.maps:q} \
            --measured {input.measured:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_segmentation_dice:
    """Draw the segmentation's Dice of each structure (Fig. 6)."""
    input:
        measured="<results>/metrics/segmentation.csv",
    output:
        png=report(
            "<results>/figures/fig06_segmentation_dice.png",
            caption="../report/segmentation_dice.rst",
            category="Figures",
        ),
        others=multiext("<results>/figures/fig06_segmentation_dice", ".svg", ".csv"),
    log:
        "<logs>/plot_segmentation_dice.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options(evaluation=BOOTSTRAP),
        code=code("plot_segmentation_dice", "report"),
    shell:
        """
        python "$SCRIPTS/plot_segmentation_dice.py" \
            --options {params.options:q} \
            --measured {input.measured:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_pgan_stages:
    """Draw the progressive GAN's image at each stage (Fig. 7)."""
    input:
        subjects=PREPROCESSED,
        previews="<results>/models/fold1/pgan_stages.npz",
    output:
        png=report("<results>/figures/fig07_pgan_stages.png", caption="../report/pgan_stages.rst", category="Figures"),
        others=multiext("<results>/figures/fig07_pgan_stages", ".svg", ".csv"),
    log:
        "<logs>/plot_pgan_stages.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options("slice"),
        code=code("plot_pgan_stages", "report"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/plot_pgan_stages.py" \
            --options {params.options:q} \
            --previews {input.previews:q} \
            --subjects {params.subjects:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_samples:
    """Draw samples of the progressive GAN and the real subjects nearest to them (Fig. 8)."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
        samples="<results>/synthesize/fold1/pgan",
    output:
        png=report("<results>/figures/fig08_samples.png", caption="../report/samples.rst", category="Figures"),
        others=multiext("<results>/figures/fig08_samples", ".svg", ".csv"),
    log:
        "<logs>/plot_samples.log",
    conda:
        "../../envs/torch.yaml"
    params:
        options=plot_options("slice", modalities=TASK_MODALITIES),
        code=code("plot_samples", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/plot_samples.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --fold 1 \
            --subjects {params.subjects:q} \
            --samples {input.samples:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_registration:
    """Draw one registered test pair (Fig. 10)."""
    input:
        folds="<results>/split/folds.json",
        subjects=PREPROCESSED,
        measured="<results>/metrics/structures.csv",
        transforms=[folder for method in SHOWN_METHODS for folder in transforms_of(method, [1])],
    output:
        png=report("<results>/figures/fig10_registration.png", caption="../report/registration.rst", category="Figures"),
        others=multiext("<results>/figures/fig10_registration", ".svg", ".csv"),
    log:
        "<logs>/plot_registration.log",
    conda:
        "../../envs/torch.yaml"
    params:
        options=plot_options("slice", methods=SHOWN_METHODS, fixed=TASK["fixed"], moving=TASK["moving"]),
        code=code("plot_registration", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/plot_registration.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --subjects {params.subjects:q} \
            --measured {input.measured:q} \
            --transforms {input.transforms:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_comparison:
    """Draw the comparison of methods, a point for each subject (Fig. 11)."""
    input:
        table="<results>/tables/table1.csv",
        structures="<results>/metrics/structures.csv",
    output:
        png=report("<results>/figures/fig11_comparison.png", caption="../report/comparison.rst", category="Figures"),
        others=multiext("<results>/figures/fig11_comparison", ".svg", ".csv"),
    log:
        "<logs>/plot_comparison.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options(),
        code=code("plot_comparison", "report"),
    shell:
        """
        python "$SCRIPTS/plot_comparison.py" \
            --options {params.options:q} \
            --table {input.table:q} \
            --structures {input.structures:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_losses:
    """Draw the networks' training."""
    input:
        histories=expand("<results>/models/fold{fold}/{method}_history.jsonl", fold=FOLDS, method=VOXELMORPH + UNET),
    output:
        png=report("<results>/figures/fig12_losses.png", caption="../report/losses.rst", category="Figures"),
        others=multiext("<results>/figures/fig12_losses", ".svg", ".csv"),
    log:
        "<logs>/plot_losses.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options(),
        code=code("plot_losses", "report"),
    shell:
        """
        python "$SCRIPTS/plot_losses.py" \
            --options {params.options:q} \
            --histories {input.histories:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_subjects:
    """Draw every preprocessed subject in the template's space: the contact sheet."""
    input:
        subjects=PREPROCESSED,
        measured="<results>/metrics/subjects.csv",
    output:
        png=report("<results>/figures/fig16_subjects.png", caption="../report/subjects.rst", category="Figures"),
        others=multiext("<results>/figures/fig16_subjects", ".svg", ".csv"),
    log:
        "<logs>/plot_subjects.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options("slice", modality=TASK["fixed"]),
        code=code("plot_subjects", "report"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/plot_subjects.py" \
            --options {params.options:q} \
            --subjects {params.subjects:q} \
            --measured {input.measured:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_training_sizes:
    """Draw Dice against the number of training subjects (Fig. 13)."""
    input:
        folds="<results>/split/folds.json",
        structures=expand("<results>/metrics/methods/{method}_structures.csv", method=[*SIZED, *COMPARED_SIZES]),
    output:
        png=report(
            "<results>/figures/fig13_training_sizes.png", caption="../report/training_sizes.rst", category="Figures"
        ),
        others=multiext("<results>/figures/fig13_training_sizes", ".svg", ".csv"),
    log:
        "<logs>/plot_training_sizes.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options(
            compared=COMPARED_SIZES,
            exclude=config["evaluation"]["exclude"],
            evaluation=BOOTSTRAP,
        ),
        code=code("plot_training_sizes", "report"),
    shell:
        """
        python "$SCRIPTS/plot_training_sizes.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --structures {input.structures:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_uncertainty:
    """Draw one pair's uncertainty, and how it compares with the true error (Fig. 14)."""
    input:
        folds="<results>/split/folds.json",
        subjects=PREPROCESSED,
        transforms=[folder for method in UNCERTAIN for folder in transforms_of(method, [1])],
        sampled=expand("<results>/uncertainty/fold1/{method}", method=UNCERTAIN),
        pairs="<results>/metrics/uncertainty.csv",
        reliability="<results>/metrics/reliability.csv",
    output:
        png=report("<results>/figures/fig14_uncertainty.png", caption="../report/uncertainty.rst", category="Figures"),
        others=multiext("<results>/figures/fig14_uncertainty", ".svg", ".csv"),
    log:
        "<logs>/plot_uncertainty.log",
    conda:
        "../../envs/torch.yaml"
    params:
        options=plot_options("slice", fixed=TASK["fixed"], moving=TASK["moving"]),
        code=code("plot_uncertainty", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/plot_uncertainty.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --subjects {params.subjects:q} \
            --transforms {input.transforms:q} \
            --sampled {input.sampled:q} \
            --pairs {input.pairs:q} \
            --reliability {input.reliability:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_robustness:
    """Draw Dice against noise, bias field and rotated start (Fig. 15)."""
    input:
        table="<results>/tables/robustness.csv",
    output:
        png=report("<results>/figures/fig15_robustness.png", caption="../report/robustness.rst", category="Figures"),
        others=multiext("<results>/figures/fig15_robustness", ".svg", ".csv"),
    log:
        "<logs>/plot_robustness.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options(),
        code=code("plot_robustness", "report"),
    shell:
        """
        python "$SCRIPTS/plot_robustness.py" \
            --options {params.options:q} \
            --table {input.table:q} \
            --output {output.png:q} \
            > {log:q} 2>&1
        """


rule plot_patients:
    """Draw a patient's modalities, and the target registration error of all patients (Fig. 17)."""
    input:
        errors=expand("<results>/patients/metrics/{method}_errors.csv", method=PATIENT_METHODS),
        images=[
            path
            for patient, names in [*PATIENTS.items()][:1]
            for path in expand([patient_file(name) for name in names], subject=patient)
        ],
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=[*PATIENTS][:1]),
    output:
        png=report("<results>/figures/fig17_patients.png", caption="../report/patients.rst", category="Figures"),
        others=multiext("<results>/figures/fig17_patients", ".svg", ".csv"),
    log:
        "<logs>/plot_patients.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=plot_options("slice", patients=[*PATIENTS.items()][:1]),
        code=code("plot_patients", "report"),
        subjects=patient_folder,
    shell:
        """
        python "$SCRIPTS/plot_patients.py" \
            --options {params.options:q} \
            --errors {input.errors:q} \
            --images {input.images:q} \
            --subjects {params.subjects:q} \
            --output {output.png:q} \
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
        options=plot_options(),
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
        rules.report_uncertainty.output if UNCERTAIN else [],
        rules.report_robustness.output if ROBUST else [],
        rules.report_patients.output if PATIENTS else [],


rule figures:
    """The figures alone."""
    input:
        rules.plot_rulegraph.output,
        rules.plot_cohort.output,
        rules.plot_subjects.output,
        rules.plot_augmentation.output,
        [*rules.plot_segmentation.output, *rules.plot_segmentation_dice.output] if KINDS else [],
        [*rules.plot_pgan_stages.output, *rules.plot_samples.output] if "pgan" in KINDS else [],
        rules.plot_registration.output,
        rules.plot_comparison.output,
        rules.plot_losses.output if VOXELMORPH + UNET else [],
        rules.plot_training_sizes.output if SIZED else [],
        rules.plot_uncertainty.output if UNCERTAIN else [],
        rules.plot_robustness.output if ROBUST else [],
        rules.plot_patients.output if PATIENTS else [],


rule write_provenance:
    """What the run was: configuration, code, tools, machine, data and seconds by rule."""
    input:
        # written last; the configuration is no param: what of it counts has made one of these anew
        results=lambda wildcards: [*rules.tables.input, *rules.figures.input],
        data=[
            LABEL_TABLE,
            *(path for path in config["template"].values() if path),
            *(path for path in patient_truth() if PATIENT_SOURCE == "rire"),
            *(
                path
                for patient, names in PATIENTS.items()
                if PATIENT_SOURCE == "rire"
                for path in expand([patient_file(name) for name in names], subject=patient)
            ),
            *(
                path
                for subject in ALL_SUBJECTS
                for kind in (*MODALITIES, "labels", "mask")
                if (path := raw_file(subject, kind))
            ),
        ],
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
