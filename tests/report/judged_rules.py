"""Rules as they were applied, and the metrics that they read: the cards of `judged_scans`."""

from sample_scans import metric

from attnprobe.records import RuleCard

SHARES = dict(
    (
        metric("saved_score_share", "Saved scores, of the activations", "1", "by storage"),
        metric(
            "mask_value_unsafe",
            "Mask constant and the dtype",
            "1",
            "graph constant against the dtype",
            labels=("safe", "overflows", "does not mask"),
        ),
        metric(
            "nearest_twin",
            "Most alike other head",
            "1",
            "CKA",
            level="head",
            exactness="sampled",
            topic="heads",
            needs_data=True,
        ),
        metric(
            "measured_peak_training_bytes",
            "Peak memory of a training step, measured",
            "byte",
            "allocator",
            level="model",
            exactness="noisy",
        ),
    )
)


def card(rule: str, name: str, category: str, title: str, zh: str, **rest) -> tuple[str, RuleCard]:
    """A rule as it was applied; what is not said is that of a stable rule of the core about sites."""
    usual = {
        "since": "0.1.0",
        "status": "stable",
        "severity": "warning",
        "precision": "high",
        "level": "site",
        "when": "core_flops_share > opt_share",
        "options": {"opt_share": 0.25},
        "metrics": ("core_flops_share",),
        "exactness": "exact",
        "pack": "core",
        "why": {"en": "It costs memory and time.", "zh": "这会消耗显存与时间。"},
        "how": {"en": "Read from the op graph.", "zh": "由算子图读出。"},
        "wrong_when": {"en": "the mask is never built at this length", "zh": "实际长度下不会构建该掩码"},
        "references": ("Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1",),
    }
    made = RuleCard(id=rule, name=name, category=category, title={"en": title, "zh": zh}, **(usual | rest))
    return rule, made


RULES = dict(
    (
        card(
            "AP105",
            "mask-value-unsafe-in-dtype",
            "correctness",
            "A mask value that is unsafe in the dtype",
            "掩码值在该数据类型下不安全",
            severity="error",
            precision="very-high",
            when="mask_value_unsafe != 'safe'",
            options={},
            metrics=("mask_value_unsafe",),
        ),
        card(
            "AP301",
            "score-matrix-saved",
            "memory",
            "Scores are kept for the backward pass",
            "为反向传播保存了得分矩阵",
            when="saved_score_share > opt_share",
            options={"opt_share": 0.2},
            metrics=("saved_score_share",),
        ),
        card(
            "AP601",
            "duplicate-heads",
            "redundancy",
            "Heads that do the same",
            "功能重复的注意力头",
            precision="medium",
            level="head",
            when="nearest_twin > opt_alike",
            options={"opt_alike": 0.95},
            metrics=("nearest_twin",),
            exactness="sampled",
        ),
        card(
            "AP302",
            "kv-cache-heavy",
            "memory",
            "A heavy KV cache",
            "键值缓存过大",
            level="model",
            when="kv_cache_bytes_per_token > opt_bytes",
            options={"opt_bytes": 32768},
            metrics=("kv_cache_bytes_per_token",),
        ),
        card(
            "AP207",
            "awkward-head-dim",
            "efficiency",
            "A head width that kernels do not like",
            "注意力头宽度不利于内核",
            severity="info",
            when="head_dim % 8 != 0",
            options={},
            metrics=(),
        ),
        card(
            "AP901",
            "flops-grew",
            "change",
            "More FLOPs than before",
            "FLOPs 增加",
            severity="error",
            level="change",
            when="relative > opt_growth",
            options={"opt_growth": 0.02},
            metrics=("flops_forward",),
        ),
        card(
            "ACME1",
            "house-kernel-missed",
            "efficiency",
            "The house's kernel is not used",
            "未使用自有内核",
            severity="info",
            pack="acme-rules",
            status="preview",
            references=(),
        ),
        card(
            "AP202",
            "quadratic-core-dominates",
            "efficiency",
            "The quadratic part dominates",
            "二次复杂度部分占主导",
        ),
        card(
            "AP205",
            "weights-returned-unused",
            "efficiency",
            "Attention weights that nobody reads",
            "返回的注意力权重未被使用",
        ),
        card(
            "AP101",
            "unscaled-scores",
            "correctness",
            "Scores without a scale",
            "得分未缩放",
            severity="error",
        ),
        card("AP606", "low-rank-projections", "redundancy", "Projections of low rank", "低秩投影"),
        card(
            "AP502",
            "entropy-collapse",
            "information",
            "Heads that attend to one token",
            "注意力集中于单个词元",
            exactness="sampled",
            metrics=("normalised_entropy",),
        ),
    )
)
