# The segmentation network (RDNN), trained inside each fold; its maps condition the GANs.


rule train_rdnn:
    """Train a segmentation network on one part of a fold's subjects."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
    output:
        weights="<results>/models/fold{fold}/rdnn_{part}.pt",
        history="<results>/models/fold{fold}/rdnn_{part}_history.jsonl",
        manifest="<results>/models/fold{fold}/rdnn_{part}.json",
    log:
        "<logs>/train_rdnn/fold{fold}_{part}.log",
    benchmark:
        "<benchmarks>/train_rdnn/fold{fold}_{part}.jsonl"
    wildcard_constraints:
        part="all|half1|half2|validation|norecurrence",
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: CONFIG.rdnn.threads
    resources:
        gpu=1,
    params:
        options=lambda wildcards: rdnn_options(
            wildcards.part != "norecurrence",
            part="all" if wildcards.part == "norecurrence" else wildcards.part,
        ),
        code=code("train_rdnn", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/train_rdnn.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            --weights {output.weights:q} \
            --history {output.history:q} \
            --manifest {output.manifest:q} \
            > {log:q} 2>&1
        """


rule segment_rdnn:
    """Segment a fold's subjects, training subjects perhaps with a network that was not trained on them."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
        weights=rdnn_models(".pt"),
        models=rdnn_models(".json"),
    output:
        maps=directory("<results>/segment/fold{fold}{ablation}"),
        manifest="<results>/segment/fold{fold}{ablation}.json",
    log:
        "<logs>/segment_rdnn/fold{fold}{ablation}.log",
    benchmark:
        "<benchmarks>/segment_rdnn/fold{fold}{ablation}.jsonl"
    wildcard_constraints:
        ablation="(_norecurrence)?",
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: CONFIG.rdnn.threads
    resources:
        gpu=1,
    params:
        options=lambda wildcards: rdnn_options(not wildcards.ablation),
        code=code("segment_rdnn", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/segment_rdnn.py" \
            --options {params.options:q} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            --weights {input.weights:q} \
            --models {input.models:q} \
            --output {output.maps:q} \
            --manifest {output.manifest:q} \
            > {log:q} 2>&1
        """
