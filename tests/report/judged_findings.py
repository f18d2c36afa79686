"""Findings of the rules of `judged_rules`: of every severity, with and without place, saving and remedy."""

from judged_rules import RULES
from sample_scans import LAYERS

from attnprobe.records import Finding, Ignored, Instance, Limit, Location, Saving, Suggestion

ALL, SITES = "blocks.{0..23}.attn", tuple(f"blocks.{index}.attn" for index in range(LAYERS))
MASK_LINE = Location("model.py", 41, "forward", 41, 18, 47)
SCORES_LINE = Location("model.py", 58, "forward")
HEAD_LINE = Location("layers/注意力 block.py", 7, "forward", 9, 9, 30)
SCORE_BYTES = 16 * 2048 * 2048 * 4  # H L S float32 of one site
FLOPS, BASE_FLOPS = 1_530_000_000_000, 1_442_000_000_000  # +6.1 %
FINGERPRINTS = {
    "AP105": "3fa94c1b2e6d7a80",
    "AP301": "a1b2c3d4e5f60718",
    "AP601": "0918273645546372",
    "AP302": "77aa55cc33ee1100",
    "AP207": "0123456789abcdef",
    "AP901": "fedcba9876543210",
    "ACME1": "00ff00ff00ff00ff",
    "AP202": "1111222233334444",
    "AP205": "5555666677778888",
}


def finding(rule: str, **rest) -> Finding:
    """A finding of one of the rules above."""
    known = RULES[rule]
    usual = {"sites": (), "heads": (), "location": None, "evidence": {}, "savings": (), "suggestions": ()}
    return Finding(
        rule=rule, name=known.name, severity=known.severity, fingerprint=FINGERPRINTS[rule], **(usual | rest)
    )


def mask_finding() -> Finding:
    """An error at all 24 sites, which blocks."""
    message = f"{ALL}: the mask constant −1e9 overflows in float16"
    return finding(
        "AP105",
        sites=SITES,
        where=ALL,
        location=MASK_LINE,
        is_blocking=True,
        message=message,
        messages={"en": message, "zh": f"{ALL}：掩码常数 −1e9 在 float16 中溢出"},
        evidence={"mask_value_unsafe": 1},
        formula="mask_value_unsafe = overflows",
        limits=(Limit(metric="mask_value_unsafe", comparison="!=", limit="safe"),),
        instances=tuple(
            Instance(site=site, heads=(), evidence={"mask_value_unsafe": 1}, location=MASK_LINE)
            for site in SITES
        ),
        suggestions=(
            Suggestion(
                name="mask-dtype-minimum",
                options={},
                exactness="exact",
                change={
                    "en": "Use torch.finfo(dtype).min as the mask value.",
                    "zh": "使用 torch.finfo(dtype).min 作为掩码值。",
                },
            ),
        ),
    )


def scores_finding() -> Finding:
    """A warning at all 24 sites, worsened, with modelled savings."""
    message = f"{ALL}: saved scores are 58 % of the activations"
    amount, formula = LAYERS * SCORE_BYTES, "H L S × 4 byte × 24 = 16 × 2048 × 2048 × 4 × 24"
    return finding(
        "AP301",
        sites=SITES,
        where=ALL,
        location=SCORES_LINE,
        state="worsened",
        message=message,
        messages={"en": message, "zh": f"{ALL}：保存的得分占激活的 58 %"},
        evidence={"saved_score_share": 0.58},
        formula="saved_score_share = 0.58 > 0.2 = opt_share",
        limits=(
            Limit(metric="saved_score_share", comparison=">", limit=0.2, option="opt_share", want="lower"),
        ),
        instances=tuple(
            Instance(
                site=site,
                heads=(),
                evidence={"saved_score_share": 0.58 - 0.01 * place},
                location=Location("model.py", 58 + place, "forward"),
            )
            for place, site in enumerate(SITES)
        ),
        savings=(
            Saving(
                remedy="sdpa",
                metric="activation_bytes",
                amount=amount,
                local=0.9,
                of_model=0.45,
                status="modelled",
                formula=formula,
            ),
            Saving(
                remedy="sliding_window",
                metric="activation_bytes",
                amount=amount // 2,
                local=0.45,
                of_model=0.22,
                status="modelled",
                formula=f"{formula} / 2",
            ),
        ),
        suggestions=(
            Suggestion(
                name="sdpa",
                options={},
                exactness="exact",
                change={
                    "en": "Call scaled_dot_product_attention.",
                    "zh": "改用 scaled_dot_product_attention。",
                },
            ),
            Suggestion(
                name="sliding_window",
                options={"window_size": 512},
                exactness="approximate",
                change={"en": "Let each query see 512 tokens.", "zh": "每个查询只看 512 个词元。"},
            ),
        ),
    )


def heads_finding() -> Finding:
    """A known warning about heads, sampled, in a file with a blank and Chinese letters in its name."""
    message = "blocks.7.attn: heads 2 and 5 are alike (CKA 0.982)"
    return finding(
        "AP601",
        sites=SITES[7:9],
        where="blocks.{7,8}.attn",
        heads=(2, 5),
        location=HEAD_LINE,
        state="known",
        message=message,
        messages={"en": message, "zh": "blocks.7.attn：头 2 与头 5 相似（CKA 0.982）"},
        evidence={"nearest_twin": 0.982},
        formula="nearest_twin = 0.982 > 0.95 = opt_alike",
        limits=(Limit(metric="nearest_twin", comparison=">", limit=0.95, option="opt_alike", want="lower"),),
        instances=(
            Instance(
                site="blocks.7.attn", heads=(2, 5), evidence={"nearest_twin": 0.982}, location=HEAD_LINE
            ),
            Instance(site="blocks.8.attn", heads=(0, 1), evidence={"nearest_twin": 0.961}),
        ),
        suggestions=(
            Suggestion(
                name="gqa",
                options={"num_kv_heads": 4},
                exactness="retrain",
                change={"en": "Let the two heads share one.", "zh": "让两个头合并为一个。"},
            ),
        ),
    )


def model_finding() -> Finding:
    """A new warning about the model as a whole: no site, no location."""
    message = "The KV cache takes 48 KiB per token"
    return finding(
        "AP302",
        message=message,
        messages={"en": message, "zh": "键值缓存每词元占 48 KiB"},
        evidence={"kv_cache_bytes_per_token": 49152},
        formula="kv_cache_bytes_per_token = 49152 > 32768 = opt_bytes",
        limits=(
            Limit(
                metric="kv_cache_bytes_per_token",
                comparison=">",
                limit=32768,
                option="opt_bytes",
                want="lower",
            ),
        ),
        instances=(Instance(site="", heads=(), evidence={"kv_cache_bytes_per_token": 49152}),),
        savings=(
            Saving(
                remedy="mla",
                metric="kv_cache_bytes_per_token",
                amount=-1024,
                local=-0.02,
                of_model=-0.02,
                status="modelled",
                formula="G D × 2 × 4 − (rank + rope) × 4",
            ),
        ),
    )


def growth_finding() -> Finding:
    """An error about a change, which blocks."""
    message = "flops_forward grew from 1.44 TF to 1.53 TF (+6.1 %)"
    return finding(
        "AP901",
        is_blocking=True,
        message=message,
        messages={"en": message, "zh": "flops_forward 由 1.44 TF 增至 1.53 TF（+6.1 %）"},
        evidence={"flops_forward": FLOPS},
        formula="relative = 0.061 > 0.02 = opt_growth",
        limits=(Limit(metric="relative", comparison=">", limit=0.02, option="opt_growth", want="lower"),),
        instances=(Instance(site="", heads=(), evidence={"flops_forward": FLOPS}),),
    )


def small_findings() -> tuple[Finding, ...]:
    """Two hints, one of them of a plug-in's rule."""
    messages = {
        "AP207": "blocks.3.attn: a head width of 64 is fine",
        "ACME1": "blocks.3.attn: no house kernel",
    }
    return tuple(
        finding(
            rule,
            sites=("blocks.3.attn",),
            where="blocks.3.attn",
            location=SCORES_LINE,
            message=message,
            messages={"en": message, "zh": message},
            instances=(Instance(site="blocks.3.attn", heads=(), evidence={}, location=SCORES_LINE),),
        )
        for rule, message in messages.items()
    )


def ignored() -> tuple[Ignored, ...]:
    """One by the configuration until a day, one by a comment for ever."""
    long, unused = "blocks.3.attn: 66 % of the FLOPs are quadratic", "blocks.3.attn: weights are never read"
    return (
        Ignored(
            finding=finding(
                "AP202",
                sites=SITES[3:4],
                where="blocks.3.attn",
                location=SCORES_LINE,
                message=long,
                messages={"en": long, "zh": "blocks.3.attn：66 % 的 FLOPs 为二次项"},
                evidence={"core_flops_share": 0.66},
            ),
            reason="retrieval heads need the full context",
            until="2027-03-31",
            owner="@lin",
            origin="pyproject.toml:31",
        ),
        Ignored(
            finding=finding(
                "AP205",
                sites=SITES[3:4],
                where="blocks.3.attn",
                location=SCORES_LINE,
                message=unused,
                messages={"en": unused, "zh": "blocks.3.attn：权重从未被读取"},
            ),
            reason="the caller plots them",
            until="",
            owner="",
            origin="model.py:58",
        ),
    )
