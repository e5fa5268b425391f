# Raw BIDS to the working grid.


rule extract_brain:
    """Find the brain in a whole head, where nothing else says where it is."""
    input:
        image=raw(REFERENCE),
    output:
        preprocessed(f"space-{REFERENCE}_desc-extracted_mask.nii.gz"),
    log:
        "<logs>/extract_brain/{subject}.log",
    benchmark:
        "<benchmarks>/extract_brain/{subject}.jsonl"
    conda:
        "../../envs/deepbet.yaml"
    params:
        code=code("extract_brain", "deepbet"),
    shell:
        """
        python "$SCRIPTS/extract_brain.py" \
            --image {input.image:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule align_subject:
    """Find the brain mask, the rigid alignment between modalities and the affine to the template."""
    input:
        reference=raw(REFERENCE),
        others=raw(*OTHERS),
        brain=raw("labels" if MASK_SOURCE == "labels" else "mask"),
        template="<results>/template",
    output:
        mask=preprocessed(f"space-{REFERENCE}_desc-brain_mask.nii.gz"),
        affine=preprocessed(f"from-template_to-{REFERENCE}_xfm.txt"),
        rigid=[preprocessed(f"from-{REFERENCE}_to-{modality}_xfm.txt") for modality in OTHERS],
    log:
        "<logs>/align_subject/{subject}.log",
    benchmark:
        "<benchmarks>/align_subject/{subject}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        # simulated images are of one head; of others' the modalities may be of two
        options=canonical({"mask_source": MASK_SOURCE, "strangers": not EMBEDDED}),
        code=code("align_subject", "imaging"),
    shell:
        """
        brain={input.brain:q}
        python "$SCRIPTS/align_subject.py" \
            --options {params.options:q} \
            --reference {input.reference:q} \
            ${{brain:+--brain "$brain"}} \
            --template {input.template:q}/template_T1w.nii.gz \
            --output-mask {output.mask:q} \
            --output-affine {output.affine:q} \
            --others {input.others:q} \
            --output-rigid {output.rigid:q} \
            > {log:q} 2>&1
        """


rule correct_bias:
    """Divide an MR image by its bias field."""
    input:
        image=lambda wildcards: raw_file(wildcards.subject, wildcards.modality),
        mask=preprocessed(f"space-{REFERENCE}_desc-brain_mask.nii.gz"),
        rigid=lambda wildcards: (
            []
            if wildcards.modality == REFERENCE
            else preprocessed(f"from-{REFERENCE}_to-{wildcards.modality}_xfm.txt", [wildcards.subject])
        ),
    output:
        preprocessed("desc-corrected_{modality}.nii.gz"),
    log:
        "<logs>/correct_bias/{subject}_{modality}.log",
    benchmark:
        "<benchmarks>/correct_bias/{subject}_{modality}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical({k: v for k, v in config["preprocess"]["bias_correction"].items() if k != "modalities"}),
        code=code("correct_bias", "imaging"),
    shell:
        """
        rigid={input.rigid:q}
        python "$SCRIPTS/correct_bias.py" \
            --options {params.options:q} \
            --image {input.image:q} \
            --mask {input.mask:q} \
            ${{rigid:+--rigid "$rigid"}} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule normalize_intensity:
    """Z-score each modality over the brain mask (Eq. 1)."""
    input:
        mask=preprocessed(f"space-{REFERENCE}_desc-brain_mask.nii.gz"),
        images=[corrected(modality) for modality in MODALITIES],
        rigid=[preprocessed(f"from-{REFERENCE}_to-{modality}_xfm.txt") for modality in OTHERS],
    output:
        images=[preprocessed(f"desc-normalized_{modality}.nii.gz") for modality in MODALITIES],
    log:
        "<logs>/normalize_intensity/{subject}.log",
    benchmark:
        "<benchmarks>/normalize_intensity/{subject}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        code=code("normalize_intensity", "imaging"),
    shell:
        """
        python "$SCRIPTS/normalize_intensity.py" \
            --mask {input.mask:q} \
            --images {input.images:q} \
            --rigid {input.rigid:q} \
            --outputs {output.images:q} \
            > {log:q} 2>&1
        """


rule propagate_labels:
    """Carry the template's labels to a subject that has none: silver labels."""
    input:
        template="<results>/template",
        image=preprocessed(f"desc-normalized_{REFERENCE}.nii.gz"),
        affine=preprocessed(f"from-template_to-{REFERENCE}_xfm.txt"),
    output:
        preprocessed(f"space-{REFERENCE}_desc-silver_dseg.nii.gz"),
    log:
        "<logs>/propagate_labels/{subject}.log",
    benchmark:
        "<benchmarks>/propagate_labels/{subject}.jsonl"
    conda:
        "../../envs/ants.yaml"
    params:
        options=canonical(config["propagation"]),
        code=code("propagate_labels", "ants"),
    shell:
        """
        python "$SCRIPTS/propagate_labels.py" \
            --options {params.options:q} \
            --template {input.template:q} \
            --image {input.image:q} \
            --affine {input.affine:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule resample_bspline:
    """One B-spline resampling onto the working grid; labels alongside, and on the evaluation grid."""
    input:
        template="<results>/template",
        label_table=LABEL_TABLE,
        mask=preprocessed(f"space-{REFERENCE}_desc-brain_mask.nii.gz"),
        labels=raw("labels"),
        images=[preprocessed(f"desc-normalized_{modality}.nii.gz") for modality in MODALITIES],
        affine=preprocessed(f"from-template_to-{REFERENCE}_xfm.txt"),
        rigid=[preprocessed(f"from-{REFERENCE}_to-{modality}_xfm.txt") for modality in OTHERS],
    output:
        images=[preprocessed(f"desc-preproc_{modality}.nii.gz") for modality in MODALITIES],
        mask=preprocessed("desc-brain_mask.nii.gz"),
        dseg=preprocessed("dseg.nii.gz"),
        evaluation_dseg=preprocessed("res-evaluation_dseg.nii.gz"),
    log:
        "<logs>/resample_bspline/{subject}.log",
    benchmark:
        "<benchmarks>/resample_bspline/{subject}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical(GRIDS),
        code=code("resample_bspline", "imaging"),
    shell:
        """
        python "$SCRIPTS/resample_bspline.py" \
            --options {params.options:q} \
            --template-mask {input.template:q}/template_mask.nii.gz \
            --label-table {input.label_table:q} \
            --mask {input.mask:q} \
            --labels {input.labels:q} \
            --affine {input.affine:q} \
            --images {input.images:q} \
            --rigid {input.rigid:q} \
            --outputs {output.images:q} \
            --output-mask {output.mask:q} \
            --output-dseg {output.dseg:q} \
            --output-evaluation-dseg {output.evaluation_dseg:q} \
            > {log:q} 2>&1
        """


rule list_subjects:
    """List the preprocessed files of all subjects, each with its SHA-256."""
    input:
        [
            path
            for name in (
                *(f"desc-preproc_{modality}.nii.gz" for modality in TASK_MODALITIES),
                "desc-brain_mask.nii.gz",
                "dseg.nii.gz",
                "res-evaluation_dseg.nii.gz",
                f"from-template_to-{REFERENCE}_xfm.txt",
            )
            for path in preprocessed(name, ALL_SUBJECTS)
        ],
    output:
        PREPROCESSED,
    log:
        "<logs>/list_subjects.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        code=code("list_subjects", "imaging"),
    shell:
        """
        python "$SCRIPTS/list_subjects.py" \
            --files {input:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule augment_classic:
    """Augmented copies of one subject, to be looked at (Fig. 4)."""
    input:
        images=[preprocessed(f"desc-preproc_{modality}.nii.gz", FOLD_SUBJECTS[:1])[0] for modality in MODALITIES],
        dseg=preprocessed("dseg.nii.gz", FOLD_SUBJECTS[:1]),
        structures="<results>/preprocess/dseg.tsv",
    output:
        directory(f"<results>/augment/sub-{FOLD_SUBJECTS[0]}"),
    log:
        "<logs>/augment_classic.log",
    benchmark:
        "<benchmarks>/augment_classic.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        options=canonical(config["augmentation"]),
        code=code("augment_classic", "torch"),
    shell:
        """
        python "$SCRIPTS/augment_classic.py" \
            --options {params.options:q} \
            --images {input.images:q} \
            --dseg {input.dseg:q} \
            --structures {input.structures:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


use rule extract_brain as extract_patient_brain with:
    input:
        image=patient_file("T1w"),
    output:
        aligned_patient("desc-extracted_mask.nii.gz"),
    log:
        "<logs>/extract_patient_brain/{subject}.log",
    benchmark:
        "<benchmarks>/extract_patient_brain/{subject}.jsonl"


use rule align_subject as align_patient with:
    input:
        reference=patient_file("T1w"),
        others=[],
        brain=patient_file("mask"),
        template="<results>/template",
    output:
        mask=aligned_patient("desc-brain_mask.nii.gz"),
        affine=aligned_patient("from-template_to-T1w_xfm.txt"),
        rigid=[],
    log:
        "<logs>/align_patient/{subject}.log",
    benchmark:
        "<benchmarks>/align_patient/{subject}.jsonl"
    params:
        options=canonical({"mask_source": "mask", "strangers": False}),


use rule normalize_intensity as normalize_patient with:
    input:
        mask=aligned_patient("desc-brain_mask.nii.gz"),
        images=[patient_file("T1w")],
        rigid=[],
    output:
        images=[aligned_patient("desc-normalized_T1w.nii.gz")],
    log:
        "<logs>/normalize_patient/{subject}.log",
    benchmark:
        "<benchmarks>/normalize_patient/{subject}.jsonl"


use rule propagate_labels as propagate_patient_labels with:
    input:
        template="<results>/template",
        image=aligned_patient("desc-normalized_T1w.nii.gz"),
        affine=aligned_patient("from-template_to-T1w_xfm.txt"),
    output:
        aligned_patient("desc-silver_dseg.nii.gz"),
    log:
        "<logs>/propagate_patient_labels/{subject}.log",
    benchmark:
        "<benchmarks>/propagate_patient_labels/{subject}.jsonl"


rule preprocess_patient:
    """Bring one patient's modalities onto the working grid, each aligned to T1w."""
    input:
        template="<results>/template",
        images=lambda wildcards: [patient_file(name) for name in PATIENTS[wildcards.subject]],
        mask=aligned_patient("desc-brain_mask.nii.gz"),
        affine=aligned_patient("from-template_to-T1w_xfm.txt"),
        labels=patient_file("labels"),
        label_table=project_file("resources", "labels", "cerebra.tsv"),
    output:
        directory("<results>/patients/preprocess/sub-{subject}"),
    log:
        "<logs>/preprocess_patient/{subject}.log",
    benchmark:
        "<benchmarks>/preprocess_patient/{subject}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=lambda wildcards: canonical({"modalities": PATIENTS[wildcards.subject], "grid": GRIDS["work"]}),
        code=code("preprocess_patient", "imaging"),
    shell:
        """
        python "$SCRIPTS/preprocess_patient.py" \
            --options {params.options:q} \
            --patient {wildcards.subject} \
            --template-mask {input.template:q}/template_mask.nii.gz \
            --images {input.images:q} \
            --mask {input.mask:q} \
            --affine {input.affine:q} \
            --labels {input.labels:q} \
            --label-table {input.label_table:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """
