# Measuring: segmentation maps, synthetic subjects, and registration from transform files alone; the report's tables.


rule measure_subjects:
    """Overlap of each preprocessed brain with the template's, and which stand out."""
    input:
        template="<results>/template",
        subjects=PREPROCESSED,
    output:
        "<results>/metrics/subjects.csv",
    log:
        "<logs>/measure_subjects.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical({"dataset": DATASET, "subjects": ALL_SUBJECTS}),
        code=code("measure_subjects", "imaging"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/measure_subjects.py" \
            --options {params.options:q} \
            --template-mask {input.template:q}/template_mask.nii.gz \
            --subjects {params.subjects:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule evaluate_segmentation:
    """Measure the segmentation networks' maps against the reference labels."""
    input:
        folds="<results>/split/folds.json",
        structures="<results>/preprocess/dseg.tsv",
        subjects=PREPROCESSED,
        maps=expand("<results>/segment/fold{fold}{ablation}", fold=FOLDS, ablation=ABLATIONS),
    output:
        "<results>/metrics/segmentation.csv",
    log:
        "<logs>/evaluate_segmentation.log",
    conda:
        "../../envs/torch.yaml"
    params:
        options=canonical({"dataset": DATASET}),
        code=code("evaluate_segmentation", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/evaluate_segmentation.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --structures {input.structures:q} \
            --subjects {params.subjects:q} \
            --maps {input.maps:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule measure_samples:
    """Measure one fold's synthetic subjects of each kind."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
        samples=[f"<results>/synthesize/fold{{fold}}/{kind}" for kind in KINDS],
        encoder="<results>/models/fold{fold}/rdnn_all.pt",
        encoder_manifest="<results>/models/fold{fold}/rdnn_all.json",
        judge=judge_of(".pt"),
        judge_manifest=judge_of(".json"),
    output:
        "<results>/metrics/samples/fold{fold}.csv",
    log:
        "<logs>/measure_samples/fold{fold}.log",
    benchmark:
        "<benchmarks>/measure_samples/fold{fold}.jsonl"
    wildcard_constraints:
        fold="[0-9]+",
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: config["quality"]["threads"]
    resources:
        gpu=1,
    params:
        options=canonical(config["quality"]),
        code=code("measure_samples", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/measure_samples.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            --samples {input.samples:q} \
            --encoder {input.encoder:q} \
            --encoder-manifest {input.encoder_manifest:q} \
            --judge {input.judge:q} \
            --judge-manifest {input.judge_manifest:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


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
        options=canonical({"dataset": DATASET}),
        code=code("report_samples", "report"),
    shell:
        """
        python "$SCRIPTS/report_samples.py" \
            --options {params.options:q} \
            --measured {input.measured:q} \
            --output "$(dirname {output.table:q})" \
            > {log:q} 2>&1
        """


rule evaluate_pairs:
    """Measure one method's test pairs, whatever wrote their transforms."""
    input:
        folds="<results>/split/folds.json",
        structures="<results>/preprocess/dseg.tsv",
        subjects=PREPROCESSED,
        transforms=lambda wildcards: transforms_of(wildcards.method),
        manifests=lambda wildcards: manifests_of([wildcards.method]),
        truth=TRUTH,
    output:
        structures="<results>/metrics/methods/{method}_structures.csv",
        pairs="<results>/metrics/methods/{method}_pairs.csv",
    log:
        "<logs>/evaluate_pairs/{method}.log",
    benchmark:
        "<benchmarks>/evaluate_pairs/{method}.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        options=canonical({"dataset": DATASET}),
        code=code("evaluate_pairs", "torch"),
        subjects=subjects_folder,
        truth=truth_folder,
    shell:
        """
        python "$SCRIPTS/evaluate_pairs.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --method {wildcards.method} \
            --structures {input.structures:q} \
            --subjects {params.subjects:q} \
            --transforms {input.transforms:q} \
            --manifests {input.manifests:q} \
            --truth={params.truth:q} \
            --output-structures {output.structures:q} \
            --output-pairs {output.pairs:q} \
            > {log:q} 2>&1
        """


rule evaluate_uncertainty:
    """Measure a network's uncertainty against its true error, and its inverse consistency."""
    input:
        folds="<results>/split/folds.json",
        subjects=PREPROCESSED,
        transforms=[folder for method in UNCERTAIN for folder in transforms_of(method)],
        sampled=expand("<results>/uncertainty/fold{fold}/{method}", fold=FOLDS, method=UNCERTAIN),
        manifests=manifests_of(UNCERTAIN),
        truth=TRUTH,
    output:
        pairs="<results>/metrics/uncertainty.csv",
        reliability="<results>/metrics/reliability.csv",
    log:
        "<logs>/evaluate_uncertainty.log",
    benchmark:
        "<benchmarks>/evaluate_uncertainty.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        options=canonical({"dataset": DATASET, "method": config["uncertainty"]["method"]}),
        code=code("evaluate_uncertainty", "torch"),
        subjects=subjects_folder,
        truth=truth_folder,
    shell:
        """
        python "$SCRIPTS/evaluate_uncertainty.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --subjects {params.subjects:q} \
            --transforms {input.transforms:q} \
            --sampled {input.sampled:q} \
            --manifests {input.manifests:q} \
            --truth={params.truth:q} \
            --output-pairs {output.pairs:q} \
            --output-reliability {output.reliability:q} \
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
        options=canonical({"samples": config["uncertainty"]["samples"]}),
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


rule collect_metrics:
    """Join the methods' measurements: the long table, the per-pair table, the cost table."""
    input:
        structures=expand("<results>/metrics/methods/{method}_structures.csv", method=METHODS),
        pairs=expand("<results>/metrics/methods/{method}_pairs.csv", method=METHODS),
        transforms=[folder for method in METHODS for folder in transforms_of(method)],
    output:
        structures="<results>/metrics/structures.csv",
        pairs="<results>/metrics/pairs.csv",
        cost="<results>/metrics/cost.csv",
    log:
        "<logs>/collect_metrics.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical({"dataset": DATASET, "exclude": config["evaluation"]["exclude"]}),
        code=code("collect_metrics", "report"),
    shell:
        """
        python "$SCRIPTS/collect_metrics.py" \
            --options {params.options:q} \
            --structures {input.structures:q} \
            --pairs {input.pairs:q} \
            --transforms {input.transforms:q} \
            --output-structures {output.structures:q} \
            --output-pairs {output.pairs:q} \
            --output-cost {output.cost:q} \
            > {log:q} 2>&1
        """


rule report_dice:
    """The five-fold Dice report: Table 1, Table 2, what each arm adds, and the cost table."""
    input:
        folds="<results>/split/folds.json",
        structures="<results>/metrics/structures.csv",
        pairs="<results>/metrics/pairs.csv",
        cost="<results>/metrics/cost.csv",
        manifests=manifests_of(METHODS),
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
                "dataset": DATASET,
                "simulated": EMBEDDED,
                "silver": SILVER,
                "labelled": [method for method in METHODS if configuration.sees_labels(config, method)],
                "unranked": UNRANKED,
                "task": f"{TASK['pairs']} {TASK['moving']} to {TASK['fixed']}",
                "methods": METHODS,
                "reference_method": config["registration"]["reference_method"],
                "contrasts": CONTRASTS,
                "evaluation": BOOTSTRAP,
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


rule degrade_subjects:
    """Degraded copies of the moving test subjects, in the layout of preprocessed ones, and the pairs to register."""
    input:
        folds="<results>/split/folds.json",
        subjects=PREPROCESSED,
    output:
        folds="<results>/robustness/folds.json",
        subjects=directory("<results>/robustness/subjects"),
    log:
        "<logs>/degrade_subjects.log",
    benchmark:
        "<benchmarks>/degrade_subjects.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        options=canonical({**DEGRADATION, "fixed": TASK["fixed"], "moving": TASK["moving"]}),
        code=code("degrade_subjects", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/degrade_subjects.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --subjects {params.subjects:q} \
            --output-folds {output.folds:q} \
            --output-subjects {output.subjects:q} \
            > {log:q} 2>&1
        """


use rule register_initial as register_initial_degraded with:
    input:
        subjects="<results>/robustness/subjects",
        folds="<results>/robustness/folds.json",
    output:
        temp(directory("<results>/robustness/transforms/fold{fold}/initial")),
    log:
        "<logs>/register_initial_degraded/fold{fold}.log",
    benchmark:
        "<benchmarks>/register_initial_degraded/fold{fold}.jsonl"
    params:
        subjects=degraded_folder,


use rule register_syn as register_syn_degraded with:
    input:
        subjects="<results>/robustness/subjects",
        folds="<results>/robustness/folds.json",
    output:
        temp(directory("<results>/robustness/transforms/fold{fold}/{method}/batch{batch}")),
    log:
        "<logs>/register_syn_degraded/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_syn_degraded/fold{fold}_{method}_batch{batch}.jsonl"
    params:
        subjects=degraded_folder,


use rule register_niftyreg as register_niftyreg_degraded with:
    input:
        subjects="<results>/robustness/subjects",
        folds="<results>/robustness/folds.json",
    output:
        temp(directory("<results>/robustness/transforms/fold{fold}/{method}/batch{batch}")),
    log:
        "<logs>/register_niftyreg_degraded/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_niftyreg_degraded/fold{fold}_{method}_batch{batch}.jsonl"
    params:
        subjects=degraded_folder,


use rule register_greedy as register_greedy_degraded with:
    input:
        subjects="<results>/robustness/subjects",
        folds="<results>/robustness/folds.json",
    output:
        temp(directory("<results>/robustness/transforms/fold{fold}/{method}/batch{batch}")),
    log:
        "<logs>/register_greedy_degraded/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_greedy_degraded/fold{fold}_{method}_batch{batch}.jsonl"
    params:
        subjects=degraded_folder,


use rule register_convexadam as register_convexadam_degraded with:
    input:
        subjects="<results>/robustness/subjects",
        folds="<results>/robustness/folds.json",
    output:
        temp(directory("<results>/robustness/transforms/fold{fold}/{method}/batch{batch}")),
    log:
        "<logs>/register_convexadam_degraded/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_convexadam_degraded/fold{fold}_{method}_batch{batch}.jsonl"
    params:
        subjects=degraded_folder,


use rule register_voxelmorph as register_voxelmorph_degraded with:
    input:
        subjects="<results>/robustness/subjects",
        folds="<results>/robustness/folds.json",
        weights="<results>/models/fold{fold}/{method}.pt",
    output:
        temp(directory("<results>/robustness/transforms/fold{fold}/{method}")),
    log:
        "<logs>/register_voxelmorph_degraded/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/register_voxelmorph_degraded/fold{fold}_{method}.jsonl"
    params:
        subjects=degraded_folder,


use rule register_unet as register_unet_degraded with:
    input:
        subjects="<results>/robustness/subjects",
        folds="<results>/robustness/folds.json",
        weights=weights_of,
    output:
        temp(directory("<results>/robustness/transforms/fold{fold}/{method}")),
    log:
        "<logs>/register_unet_degraded/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/register_unet_degraded/fold{fold}_{method}.jsonl"
    params:
        subjects=degraded_folder,


use rule evaluate_pairs as evaluate_degraded with:
    input:
        folds="<results>/robustness/folds.json",
        structures="<results>/preprocess/dseg.tsv",
        subjects="<results>/robustness/subjects",
        transforms=degraded_transforms,
        # leakage is looked for where the untouched pairs are measured; a rotation has no truth on file
        manifests=[],
        truth=[],
    output:
        structures="<results>/robustness/metrics/{method}_structures.csv",
        pairs="<results>/robustness/metrics/{method}_pairs.csv",
    log:
        "<logs>/evaluate_degraded/{method}.log",
    benchmark:
        "<benchmarks>/evaluate_degraded/{method}.jsonl"
    params:
        subjects=degraded_folder,


rule report_robustness:
    """The table of Dice under noise, bias fields and rotated starts."""
    input:
        folds="<results>/robustness/folds.json",
        structures=expand("<results>/robustness/metrics/{method}_structures.csv", method=ROBUST),
    output:
        table="<results>/tables/robustness.csv",
        others=multiext("<results>/tables/robustness", ".md", ".json"),
    log:
        "<logs>/report_robustness.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical(
            {
                "dataset": DATASET,
                "exclude": config["evaluation"]["exclude"],
                "evaluation": BOOTSTRAP,
            }
        ),
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


rule evaluate_patients:
    """Measure one method between patients (Dice) and within each (target registration error)."""
    input:
        folds="<results>/patients/folds.json",
        label_table=project_file("resources", "labels", "cerebra.tsv"),
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=PATIENTS),
        transforms=lambda wildcards: patient_transforms(wildcards.method),
        truth=patient_truth(),
    output:
        dice="<results>/patients/metrics/{method}_structures.csv",
        errors="<results>/patients/metrics/{method}_errors.csv",
    log:
        "<logs>/evaluate_patients/{method}.log",
    benchmark:
        "<benchmarks>/evaluate_patients/{method}.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        options=canonical({"dataset": PATIENT_DATASET}),
        code=code("evaluate_patients", "torch"),
        subjects=patient_folder,
        truth=truth_folder,
    shell:
        """
        python "$SCRIPTS/evaluate_patients.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --method {wildcards.method} \
            --label-table {input.label_table:q} \
            --subjects {params.subjects:q} \
            --transforms {input.transforms:q} \
            --truth={params.truth:q} \
            --output-dice {output.dice:q} \
            --output-errors {output.errors:q} \
            > {log:q} 2>&1
        """


rule report_patients:
    """The table of the patients: Dice between, target registration error within."""
    input:
        dice=expand("<results>/patients/metrics/{method}_structures.csv", method=PATIENT_METHODS),
        errors=expand("<results>/patients/metrics/{method}_errors.csv", method=PATIENT_METHODS),
    output:
        table="<results>/tables/patients.csv",
        others=multiext("<results>/tables/patients", ".md", ".json"),
    log:
        "<logs>/report_patients.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical(
            {
                "exclude": config["evaluation"]["exclude"],
                "evaluation": BOOTSTRAP,
                "labels": "simulated labels" if PATIENT_SOURCE == "simulated" else "silver labels",
            }
        ),
        code=code("report_patients", "report"),
    shell:
        """
        python "$SCRIPTS/report_patients.py" \
            --options {params.options:q} \
            --dice {input.dice:q} \
            --errors {input.errors:q} \
            --output "$(dirname {output.table:q})" \
            > {log:q} 2>&1
        """
