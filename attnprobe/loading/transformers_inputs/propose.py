"""Proposals for a transformers model: from its signature and configuration, corrected by what it raises."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from torch import nn

from attnprobe.loading.building.recipe import Proposals
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.loading.transformers_inputs.draft import SENSES, Draft
from attnprobe.loading.transformers_inputs.facts import Facts
from attnprobe.loading.transformers_inputs.makers import makers_of, order_of
from attnprobe.loading.transformers_inputs.repair import repaired

_REPAIRS = 6  # per draft


def propose(module: nn.Module, sampler: Sampler) -> Proposals:
    """Drafts, fullest first: text with images or sound where the model takes both, then less."""
    facts = Facts(module, sampler)
    for draft in _drafts(facts):
        certain = set(draft.kwargs) == {"input_ids"} and not facts.parts
        error = yield draft.proposal(is_certain=certain and _is_plain_language_model(facts))
        for _ in range(_REPAIRS):
            if not repaired(draft, error):
                break
            error = yield draft.proposal()


def _is_plain_language_model(facts: Facts) -> bool:
    """Whether random ids surely fit, so that a forward of a very large model need not be spent on a trial."""
    layers = facts.size("num_hidden_layers", "n_layer")
    width = facts.size("hidden_size", "n_embd")
    is_big = layers * width * width > 10**9
    return (
        is_big
        and facts.main == ("input_ids",)
        and not facts.has("pixel_values", "input_features", "decoder_input_ids")
    )


def _drafts(facts: Facts) -> Iterator[Draft]:
    """Every choice of layouts for the arguments that a first call needs."""
    seen: set[frozenset[str]] = set()
    for names in _argument_sets(facts):
        known = sorted((name for name in set(names) if makers_of(name)), key=order_of)
        if frozenset(known) in seen:
            continue
        seen.add(frozenset(known))
        for layouts in product(*(range(len(makers_of(name))) for name in known)):
            draft = Draft(facts, layouts=dict(zip(known, layouts, strict=True)))
            if all(_make(draft, name) for name in known) and draft.kwargs:
                yield draft


def _make(draft: Draft, name: str) -> bool:
    if name in draft.kwargs:
        return draft.layouts.get(name, 0) == 0
    made = makers_of(name)[draft.layouts.get(name, 0)](draft)
    if made is None:
        return False
    draft.add(made, name)
    return name in draft.kwargs


def _argument_sets(facts: Facts) -> Iterator[tuple[str, ...]]:
    """Names of arguments, best set first: all senses, one sense, the main input, what is required."""
    needed = dict.fromkeys([*facts.main, *facts.required])
    if facts.has("decoder_input_ids") and getattr(facts.config, "is_encoder_decoder", False):
        needed["decoder_input_ids"] = None
    senses = [name for name in SENSES if facts.has(name) and name not in needed]
    if facts.has("input_ids") and (senses or any(name in needed for name in SENSES)):
        for sense in senses[:2]:
            yield (sense, "input_ids", *(name for name in needed if name != "input_ids"))
        yield ("input_ids", *needed)
    yield tuple(needed)
    for sense in senses:
        yield (sense, *facts.required)
