"""Targets `hf:FOLDER` and `hf:MODEL_TYPE`; small configurations, nothing is fetched."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from attnprobe.errors import ModelError, TargetError
from attnprobe.loading.building.assemble import assemble
from attnprobe.loading.inputs.trials import trial
from attnprobe.loading.transformers_inputs.consistency import made_consistent
from attnprobe.loading.transformers_model import recipe_of_config
from attnprobe.records import LoadedModel, ScanOptions
from tests.loading.conftest import Load, Write

transformers = pytest.importorskip("transformers")

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def small(name: str, **changes: object) -> LoadedModel:
    """A model type with few small layers, loaded without memory."""
    config = transformers.CONFIG_MAPPING[name](**changes)
    recipe = recipe_of_config(config, f"hf:{name}")
    return assemble(recipe, ScanOptions(target=f"hf:{name}"), fake=True)


def shapes(loaded: LoadedModel) -> dict[str, tuple[int, ...]]:
    return {item.name: item.shape for item in loaded.inputs}


def test_a_language_model_takes_ids_within_its_vocabulary() -> None:
    loaded = small("llama", **SMALL, vocab_size=90)
    assert shapes(loaded) == {"input_ids": (2, 128)}
    assert int(loaded.kwargs["input_ids"].max()) < 90
    assert loaded.entry == "hf:llama (LlamaModel)"


def test_the_length_is_clipped_to_the_positions() -> None:
    assert shapes(small("gpt2", n_embd=32, n_layer=1, n_head=4, n_positions=48)) == {"input_ids": (2, 48)}


def test_positions_that_start_after_the_padding_are_accounted_for() -> None:
    loaded = small("roberta", **SMALL, max_position_embeddings=66, vocab_size=99)  # two rows are for padding
    assert shapes(loaded) == {"input_ids": (2, 64)}


def test_an_encoder_decoder_takes_both_sides() -> None:
    loaded = small("t5", d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4)
    assert shapes(loaded) == {"input_ids": (2, 128), "decoder_input_ids": (2, 128)}


def test_images_have_the_size_that_the_configuration_states() -> None:
    assert shapes(small("vit", **SMALL, image_size=48, patch_size=16)) == {"pixel_values": (2, 3, 48, 48)}


def test_speech_takes_the_whole_window_and_a_decoder_prompt() -> None:
    sizes = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    loaded = small("whisper", **sizes, decoder_attention_heads=2, max_source_positions=50, num_mel_bins=20)
    assert shapes(loaded) == {"input_features": (2, 20, 100), "decoder_input_ids": (2, 32)}


def test_waveforms_are_a_second_or_two() -> None:
    loaded = small("wav2vec2", **SMALL)
    assert shapes(loaded)["input_values"] == (2, 30_720)


def test_an_image_gets_as_many_placeholders_as_it_has_features() -> None:
    vision = {**SMALL, "image_size": 28, "patch_size": 14, "model_type": "clip_vision_model"}
    text = {**SMALL, "num_key_value_heads": 4, "vocab_size": 100, "model_type": "llama"}
    loaded = small(
        "llava", vision_config=vision, text_config=text, image_token_id=99, vision_feature_layer=-1
    )
    assert shapes(loaded) == {"pixel_values": (2, 3, 28, 28), "input_ids": (2, 4 + 128)}
    assert int((loaded.kwargs["input_ids"] == 99).sum()) == 2 * 4  # (28 / 14)^2 patches per image


def test_patches_come_with_their_grid_and_the_kind_of_each_token() -> None:
    vision = {"depth": 1, "embed_dim": 32, "num_heads": 2, "hidden_size": 32}
    text = {**SMALL, "num_key_value_heads": 4, "vocab_size": 200}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}  # half of a head of 8
    ids = {"image_token_id": 190, "video_token_id": 191, "vision_start_token_id": 192}
    loaded = small("qwen2_vl", vision_config=vision, text_config={**text, "rope_parameters": rope}, **ids)
    assert shapes(loaded) == {
        "pixel_values": (
            2 * 8 * 8,
            3 * 2 * 14 * 14,
        ),  # 8 x 8 patches of 2 frames and 14 x 14 pixels per image
        "image_grid_thw": (2, 3),
        "input_ids": (2, 8 * 8 // 4 + 128),  # 2 x 2 patches become one token
        "mm_token_type_ids": (2, 144),
    }
    assert int(loaded.kwargs["mm_token_type_ids"].sum()) == 2 * 16


def test_padded_patches_come_with_the_shape_of_each_image() -> None:
    vision = {**SMALL, "patch_size": 16, "num_patches": 256}
    loaded = small("siglip2", vision_config=vision, text_config={**SMALL, "vocab_size": 99})
    assert shapes(loaded)["pixel_values"] == (2, 256, 3 * 16 * 16)
    assert shapes(loaded)["spatial_shapes"] == (2, 2)


def test_clips_have_the_frames_that_the_configuration_states() -> None:
    loaded = small("videomae", **SMALL, image_size=32, num_frames=4, tubelet_size=2)
    assert shapes(loaded) == {"pixel_values": (2, 4, 3, 32, 32)}


def test_a_detector_of_matches_takes_pairs_of_images() -> None:
    assert shapes(small("efficientloftr"))["pixel_values"] == (2, 2, 3, 224, 224)


def test_a_model_without_attention_layers_runs_without_its_cache() -> None:
    sizes = {**SMALL, "num_key_value_heads": 4, "vocab_size": 99, "attn_layer_indices": []}
    loaded = small("bamba", **sizes, mamba_n_heads=8, mamba_d_head=8, mamba_d_state=8, mamba_chunk_size=16)
    assert loaded.kwargs["use_cache"] is False


def test_the_width_of_a_spectrogram_is_learnt_from_the_model() -> None:
    assert shapes(small("gemma3n_audio", conf_num_hidden_layers=1)) == {
        "audio_mel": (2, 200, 128),
        "audio_mel_mask": (2, 200),
    }


def test_a_decoder_of_latents_takes_channels_first() -> None:
    assert shapes(small("mimi_decoder", num_hidden_layers=1)) == {"latents": (2, 512, 128)}


def test_a_sense_that_gets_no_input_is_named() -> None:
    vision = {**SMALL, "image_size": 28, "patch_size": 14, "model_type": "clip_vision_model"}
    text = {**SMALL, "num_key_value_heads": 4, "vocab_size": 100, "model_type": "llama"}
    loaded = small(
        "llava", vision_config=vision, text_config=text, image_token_id=100
    )  # beyond the vocabulary
    assert shapes(loaded) == {"input_ids": (2, 128)}
    assert "Left out: pixel_values; what only they reach is not seen." in loaded.guessed


def test_layout_models_get_boxes_that_do_not_cross() -> None:
    loaded = small("layoutlm", **SMALL)
    error = trial(loaded.module, loaded.fake_world, loaded.args, loaded.kwargs)
    assert error is None
    boxes = small("bros", num_hidden_layers=1).kwargs["bbox"]
    assert bool((boxes[..., :2] <= boxes[..., 2:]).all())


def test_default_configurations_that_contradict_themselves_are_mended_and_said() -> None:
    config = transformers.CONFIG_MAPPING["llava"]()
    rows = config.text_config.vocab_size
    sentences = made_consistent(config)
    assert config.image_token_id < config.text_config.vocab_size
    assert config.text_config.vocab_size > rows
    assert len(sentences) == 1


def test_what_was_mended_is_said(load_target: Load) -> None:
    loaded = load_target("hf:autoformer")
    assert "The default configuration has no prediction_length; 24 was taken." in loaded.guessed
    assert shapes(loaded)["future_values"] == (2, 24)


@pytest.fixture
def folder(write: Write) -> Path:
    path = write("anchor.py").parent / "checkpoint"
    config = transformers.LlamaConfig(**SMALL, vocab_size=50, dtype="bfloat16")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.LlamaForCausalLM(config)
        with torch.no_grad():
            model.model.norm.weight.fill_(3.0)
        model.save_pretrained(path)
    return path


def test_a_folder_gives_the_architecture_it_names_with_its_weights(folder: Path, load_target: Load) -> None:
    loaded = load_target("hf:checkpoint")
    assert loaded.entry == "hf:checkpoint (LlamaForCausalLM)"
    assert loaded.is_fake
    assert loaded.rebuild is not None
    assert bool((loaded.rebuild().model.norm.weight == 3.0).all())
    assert not any("random" in sentence and "weights" in sentence for sentence in loaded.guessed)


def test_a_configuration_alone_gives_random_weights_in_its_own_dtype(folder: Path, load_target: Load) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}), encoding="utf-8")
    (folder / "model.safetensors").unlink()
    loaded = load_target("hf:checkpoint/config.json")
    assert loaded.module.model.norm.weight.dtype is torch.bfloat16
    assert any("weights are random" in sentence for sentence in loaded.guessed)
    assert load_target("hf:checkpoint", dtype="float32").module.model.norm.weight.dtype is torch.float32


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("hf:lama", "did you mean 'llama'?"),
        ("hf:meta-llama/Llama-3.1-8B", "neither a folder here nor a model type"),
        ("hf:empty", "empty has no config.json"),
        ("hf:broken", "does not read broken/config.json"),
    ],
)
def test_what_is_not_there_is_not_fetched(target: str, message: str, write: Write, load_target: Load) -> None:
    write("empty/readme.txt", "")
    write("broken/config.json", '{"model_type": "no_such_type"}')
    with pytest.raises(TargetError) as caught:
        load_target(target)
    assert message in caught.value.message


def test_a_default_that_does_not_build_is_not_tried_for_real(load_target: Load) -> None:
    with pytest.raises(ModelError) as caught:
        load_target("hf:dbrx")
    assert caught.value.message.startswith("building DbrxModel from its configuration raised")


def test_the_configuration_is_left_as_it_was() -> None:
    config = transformers.LlamaConfig(**SMALL, vocab_size=50)
    before = config.to_dict()
    assert isinstance(recipe_of_config(config, "x").build(), nn.Module)
    assert config.to_dict() == before
