"""Scans built by hand, in full view: what the tests of the reports look at.

The model: 24 blocks, width 1024, 16 query heads over 4 KV heads of 64, 1 x 2048 tokens, float32. Three
blocks of four see a window of 512, the fourth sees everything before it. One multiply-add counts as 2 FLOPs.
"""

from dataclasses import replace

from attnprobe.records import (
    AttentionSite,
    BlindSpot,
    CostShare,
    CrossCheck,
    Curve,
    Environment,
    Finding,
    HeadMatrix,
    InputTensor,
    Location,
    Metric,
    ModelInfo,
    NotMeasured,
    Prediction,
    Remedy,
    Saving,
    Scan,
    Stage,
    Suggestion,
    ToolInfo,
    Trial,
    UnknownOp,
    Workload,
)

LENGTH, WIDTH, HEADS, KV_HEADS, HEAD_DIM, WINDOW, LAYERS = 2048, 1024, 16, 4, 64, 512, 24
FULL, WINDOWED = "blocks.{3,7,11,15,19,23}.attn", "blocks.{0..2,4..6,8..10,12..14,16..18,20..22}.attn"
LENGTHS = (512, 1024, 2048, 4096, 8192, 16384)


def metric(name: str, title: str, unit: str, method: str, **rest: str) -> tuple[str, Metric]:
    level = rest.pop("level", "site")
    exactness = rest.pop("exactness", "exact")
    made = Metric(name=name, title=title, unit=unit, level=level, exactness=exactness, method=method, **rest)
    return name, made


METRICS = dict(
    (
        metric("flops_forward", "FLOPs of the forward pass", "FLOP", "counted op by op; 1 multiply-add is 2",
               not_said="Elementwise work is not in it."),
        metric("flops_backward", "FLOPs of the backward pass", "FLOP", "counted op by op"),
        metric("flops_scores", "FLOPs of query times key", "FLOP", "2 B H L S D"),
        metric("flops_values", "FLOPs of weights times value", "FLOP", "2 B H L S D"),
        metric("flops_core", "FLOPs of the core, nominal", "FLOP", "scores + values, every pair"),
        metric("flops_projections", "FLOPs of the projections", "FLOP", "counted"),
        metric("flops_useful", "FLOPs of the core that the mask lets through", "FLOP",
               "nominal times the visible share of the pairs"),
        metric("flops_executed", "FLOPs of the core that the kernel runs", "FLOP", "by kernel"),
        metric("activation_bytes", "Activations kept for the backward pass", "byte",
               "storages that the graph holds at the end of the forward pass", source="arXiv:2205.05198"),
        metric("kv_cache_bytes_per_token", "KV cache per token", "byte", "2 G D itemsize"),
        metric("core_length_exponent", "Exponent of the core's growth with length", "1",
               "slope of log FLOPs against log length"),
        metric("forward_ms", "Time of the forward pass", "ms", "median of repeats", exactness="noisy"),
        metric("peak_training_bytes", "Peak memory of a training step", "byte", "tracked storages",
               level="model", exactness="modelled"),
        metric("parameters", "Parameters", "1", "tied ones once", level="model"),
        metric("attention_flops_share", "Attention's share of the FLOPs", "1", "sites / model",
               level="model"),
        metric("length_exponent", "Exponent of the model's growth with length", "1",
               "slope of log FLOPs against log length", level="model"),
        metric("quadratic_crossover_length", "Length at which the core passes the rest", "token",
               "where the two fitted curves cross", level="model", exactness="modelled"),
    )
)  # fmt: skip


def site_metrics(is_full: bool, length: int = LENGTH) -> dict[str, float | int | None]:
    """Numbers of one site, by formula."""
    scores = 2 * HEADS * length * length * HEAD_DIM
    projections = 2 * length * WIDTH * (2 * WIDTH + 2 * KV_HEADS * HEAD_DIM)
    visible = length * (length + 1) // 2
    if not is_full:
        visible -= (length - WINDOW) * (length - WINDOW + 1) // 2
    return {
        "flops_forward": 2 * scores + projections,
        "flops_backward": 5 * scores + 2 * projections,
        "flops_scores": scores,
        "flops_values": scores,
        "flops_core": 2 * scores,
        "flops_projections": projections,
        "flops_useful": 4 * HEADS * HEAD_DIM * visible,
        "flops_executed": 2 * scores if not is_full else scores,
        "activation_bytes": 4 * length * (4 * WIDTH + 2 * KV_HEADS * HEAD_DIM),
        "kv_cache_bytes_per_token": 2 * KV_HEADS * HEAD_DIM * 4,
        "core_length_exponent": 2.0,
        "forward_ms": None,
    }


def gpt_site(index: int) -> AttentionSite:
    is_full = index % 4 == 3
    return AttentionSite(
        id=f"blocks.{index}.attn", module=f"blocks.{index}.attn", module_class="CausalSelfAttention", call=0,
        mechanism="dot_product", normaliser="softmax", role="self",
        kernel="aten._scaled_dot_product_flash_attention_for_cpu" if is_full else "math",
        num_heads=HEADS, num_kv_heads=KV_HEADS, head_dim=HEAD_DIM, value_dim=HEAD_DIM, batch=1, windows=1,
        q_len=LENGTH, kv_len=LENGTH, is_causal=True, window_left=None if is_full else WINDOW - 1,
        window_right=None, visible_share=0.500244140625 if is_full else 0.218841552734375,
        scale=0.125, dropout=0.0,
        projections={role: f"blocks.{index}.attn.{name}.weight" for role, name in
                     (("query", "q_proj"), ("key", "kv_proj"), ("value", "kv_proj"), ("output", "o_proj"))},
        projection_rows={"key": ((0, 256, 1),), "value": ((256, 512, 1),)},
        location=Location("model.py", 58 if is_full else 41, "forward"),
        group=FULL if is_full else WINDOWED,
        metrics=site_metrics(is_full),
    )  # fmt: skip


def _curves() -> tuple[Curve, ...]:
    sites = tuple(
        Curve(metric="flops_forward", site=f"blocks.{index}.attn", lengths=LENGTHS, method="traced",
              values=tuple(site_metrics(index % 4 == 3, length)["flops_forward"] for length in LENGTHS))
        for index in range(LAYERS)
    )  # fmt: skip
    model = tuple(
        sum(curve.values[k] for curve in sites) + LAYERS * 16 * length * WIDTH * WIDTH
        for k, length in enumerate(LENGTHS)
    )
    cache = tuple(LAYERS * 2 * KV_HEADS * HEAD_DIM * 4 * length for length in LENGTHS)
    return (
        Curve(metric="flops_forward", site="", lengths=LENGTHS, values=model, method="traced"),
        *sites,
        Curve(metric="kv_cache_bytes", site="", lengths=LENGTHS, values=cache, method="formula"),
    )


def _shares(attention: int) -> tuple[CostShare, ...]:
    mlp, other = LAYERS * 16 * LENGTH * WIDTH * WIDTH, 2 * LENGTH * WIDTH * 8192
    flops = attention + mlp + other
    kept = (
        LAYERS * site_metrics(True)["activation_bytes"],
        LAYERS * 4 * LENGTH * 9 * WIDTH,
        4 * LENGTH * 8192,
    )
    rows = (
        ("attention", "flops_forward", attention, flops),
        ("feed_forward", "flops_forward", mlp, flops),
        ("other", "flops_forward", other, flops),
        ("attention", "activation_bytes", kept[0], sum(kept)),
        ("feed_forward", "activation_bytes", kept[1], sum(kept)),
        ("other", "activation_bytes", kept[2], sum(kept)),
        ("attention", "kv_cache_bytes_per_token", LAYERS * 2048, LAYERS * 2048),
    )
    return tuple(
        CostShare(part=part, metric=name, value=value, share=value / total)
        for part, name, value, total in rows
    )


def _prediction(site: str, flops: float, moved: float, workload: str) -> Prediction:
    compute, memory = flops / 989e12 * 1e3, moved / 4.8e12 * 1e3  # the H200's data sheet
    return Prediction(
        device="NVIDIA H200 SXM", workload=workload, site=site, flops=flops, bytes=moved,
        compute_ms=compute, memory_ms=memory, ms=max(compute, memory),
        bound="compute" if compute > memory else "memory",
    )  # fmt: skip


def _predictions(sites: tuple[AttentionSite, ...], model_flops: float) -> tuple[Prediction, ...]:
    made = [_prediction("", model_flops, 1.6e9, "prefill"), _prediction("", 4.1e8, 8.2e8, "decode")]
    for site in sites:
        made.append(_prediction(site.id, site.metrics["flops_forward"], 5.2e7, "prefill"))
        made.append(_prediction(site.id, 8.6e6, 1.5e7, "decode"))
    return tuple(made)


def gpt_scan() -> Scan:
    """24 attention sites in 2 groups, static: no time was measured."""
    sites = tuple(gpt_site(index) for index in range(LAYERS))
    attention = sum(site.metrics["flops_forward"] for site in sites)
    shares = _shares(attention)
    flops = sum(share.value for share in shares if share.metric == "flops_forward")
    reason = "static scan: run without --static to measure time"
    return Scan(
        schema=1,
        tool=ToolInfo(name="attnprobe", version="0.1.0"),
        environment=Environment(python="3.11.9", torch="2.13.0", platform="Linux x86_64", device="cpu",
                                threads=2, packages={"transformers": "5.23.0", "fvcore": "0.1.5"}),
        model=ModelInfo(target="model.py", entry="model.py:GPT()", class_name="GPT",
                        parameters=270_532_608, parameter_bytes=1_082_130_432,
                        trainable_parameters=270_532_608, causal_declared=True),
        workload=Workload(
            inputs=(InputTensor(name="ids", shape=(1, LENGTH), dtype="int64", origin="guessed",
                                note="token ids below 8192, the rows of tok_emb"),),
            batch_size=1, seq_len=LENGTH, device="cpu", dtype="float32", train=False, backward=True,
            loss="random projection of the output (seed 0)",
            guessed=("ids int64[1, 2048]: from tok_emb and pos_emb; change it with --input",),
            depth="static", seed=0, settings={"lengths": "512 to 16384"},
        ),
        metrics=METRICS,
        totals={"flops_forward": flops, "flops_backward": 2 * flops, "parameters": 270_532_608,
                "activation_bytes": sum(s.value for s in shares if s.metric == "activation_bytes"),
                "kv_cache_bytes_per_token": LAYERS * 2048, "peak_training_bytes": 7_420_772_352,
                "attention_flops_share": attention / flops, "length_exponent": 1.37,
                "quadratic_crossover_length": 14_336, "forward_ms": None},
        sites=sites,
        cost_shares=shares,
        curves=_curves(),
        predictions=_predictions(sites, flops),
        cross_checks=(CrossCheck(counter="fvcore 0.1.5", metric="flops_forward", ours=flops,
                                 theirs=flops * 1.004, difference=0.004,
                                 explanation="fvcore also counts layer_norm."),),
        not_measured=(NotMeasured(metric="forward_ms", site="", reason=reason),
                      NotMeasured(metric="backward_ms", site="", reason=reason)),
        stages=(Stage(name="load", seconds=0.21, outcome="GPT with 270,532,608 parameters, no memory used"),
                Stage(name="trace", seconds=0.64, outcome="24 attention sites in 2 groups"),
                Stage(name="count", seconds=0.38, outcome="12 metrics"),
                Stage(name="time", seconds=0.0, outcome="skipped: static scan", ok=False)),
    )  # fmt: skip


def rich_scan() -> Scan:
    """The same with everything else that a scan can hold: blind spots, unknown ops, findings, trials."""
    scan = gpt_scan()
    finding = Finding(
        rule="AP301", name="math-kernel-fallback", severity="error", sites=("blocks.0.attn", "blocks.1.attn"),
        heads=(), location=Location("model.py", 41, "forward"),
        message="SDPA falls back to the math kernel: the mask is float32 while the query is bfloat16.",
        evidence={"flops_core": scan.sites[0].metrics["flops_core"]},
        savings=(Saving(remedy="mask_dtype", metric="activation_bytes", amount=1_073_741_824, local=0.9,
                        of_model=0.41, status="modelled",
                        formula="4 B H L S bytes of scores are not kept"),),
        suggestions=(Suggestion(name="mask_dtype", options={}, exactness="exact",
                                change={"en": "Cast the mask to the query's dtype."}),),
        fingerprint="3fa94c1b2e6d7a80",
    )  # fmt: skip
    trial = Trial(site="blocks.0.attn", replacement="sliding_window", options={"window_size": "512"},
                  exactness="approximate", output_drift=0.0039, gradient_drift=None, time_ratio=0.64,
                  memory_ratio=0.55, predicted={"memory_ratio": 0.52})  # fmt: skip
    return replace(
        scan,
        totals={**scan.totals, "forward_ms": 61.9},
        blind_spots=(
            BlindSpot(module="vision.tower", kind="torchscript", reason="a scripted module shows no ops",
                      location=Location("model.py", 90, "forward")),
        ),
        unknown_ops=(
            UnknownOp(name="my_ext.fused_norm", count=24, modules=("blocks.0.norm", "blocks.1.norm"),
                      shapes="[1, 2048, 1024]", remedy="Register a formula for it."),
        ),
        findings=(finding,),
        trials=(trial,),
        notes=("The mask was materialised because the tensors are fake.",),
    )  # fmt: skip


def empty_scan() -> Scan:
    """A model without attention, of which little is known."""
    scan = gpt_scan()
    return replace(
        scan, metrics={}, totals={}, sites=(), cost_shares=(), curves=(), predictions=(), cross_checks=(),
        not_measured=(), stages=(), notes=(),
        workload=replace(scan.workload, inputs=(), guessed=(), batch_size=None, seq_len=None),
    )  # fmt: skip


def wide_scan(count: int, is_grouped: bool = True) -> Scan:
    """A scan of many sites: identical ones in a group, or each in its own."""
    scan = gpt_scan()
    sites = tuple(
        replace(gpt_site(3), id=f"blocks.{index}.attn", module=f"blocks.{index}.attn",
                group=f"blocks.{{0..{count - 1}}}.attn" if is_grouped else f"blocks.{index}.attn")
        for index in range(count)
    )  # fmt: skip
    gaps = tuple(
        NotMeasured(metric=name, site=site.id, reason=f"{site.id} did not run")
        for site in sites
        for name in ("forward_ms", "backward_ms")
    )
    predictions = _predictions(sites, scan.totals["flops_forward"])
    return replace(scan, sites=sites, not_measured=gaps, predictions=predictions)


def renamed_scan(name: str, topic: str = "cost") -> Scan:
    """A scan in which every text that a model decides is `name`, and so is a metric of some topic."""
    scan = rich_scan()
    site = replace(
        scan.sites[0], id=name, module=name, module_class=name, mechanism=name, normaliser=name, kernel=name,
        group=name, projections={"query": name, name: name}, projection_rows={"query": ((0, 64, 1),)},
        location=Location(name, 1, name), notes=(name,), metrics={**scan.sites[0].metrics, name: 1.0},
        head_metrics={name: (0.5, 1.0)},
    )  # fmt: skip
    return replace(
        scan,
        model=replace(scan.model, target=name, entry=name, class_name=name),
        environment=replace(scan.environment, device=name, packages={name: name}),
        workload=replace(
            scan.workload, guessed=(name,), loss=name, settings={name: name},
            inputs=(InputTensor(name=name, shape=(0,), dtype=name, origin="guessed", note=name),),
        ),
        metrics={**scan.metrics, name: replace(METRICS["flops_core"], name=name, title=name, unit=name,
                                               method=name, source=name, not_said=name, topic=topic,
                                               headline=True, needs_data=True)},
        sites=(site,),
        curves=(Curve(metric=name, site=name, lengths=(1, 2), values=(1, 2), method=name),),
        matrices=(HeadMatrix(metric=name, site=name, values=((1.0, 0.5), (0.5, 1.0))),),
        cost_shares=(CostShare(part=name, metric=name, value=1, share=1.0),),
        predictions=(replace(scan.predictions[0], device=name, site=name),),
        cross_checks=(replace(scan.cross_checks[0], counter=name, metric=name, explanation=name),),
        unknown_ops=(UnknownOp(name=name, count=1, modules=(name,), shapes=name, remedy=name),),
        blind_spots=(BlindSpot(module=name, kind="other", reason=name, location=site.location),),
        not_measured=(NotMeasured(metric=name, site=name, reason=name),),
        remedies=(Remedy(name=name, change=name, sites=(name,), metric=name, site=name, before=1, after=2),),
        findings=(replace(scan.findings[0], rule=name, name=name, sites=(name,), message=name,
                          suggestions=(Suggestion(name=name, options={}, exactness="exact",
                                                  change={"en": name}),),
                          evidence={name: 1.0}, fingerprint=name),),
        trials=(replace(scan.trials[0], site=name, replacement=name, options={name: name}),),
        stages=(Stage(name=name, seconds=0.1, outcome=name),),
        notes=(name,),
    )  # fmt: skip
