"""Models of text with images, and other models of several modalities."""

from __future__ import annotations

import torch

from benchmarks.detection_zoo.entry import (
    B,
    S,
    V,
    config,
    entries,
    given,
    ids,
    images,
    sizes,
    text,
    text_sizes,
    vectors,
)

PATCHES = {"image_size": 32, "patch_size": 8}
IMAGE = {"pixel_values": images()}
BOXES = torch.tensor([10, 20, 30, 40])

MULTIMODAL = entries(
    "multimodal",
    clip=(
        "CLIPModel",
        config(
            "CLIPConfig",
            text_config=config("CLIPTextConfig", **text_sizes()),
            vision_config=config("CLIPVisionConfig", **sizes(**PATCHES)),
            projection_dim=16,
        ),
        text(**IMAGE),
    ),
    siglip=(
        "SiglipModel",
        config(
            "SiglipConfig",
            text_config=config("SiglipTextConfig", **text_sizes()),
            vision_config=config("SiglipVisionConfig", **sizes(**PATCHES)),
        ),
        text(**IMAGE),
    ),
    blip=(
        "BlipModel",
        config(
            "BlipConfig",
            text_config=config("BlipTextConfig", **text_sizes()),
            vision_config=config("BlipVisionConfig", **sizes(**PATCHES)),
            projection_dim=16,
        ),
        text(**IMAGE),
    ),
    blip_2=(
        "Blip2Model",
        config(
            "Blip2Config",
            vision_config=config("Blip2VisionConfig", **sizes(**PATCHES)),
            qformer_config=config(
                "Blip2QFormerConfig", **text_sizes(encoder_hidden_size=32, cross_attention_frequency=2)
            ),
            text_config=config("OPTConfig", **text_sizes(ffn_dim=64, word_embed_proj_dim=32)),
            num_query_tokens=4,
            image_token_index=63,
        ),
        given(
            pixel_values=images(),
            input_ids=lambda: torch.cat([torch.full((B, 4), 63), ids(vocab_size=60)], dim=1),
        ),
    ),
    llava=(
        "LlavaModel",
        config(
            "LlavaConfig",
            vision_config=config("CLIPVisionConfig", **sizes(**PATCHES)),
            text_config=config("LlamaConfig", **text_sizes()),
            image_token_index=63,
            image_token_id=63,
        ),
        given(
            pixel_values=images(),
            input_ids=lambda: torch.cat([torch.full((B, 16), 63), ids(vocab_size=60)], dim=1),
        ),
    ),
    vilt=("ViltModel", config("ViltConfig", **text_sizes(**PATCHES)), text(**IMAGE)),
    layoutlmv3=(
        "LayoutLMv3Model",
        config(
            "LayoutLMv3Config",
            **text_sizes(
                input_size=32, patch_size=8, coordinate_size=6, shape_size=4, max_2d_position_embeddings=64
            ),
        ),
        text(bbox=lambda: BOXES.expand(B, S, 4), pixel_values=images()),
    ),
    lxmert=(
        "LxmertModel",
        config(
            "LxmertConfig",
            vocab_size=V,
            hidden_size=32,
            num_attention_heads=4,
            intermediate_size=64,
            l_layers=2,
            x_layers=2,
            r_layers=2,
            visual_feat_dim=8,
        ),
        text(visual_feats=lambda: vectors(B, 6, 8), visual_pos=lambda: vectors(B, 6, 4)),
    ),
    flava=(
        "FlavaModel",
        config(
            "FlavaConfig",
            text_config=config("FlavaTextConfig", **text_sizes()),
            image_config=config("FlavaImageConfig", **sizes(**PATCHES)),
            multimodal_config=config("FlavaMultimodalConfig", **sizes()),
            hidden_size=32,
            projection_dim=16,
        ),
        text(**IMAGE),
    ),
    perceiver=(
        "PerceiverModel",
        config(
            "PerceiverConfig",
            num_latents=6,
            d_latents=32,
            d_model=24,
            num_blocks=1,
            num_self_attends_per_block=2,
            num_self_attention_heads=4,
            num_cross_attention_heads=4,
        ),
        given(inputs=lambda: vectors(B, 20, 24)),
    ),
    git=(
        "GitModel",
        config("GitConfig", **text_sizes(vision_config=config("GitVisionConfig", **sizes(**PATCHES)))),
        text(**IMAGE),
    ),
    groupvit=(
        "GroupViTModel",
        config(
            "GroupViTConfig",
            text_config=config("GroupViTTextConfig", **text_sizes()),
            vision_config=config(
                "GroupViTVisionConfig",
                **sizes(**PATCHES, depths=[1, 1, 1], num_group_tokens=[6, 3, 0], num_output_groups=[6, 3, 0]),
            ),
            projection_dim=16,
            projection_intermediate_dim=32,
        ),
        text(**IMAGE),
    ),
    pix2struct=(
        "Pix2StructForConditionalGeneration",
        config(
            "Pix2StructConfig",
            text_config=config(
                "Pix2StructTextConfig",
                vocab_size=V,
                hidden_size=32,
                d_kv=8,
                d_ff=64,
                num_layers=2,
                num_heads=4,
            ),
            vision_config=config(
                "Pix2StructVisionConfig",
                hidden_size=32,
                patch_embed_hidden_size=48,
                d_ff=64,
                d_kv=8,
                num_hidden_layers=2,
                num_attention_heads=4,
                seq_len=16,
            ),
        ),
        given(
            flattened_patches=lambda: torch.cat([torch.ones(B, 16, 2), vectors(B, 16, 48)], dim=-1),
            decoder_input_ids=lambda: ids(seq_len=10),
        ),
    ),
)
