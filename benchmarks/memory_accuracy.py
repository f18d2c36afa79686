"""Peak memory predicted from shapes against the same model run for real on the CPU.

    python -m benchmarks.memory_accuracy --output benchmarks/results/memory_accuracy.json

Truth: allocation events of torch.profiler (the probe measured_memory). Prediction: shapes (the probe memory).
"""

from __future__ import annotations

import argparse
import json
import platform
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

BATCH, LENGTH = 2, 512
_SMALL = {"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4}


def gpt2(attention: str) -> tuple[nn.Module, dict[str, Any]]:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_layer=4, n_embd=256, n_head=4, vocab_size=1000, n_positions=LENGTH)
    return _causal(GPT2LMHeadModel, config, attention)


def llama(attention: str) -> tuple[nn.Module, dict[str, Any]]:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        **_SMALL,
        num_key_value_heads=2,
        intermediate_size=688,
        vocab_size=1000,
        max_position_embeddings=LENGTH,
    )
    return _causal(LlamaForCausalLM, config, attention)


def bert(attention: str) -> tuple[nn.Module, dict[str, Any]]:
    from transformers import BertConfig, BertModel

    config = BertConfig(**_SMALL, intermediate_size=1024, vocab_size=1000, max_position_embeddings=LENGTH)
    config._attn_implementation = attention
    return BertModel(config), {"input_ids": _ids()}


def t5(attention: str) -> tuple[nn.Module, dict[str, Any]]:
    from transformers import T5Config, T5Model

    config = T5Config(vocab_size=1000, d_model=256, d_kv=64, d_ff=1024, num_layers=4, num_heads=4)
    config._attn_implementation = attention
    return T5Model(config), {"input_ids": _ids(), "decoder_input_ids": _ids(), "use_cache": False}


def vit(attention: str) -> tuple[nn.Module, dict[str, Any]]:
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(**_SMALL, intermediate_size=1024, image_size=224, patch_size=16)
    config._attn_implementation = attention
    return ViTModel(config), {"pixel_values": torch.randn(BATCH, 3, 224, 224)}


MODELS: tuple[Callable[[str], tuple[nn.Module, dict[str, Any]]], ...] = (gpt2, llama, bert, t5, vit)


def _causal(model: Any, config: Any, attention: str) -> tuple[nn.Module, dict[str, Any]]:
    config._attn_implementation = attention
    return model(config), {"input_ids": _ids(), "use_cache": False}


def _ids() -> torch.Tensor:
    return torch.randint(3, 1000, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))


def compare(build: Callable[[str], tuple[nn.Module, dict[str, Any]]], attention: str) -> dict[str, Any]:
    """Predicted and measured peaks of one model."""
    import attnprobe

    module, inputs = build(attention)
    scan = attnprobe.scan(module, inputs, probes=("flops", "memory", "measured_memory"), device="cpu")
    row: dict[str, Any] = {"model": build.__name__, "attention": attention}
    for step in ("forward", "training"):
        predicted = scan.totals[f"peak_{step}_bytes"]
        measured = scan.totals[f"measured_peak_{step}_bytes"]
        assert predicted is not None
        assert measured is not None
        row[step] = {"predicted": predicted, "measured": measured, "error": predicted / measured - 1}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = [compare(build, attention) for build in MODELS for attention in ("sdpa", "eager")]
    for row in rows:
        print(
            f"{row['model']:6} {row['attention']:6}",
            *(f"{s} {row[s]['error']:+.3%}" for s in ("forward", "training")),
        )
    worst = max(abs(row[step]["error"]) for row in rows for step in ("forward", "training"))
    print(f"worst {worst:.3%}")
    if arguments.output:
        machine = {
            "torch": torch.__version__,
            "machine": f"CPU, {platform.machine()}, {torch.get_num_threads()} threads",
        }
        arguments.output.write_text(
            json.dumps({**machine, "worst_error": worst, "rows": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
