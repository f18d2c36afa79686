"""Arguments of time-series models, decision models and perceivers."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from attnprobe.loading.transformers_inputs.draft import Draft, Made, Maker


def past_values(draft: Draft) -> Made:
    """[B, time, channels], with the time features and observed masks that go with them."""
    facts = draft.facts
    lags = facts.sizes("lags_sequence")
    length = facts.size("context_length", "seq_length", default=64) + max(lags, default=0)
    channels = facts.size("num_input_channels", "input_size", default=1)
    shape = (
        (facts.batch_size, length)
        if facts.has("past_time_features") and channels == 1
        else (facts.batch_size, length, channels)
    )
    ahead = facts.size("prediction_length", default=8)
    features = facts.size("num_time_features") + facts.size("num_dynamic_real_features")
    future = (facts.batch_size, ahead, *shape[2:])
    values = {
        "past_values": facts.sampler.floats(*shape),
        "past_time_features": facts.sampler.floats(facts.batch_size, length, features),
        "past_observed_mask": torch.ones(shape, dtype=torch.bool),
        "future_values": facts.sampler.floats(*future),
        "future_time_features": facts.sampler.floats(facts.batch_size, ahead, features),
    }
    categories, reals = facts.size("num_static_categorical_features"), facts.size("num_static_real_features")
    if categories:
        values["static_categorical_features"] = torch.zeros(facts.batch_size, categories, dtype=torch.int64)
    if reals:
        values["static_real_features"] = facts.sampler.floats(facts.batch_size, reals)
    return Made(values, f"a random series of {length} steps")


def flat_past_values(draft: Draft) -> Made:
    """[B, time] with its padding and the frequency class of each series."""
    facts = draft.facts
    length = facts.size("context_length", default=64)
    values = facts.sampler.floats(facts.batch_size, length)
    return Made(
        {
            "past_values": values,
            "past_values_padding": torch.zeros(facts.batch_size, length, dtype=torch.int64),
            "freq": torch.zeros(facts.batch_size, 1, dtype=torch.int64),
        },
        f"a random series of {length} steps",
    )


def decisions(draft: Draft) -> Made:
    """States, actions, returns and times of a trajectory."""
    facts = draft.facts
    batch, length = facts.batch_size, 20
    return Made(
        {
            "states": facts.sampler.floats(batch, length, facts.size("state_dim", default=17)),
            "actions": facts.sampler.floats(batch, length, facts.size("act_dim", default=4)),
            "rewards": facts.sampler.floats(batch, length, 1),
            "returns_to_go": facts.sampler.floats(batch, length, 1),
            "timesteps": torch.arange(length).expand(batch, length).clone(),
            "attention_mask": torch.ones(batch, length, dtype=torch.int64),
        },
        f"a random trajectory of {length} steps",
    )


def perceiver_inputs(draft: Draft) -> Made:
    """[B, S, width]."""
    facts = draft.facts
    width = facts.size("d_model", default=64)
    return Made(
        {"inputs": facts.sampler.floats(facts.batch_size, facts.seq_len, width)},
        f"random vectors of width {width}",
    )


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    "past_values": (past_values, flat_past_values),
    "states": (decisions,),
    "inputs": (perceiver_inputs,),
}
