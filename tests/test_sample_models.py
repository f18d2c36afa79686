"""The sample models run, and their hand-derived answers agree with themselves and with torch's own counter.

What attnprobe finds in them is compared with the answers in the tests of tracing and of the probes.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sample_answers import (
    NAMES,
    NEED_TRANSFORMERS,
    SAMPLES,
    derivations,
    is_near,
    load_sample,
    members,
    read_answers,
    work_out,
)
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

every_sample = pytest.mark.parametrize("name", NAMES)


def build(name: str) -> tuple[nn.Module, Any]:
    """The model in eval mode and its example inputs."""
    if name in NEED_TRANSFORMERS:
        pytest.importorskip("transformers")
    sample = load_sample(name)
    model = sample.build_model() if hasattr(sample, "build_model") else sample.SelfAttention()
    return model.eval(), sample.example_inputs()


def call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def logits(outputs: Any) -> torch.Tensor:
    """The model's output, or the part of a transformers output that is one tensor."""
    found = outputs if isinstance(outputs, torch.Tensor) else outputs.logits
    assert isinstance(found, torch.Tensor)
    return found


def test_every_sample_has_answers_and_every_answer_a_sample() -> None:
    assert tuple(sorted(path.stem for path in (SAMPLES / "answers").glob("*.json"))) == NAMES


@every_sample
def test_formula_in_letters_and_in_numbers_give_the_stated_result(name: str) -> None:
    answers = read_answers(name)
    texts = list(derivations(answers.raw))
    assert texts
    for text in texts:
        letters, numbers, stated = work_out(text, answers.raw["sizes"])
        assert is_near(letters, stated), text
        assert is_near(numbers, stated), text


@every_sample
def test_flops_of_sites_and_rest_sum_to_the_stated_total(name: str) -> None:
    answers = read_answers(name)
    of_sites = sum(sum(site.flops.values()) for site in answers.sites)
    assert of_sites + sum(answers.rest_of_forward.values()) == answers.flops_forward


@every_sample
def test_total_agrees_with_the_counter_of_torch_on_unfused_kernels(name: str) -> None:
    """torch counts matrix products exactly once SDPA and the transformer layers are taken apart."""
    model, inputs = build(name)
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            call(model, inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    assert counter.get_total_flops() == read_answers(name).flops_forward


@every_sample
def test_modules_projections_and_lines_of_the_answers_exist(name: str) -> None:
    model, _ = build(name)
    modules, parameters = dict(model.named_modules()), dict(model.named_parameters())
    for site in read_answers(name).sites:
        assert site.module in modules
        assert site.line is not None or name in NEED_TRANSFORMERS
        for parameter, (first, last) in site.projections.values():
            for member in members(parameter):
                assert 0 <= first < last <= len(parameters[member])


@every_sample
def test_weights_inputs_and_outputs_are_the_same_at_every_run(name: str) -> None:
    if name == "self_attention":
        pytest.skip("a bare class: its weights are drawn when it is built")
    first, second = build(name), build(name)
    with torch.no_grad():
        outputs, again = logits(call(*first)), logits(call(*second))
    assert torch.equal(outputs, again)


@every_sample
def test_loss_is_finite_and_reaches_every_parameter(name: str) -> None:
    model, inputs = build(name)
    outputs = call(model, inputs)
    value = _loss(name, outputs, inputs)
    value.backward()
    assert torch.isfinite(value)
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


def _loss(name: str, outputs: Any, inputs: Any) -> torch.Tensor:
    sample = load_sample(name)
    if hasattr(sample, "loss"):
        value = sample.loss(outputs, inputs)
        assert isinstance(value, torch.Tensor)
        return value
    own = getattr(outputs, "loss", None)
    return own if isinstance(own, torch.Tensor) else outputs.square().mean()


@pytest.mark.parametrize(
    "name", [name for name in NAMES if any("fault" in site for site in read_answers(name).raw["sites"])]
)
def test_planted_faults_name_a_rule_each(name: str) -> None:
    faults = [site["fault"].split()[0] for site in read_answers(name).raw["sites"]]
    assert faults == ["AP101", "AP102", "AP103", "AP110"]


def test_future_tokens_leak_nowhere_but_where_a_fault_was_planted() -> None:
    """Changing the last token moves an earlier output only in the model whose masks are broken."""
    leaks = {name for name in NAMES if _is_causal(name) and _leaks(name)}
    assert leaks == set()
    assert _leaks("planted_faults")


def _is_causal(name: str) -> bool:
    return bool(getattr(load_sample(name), "causal", False))


def _leaks(name: str) -> bool:
    model, inputs = build(name)
    ids = inputs["input_ids"] if isinstance(inputs, dict) else inputs
    changed = ids.clone()
    changed[:, -1] = (changed[:, -1] + 1) % 50
    with torch.no_grad():
        before, after = logits(model(ids)), logits(model(changed))
    return not torch.equal(before[:, :-1], after[:, :-1])
