"""Arguments that hold token ids, and those that go with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch

from attnprobe.loading.transformers_inputs.draft import Draft, Made, Maker
from attnprobe.loading.transformers_inputs.facts import Facts

_DECODER_LEN = 32


def input_ids(draft: Draft) -> Made:
    """[B, S], with the placeholders that the other inputs need in front."""
    facts = draft.facts
    high = facts.size("vocab_size", of=facts.text) or facts.size("vocab_size", default=1000)
    front = [
        torch.full((facts.batch_size, count), identity)
        for word, count in draft.features.items()
        if (identity := facts.placeholders(word)) is not None
    ]
    ids = facts.sampler.ids(
        facts.batch_size, facts.seq_len, high=high, low=min(3, high - 1), avoid=facts.special_ids
    )
    note = f"random token ids below vocab_size, {high}"
    if front:
        note += f", after {sum(part.shape[1] for part in front)} placeholders per sample"
    return Made({"input_ids": torch.cat([*front, ids], dim=1)}, note)


_BOOKS = (
    "num_codebooks",
    "num_channels",
    "n_codebooks",
    "num_quantizers",
    "n_codes_total",
    "audio_num_codebooks",
)


def codebook_ids(draft: Draft, beside: int = 0) -> Made | None:
    """[B, S, codebooks], `beside` of them for text: language models over audio codes."""
    facts = draft.facts
    books = facts.size(*_BOOKS)
    if not books:
        return None
    high = facts.size("vocab_size", "codebook_size", of=facts.text, default=1000)
    ids = facts.sampler.ids(
        facts.batch_size, facts.seq_len, books + beside, high=high, avoid=facts.special_ids
    )
    return Made({"input_ids": ids}, f"random codes below {high} for {books + beside} codebooks")


def stacked_codebook_ids(draft: Draft) -> Made | None:
    """[B * codebooks, S]."""
    made = codebook_ids(draft)
    if made is None:
        return None
    ids = made.values["input_ids"]  # [B, S, codebooks]
    return Made({"input_ids": ids.permute(0, 2, 1).reshape(-1, ids.shape[1]).contiguous()}, made.note)


def decoder_input_ids(draft: Draft) -> Made:
    """[B, T] with T at most 32 when the encoder reads no text, else as long as its input."""
    facts = draft.facts
    ids = facts.sampler.ids(
        facts.batch_size, _decoder_len(draft), high=_decoder_vocabulary(facts), low=3, avoid=facts.special_ids
    )
    return Made({"decoder_input_ids": ids}, f"random token ids below {_decoder_vocabulary(facts)}")


def decoder_codes(draft: Draft, *, stacked: bool = False) -> Made | None:
    """[B, T, codebooks], or [B * codebooks, T]."""
    facts = draft.facts
    books = facts.size(*_BOOKS, of=facts.parts.get("decoder", facts.text)) or facts.size(*_BOOKS)
    if not books:
        return None
    high = _decoder_vocabulary(facts)
    shape = (facts.batch_size, _decoder_len(draft), books)
    if stacked:
        shape = (facts.batch_size * books, _decoder_len(draft), 1)
    ids = facts.sampler.ids(*shape, high=high, low=3, avoid=facts.special_ids)
    return Made({"decoder_input_ids": ids.squeeze(-1)}, f"random codes below {high} for {books} codebooks")


def _decoder_vocabulary(facts: Facts) -> int:
    decoder = facts.parts.get("decoder", facts.text)
    stated = facts.size("vocab_size", "decoder_vocab_size", of=decoder)
    return stated or facts.size("decoder_vocab_size", "vocab_size", default=100)


def _decoder_len(draft: Draft) -> int:
    facts = draft.facts
    decoder = facts.parts.get("decoder", facts.text)
    length = facts.seq_len if "input_ids" in draft.kwargs else min(_DECODER_LEN, facts.seq_len)
    limit = facts.size("max_target_positions", "max_position_embeddings", of=decoder, default=length)
    return min(length, limit)


def bbox(draft: Draft) -> Made:
    """[B, S, 4]: x0 <= x1 and y0 <= y1, in thousandths of the page."""
    facts = draft.facts
    length = draft.kwargs["input_ids"].shape[1] if "input_ids" in draft.kwargs else facts.seq_len
    corners = (
        facts.sampler.ids(facts.batch_size, length, 2, 2, high=1000).sort(dim=-1).values
    )  # [B, S, axis, 2]
    return Made(
        {"bbox": corners.mT.reshape(facts.batch_size, length, 4).contiguous()},
        "random boxes in a page of 1000 x 1000",
    )


def inputs_embeds(draft: Draft) -> Made:
    """[B, S, E]."""
    facts = draft.facts
    width = facts.size("hidden_size", "d_model", "n_embd", "embed_dim", of=facts.text, default=64)
    return Made(
        {"inputs_embeds": facts.sampler.floats(facts.batch_size, facts.seq_len, width)},
        f"random embeddings of width {width}",
    )


def states(name: str) -> Maker:
    """[B, S, E] under another name."""

    def make(draft: Draft) -> Made:
        facts = draft.facts
        width = facts.size("hidden_size", "d_model", "embed_dim", "latent_dim", default=64)
        values = facts.sampler.floats(facts.batch_size, facts.seq_len, width)
        return Made({name: values}, f"random states of width {width}")

    return make


def encoder_hidden_states(draft: Draft) -> Made:
    """[B, S, E]: a memory to attend to."""
    facts = draft.facts
    width = facts.size(
        "encoder_hidden_size",
        "cross_attention_hidden_size",
        "cross_attention_dim",
        "hidden_size",
        "d_model",
        default=64,
    )
    return Made(
        {"encoder_hidden_states": facts.sampler.floats(facts.batch_size, facts.seq_len, width)},
        f"random encoder states of width {width}",
    )


def ones_like_ids(name: str) -> Maker:
    """[B, S]: nothing is hidden."""

    def make(draft: Draft) -> Made:
        ids = draft.kwargs.get("input_ids")
        shape = ids.shape[:2] if ids is not None else (draft.facts.batch_size, draft.facts.seq_len)
        return Made({name: torch.ones(tuple(shape), dtype=torch.int64)}, "nothing is padding")

    return make


def _decoder_mask(draft: Draft) -> Made:
    ids = draft.kwargs.get("decoder_input_ids", draft.kwargs.get("input_ids"))
    shape = ids.shape[:2] if ids is not None else (draft.facts.batch_size, draft.facts.seq_len)
    return Made({"decoder_attention_mask": torch.ones(tuple(shape), dtype=torch.int64)}, "nothing is padding")


def other_ids(name: str) -> Maker:
    """[B, 32] ids of a part with a tokenizer of its own: below the smallest vocabulary of any part."""

    def make(draft: Draft) -> Made:
        facts = draft.facts
        sizes = [facts.size("vocab_size", of=part) for part in (facts.config, *facts.parts.values())]
        high = min([size for size in sizes if size > 1], default=1000)
        return Made(
            {name: facts.sampler.ids(facts.batch_size, _DECODER_LEN, high=high)}, f"random ids below {high}"
        )

    return make


def images_per_token(draft: Draft) -> Made:
    """[B, S, 1]: every token sees the one image."""
    ids = draft.kwargs.get("input_ids")
    length = ids.shape[1] if ids is not None else draft.facts.seq_len
    mask = torch.ones(draft.facts.batch_size, length, 1, dtype=torch.int64)
    return Made({"image_attention_mask": mask}, "every token sees the image")


def position_ids(draft: Draft) -> Made:
    """[B, S]: 0, 1, 2 …"""
    ids = draft.kwargs.get("input_ids")
    batch, length = ids.shape[:2] if ids is not None else (draft.facts.batch_size, draft.facts.seq_len)
    return Made({"position_ids": torch.arange(length).expand(batch, length).clone()}, "0, 1, 2 …")


def modality_ids(draft: Draft) -> Made:
    """[B, S]: 0 for text, 1 for the placeholders of an image."""
    ids = draft.kwargs["input_ids"] if "input_ids" in draft.kwargs else input_ids(draft).values["input_ids"]
    image = draft.facts.placeholders("image")
    values = torch.zeros_like(ids) if image is None else (ids == image).long()
    return Made(
        {"mm_token_type_ids": values, "token_type_ids": values}, "0 for text, 1 for image placeholders"
    )


def visual_features(draft: Draft) -> Made:
    """[B, 36, features] and the boxes [B, 36, 4] of regions that a detector found."""
    facts = draft.facts
    width = facts.size("visual_feat_dim", "visual_embedding_dim", default=2048)
    places = facts.sampler.fractions(facts.batch_size, 36, facts.size("visual_pos_dim", default=4))
    features = facts.sampler.floats(facts.batch_size, 36, width)
    return Made({"visual_feats": features, "visual_pos": places}, "random features of 36 regions")


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    "input_ids": (input_ids, codebook_ids, partial(codebook_ids, beside=1), stacked_codebook_ids),
    "decoder_input_ids": (decoder_input_ids, decoder_codes, partial(decoder_codes, stacked=True)),
    "bbox": (bbox,),
    "inputs_embeds": (inputs_embeds,),
    "encoder_hidden_states": (encoder_hidden_states,),
    "attention_mask": (ones_like_ids("attention_mask"),),
    "decoder_attention_mask": (_decoder_mask,),
    "visual_feats": (visual_features,),
    "visual_pos": (visual_features,),
    "image_attention_mask": (images_per_token,),
    "token_type_ids": (modality_ids,),
    "mm_token_type_ids": (modality_ids,),
    "position_ids": (position_ids,),
}
