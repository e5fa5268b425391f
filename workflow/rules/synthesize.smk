# Synthetic training subjects: the progressive GAN, and its controls without a GAN.


rule estimate_velocity:
    """Estimate the velocity from the template to a subject: how training subjects vary is read from these."""
    input:
        subjects=PREPROCESSED,
        template="<results>/template",
    output:
        "<results>/variation/sub-{subject}/velocity.npy",
    log:
        "<logs>/estimate_velocity/sub-{subject}.log",
    benchmark:
        "<benchmarks>/estimate_velocity/sub-{subject}.jsonl"
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: CONFIG.block("instance_mind").threads
    resources:
        gpu=1,
    params:
        options=canonical(CONFIG.block("instance_mind")),
        code=code("estimate_velocity", "torch"),
        image=lambda wildcards, input: str(
            bids.path(Path(input.subjects).parent, wildcards.subject, bids.preprocessed(MAIN.reference))
        ),
    shell:
        """
        python "$SCRIPTS/estimate_velocity.py" \
            --options {params.options:q} \
            --template-image {input.template:q}/template_T1w.nii.gz \
            --template-mask {input.template:q}/template_mask.nii.gz \
            --image {params.image:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule train_pgan:
    """Train the progressive GAN on one fold's training subjects and their label maps."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
        maps=LABEL_MAPS,
        maps_manifest=LABEL_MAPS_MANIFEST,
    output:
        weights="<results>/models/fold{fold}/pgan.pt",
        history="<results>/models/fold{fold}/pgan_history.jsonl",
        previews="<results>/models/fold{fold}/pgan_stages.npz",
        manifest="<results>/models/fold{fold}/pgan.json",
    log:
        "<logs>/train_pgan/fold{fold}.log",
    benchmark:
        "<benchmarks>/train_pgan/fold{fold}.jsonl"
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: CONFIG.pgan.threads
    resources:
        gpu=1,
    params:
        options=canonical({"settings": CONFIG.pgan.only(PganTraining), "modalities": TASK_MODALITIES}),
        code=code("train_pgan", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/train_pgan.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            --maps {input.maps:q} \
            --built-on {input.maps_manifest:q} \
            --weights {output.weights:q} \
            --history {output.history:q} \
            --previews {output.previews:q} \
            --manifest {output.manifest:q} \
            > {log:q} 2>&1
        """


rule sample_pgan:
    """Draw a fold's samples of the progressive GAN from deformed label maps of training subjects."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
        maps=LABEL_MAPS,
        maps_manifest=LABEL_MAPS_MANIFEST,
        weights="<results>/models/fold{fold}/pgan.pt",
        model_manifest="<results>/models/fold{fold}/pgan.json",
        velocities=velocities_of(CONFIG.deformation),
    output:
        samples=directory("<results>/synthesize/fold{fold}/pgan"),
        # several samples of single label maps
        vectors=directory("<results>/synthesize/fold{fold}/pgan_z"),
        manifest="<results>/synthesize/fold{fold}/pgan.json",
    log:
        "<logs>/sample_pgan/fold{fold}.log",
    benchmark:
        "<benchmarks>/sample_pgan/fold{fold}.jsonl"
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: CONFIG.pgan.threads
    resources:
        gpu=1,
    params:
        options=sampling_options(settings=CONFIG.pgan.only(PganTraining)),
        code=code("sample_pgan", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/sample_pgan.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            --maps {input.maps:q} \
            --weights {input.weights:q} \
            --built-on {input.maps_manifest:q} {input.model_manifest:q} \
            --velocities {input.velocities:q} \
            --output {output.samples:q} \
            --vectors {output.vectors:q} \
            --manifest {output.manifest:q} \
            > {log:q} 2>&1
        """


for kind, settings in {"warped": {}, "random_contrast": {"settings": CONFIG.random_contrast}}.items():

    rule:
        """Make a fold's synthetic subjects without a GAN, from the labels and deformations of the GAN's."""
        name:
            f"sample_{kind}"
        input:
            subjects=PREPROCESSED,
            folds="<results>/split/folds.json",
            maps=LABEL_MAPS,
            maps_manifest=LABEL_MAPS_MANIFEST,
            velocities=velocities_of(CONFIG.deformation),
        output:
            samples=directory(f"<results>/synthesize/fold{{fold}}/{kind}"),
            manifest=f"<results>/synthesize/fold{{fold}}/{kind}.json",
        log:
            f"<logs>/sample_{kind}/fold{{fold}}.log",
        benchmark:
            f"<benchmarks>/sample_{kind}/fold{{fold}}.jsonl"
        conda:
            "../../envs/torch.yaml"
        params:
            script=f"sample_{kind}",
            options=sampling_options(**settings),
            code=code(f"sample_{kind}", "torch"),
            subjects=subjects_folder,
        shell:
            """
            python "$SCRIPTS/{params.script}.py" \
                --options {params.options:q} \
                --code {params.code} \
                --folds {input.folds:q} \
                --fold {wildcards.fold} \
                --subjects {params.subjects:q} \
                --maps {input.maps:q} \
                --built-on {input.maps_manifest:q} \
                --output {output.samples:q} \
                --velocities {input.velocities:q} \
                --manifest {output.manifest:q} \
                > {log:q} 2>&1
            """


rule train_dagan:
    """Train DAGAN on one fold's training subjects."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
    output:
        weights="<results>/models/fold{fold}/dagan.pt",
        history="<results>/models/fold{fold}/dagan_history.jsonl",
        manifest="<results>/models/fold{fold}/dagan.json",
    log:
        "<logs>/train_dagan/fold{fold}.log",
    benchmark:
        "<benchmarks>/train_dagan/fold{fold}.jsonl"
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: CONFIG.dagan.threads
    resources:
        gpu=1,
    params:
        options=canonical({"settings": CONFIG.dagan.only(DaganTraining), "modalities": TASK_MODALITIES}),
        code=code("train_dagan", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/train_dagan.py" \
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


rule sample_dagan:
    """Write one fold's DAGAN samples."""
    input:
        subjects=PREPROCESSED,
        structures="<results>/preprocess/dseg.tsv",
        folds="<results>/split/folds.json",
        maps=LABEL_MAPS,
        maps_manifest=LABEL_MAPS_MANIFEST,
        weights="<results>/models/fold{fold}/dagan.pt",
        model="<results>/models/fold{fold}/dagan.json",
        velocities=velocities_of(CONFIG.deformation),
    output:
        samples=directory("<results>/synthesize/fold{fold}/dagan"),
        manifest="<results>/synthesize/fold{fold}/dagan.json",
    log:
        "<logs>/sample_dagan/fold{fold}.log",
    benchmark:
        "<benchmarks>/sample_dagan/fold{fold}.jsonl"
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: CONFIG.dagan.threads
    resources:
        gpu=1,
    params:
        options=sampling_options(settings=CONFIG.dagan.only(DaganSampling), samples=CONFIG.dagan.samples),
        code=code("sample_dagan", "torch"),
        subjects=subjects_folder,
    shell:
        """
        python "$SCRIPTS/sample_dagan.py" \
            --options {params.options:q} \
            --code {params.code} \
            --folds {input.folds:q} \
            --fold {wildcards.fold} \
            --subjects {params.subjects:q} \
            --structures {input.structures:q} \
            --weights {input.weights:q} \
            --maps {input.maps:q} \
            --built-on {input.maps_manifest:q} {input.model:q} \
            --velocities {input.velocities:q} \
            --output {output.samples:q} \
            --manifest {output.manifest:q} \
            > {log:q} 2>&1
        """
