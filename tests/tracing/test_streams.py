"""Where a site stands in the residual stream, in the ways in which layers are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from tracing_of import trace_of

from attnprobe.records import Stream, Trace

B, S, E, H = 2, 6, 16, 2
X = torch.randn(B, S, E, generator=torch.Generator().manual_seed(0))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.o_proj = nn.Linear(E, 3 * E), nn.Linear(E, E)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, H, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.mT * (E // H) ** -0.5).softmax(-1)
        return self.o_proj((weights @ v).transpose(1, 2).flatten(2))


class RootMeanSquare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(E))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Block(nn.Module):
    """Attention and a feed-forward; `join` is what a test writes."""

    def __init__(self, join: Callable[[Block, Tensor], Tensor], norm: type[nn.Module] | None = None) -> None:
        super().__init__()
        self.attention = Attention()
        make = norm or (lambda: nn.LayerNorm(E))
        self.norm1, self.norm2, self.norm3 = make(), make(), make()
        self.feed_forward = nn.Sequential(nn.Linear(E, 2 * E), nn.GELU(), nn.Linear(2 * E, E))
        self.dropout, self.scale = nn.Dropout(0.5), nn.Parameter(torch.full((E,), 0.1))
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self, x)


class Model(nn.Module):
    """An embedding, two blocks, a last normalisation and a head."""

    def __init__(self, join: Callable[[Block, Tensor], Tensor], norm: type[nn.Module] | None = None) -> None:
        super().__init__()
        self.embedding, self.norm, self.head = nn.Linear(E, E), nn.LayerNorm(E), nn.Linear(E, 3)
        self.blocks = nn.ModuleList(Block(join, norm) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def pre_norm(block: Block, x: Tensor) -> Tensor:
    x = x + block.attention(block.norm1(x))
    return x + block.feed_forward(block.norm2(x))


def post_norm(block: Block, x: Tensor) -> Tensor:
    x = block.norm1(x + block.attention(x))
    return block.norm2(x + block.feed_forward(x))


def scaled_and_dropped(block: Block, x: Tensor) -> Tensor:
    x = x + block.dropout(block.scale * block.attention(block.norm1(x)))
    return x + block.feed_forward(block.norm2(x))


def side_by_side(block: Block, x: Tensor) -> Tensor:
    normed = block.norm1(x)
    return x + block.attention(normed) + block.feed_forward(normed)


def both_branches_first(block: Block, x: Tensor) -> Tensor:
    normed = block.norm1(x)
    return block.attention(normed) + block.feed_forward(normed) + x


def feed_forward_first(block: Block, x: Tensor) -> Tensor:
    normed = block.norm1(x)
    return (x + block.feed_forward(normed)) + block.attention(normed)


def normed_branch(block: Block, x: Tensor) -> Tensor:
    x = x + block.norm1(block.attention(x))
    return x + block.norm2(block.feed_forward(x))


def sandwiched(block: Block, x: Tensor) -> Tensor:
    x = x + block.norm3(block.attention(block.norm1(x)))
    return x + block.feed_forward(block.norm2(x))


def sequence_first(block: Block, x: Tensor) -> Tensor:
    """A residual round a permutation, as where layers want [S, B, E]."""
    branch = block.attention(block.norm1(x).transpose(0, 1).contiguous().transpose(0, 1))
    x = x + branch.transpose(0, 1).contiguous().transpose(0, 1)
    return x + block.feed_forward(block.norm2(x))


def windowed(block: Block, x: Tensor) -> Tensor:
    windows = block.norm1(x).view(B * 2, S // 2, E)
    x = x + block.attention(windows).view(B, S, E)
    return x + block.feed_forward(block.norm2(x))


ADDED = {
    pre_norm: "pre",
    post_norm: "post",
    scaled_and_dropped: "pre",
    side_by_side: "pre",
    both_branches_first: "pre",
    feed_forward_first: "pre",
    normed_branch: "post",
    sandwiched: "both",
    sequence_first: "pre",
    windowed: "pre",
}


def blocks_of(join: Callable[[Block, Tensor], Tensor], **options: object) -> tuple[Trace, Stream, Stream]:
    trace = trace_of(Model(join, **options), X)  # type: ignore[arg-type]
    first, second = trace.streams
    return trace, first, second


def maker(trace: Trace, tensor: int | None) -> str:
    """The module and the op that made a tensor."""
    op = next(op for op in trace.ops if tensor in op.outputs)
    return f"{op.module} {op.name.split('.')[1]}"


@pytest.mark.parametrize("join", ADDED)
@pytest.mark.parametrize("norm", [None, RootMeanSquare])
def test_a_residual_is_found_however_the_layer_is_written(
    join: Callable[[Block, Tensor], Tensor], norm: type[nn.Module] | None
) -> None:
    trace, *streams = blocks_of(join, norm=norm)
    for stream in streams:
        assert (stream.has_residual, stream.norm) == (True, ADDED[join])
        found = (stream.entry, stream.read, stream.branch, stream.exit)
        assert None not in found
        assert trace.tensors[stream.entry or 0].shape == (B, S, E)
        assert trace.tensors[stream.branch or 0].shape == (B, S, E)


def test_the_entry_is_before_the_norm_and_the_exit_after_the_sum() -> None:
    trace, first, second = blocks_of(pre_norm)
    assert maker(trace, first.entry) == "embedding view"
    assert maker(trace, first.read) == "blocks.0.norm1 native_layer_norm"
    assert maker(trace, first.branch) == "blocks.0.attention.o_proj view"
    assert maker(trace, first.exit) == "blocks.0 add"
    assert maker(trace, second.entry) == "blocks.0 add"
    assert second.entry != first.exit  # the feed-forward stands between them


def test_after_a_post_norm_the_exit_is_what_the_norm_gives() -> None:
    trace, first, second = blocks_of(post_norm)
    assert first.read == first.entry
    assert maker(trace, first.exit) == "blocks.0.norm1 native_layer_norm"
    assert maker(trace, second.entry) == "blocks.0.norm2 native_layer_norm"


def test_the_branch_is_scaled_and_dropped() -> None:
    trace = trace_of(Model(scaled_and_dropped), X, train=True)
    assert maker(trace, trace.streams[0].branch) == "blocks.0.dropout mul"


def test_of_branches_side_by_side_the_attention_alone_is_the_branch() -> None:
    for join in (side_by_side, both_branches_first, feed_forward_first):
        trace, first, _ = blocks_of(join)
        assert maker(trace, first.branch) == "blocks.0.attention.o_proj view"
        assert maker(trace, first.entry) == "embedding view"


def test_what_is_added_in_place_has_no_exit_of_its_own() -> None:
    def in_place(block: Block, x: Tensor) -> Tensor:
        branch = block.attention(block.norm1(x))
        branch += x
        return branch + block.feed_forward(block.norm2(branch))

    _, first, _ = blocks_of(in_place)
    assert (first.has_residual, first.exit) == (True, None)


def test_attention_without_a_way_round_it_has_no_residual() -> None:
    def bare(block: Block, x: Tensor) -> Tensor:
        x = block.attention(block.norm1(x))
        return x + block.feed_forward(block.norm2(x))

    _, first, second = blocks_of(bare)
    assert (first.has_residual, second.has_residual) == (False, False)
    assert (first.exit, first.norm) == (None, "pre")


def test_a_way_round_the_attention_that_is_no_sum_leaves_the_residual_unknown() -> None:
    def concatenated(block: Block, x: Tensor) -> Tensor:
        both = torch.cat([x, block.attention(block.norm1(x))], 1)
        return block.feed_forward(block.norm2(both))[:, :S]

    _, first, _ = blocks_of(concatenated)
    assert first.has_residual is None


def test_an_attention_scanned_alone_may_have_its_residual_elsewhere() -> None:
    stream = trace_of(Attention(), X).streams[0]
    assert stream.has_residual is None


def test_cross_attention_is_added_to_the_decoders_states() -> None:
    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.TransformerDecoderLayer(E, H, 2 * E, batch_first=True, norm_first=True)

        def forward(self, x: Tensor, memory: Tensor) -> Tensor:
            return self.layer(x, memory)

    trace = trace_of(Decoder(), X, torch.randn(B, 9, E))
    own, cross = trace.streams
    assert (own.has_residual, cross.has_residual) == (True, True)
    assert cross.entry == own.exit
    assert (own.norm, cross.norm) == ("pre", "pre")


def test_learned_queries_have_no_stream() -> None:
    class Pooling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query = nn.Parameter(torch.randn(1, 3, E))
            self.attention = nn.MultiheadAttention(E, H, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attention(self.query.expand(B, -1, -1), x, x, need_weights=False)[0]

    stream = trace_of(Pooling(), X).streams[0]
    assert (stream.entry, stream.branch, stream.has_residual) == (None, None, None)


@pytest.mark.parametrize("join", ADDED)
def test_tensors_of_streams_pass_by_forward_ops(join: Callable[[Block, Tensor], Tensor]) -> None:
    trace, *streams = blocks_of(join)
    passing = {t for op in trace.ops[: trace.forward_end] for t in (*op.inputs, *op.outputs)}
    for stream in streams:
        assert {stream.entry, stream.read, stream.branch, stream.exit} <= passing
