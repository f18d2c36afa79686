"""Text models: decoders and encoders, old and new."""

from __future__ import annotations

from benchmarks.detection_zoo.entry import S, V, config, entries, ids, text, text_sizes

GPT = {
    "vocab_size": V,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "bos_token_id": 1,
    "eos_token_id": 1,
}

DECODERS = entries(
    "text",
    gpt2=("GPT2Model", config("GPT2Config", **GPT), text()),
    gpt_neo=(
        "GPTNeoModel",
        config(
            "GPTNeoConfig",
            vocab_size=V,
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            attention_types=[[["global", "local"], 1]],
            window_size=8,
            max_position_embeddings=64,
        ),
        text(),
    ),
    gptj=("GPTJModel", config("GPTJConfig", **GPT, rotary_dim=4), text()),
    ctrl=("CTRLModel", config("CTRLConfig", **GPT, dff=64), text()),
    bloom=("BloomModel", config("BloomConfig", vocab_size=V, hidden_size=32, n_layer=2, n_head=4), text()),
    mpt=(
        "MptModel",
        config("MptConfig", vocab_size=V, d_model=32, n_layers=2, n_heads=4, max_seq_len=64),
        text(),
    ),
    opt=("OPTModel", config("OPTConfig", **text_sizes(ffn_dim=64, word_embed_proj_dim=32)), text()),
    falcon=("FalconModel", config("FalconConfig", **text_sizes(multi_query=True)), text()),
    llama=("LlamaModel", config("LlamaConfig", **text_sizes(num_key_value_heads=2)), text()),
    mistral=(
        "MistralModel",
        config("MistralConfig", **text_sizes(num_key_value_heads=2, sliding_window=8)),
        text(),
    ),
    phi3=("Phi3Model", config("Phi3Config", **text_sizes(num_key_value_heads=2)), text()),
    olmo2=("Olmo2Model", config("Olmo2Config", **text_sizes(num_key_value_heads=2)), text()),
    gemma2=(
        "Gemma2Model",
        config(
            "Gemma2Config",
            **text_sizes(num_key_value_heads=2, head_dim=8, sliding_window=8, query_pre_attn_scalar=8),
        ),
        text(),
    ),
    gemma3_text=(
        "Gemma3TextModel",
        config("Gemma3TextConfig", **text_sizes(num_key_value_heads=2, head_dim=8, sliding_window=8)),
        text(),
    ),
    xlnet=(
        "XLNetModel",
        config("XLNetConfig", vocab_size=V, d_model=32, n_layer=2, n_head=4, d_inner=64),
        text(),
    ),
    mamba=("MambaModel", config("MambaConfig", vocab_size=V, hidden_size=32, num_hidden_layers=2), text()),
    recurrent_gemma=(
        "RecurrentGemmaModel",
        config(
            "RecurrentGemmaConfig",
            vocab_size=V,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=1,
            lru_width=32,
            attention_window_size=8,
            pad_token_id=0,
        ),
        text(),
    ),
)

ENCODERS = entries(
    "text",
    bert=("BertModel", config("BertConfig", **text_sizes()), text()),
    albert=("AlbertModel", config("AlbertConfig", **text_sizes(layers=3, embedding_size=16)), text()),
    distilbert=(
        "DistilBertModel",
        config("DistilBertConfig", vocab_size=V, dim=32, n_layers=2, n_heads=4, hidden_dim=64),
        text(),
    ),
    electra=("ElectraModel", config("ElectraConfig", **text_sizes(embedding_size=16)), text()),
    mpnet=("MPNetModel", config("MPNetConfig", **text_sizes()), text()),
    deberta_v2=(
        "DebertaV2Model",
        config(
            "DebertaV2Config",
            **text_sizes(relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=8),
        ),
        text(),
    ),
    modernbert=(
        "ModernBertModel",
        config(
            "ModernBertConfig",
            **text_sizes(layers=4, global_attn_every_n_layers=2, local_attention=8),
            cls_token_id=1,
            sep_token_id=1,
        ),
        text(),
    ),
    longformer=("LongformerModel", config("LongformerConfig", **text_sizes(attention_window=8)), text()),
    big_bird=(
        "BigBirdModel",
        config(
            "BigBirdConfig", **text_sizes(attention_type="block_sparse", block_size=4, num_random_blocks=1)
        ),
        lambda: {"input_ids": ids(seq_len=64)},
    ),
    roformer=("RoFormerModel", config("RoFormerConfig", **text_sizes()), text()),
    squeezebert=("SqueezeBertModel", config("SqueezeBertConfig", **text_sizes(embedding_size=32)), text()),
    convbert=("ConvBertModel", config("ConvBertConfig", **text_sizes(embedding_size=16)), text()),
    funnel=(
        "FunnelModel",
        config(
            "FunnelConfig",
            vocab_size=V,
            d_model=32,
            n_head=4,
            d_head=8,
            d_inner=64,
            block_sizes=[1, 1, 1],
            num_decoder_layers=1,
        ),
        text(),
    ),
    nystromformer=(
        "NystromformerModel",
        config("NystromformerConfig", **text_sizes(num_landmarks=4, segment_means_seq_len=S)),
        text(),
    ),
    fnet=(
        "FNetModel",
        config("FNetConfig", vocab_size=V, hidden_size=32, num_hidden_layers=2, intermediate_size=64),
        text(),
    ),
    esm=(
        "EsmModel",
        config("EsmConfig", **text_sizes(position_embedding_type="rotary", mask_token_id=2)),
        text(),
    ),
)
