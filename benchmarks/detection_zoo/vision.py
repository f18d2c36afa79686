"""Vision transformers of one resolution, detectors, segmenters, and video."""

from __future__ import annotations

from benchmarks.detection_zoo.entry import B, config, entries, given, images, sizes, vectors

PATCHES = {"image_size": 32, "patch_size": 8}
SMALL_RESNET = config(
    "ResNetConfig",
    embedding_size=8,
    hidden_sizes=[8, 16, 16, 32],
    depths=[1, 1, 1, 1],
    out_features=["stage4"],
)

VISION = entries(
    "vision",
    vit=("ViTModel", config("ViTConfig", **sizes(**PATCHES)), given(pixel_values=images())),
    beit=(
        "BeitModel",
        config("BeitConfig", **sizes(**PATCHES, use_relative_position_bias=True)),
        given(pixel_values=images()),
    ),
    dinov2=("Dinov2Model", config("Dinov2Config", **sizes(**PATCHES)), given(pixel_values=images())),
    dinov3_vit=(
        "DINOv3ViTModel",
        config("DINOv3ViTConfig", **sizes(**PATCHES)),
        given(pixel_values=images()),
    ),
    yolos=(
        "YolosModel",
        config("YolosConfig", **sizes(image_size=[32, 32], patch_size=8, num_detection_tokens=5)),
        given(pixel_values=images()),
    ),
    vitdet=(
        "VitDetModel",
        config(
            "VitDetConfig",
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=32,
            pretrain_image_size=32,
            patch_size=4,
            window_size=4,
            window_block_indices=[0],
            use_relative_position_embeddings=True,
        ),
        given(pixel_values=images()),
    ),
    detr=(
        "DetrModel",
        config(
            "DetrConfig",
            use_timm_backbone=False,
            use_pretrained_backbone=False,
            backbone=None,
            backbone_config=SMALL_RESNET,
            num_queries=6,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
        ),
        given(pixel_values=images(64)),
    ),
    sam=(
        "SamModel",
        config(
            "SamConfig",
            vision_config=config(
                "SamVisionConfig",
                hidden_size=32,
                output_channels=16,
                num_hidden_layers=2,
                num_attention_heads=4,
                image_size=64,
                patch_size=8,
                window_size=4,
                global_attn_indexes=[1],
                mlp_dim=64,
                num_pos_feats=8,
            ),
            prompt_encoder_config=config(
                "SamPromptEncoderConfig", hidden_size=16, image_size=64, patch_size=8, mask_input_channels=4
            ),
            mask_decoder_config=config(
                "SamMaskDecoderConfig",
                hidden_size=16,
                mlp_dim=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                iou_head_hidden_dim=16,
            ),
        ),
        given(pixel_values=images(64), input_points=lambda: vectors(B, 1, 2, 2).abs() * 10),
    ),
    videomae=(
        "VideoMAEModel",
        config("VideoMAEConfig", **sizes(image_size=16, patch_size=8, num_frames=4)),
        given(pixel_values=lambda: vectors(B, 4, 3, 16, 16)),
    ),
    timesformer=(
        "TimesformerModel",
        config("TimesformerConfig", **sizes(image_size=16, patch_size=8, num_frames=3)),
        given(pixel_values=lambda: vectors(B, 3, 3, 16, 16)),
    ),
)
