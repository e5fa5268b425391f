# Each method turns the pairs of a set's folds into transform files.


for tool in methods.TOOLS:

    rule:
        """Register a batch of a set's pairs with one tool."""
        name:
            f"register_{tool.id}"
        input:
            subjects="<results>/{set}preprocess/subjects.tsv",
            folds="<results>/{set}split/folds.json",
        output:
            transforms_output("<results>/{set}transforms/fold{fold}/{method}/batch{batch}"),
        log:
            f"<logs>/register_{tool.id}/{{set}}fold{{fold}}_{{method}}_batch{{batch}}.log",
        benchmark:
            f"<benchmarks>/register_{tool.id}/{{set}}fold{{fold}}_{{method}}_batch{{batch}}.jsonl"
        wildcard_constraints:
            # a second data set has the start, whether or not the main one has
            method=any_of(
                each for each in dict.fromkeys([*IDS, *EXTERNAL_METHODS]) if methods.METHODS[each].tool is tool
            ),
        conda:
            with_pytorch(f"../../envs/{tool.environment}.yaml") if tool.gpu else f"../../envs/{tool.environment}.yaml"
        threads: threads_of
        resources:
            **({"gpu": 1} if tool.gpu else {}),
        params:
            options=tool_options,
            code=code("register_tool", tool.environment, *tool_definitions(tool)),
            tool=tool.module,
            subjects=subjects_folder,
        shell:
            """
            python "$SCRIPTS/register_tool.py" \
                --options {params.options:q} \
                --code {params.code} \
                --tool {params.tool} \
                --folds {input.folds:q} \
                --fold {wildcards.fold} \
                --method {wildcards.method} \
                --batch {wildcards.batch} \
                --subjects {params.subjects:q} \
                --output {output:q} \
                > {log:q} 2>&1
            """


for family in dict.fromkeys(network.family for network in methods.NETWORKS):

    rule:
        """Train a registration network on known deformations of one fold's training subjects, before its arms."""
        name:
            f"pretrain_{family}"
        input:
            subjects=PREPROCESSED,
            structures="<results>/preprocess/dseg.tsv",
            folds="<results>/split/folds.json",
            velocities=velocities_of(CONFIG.known),
        output:
            weights="<results>/models/fold{fold}/{network}_pretrained.pt",
            history="<results>/models/fold{fold}/{network}_pretrained_history.jsonl",
            manifest="<results>/models/fold{fold}/{network}_pretrained.json",
        log:
            f"<logs>/pretrain_{family}/fold{{fold}}_{{network}}.log",
        benchmark:
            f"<benchmarks>/pretrain_{family}/fold{{fold}}_{{network}}.jsonl"
        wildcard_constraints:
            network=any_of(network.id for network in methods.NETWORKS if network.family == family),
        conda:
            with_pytorch("../../envs/torch.yaml")
        threads: lambda wildcards: CONFIG.block(wildcards.network).threads
        resources:
            gpu=1,
        params:
            options=pretraining_options,
            code=code("train_network", "torch"),
            subjects=subjects_folder,
        shell:
            """
            python "$SCRIPTS/train_network.py" \
                --options {params.options:q} \
                --code {params.code} \
                --folds {input.folds:q} \
                --fold {wildcards.fold} \
                --method {wildcards.network}_pretrained \
                --subjects {params.subjects:q} \
                --structures {input.structures:q} \
                --velocities {input.velocities:q} \
                --weights {output.weights:q} \
                --history {output.history:q} \
                --manifest {output.manifest:q} \
                > {log:q} 2>&1
            """

    rule:
        """Train a registration network in one arm on one fold's training subjects."""
        name:
            f"train_{family}"
        input:
            subjects=PREPROCESSED,
            structures="<results>/preprocess/dseg.tsv",
            folds="<results>/split/folds.json",
            samples=samples_of(),
            start=start_of(".pt"),
            origins=origins_of,
            velocities=velocities_of(CONFIG.known),
        output:
            weights="<results>/models/fold{fold}/{method}.pt",
            history="<results>/models/fold{fold}/{method}_history.jsonl",
            manifest="<results>/models/fold{fold}/{method}.json",
        log:
            f"<logs>/train_{family}/fold{{fold}}_{{method}}.log",
        benchmark:
            f"<benchmarks>/train_{family}/fold{{fold}}_{{method}}.jsonl"
        wildcard_constraints:
            method=any_of(each for each in TRAINED if methods.METHODS[each].network.family == family),
        conda:
            with_pytorch("../../envs/torch.yaml")
        threads: threads_of
        resources:
            gpu=1,
        params:
            options=training_options,
            code=code("train_network", "torch"),
            subjects=subjects_folder,
        shell:
            """
            samples={input.samples:q}
            start={input.start:q}
            python "$SCRIPTS/train_network.py" \
                --options {params.options:q} \
                --code {params.code} \
                --folds {input.folds:q} \
                --fold {wildcards.fold} \
                --method {wildcards.method} \
                --subjects {params.subjects:q} \
                --structures {input.structures:q} \
                ${{samples:+--samples "$samples"}} \
                ${{start:+--start "$start"}} \
                --origins {input.origins:q} \
                --velocities {input.velocities:q} \
                --weights {output.weights:q} \
                --history {output.history:q} \
                --manifest {output.manifest:q} \
                > {log:q} 2>&1
            """

    rule:
        """Register the pairs of a set's fold with the network that was trained on that fold."""
        name:
            f"register_{family}"
        input:
            subjects="<results>/{set}preprocess/subjects.tsv",
            folds="<results>/{set}split/folds.json",
            weights=weights_of,
        output:
            transforms_output("<results>/{set}transforms/fold{fold}/{method}"),
        log:
            f"<logs>/register_{family}/{{set}}fold{{fold}}_{{method}}.log",
        benchmark:
            f"<benchmarks>/register_{family}/{{set}}fold{{fold}}_{{method}}.jsonl"
        wildcard_constraints:
            method=any_of(each.id for each in METHODS if each.network and each.network.family == family),
        conda:
            with_pytorch("../../envs/torch.yaml")
        threads: threads_of
        resources:
            gpu=1,
        params:
            options=network_options,
            code=code("register_network", "torch"),
            subjects=subjects_folder,
        shell:
            """
            python "$SCRIPTS/register_network.py" \
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
        method=any_of(UNCERTAIN),
    conda:
        with_pytorch("../../envs/torch.yaml")
    threads: threads_of
    resources:
        gpu=1,
    params:
        options=lambda wildcards: canonical(
            {
                "settings": network_of(wildcards.method),
                "dropout": CONFIG.uncertainty.only(Dropout),
                "fixed": TASK.fixed,
                "moving": TASK.moving,
            }
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
