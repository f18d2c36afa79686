"""Healthy models and faulty twins: only the check of the fault moves, and it names the place."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.probes.perturbations import probe
from attnprobe.records import ProbeResult, ScanOptions, Subject
from attnprobe.tracing.tracing import trace
from tests.probes.captured import loaded

VOCABULARY, WIDTH, HEADS = 50, 32, 4


class Attention(nn.Module):
    """Self-attention with faults to order."""

    def __init__(self, *, sees_ahead: int | None = 0, dropout: float = 0.0, norm_over: int = -1) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.sees_ahead, self.dropout, self.norm_over = sees_ahead, dropout, norm_over

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        normed = (x - x.mean(self.norm_over, keepdim=True)) / (x.std(self.norm_over, keepdim=True) + 1e-5)
        query, key, value = self.qkv(normed).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        scores = query @ key.mT / (WIDTH // HEADS) ** 0.5
        if self.sees_ahead is not None:
            hidden = torch.ones(length, length, dtype=torch.bool).triu(1 + self.sees_ahead)
            scores = scores.masked_fill(hidden, float("-inf"))
        weights = F.dropout(scores.softmax(-1), self.dropout)
        mixed: Tensor = self.out((weights @ value).transpose(1, 2).reshape(batch, length, WIDTH))
        return x + mixed


class Language(nn.Module):
    """Three attentions over ids [B, S]."""

    def __init__(self, *layers: Attention, has_positions: bool = True) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(300, WIDTH)
        self.layers = nn.ModuleList(layers)
        self.has_positions = has_positions

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        x: Tensor = self.words(ids)
        if self.has_positions:
            x = x + self.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return x


class TorchEncoder(nn.Module):
    """`nn.MultiheadAttention`, sequence first unless told; positions along dim 0 or 1."""

    def __init__(self, *, batch_first: bool, position_dim: int) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(300, WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=batch_first)
        self.position_dim = position_dim

    def forward(self, ids: Tensor) -> Tensor:
        positions = self.positions(torch.arange(ids.shape[self.position_dim]))
        x = self.words(ids) + (positions if self.position_dim else positions[:, None])
        mixed: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return x + mixed


class Checked:
    """What the probe found on one model."""

    def __init__(self, module: nn.Module, *args: Any, **kwargs: Any) -> None:
        model, options = loaded(module, *args, **kwargs), ScanOptions(target="")
        subject = Subject(trace=trace(model, train=False, backward=False), options=options, model=model)
        subject.trace_of = lambda other: trace(other, train=False, backward=False)
        self.result: ProbeResult = probe.run(subject)
        self.sites = [site.id for site in subject.trace.sites]

    def __getitem__(self, metric: str) -> float:
        (found,) = [m.value for m in self.result.measurements if m.metric == metric and not m.site]
        assert found is not None
        return found

    def starts(self, metric: str) -> list[str]:
        return [m.site for m in self.result.measurements if m.metric == f"{metric}_start" and m.value == 1]

    def reason(self, metric: str) -> str:
        return next(m.reason for m in self.result.not_measured if m.metric == metric)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def ids(batch: int = 2, length: int = 20) -> Tensor:
    return torch.randint(VOCABULARY, (batch, length))


def healthy() -> tuple[Attention, ...]:
    return tuple(Attention() for _ in range(3))


def test_a_causal_model_is_exactly_clean() -> None:
    found = Checked(Language(*healthy()), ids())
    for metric in ("repeat_difference", "future_leak", "batch_leak", "eval_randomness"):
        assert found[metric] == 0
    assert found["position_blindness"] > 0.1
    zeros = [m for m in found.result.measurements if m.metric == "future_leak_start"]
    assert [(m.site, m.value) for m in zeros] == [(site, 0) for site in found.sites]
    assert len(zeros) == 3
    assert found.result.notes == ()


def test_an_off_by_one_mask_is_found_in_its_layer() -> None:
    found = Checked(Language(Attention(), Attention(sees_ahead=1), Attention()), ids())
    assert found["future_leak"] > 1e-2
    assert found.starts("future_leak") == ["layers.1"]
    assert found["batch_leak"] == 0


def test_a_norm_over_the_tokens_leaks_outside_of_an_attention() -> None:
    found = Checked(Language(Attention(), Attention(norm_over=1), Attention()), ids())
    assert found["future_leak"] > 1e-2
    assert found.starts("future_leak") == []
    assert found.result.notes == (
        "Somewhere before layers.1, not in an attention, a later token moves earlier positions.",
    )


def test_an_encoder_sees_the_future_from_its_first_layer_on() -> None:
    found = Checked(Language(*(Attention(sees_ahead=None) for _ in range(3))), ids())
    assert found["future_leak"] > 1e-2
    assert found.starts("future_leak") == ["layers.0"]


def test_an_encoder_without_positions_is_blind_to_their_order() -> None:
    encoder = tuple(Attention(sees_ahead=None) for _ in range(2))
    for dtype in (torch.float32, torch.bfloat16):  # repeated in float64, so rounding is no order
        blind = Language(*encoder, has_positions=False).to(dtype)
        assert Checked(blind, ids())["position_blindness"] < 1e-12
    encoder = tuple(layer.float() for layer in encoder)
    assert Checked(Language(*encoder), ids())["position_blindness"] > 0.1


def test_a_causal_mask_alone_gives_some_order() -> None:
    assert Checked(Language(*healthy(), has_positions=False), ids())["position_blindness"] > 1e-2


def test_functional_dropout_left_on_is_found_in_its_layer() -> None:
    found = Checked(Language(Attention(), Attention(), Attention(dropout=0.1)), ids())
    assert found["eval_randomness"] > 1e-3
    assert found.starts("eval_randomness") == ["layers.2"]
    assert found["repeat_difference"] == 0  # the same seed drops the same weights
    assert found["future_leak"] == 0


def test_batch_first_forgotten_mixes_samples() -> None:
    found = Checked(TorchEncoder(batch_first=False, position_dim=1), ids(3))
    assert found["batch_leak"] > 1e-2
    assert found.starts("batch_leak") == ["attention"]
    assert Checked(TorchEncoder(batch_first=True, position_dim=1), ids(3))["batch_leak"] == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_sequence_first_model_is_told_by_its_positions(dtype: torch.dtype) -> None:
    model = TorchEncoder(batch_first=False, position_dim=0).to(dtype)
    found = Checked(model, ids(20, 3))  # [S, B]
    assert found["batch_leak"] == 0
    assert found["future_leak"] > 1e-2
    assert found.starts("future_leak") == ["attention"]
    assert found["position_blindness"] > 0.1
    assert "Samples were taken to lie along dim 1" in found.result.notes[0]


def test_without_positions_samples_and_tokens_cannot_be_told_apart() -> None:
    found = Checked(nn.TransformerEncoderLayer(WIDTH, HEADS, 64), torch.randn(20, 3, WIDTH))
    for metric in ("batch_leak", "future_leak"):
        assert "which of its dimensions counts samples cannot be told" in found.reason(metric)


def test_statistics_of_the_batch_leak_outside_of_an_attention() -> None:
    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(WIDTH, track_running_stats=False)  # of the batch in hand, always
            self.model = Attention()
            self.words = nn.Embedding(VOCABULARY, WIDTH)

        def forward(self, ids: Tensor) -> Tensor:
            mixed: Tensor = self.model(self.norm(self.words(ids).mT).mT)
            return mixed

    found = Checked(Normed(), ids())
    assert found["batch_leak"] > 1e-3
    assert found.starts("batch_leak") == []
    said = "Somewhere before model, not in an attention, other samples move a sample's numbers."
    assert said in found.result.notes


def test_long_inputs_are_cut_and_a_lone_sample_is_joined() -> None:
    lengths = []

    class Watched(Language):
        def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
            lengths.append(tuple(ids.shape))
            return super().forward(ids)

    model = Watched(Attention(), Attention(sees_ahead=1))
    found = Checked(model, ids(1, 200))
    assert found.starts("future_leak") == ["layers.1"]
    assert found["batch_leak"] == 0
    assert {shape for shape in lengths if shape != (1, 200)} == {(2, 61)}


def test_nothing_of_the_model_and_the_process_changes() -> None:
    model = Language(Attention(dropout=0.1), nn.Dropout(0.1)).train()  # type: ignore[arg-type]
    model.layers[0].eval()
    given = ids()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state, modes = torch.get_rng_state(), [part.training for part in model.modules()]
    Checked(model, given)
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_mask_that_hides_tokens_is_no_matter_of_order() -> None:
    mask = torch.ones(2, 20, dtype=torch.long)
    model = Language(*healthy())
    assert Checked(model, ids(), attention_mask=mask)["position_blindness"] > 0.1
    mask[1, 15:] = 0
    found = Checked(model, ids(), attention_mask=mask)
    assert found.reason("position_blindness") == "its input attention_mask differs from token to token"


def test_pooled_outputs_have_no_earlier_positions() -> None:
    class Pooled(Language):
        def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
            return super().forward(ids).mean(1)

    found = Checked(Pooled(*healthy()), ids())
    assert "which dimension of its output [2, 32] counts tokens" in found.reason("future_leak")
    assert found["batch_leak"] == 0
    assert found["position_blindness"] > 1e-2


def test_an_output_that_compares_samples_is_no_leak() -> None:
    class Contrastive(Language):
        def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
            pooled = super().forward(ids).mean(1)
            return pooled @ pooled.mT  # [B, B]

    assert "compares samples with each other" in Checked(Contrastive(*healthy()), ids()).reason("batch_leak")


def test_two_classes_for_two_samples_are_not_taken_for_a_comparison() -> None:
    class Classifier(Language):
        def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
            return super().forward(ids).mean(1)[:, :2]

    assert Checked(Classifier(*healthy()), ids())["batch_leak"] == 0


def test_a_decoders_inputs_are_told_from_its_encoders() -> None:
    """The outputs follow the decoder's tokens, although both sequences have one length."""

    class Translation(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = Language(Attention(sees_ahead=None)), Language(*healthy())
            self.cross = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

        def forward(self, source: Tensor, target: Tensor) -> Tensor:
            memory, x = self.encoder(source), self.decoder(target)
            mixed: Tensor = x + self.cross(x, memory, memory, need_weights=False)[0]
            return mixed

    found = Checked(Translation(), ids(), ids())
    assert found["future_leak"] == 0
    assert "by input: 0 " in found.result.notes[0]


def test_images_have_no_order_of_tokens() -> None:
    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.mix = nn.Conv2d(3, WIDTH, 4, 4), Attention(sees_ahead=None)

        def forward(self, pixels: Tensor) -> Tensor:
            mixed: Tensor = self.mix(self.patches(pixels).flatten(2).mT)
            return mixed

    found = Checked(Patches(), torch.randn(1, 3, 16, 16))
    assert found["batch_leak"] == 0
    assert "no input holds token ids" in found.reason("position_blindness")
    assert "no input has one dimension along which tokens lie" in found.reason("future_leak")


def test_a_model_that_fails_on_changed_inputs_is_a_gap_of_that_check() -> None:
    class Picky(Language):
        def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
            if int(ids[0, 0]) != int(first):
                raise ValueError("the first token must stay")
            return super().forward(ids)

    given = ids()
    first = given[0, 0].clone()
    found = Checked(Picky(*healthy()), given)
    assert found["future_leak"] == 0  # its changes begin behind the first token
    assert "the first token must stay" in found.reason("position_blindness")


SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": VOCABULARY,
}


def test_models_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    gpt2 = transformers.GPT2Model(
        transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=VOCABULARY)
    )
    bert = transformers.BertModel(transformers.BertConfig(**SMALL))
    t5 = transformers.T5Model(
        transformers.T5Config(d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, vocab_size=VOCABULARY)
    )
    vit = transformers.ViTModel(
        transformers.ViTConfig(
            **{n: v for n, v in SMALL.items() if n != "vocab_size"}, image_size=32, patch_size=8
        )
    )
    mask = torch.ones(2, 20, dtype=torch.long)
    causal = Checked(gpt2, input_ids=ids(), attention_mask=mask)
    assert (causal["future_leak"], causal["batch_leak"]) == (0, 0)
    encoder = Checked(bert, input_ids=ids(), attention_mask=mask, token_type_ids=torch.zeros_like(mask))
    assert encoder["future_leak"] > 1e-4
    assert encoder.starts("future_leak") == ["encoder.layer.0.attention.self"]
    seq2seq = Checked(t5, input_ids=ids(), decoder_input_ids=ids())
    assert (seq2seq["future_leak"], seq2seq["batch_leak"]) == (0, 0)
    assert seq2seq["position_blindness"] > 1e-4
    images = Checked(vit, pixel_values=torch.randn(2, 3, 32, 32))
    assert (images["batch_leak"], images["eval_randomness"]) == (0, 0)
