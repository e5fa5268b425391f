# Each method turns the pairs of a fold into transform files.


rule register_initial:
    """The start: identity transforms after the affine alignment."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
    output:
        transforms_output("<results>/transforms/fold{fold}/initial"),
    log:
        "<logs>/register_initial/fold{fold}.log",
    benchmark:
        "<benchmarks>/register_initial/fold{fold}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=registration_options({}),
        code=code("register_initial", "imaging"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/register_initial.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method initial \
            --subjects {params.subjects:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule register_syn:
    """Register a batch of pairs with SyN."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
    output:
        transforms_output("<results>/transforms/fold{fold}/{method}/batch{batch}"),
    log:
        "<logs>/register_syn/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_syn/fold{fold}_{method}_batch{batch}.jsonl"
    wildcard_constraints:
        method="syn_[a-z]+",
    conda:
        "../../envs/ants.yaml"
    params:
        options=lambda wildcards: registration_options(config[wildcards.method], batched=True),
        code=code("register_syn", "ants"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/register_syn.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --batch {wildcards.batch} \
            --subjects {params.subjects:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule register_niftyreg:
    """Register a batch of pairs with NiftyReg."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
    output:
        transforms_output("<results>/transforms/fold{fold}/{method}/batch{batch}"),
    log:
        "<logs>/register_niftyreg/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_niftyreg/fold{fold}_{method}_batch{batch}.jsonl"
    wildcard_constraints:
        method="niftyreg_[a-z]+",
    conda:
        "../../envs/niftyreg.yaml"
    params:
        options=lambda wildcards: registration_options(config[wildcards.method], batched=True),
        code=code("register_niftyreg", "niftyreg"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/register_niftyreg.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --batch {wildcards.batch} \
            --subjects {params.subjects:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule register_greedy:
    """Register a batch of pairs with greedy."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
    output:
        transforms_output("<results>/transforms/fold{fold}/{method}/batch{batch}"),
    log:
        "<logs>/register_greedy/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_greedy/fold{fold}_{method}_batch{batch}.jsonl"
    wildcard_constraints:
        method="greedy_[a-z]+",
    conda:
        "../../envs/greedy.yaml"
    params:
        options=lambda wildcards: registration_options(config[wildcards.method], batched=True),
        code=code("register_greedy", "greedy"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/register_greedy.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --batch {wildcards.batch} \
            --subjects {params.subjects:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule register_convexadam:
    """Register a batch of pairs with ConvexAdam."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
    output:
        transforms_output("<results>/transforms/fold{fold}/{method}/batch{batch}"),
    log:
        "<logs>/register_convexadam/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_convexadam/fold{fold}_{method}_batch{batch}.jsonl"
    wildcard_constraints:
        method="convexadam_[a-z]+",
    conda:
        "../../envs/convexadam.yaml"
    params:
        options=lambda wildcards: registration_options(config[wildcards.method], batched=True),
        code=code("register_convexadam", "convexadam"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/register_convexadam.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --batch {wildcards.batch} \
            --subjects {params.subjects:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule train_voxelmorph:
    """Train VoxelMorph on one fold's training subjects."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
    output:
        weights="<results>/models/fold{fold}/{method}.pt",
        history="<results>/models/fold{fold}/{method}_history.jsonl",
        manifest="<results>/models/fold{fold}/{method}.json",
    log:
        "<logs>/train_voxelmorph/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/train_voxelmorph/fold{fold}_{method}.jsonl"
    wildcard_constraints:
        method="voxelmorph[0-9]",
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: lambda wildcards: network_of(wildcards.method)["threads"]
    resources:
        gpu=1,
    params:
        options=lambda wildcards: canonical({"settings": network_of(wildcards.method), "task": TASK}),
        code=code("train_voxelmorph", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/train_voxelmorph.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            --weights {output.weights:q} \
            --history {output.history:q} \
            --manifest {output.manifest:q} \
            > {log:q} 2>&1
        """


rule register_voxelmorph:
    """Register a fold's test pairs with VoxelMorph."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
        weights="<results>/models/fold{fold}/{method}.pt",
    output:
        transforms_output("<results>/transforms/fold{fold}/{method}"),
    log:
        "<logs>/register_voxelmorph/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/register_voxelmorph/fold{fold}_{method}.jsonl"
    wildcard_constraints:
        method="voxelmorph[0-9]",
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: lambda wildcards: network_of(wildcards.method)["threads"]
    resources:
        gpu=1,
    params:
        options=lambda wildcards: registration_options(network_of(wildcards.method)),
        code=code("register_voxelmorph", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/register_voxelmorph.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --subjects {params.subjects:q} \
            --weights {input.weights:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule train_unet:
    """Train the registration U-Net on one fold's training subjects."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
        samples=samples_of(),
        samples_manifest=samples_of(".json"),
    output:
        weights="<results>/models/fold{fold}/{method}.pt",
        history="<results>/models/fold{fold}/{method}_history.jsonl",
        manifest="<results>/models/fold{fold}/{method}.json",
    log:
        "<logs>/train_unet/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/train_unet/fold{fold}_{method}.jsonl"
    wildcard_constraints:
        method="unet_[a-z_]+",
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: lambda wildcards: network_of(wildcards.method)["threads"]
    resources:
        gpu=1,
    params:
        options=lambda wildcards: canonical(
            {"settings": network_of(wildcards.method), "task": TASK, "arm": arm_of(wildcards.method)}
        ),
        code=code("train_unet", "torch"),
        subjects=subjects_folder,
    shell:
        """
        samples={input.samples:q}
        python "$SCRIPTS/train_unet.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            ${{samples:+--samples "$samples" --samples-manifest {input.samples_manifest:q}}} \
            --weights {output.weights:q} \
            --history {output.history:q} \
            --manifest {output.manifest:q} \
            > {log:q} 2>&1
        """


rule register_unet:
    """Register a fold's test pairs with the registration U-Net."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
        weights=weights_of,
    output:
        transforms_output("<results>/transforms/fold{fold}/{method}"),
    log:
        "<logs>/register_unet/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/register_unet/fold{fold}_{method}.jsonl"
    wildcard_constraints:
        method="unet_[a-z_]+",
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: lambda wildcards: network_of(wildcards.method)["threads"]
    resources:
        gpu=1,
    params:
        options=lambda wildcards: registration_options(network_of(wildcards.method), **refinement_of(wildcards.method)),
        code=code("register_unet", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/register_unet.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --method {wildcards.method} \
            --subjects {params.subjects:q} \
            --weights {input.weights:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule sample_transforms:
    """Sample the transforms of a fold's test pairs by Monte-Carlo dropout (Eq. 8, 9), and register them back."""
    input:
        subjects=PREPROCESSED,
        folds="<results>/split/folds.json",
        weights="<results>/models/fold{fold}/{method}.pt",
    output:
        directory("<results>/uncertainty/fold{fold}/{method}"),
    log:
        "<logs>/sample_transforms/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/sample_transforms/fold{fold}_{method}.jsonl"
    wildcard_constraints:
        fold="[0-9]+",
        method="unet_[a-z_]+",
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: lambda wildcards: network_of(wildcards.method)["threads"]
    resources:
        gpu=1,
    params:
        options=lambda wildcards: registration_options(
            network_of(wildcards.method), **{key: config["uncertainty"][key] for key in ("samples", "seed")}
        ),
        code=code("sample_transforms", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/sample_transforms.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --subjects {params.subjects:q} \
            --weights {input.weights:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


use rule register_initial as register_initial_patients with:
    input:
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=PATIENTS),
        folds="<results>/patients/folds.json",
    output:
        transforms_output("<results>/patients/transforms/fold{fold}/initial"),
    log:
        "<logs>/register_initial_patients/fold{fold}.log",
    benchmark:
        "<benchmarks>/register_initial_patients/fold{fold}.jsonl"
    params:
        subjects=patient_folder,


use rule register_syn as register_syn_patients with:
    input:
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=PATIENTS),
        folds="<results>/patients/folds.json",
    output:
        transforms_output("<results>/patients/transforms/fold{fold}/{method}/batch{batch}"),
    log:
        "<logs>/register_syn_patients/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_syn_patients/fold{fold}_{method}_batch{batch}.jsonl"
    params:
        options=lambda wildcards: registration_options(config[wildcards.method], common_view=True),
        subjects=patient_folder,


use rule register_niftyreg as register_niftyreg_patients with:
    input:
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=PATIENTS),
        folds="<results>/patients/folds.json",
    output:
        transforms_output("<results>/patients/transforms/fold{fold}/{method}/batch{batch}"),
    log:
        "<logs>/register_niftyreg_patients/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_niftyreg_patients/fold{fold}_{method}_batch{batch}.jsonl"
    params:
        options=lambda wildcards: registration_options(config[wildcards.method], common_view=True),
        subjects=patient_folder,


use rule register_greedy as register_greedy_patients with:
    input:
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=PATIENTS),
        folds="<results>/patients/folds.json",
    output:
        transforms_output("<results>/patients/transforms/fold{fold}/{method}/batch{batch}"),
    log:
        "<logs>/register_greedy_patients/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_greedy_patients/fold{fold}_{method}_batch{batch}.jsonl"
    params:
        options=lambda wildcards: registration_options(config[wildcards.method], common_view=True),
        subjects=patient_folder,


use rule register_convexadam as register_convexadam_patients with:
    input:
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=PATIENTS),
        folds="<results>/patients/folds.json",
    output:
        transforms_output("<results>/patients/transforms/fold{fold}/{method}/batch{batch}"),
    log:
        "<logs>/register_convexadam_patients/fold{fold}_{method}_batch{batch}.log",
    benchmark:
        "<benchmarks>/register_convexadam_patients/fold{fold}_{method}_batch{batch}.jsonl"
    params:
        options=lambda wildcards: registration_options(config[wildcards.method], common_view=True),
        subjects=patient_folder,


use rule register_voxelmorph as register_voxelmorph_patients with:
    input:
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=PATIENTS),
        folds="<results>/patients/folds.json",
        weights="<results>/models/fold{fold}/{method}.pt",
    output:
        transforms_output("<results>/patients/transforms/fold{fold}/{method}"),
    log:
        "<logs>/register_voxelmorph_patients/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/register_voxelmorph_patients/fold{fold}_{method}.jsonl"
    params:
        options=lambda wildcards: registration_options(network_of(wildcards.method), common_view=True),
        subjects=patient_folder,


use rule register_unet as register_unet_patients with:
    input:
        patients=expand("<results>/patients/preprocess/sub-{patient}", patient=PATIENTS),
        folds="<results>/patients/folds.json",
        weights=weights_of,
    output:
        transforms_output("<results>/patients/transforms/fold{fold}/{method}"),
    log:
        "<logs>/register_unet_patients/fold{fold}_{method}.log",
    benchmark:
        "<benchmarks>/register_unet_patients/fold{fold}_{method}.jsonl"
    params:
        options=lambda wildcards: registration_options(
            network_of(wildcards.method), common_view=True, **refinement_of(wildcards.method)
        ),
        subjects=patient_folder,
