"""Arguments that hold sound: waveforms, or features per frame."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from attnprobe.loading.transformers_inputs.draft import Draft, Made, Maker
from attnprobe.loading.transformers_inputs.facts import Facts

_SECONDS = 1.0
_BINS = (
    "num_mel_bins",
    "n_mels",
    "input_feat_per_channel",
    "feature_size",
    "mel_bins",
    "num_mels",
    "input_dim",
    "feat_in",
    "in_features",
)


def mel_bins(facts: Facts) -> int:
    """Features per frame of a spectrogram."""
    for holder in (facts.audio, facts.config, *facts.parts.values()):
        found = facts.size(*_BINS, of=holder)
        if found:
            return found
    return 80


def spectrogram_bins_first(draft: Draft) -> Made:
    """[B, bins, frames]; the whole window where the encoder has a fixed number of positions."""
    facts = draft.facts
    positions = facts.size("max_source_positions", of=facts.audio)
    count = 2 * positions if positions and facts.size("num_mel_bins", of=facts.audio) else 200
    return _features(draft, (facts.batch_size, mel_bins(facts), count), count)


def spectrogram_frames_first(draft: Draft) -> Made:
    """[B, frames, bins]."""
    facts = draft.facts
    count = facts.size("max_length", of=facts.audio) if facts.has("input_values") else 0
    count = count if 100 <= count <= 4096 else 200
    return _features(draft, (facts.batch_size, count, mel_bins(facts)), count)


def spectrogram_image(draft: Draft) -> Made:
    """[B, 1, frames, bins]: spectrograms as pictures of one channel."""
    facts = draft.facts
    size = facts.size("spec_size", of=facts.audio)
    count = size * 4 if size else 1024
    return _features(
        draft, (facts.batch_size, 1, count, facts.size("num_mel_bins", of=facts.audio, default=64)), count
    )


def waveform(draft: Draft) -> Made:
    """[B, samples]: one second."""
    return _wave(draft, ())


def waveform_with_channel(draft: Draft) -> Made:
    """[B, 1, samples]."""
    facts = draft.facts
    return _wave(draft, (facts.size("audio_channels", of=facts.audio, default=1),))


def _wave(draft: Draft, middle: tuple[int, ...]) -> Made:
    facts = draft.facts
    rate = next(
        (
            r
            for h in (facts.config, *facts.parts.values())
            if (r := facts.size("sampling_rate", "sample_rate", of=h))
        ),
        16000,
    )
    samples = facts.sampler.floats(facts.batch_size, *middle, int(_SECONDS * rate))
    names = ("input_values", "audio_values", "audio", "input_features")
    mask = torch.ones(facts.batch_size, samples.shape[-1], dtype=torch.int64)
    return Made(
        {**dict.fromkeys(names, samples), "padding_mask": mask},
        f"{_SECONDS:g} s of random sound at {rate} Hz",
    )


def _features(draft: Draft, shape: tuple[int, ...], count: int) -> Made:
    values = draft.facts.sampler.floats(*shape)
    mask = torch.ones(draft.facts.batch_size, count, dtype=torch.int64)
    names = (
        "input_features",
        "input_values",
        "input_audio_embeds",
        "audio_mel",
        "audio_features",
        "spectrogram",
    )
    masks = ("feature_attention_mask", "input_features_mask", "audio_mel_mask")
    return Made(
        {**dict.fromkeys(names, values), **dict.fromkeys(masks, mask)},
        f"a random spectrogram, {count} frames of {shape[-1] if shape[-1] != count else shape[-2]} features",
    )


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    "input_features": (spectrogram_bins_first, spectrogram_frames_first, spectrogram_image, waveform),
    "input_values": (waveform, waveform_with_channel, spectrogram_frames_first, spectrogram_bins_first),
    "audio_values": (waveform, waveform_with_channel, spectrogram_bins_first),
    "audio_mel": (spectrogram_frames_first,),
}
