# The template space and the data set as raw BIDS.


# a cluster's nodes often have no network
localrules:
    get_ixi,
    get_rire,


rule get_template:
    """Write the template space and the list of evaluation structures."""
    input:
        label_table=LABEL_TABLE,
        own=[path for path in config["template"].values() if path],
    output:
        folder=directory("<results>/template"),
        structures="<results>/preprocess/dseg.tsv",
    log:
        "<logs>/get_template.log",
    benchmark:
        "<benchmarks>/get_template.jsonl"
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical(config["template"]),
        code=code("get_template", "imaging"),
    shell:
        """
        python "$SCRIPTS/get_template.py" \
            --options {params.options:q} \
            --label-table {input.label_table:q} \
            --output {output.folder:q} \
            --structures {output.structures:q} \
            > {log:q} 2>&1
        """


if EMBEDDED:

    rule get_cohort:
        """Simulate one subject as raw BIDS, with labels, mask and true fields as derivatives."""
        input:
            template="<results>/template",
        output:
            t1w="<results>/bids/sub-{subject}/anat/sub-{subject}_T1w.nii.gz",
            t2w="<results>/bids/sub-{subject}/anat/sub-{subject}_T2w.nii.gz",
            mask="<results>/bids/derivatives/truth/sub-{subject}/anat/sub-{subject}_desc-brain_mask.nii.gz",
            dseg="<results>/bids/derivatives/truth/sub-{subject}/anat/sub-{subject}_dseg.nii.gz",
            to_template="<results>/bids/derivatives/truth/sub-{subject}/anat/sub-{subject}_from-T1w_to-template_desc-true_xfm.nii.gz",
            from_template="<results>/bids/derivatives/truth/sub-{subject}/anat/sub-{subject}_from-template_to-T1w_desc-true_xfm.nii.gz",
        log:
            "<logs>/get_cohort/{subject}.log",
        benchmark:
            "<benchmarks>/get_cohort/{subject}.jsonl"
        conda:
            "../../envs/torch.yaml"
        params:
            # the number of subjects changes no subject
            options=canonical({k: v for k, v in config["cohort"].items() if k != "subjects"}),
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
            f"<results>/patients/bids/sub-p{{number}}/anat/sub-p{{number}}_{each}.nii.gz"
            for each in PATIENT_MODALITIES
        ],
        mask="<results>/patients/bids/derivatives/truth/sub-p{number}/anat/sub-p{number}_desc-brain_mask.nii.gz",
        dseg="<results>/patients/bids/derivatives/truth/sub-p{number}/anat/sub-p{number}_dseg.nii.gz",
        offsets=[
            f"<results>/patients/bids/derivatives/truth/sub-p{{number}}/anat/sub-p{{number}}_from-T1w_to-{each}_desc-true_xfm.txt"
            for each in PATIENT_MODALITIES[1:]
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
        options=canonical(
            {
                "cohort": {key: value for key, value in config["cohort"].items() if key not in ("subjects", "seed")},
                **{key: config["patients"][key] for key in ("seed", "offset")},
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
        options=canonical(config["ixi"]),
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
        options=canonical(config["rire"]),
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
        root=[root for root in [config["dicom"]["root"]] if root and Path(root).is_dir()],
    output:
        "<data>/dicom/participants.tsv",
    log:
        "<logs>/get_dicom.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=canonical(config["dicom"]),
        code=code("get_dicom", "imaging"),
    shell:
        """
        python "$SCRIPTS/get_dicom.py" \
            --options {params.options:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """
