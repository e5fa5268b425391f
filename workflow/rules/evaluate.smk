# Measuring: segmentation maps, synthetic subjects, and registration from transform files alone.


rule measure_subjects:
    """Overlap of each preprocessed brain with the template's, and which stand out."""
    input:
        template="<results>/template",
        subjects=PREPROCESSED,
    output:
        "<results>/metrics/subjects.csv",
    log:
        "<logs>/measure_subjects.log",
    benchmark:
        "<benchmarks>/measure_subjects.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical({"dataset": MAIN.name, "subjects": MAIN.subjects}),
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
    benchmark:
        "<benchmarks>/evaluate_segmentation.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        options=canonical({"dataset": MAIN.name}),
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
        vectors=["<results>/synthesize/fold{fold}/pgan_z"] if "pgan" in KINDS else [],
        network="<results>/models/fold{fold}/rdnn_validation.pt",
        network_manifest="<results>/models/fold{fold}/rdnn_validation.json",
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
    threads: CONFIG.quality.threads
    resources:
        gpu=1,
    params:
        options=canonical(CONFIG.quality),
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
            --vectors {input.vectors:q} \
            --network {input.network:q} \
            --network-manifest {input.network_manifest:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule evaluate_pairs:
    """Measure one method's pairs of a set of subjects, whatever wrote their transforms."""
    input:
        folds="<results>/{set}split/folds.json",
        structures=structures_of,
        subjects="<results>/{set}preprocess/subjects.tsv",
        transforms=measured_transforms,
        # leakage is looked for where the test pairs are measured
        manifests=lambda wildcards: [] if wildcards.set else manifests_of([wildcards.method]),
        truth=lambda wildcards: truth_of(wildcards.set),
    output:
        structures="<results>/{set}metrics/methods/{method}_structures.csv",
        pairs="<results>/{set}metrics/methods/{method}_pairs.csv",
    log:
        "<logs>/evaluate_pairs/{set}{method}.log",
    benchmark:
        "<benchmarks>/evaluate_pairs/{set}{method}.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        options=lambda wildcards: canonical(
            {"dataset": set_of(wildcards).name, "reference": set_of(wildcards).reference}
        ),
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


rule measure_network:
    """Measure one fold's network on training and on test pairs, and count what a registration takes."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
        weights="<results>/models/fold{fold}/{method}.pt",
    output:
        "<results>/metrics/networks/fold{fold}_{method}.csv",
    log:
        "<logs>/measure_network/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/measure_network/fold{fold}_{method}.jsonl"
    wildcard_constraints:
        fold="[0-9]+",
        method=any_of(TRAINED),
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: threads_of
    resources:
        gpu=1,
    params:
        options=lambda wildcards: canonical({"settings": network_of(wildcards.method), "task": TASK}),
        code=code("measure_network", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/measure_network.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            --weights {input.weights:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule evaluate_uncertainty:
    """Measure a network's uncertainty against its true error, and its inverse consistency."""
    input:
        folds="<results>/split/folds.json",
        subjects=PREPROCESSED,
        transforms=[folder for method in UNCERTAIN for folder in transforms_of(method, seeds=[1])],
        sampled=expand("<results>/uncertainty/fold{fold}/{method}", fold=FOLDS, method=UNCERTAIN),
        manifests=manifests_of(UNCERTAIN, seeds=[1]),
        truth=truth_of(""),
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
        options=canonical({"dataset": MAIN.name, "method": CONFIG.uncertainty.method}),
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


rule collect_metrics:
    """Join the methods' measurements: the long table, the per-pair table, the cost table."""
    input:
        structures=measured("", "structures", IDS),
        pairs=measured("", "pairs", IDS),
        transforms=[folder for method in IDS for folder in transforms_of(method)],
    output:
        structures="<results>/metrics/structures.csv",
        pairs="<results>/metrics/pairs.csv",
        cost="<results>/metrics/cost.csv",
    log:
        "<logs>/collect_metrics.log",
    conda:
        "../../envs/report.yaml"
    params:
        options=canonical({"dataset": MAIN.name, "exclude": CONFIG.evaluation.exclude}),
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
