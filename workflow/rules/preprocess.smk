# Raw BIDS to the working grid: one road for the experiment's subjects and those of a second data set.


rule extract_brain:
    """Find the brain in a whole head, where nothing else says where it is."""
    input:
        image=raw("reference"),
    output:
        derived("desc-extracted_mask.nii.gz"),
    log:
        "<logs>/extract_brain/{set}{subject}.log",
    benchmark:
        "<benchmarks>/extract_brain/{set}{subject}.jsonl"
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
        reference=raw("reference"),
        others=raw("others"),
        brain=raw("brain"),
        template="<results>/template",
    output:
        directory("<results>/{set}align/sub-{subject}"),
    log:
        "<logs>/align_subject/{set}{subject}.log",
    benchmark:
        "<benchmarks>/align_subject/{set}{subject}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=alignment_options,
        code=code("align_subject", "imaging"),
    shell:
        """
        brain={input.brain:q}
        python "$SCRIPTS/align_subject.py" \
            --options {params.options:q} \
            --subject {wildcards.subject} \
            --reference {input.reference:q} \
            --others {input.others:q} \
            ${{brain:+--brain "$brain"}} \
            --template {input.template:q}/template_T1w.nii.gz \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule correct_bias:
    """Divide an MR image by its bias field."""
    input:
        image=lambda wildcards: raw_file(wildcards.set, wildcards.subject, wildcards.modality),
        aligned="<results>/{set}align/sub-{subject}",
    output:
        derived("desc-corrected_{modality}.nii.gz"),
    log:
        "<logs>/correct_bias/{set}{subject}_{modality}.log",
    benchmark:
        "<benchmarks>/correct_bias/{set}{subject}_{modality}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        # which modalities are corrected changes none
        options=canonical(CONFIG.preprocess.bias_correction.model_copy(update={"modalities": []})),
        code=code("correct_bias", "imaging"),
        mask=of_subject("aligned", bids.native_mask),
        rigid=rigid_of_modality,
    shell:
        """
        rigid={params.rigid:q}
        python "$SCRIPTS/correct_bias.py" \
            --options {params.options:q} \
            --image {input.image:q} \
            --mask {params.mask:q} \
            ${{rigid:+--rigid "$rigid"}} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule normalize_intensity:
    """Z-score each modality over the brain mask (Eq. 1)."""
    input:
        aligned="<results>/{set}align/sub-{subject}",
        images=corrected,
    output:
        directory("<results>/{set}normalize/sub-{subject}"),
    log:
        "<logs>/normalize_intensity/{set}{subject}.log",
    benchmark:
        "<benchmarks>/normalize_intensity/{set}{subject}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=lambda wildcards: canonical(modalities_of(wildcards)),
        code=code("normalize_intensity", "imaging"),
    shell:
        """
        python "$SCRIPTS/normalize_intensity.py" \
            --options {params.options:q} \
            --subject {wildcards.subject} \
            --aligned {input.aligned:q} \
            --images {input.images:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule propagate_labels:
    """Carry the template's labels to a subject that has none: silver labels."""
    input:
        template="<results>/template",
        aligned="<results>/{set}align/sub-{subject}",
        normalized="<results>/{set}normalize/sub-{subject}",
    output:
        derived("desc-silver_dseg.nii.gz"),
    log:
        "<logs>/propagate_labels/{set}{subject}.log",
    benchmark:
        "<benchmarks>/propagate_labels/{set}{subject}.jsonl"
    conda:
        "../../envs/ants.yaml"
    params:
        options=canonical(CONFIG.propagation),
        code=code("propagate_labels", "ants"),
        image=of_subject("normalized", bids.normalized),
        affine=of_subject("aligned", template_to),
    shell:
        """
        python "$SCRIPTS/propagate_labels.py" \
            --options {params.options:q} \
            --template {input.template:q} \
            --image {params.image:q} \
            --affine {params.affine:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule resample_bspline:
    """One B-spline resampling onto the working grid; labels alongside, and on the evaluation grid."""
    input:
        template="<results>/template",
        label_table=label_table,
        aligned="<results>/{set}align/sub-{subject}",
        normalized="<results>/{set}normalize/sub-{subject}",
        labels=raw("labels"),
    output:
        directory("<results>/{set}preprocess/sub-{subject}"),
    log:
        "<logs>/resample_bspline/{set}{subject}.log",
    benchmark:
        "<benchmarks>/resample_bspline/{set}{subject}.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=lambda wildcards: canonical(
            {
                **modalities_of(wildcards),
                "grids": GRIDS,
                "partial": SETS[wildcards.set].description.partial,
            }
        ),
        code=code("resample_bspline", "imaging"),
    shell:
        """
        python "$SCRIPTS/resample_bspline.py" \
            --options {params.options:q} \
            --subject {wildcards.subject} \
            --template-mask {input.template:q}/template_mask.nii.gz \
            --label-table {input.label_table:q} \
            --aligned {input.aligned:q} \
            --normalized {input.normalized:q} \
            --labels {input.labels:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule list_subjects:
    """List the preprocessed files of all of a set's subjects, each with its SHA-256."""
    input:
        lambda wildcards: expand(
            "<results>/{set}preprocess/sub-{subject}", set=wildcards.set, subject=SETS[wildcards.set].subjects
        ),
    output:
        "<results>/{set}preprocess/subjects.tsv",
    log:
        "<logs>/{set}list_subjects.log",
    wildcard_constraints:
        set="(external/)?",
    conda:
        "../../envs/imaging.yaml"
    params:
        code=code("list_subjects", "imaging"),
    shell:
        """
        python "$SCRIPTS/list_subjects.py" \
            --folders {input:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule augment_classic:
    """Augmented copies of one subject, to be looked at (Fig. 4)."""
    input:
        subjects=PREPROCESSED,
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
        options=canonical({"augmentation": CONFIG.augmentation, "modalities": MAIN.modalities[FOLD_SUBJECTS[0]]}),
        code=code("augment_classic", "torch"),
        subjects=subjects_folder,
        subject=FOLD_SUBJECTS[0],
    shell:
        """
        python "$SCRIPTS/augment_classic.py" \
            --options {params.options:q} \
            --subjects {params.subjects:q} \
            --subject {params.subject} \
            --structures {input.structures:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """
