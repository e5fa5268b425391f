# The template space and the data set as raw BIDS.


# a cluster's nodes often have no network
localrules:
    get_ixi,
    get_rire,


rule get_template:
    """Write the template space: images, mask and labels where there are some."""
    input:
        own=[path for path in (CONFIG.template.image, CONFIG.template.mask) if path],
    output:
        directory("<results>/template"),
    log:
        "<logs>/get_template.log",
    benchmark:
        "<benchmarks>/get_template.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical(CONFIG.template),
        code=code("get_template", "imaging"),
    shell:
        """
        python "$SCRIPTS/get_template.py" \
            --options {params.options:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule list_structures:
    """List the evaluation structures of a set's label table."""
    input:
        label_table=label_table,
    output:
        "<results>/{set}preprocess/dseg.tsv",
    log:
        "<logs>/{set}list_structures.log",
    wildcard_constraints:
        set="(external/)?",
    conda:
        "../../envs/imaging.yaml"
    params:
        code=code("list_structures", "imaging"),
    shell:
        """
        python "$SCRIPTS/list_structures.py" \
            --label-table {input.label_table:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule get_cohort:
    """Simulate one subject as raw BIDS, with labels, mask and true fields as derivatives."""
    input:
        template="<results>/template",
    output:
        t1w=bids.path("<results>/bids", "{subject}", bids.raw("T1w")),
        t2w=bids.path("<results>/bids", "{subject}", bids.raw("T2w")),
        mask=bids.path("<results>/bids/derivatives/truth", "{subject}", bids.RAW_MASK),
        dseg=bids.path("<results>/bids/derivatives/truth", "{subject}", bids.RAW_DSEG),
        to_template=bids.path("<results>/bids/derivatives/truth", "{subject}", bids.TO_TEMPLATE),
        from_template=bids.path("<results>/bids/derivatives/truth", "{subject}", bids.FROM_TEMPLATE),
    log:
        "<logs>/get_cohort/{subject}.log",
    benchmark:
        "<benchmarks>/get_cohort/{subject}.jsonl"
    conda:
        "../../envs/torch.yaml"
    params:
        # the number of subjects changes no subject
        options=canonical(CONFIG.cohort.only(Anatomy)),
        code=code("get_cohort", "torch"),
    shell:
        """
        python "$SCRIPTS/get_cohort.py" \
            --options {params.options:q} \
            --subject {wildcards.subject:q} \
            --template {input.template:q} \
            --t1w {output.t1w:q} \
            --t2w {output.t2w:q} \
            --mask {output.mask:q} \
            --dseg {output.dseg:q} \
            --to-template {output.to_template:q} \
            --from-template {output.from_template:q} \
            > {log:q} 2>&1
        """


rule get_patient:
    """Simulate one patient of the second data set, with labels, mask and rigid offsets as derivatives."""
    input:
        template="<results>/template",
    output:
        images=[
            bids.path("<results>/external/bids", "p{number}", bids.raw(modality)) for modality in PATIENT_MODALITIES
        ],
        mask=bids.path("<results>/external/bids/derivatives/truth", "p{number}", bids.RAW_MASK),
        dseg=bids.path("<results>/external/bids/derivatives/truth", "p{number}", bids.RAW_DSEG),
        offsets=[
            bids.path("<results>/external/bids/derivatives/truth", "p{number}", bids.true_rigid("T1w", modality))
            for modality in PATIENT_MODALITIES[1:]
        ],
    log:
        "<logs>/get_patient/p{number}.log",
    benchmark:
        "<benchmarks>/get_patient/p{number}.jsonl"
    wildcard_constraints:
        number="[0-9]+",
    conda:
        "../../envs/torch.yaml"
    params:
        # seed and number of the cohort change no patient
        options=canonical(
            {
                "anatomy": CONFIG.cohort.only(Anatomy).model_copy(update={"seed": 0}),
                "patients": CONFIG.external.simulated.model_copy(update={"count": 2}),
            }
        ),
        code=code("get_patient", "torch"),
    shell:
        """
        python "$SCRIPTS/get_patient.py" \
            --options {params.options:q} \
            --number {wildcards.number} \
            --template {input.template:q} \
            --images {output.images:q} \
            --mask {output.mask:q} \
            --dseg {output.dseg:q} \
            --offsets {output.offsets:q} \
            > {log:q} 2>&1
        """


rule get_ixi:
    """Download IXI and write it as a raw BIDS folder, the list of its subjects last."""
    input:
        **ADDRESSES,
    output:
        "<data>/ixi/participants.tsv",
    log:
        "<logs>/get_ixi.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical(CONFIG.ixi),
        code=code("get_ixi", "imaging"),
    shell:
        """
        python "$SCRIPTS/get_ixi.py" \
            --options {params.options:q} \
            --datasets {input.datasets:q} \
            --downloads {input.downloads:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule get_rire:
    """Download RIRE and write it as a raw BIDS folder, the list of its subjects last."""
    input:
        **ADDRESSES,
    output:
        "<data>/rire/participants.tsv",
    log:
        "<logs>/get_rire.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical(CONFIG.rire),
        code=code("get_rire", "imaging"),
    shell:
        """
        python "$SCRIPTS/get_rire.py" \
            --options {params.options:q} \
            --datasets {input.datasets:q} \
            --downloads {input.downloads:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule get_dicom:
    """Write folders of DICOM files as a raw BIDS folder, the list of its subjects last."""
    input:
        # a new subject changes the folder; one that is not there is the script's to name
        root=[root for root in [CONFIG.dicom.root] if root and Path(root).is_dir()],
    output:
        "<data>/dicom/participants.tsv",
    log:
        "<logs>/get_dicom.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical(CONFIG.dicom),
        code=code("get_dicom", "imaging"),
    shell:
        """
        python "$SCRIPTS/get_dicom.py" \
            --options {params.options:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """
