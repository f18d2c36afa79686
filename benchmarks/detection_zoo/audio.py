"""Speech and audio models, and forecasters of time series."""

from __future__ import annotations

import torch

from benchmarks.detection_zoo.entry import B, V, config, entries, given, ids, sizes, vectors

CONVOLUTIONS = {"conv_dim": (16, 16), "conv_stride": (4, 4), "conv_kernel": (8, 4)}
WAVE = {
    **CONVOLUTIONS,
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.0,
    "vocab_size": V,
}
SECOND = given(input_values=lambda: vectors(B, 800))
SPEECH = {
    "vocab_size": V,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 1,
    "decoder_start_token_id": 1,
}
SERIES = {
    "past_values": lambda: vectors(B, 18),
    "past_time_features": lambda: vectors(B, 18, 1),
    "past_observed_mask": lambda: torch.ones(B, 18),
    "future_values": lambda: vectors(B, 8),
    "future_time_features": lambda: vectors(B, 8, 1),
}
FORECAST = {
    "prediction_length": 8,
    "context_length": 16,
    "lags_sequence": [1, 2],
    "num_time_features": 1,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}

AUDIO = entries(
    "audio",
    wav2vec2=("Wav2Vec2Model", config("Wav2Vec2Config", **sizes(**WAVE)), SECOND),
    hubert=("HubertModel", config("HubertConfig", **sizes(**WAVE)), SECOND),
    wavlm=("WavLMModel", config("WavLMConfig", **sizes(**WAVE, num_buckets=16)), SECOND),
    wav2vec2_conformer=(
        "Wav2Vec2ConformerModel",
        config(
            "Wav2Vec2ConformerConfig",
            **sizes(**WAVE, position_embeddings_type="relative", conv_depthwise_kernel_size=5),
        ),
        SECOND,
    ),
    whisper=(
        "WhisperModel",
        config("WhisperConfig", **SPEECH, num_mel_bins=8, max_source_positions=20, max_target_positions=20),
        given(input_features=lambda: vectors(B, 8, 40), decoder_input_ids=lambda: ids(seq_len=10)),
    ),
    speech_to_text=(
        "Speech2TextModel",
        config(
            "Speech2TextConfig",
            **SPEECH,
            input_feat_per_channel=8,
            conv_channels=16,
            max_source_positions=64,
            max_target_positions=20,
        ),
        given(input_features=lambda: vectors(B, 40, 8), decoder_input_ids=lambda: ids(seq_len=10)),
    ),
    moonshine=(
        "MoonshineModel",
        config(
            "MoonshineConfig",
            vocab_size=V,
            hidden_size=32,
            intermediate_size=64,
            encoder_num_hidden_layers=2,
            decoder_num_hidden_layers=2,
            encoder_num_attention_heads=4,
            decoder_num_attention_heads=4,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=1,
            decoder_start_token_id=1,
        ),
        given(input_values=lambda: vectors(B, 3000), decoder_input_ids=lambda: ids(seq_len=10)),
    ),
    audio_spectrogram_transformer=(
        "ASTModel",
        config(
            "ASTConfig",
            **sizes(patch_size=8, max_length=32, num_mel_bins=16, frequency_stride=8, time_stride=8),
        ),
        given(input_values=lambda: vectors(B, 32, 16)),
    ),
    encodec=(
        "EncodecModel",
        config(
            "EncodecConfig",
            num_filters=4,
            hidden_size=16,
            codebook_dim=16,
            codebook_size=16,
            upsampling_ratios=[4, 2],
            num_residual_layers=1,
        ),
        given(input_values=lambda: vectors(B, 1, 480)),
    ),
    mimi=(
        "MimiModel",
        config(
            "MimiConfig",
            hidden_size=32,
            num_filters=4,
            upsampling_ratios=[4, 2],
            codebook_size=16,
            codebook_dim=16,
            vector_quantization_hidden_dimension=16,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            head_dim=8,
            intermediate_size=64,
            sliding_window=8,
            num_quantizers=4,
            num_semantic_quantizers=1,
            upsample_groups=32,
        ),
        given(input_values=lambda: vectors(B, 1, 1920)),
    ),
    time_series_transformer=(
        "TimeSeriesTransformerModel",
        config("TimeSeriesTransformerConfig", **FORECAST),
        given(**SERIES),
    ),
    informer=("InformerModel", config("InformerConfig", **FORECAST), given(**SERIES)),
    patchtst=(
        "PatchTSTModel",
        config(
            "PatchTSTConfig",
            num_input_channels=2,
            context_length=32,
            patch_length=8,
            patch_stride=8,
            d_model=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            ffn_dim=64,
        ),
        given(past_values=lambda: vectors(B, 32, 2)),
    ),
)
