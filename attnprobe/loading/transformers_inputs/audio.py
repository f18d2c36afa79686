"""Arguments that hold sound: waveforms, or features per frame."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch

from attnprobe.loading.transformers_inputs.draft import Draft, Made, Maker
from attnprobe.loading.transformers_inputs.facts import Facts

_SAMPLES = 30_720  # a multiple of every usual frame: 320, 480, 512, 640, 1920, 2048
_BINS = (
    "num_mel_bins",
    "n_mels",
    "input_feat_per_channel",
    "input_feat_size",
    "feature_size",
    "mel_bins",
    "num_mels",
)
_OTHER_BINS = ("input_dim", "input_size", "feat_in", "in_features", "d_input", "feature_dim")
_USUAL_BINS = (80, 128, 160, 560)  # Whisper; Gemma; stacked pairs of 80; seven frames of 80


def mel_bins(facts: Facts) -> tuple[int, ...]:
    """Features per frame of a spectrogram, likeliest first: as stated, then usual ones."""
    holders = (facts.audio, facts.config, *facts.parts.values())
    stated = [
        size
        for names in (_BINS, _OTHER_BINS)
        for holder in holders
        if (size := facts.size(*names, of=holder))
    ]
    return tuple(dict.fromkeys([*stated, *_USUAL_BINS]))


def spectrogram_bins_first(draft: Draft, choice: int = 0) -> Made:
    """[B, bins, frames]; the whole window where the encoder has a fixed number of positions."""
    facts = draft.facts
    positions = facts.size("max_source_positions", of=facts.audio)
    count = 2 * positions if positions and facts.size("num_mel_bins", of=facts.audio) else 200
    return _features(draft, (facts.batch_size, mel_bins(facts)[choice], count), count)


def spectrogram_frames_first(draft: Draft, choice: int = 0) -> Made | None:
    """[B, frames, bins]."""
    facts = draft.facts
    count = facts.size("max_length", of=facts.audio) if facts.has("input_values") else 0
    count = count if 100 <= count <= 4096 else 200
    bins = mel_bins(facts)
    return _features(draft, (facts.batch_size, count, bins[choice]), count) if choice < len(bins) else None


def spectrogram_image(draft: Draft) -> Made:
    """[B, 1, frames, bins]: spectrograms as pictures of one channel."""
    facts = draft.facts
    size = facts.size("spec_size", of=facts.audio)
    count = size * 4 if size else 1024
    return _features(
        draft, (facts.batch_size, 1, count, facts.size("num_mel_bins", of=facts.audio, default=64)), count
    )


def waveform(draft: Draft) -> Made:
    """[B, samples]: a second or two."""
    return _wave(draft, ())


def waveform_with_channel(draft: Draft) -> Made:
    """[B, 1, samples]."""
    facts = draft.facts
    return _wave(draft, (facts.size("audio_channels", of=facts.audio, default=1),))


def _wave(draft: Draft, middle: tuple[int, ...]) -> Made:
    facts = draft.facts
    holders = (facts.config, *facts.parts.values())
    rates = [rate for holder in holders if (rate := facts.size("sampling_rate", "sample_rate", of=holder))]
    rate = rates[0] if rates else 16_000
    samples = facts.sampler.floats(facts.batch_size, *middle, _SAMPLES)
    names = ("input_values", "audio_values", "audio", "input_features")
    mask = torch.ones(facts.batch_size, _SAMPLES, dtype=torch.int64)
    return Made(
        {**dict.fromkeys(names, samples), "padding_mask": mask},
        f"{_SAMPLES / rate:.2g} s of random sound at {rate} Hz",
    )


def _features(draft: Draft, shape: tuple[int, ...], count: int) -> Made:
    values = draft.facts.sampler.floats(*shape)
    mask = torch.ones(draft.facts.batch_size, count, dtype=torch.int64)
    names = ("input_features", "input_values", "input_audio_embeds", "audio_mel", "audio_features")
    masks = ("feature_attention_mask", "input_features_mask", "audio_mel_mask")
    width = shape[-1] if shape[-1] != count else shape[-2]
    return Made(
        {**dict.fromkeys(names, values), **dict.fromkeys(masks, mask)},
        f"a random spectrogram, {count} frames of {width} features",
    )


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    "input_features": (
        spectrogram_bins_first,
        spectrogram_frames_first,
        *(partial(spectrogram_frames_first, choice=choice) for choice in range(1, 5)),
        partial(spectrogram_bins_first, choice=1),
        spectrogram_image,
        waveform,
    ),
    "input_values": (waveform, waveform_with_channel, spectrogram_frames_first, spectrogram_bins_first),
    "audio_values": (waveform, waveform_with_channel, spectrogram_bins_first),
    "audio_mel": tuple(partial(spectrogram_frames_first, choice=choice) for choice in range(4)),
}
