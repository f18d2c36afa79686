"""Vision models whose maps shrink from stage to stage: windowed, pyramidal, convolutional."""

from __future__ import annotations

from benchmarks.detection_zoo.entry import config, entries, given, images

PYRAMIDS = entries(
    "vision",
    swin=(
        "SwinModel",
        config(
            "SwinConfig",
            image_size=32,
            patch_size=2,
            embed_dim=16,
            depths=[2, 2],
            num_heads=[2, 4],
            window_size=4,
        ),
        given(pixel_values=images()),
    ),
    swinv2=(
        "Swinv2Model",
        config(
            "Swinv2Config",
            image_size=32,
            patch_size=2,
            embed_dim=16,
            depths=[2, 2],
            num_heads=[2, 4],
            window_size=4,
        ),
        given(pixel_values=images()),
    ),
    segformer=(
        "SegformerModel",
        config(
            "SegformerConfig",
            depths=[1, 1, 1, 1],
            hidden_sizes=[8, 16, 16, 32],
            num_attention_heads=[1, 2, 2, 4],
            sr_ratios=[4, 2, 1, 1],
        ),
        given(pixel_values=images(64)),
    ),
    cvt=(
        "CvtModel",
        config("CvtConfig", embed_dim=[16, 32, 32], num_heads=[1, 2, 4], depth=[1, 2, 3]),
        given(pixel_values=images(64)),
    ),
    levit=(
        "LevitModel",
        config(
            "LevitConfig",
            image_size=128,
            hidden_sizes=[16, 24, 32],
            num_attention_heads=[2, 3, 4],
            depths=[1, 1, 1],
            key_dim=[8, 8, 8],
            down_ops=[["Subsample", 8, 2, 4, 2, 2], ["Subsample", 8, 3, 4, 2, 2]],
        ),
        given(pixel_values=images(128)),
    ),
    mobilevit=(
        "MobileViTModel",
        config(
            "MobileViTConfig",
            image_size=128,
            hidden_sizes=[16, 24, 32],
            neck_hidden_sizes=[8, 8, 16, 16, 24, 32, 64],
            num_attention_heads=4,
        ),
        given(pixel_values=images(128)),
    ),
    hiera=(
        "HieraModel",
        config("HieraConfig", image_size=[64, 64], embed_dim=16, depths=[1, 1, 2, 1], num_heads=[1, 2, 4, 8]),
        given(pixel_values=images(64)),
    ),
    efficientnet=(
        "EfficientNetModel",
        config(
            "EfficientNetConfig", image_size=64, width_coefficient=0.25, depth_coefficient=0.5, hidden_dim=320
        ),
        given(pixel_values=images(64)),
    ),
    regnet=(
        "RegNetModel",
        config(
            "RegNetConfig",
            embedding_size=8,
            hidden_sizes=[8, 16, 16, 32],
            depths=[1, 1, 2, 1],
            groups_width=8,
            layer_type="y",
        ),
        given(pixel_values=images(64)),
    ),
    resnet=(
        "ResNetModel",
        config("ResNetConfig", embedding_size=8, hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1]),
        given(pixel_values=images()),
    ),
    convnext=(
        "ConvNextModel",
        config("ConvNextConfig", hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1]),
        given(pixel_values=images(64)),
    ),
    poolformer=(
        "PoolFormerModel",
        config("PoolFormerConfig", hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1]),
        given(pixel_values=images(64)),
    ),
)
