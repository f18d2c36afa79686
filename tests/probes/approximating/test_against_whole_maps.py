"""What is streamed row by row equals what whole maps say, for all shapes, masks and groupings."""

from __future__ import annotations

from math import ceil

import pytest
import torch
from hypothesis import given, settings

from attnprobe.observing.calls import AttentionCall
from attnprobe.probes import (
    block_approximation,
    head_roles,
    low_rank_approximation,
    positional_heads,
    simple_approximation,
    top_key_approximation,
    window_approximation,
)
from attnprobe.records import Probe
from tests.probes.approximating.naive_maps import (
    WholeMaps,
    constant_share,
    effective_rank,
    entries,
    explained,
    keys_for,
    largest,
    near,
    spectrum,
    static_map,
    told_by_distance,
    window_for,
)
from tests.probes.approximating.random_calls import Shape, shapes
from tests.probes.given_maps import heads_of, look

few_examples = settings(max_examples=40, deadline=None)


def compare(
    probe: Probe, call: AttentionCall, expected: dict[str, list[float | None]], within: float
) -> None:
    result = look(probe, call)
    for metric, wanted in expected.items():
        if all(value is None for value in wanted):
            assert metric in {n.metric for n in result.not_measured}
            continue
        found = heads_of(result, metric)
        plain = [float("nan") if value is None else value for value in wanted]
        assert found == pytest.approx(plain, abs=within, rel=within, nan_ok=True), metric


def by_head(maps: WholeMaps, number: object) -> list[float | None]:
    return [number(head) for head in range(maps.heads)]  # type: ignore[operator]


@few_examples
@given(shapes)
def test_windows(shape: Shape) -> None:
    call = shape.call()
    maps = shape.maps(call)
    mean, error = maps.mean, maps.error

    def with_sinks(row, window):  # type: ignore[no-untyped-def]
        return row.weights * ((row.distances <= window) | maps.first_keys(row.sample))

    expected = {
        "window_for_99": by_head(maps, lambda h: window_for(maps, h, 0.99, sinks=False)),
        "window_for_95": by_head(maps, lambda h: window_for(maps, h, 0.95, sinks=False)),
        "sink_window_for_99": by_head(maps, lambda h: window_for(maps, h, 0.99, sinks=True)),
        "window_16_mass": by_head(maps, lambda h: mean(h, lambda r: float(near(r, 16).sum()))),
        "window_16_error": by_head(maps, lambda h: error(h, lambda r: near(r, 16))),
        "window_eighth_mass": by_head(
            maps, lambda h: mean(h, lambda r: float(near(r, maps.eighth(r.sample)).sum()))
        ),
        "window_eighth_error": by_head(maps, lambda h: error(h, lambda r: near(r, maps.eighth(r.sample)))),
        "sink_window_eighth_mass": by_head(
            maps, lambda h: mean(h, lambda r: float(with_sinks(r, maps.eighth(r.sample)).sum()))
        ),
        "sink_window_eighth_error": by_head(
            maps, lambda h: error(h, lambda r: with_sinks(r, maps.eighth(r.sample)))
        ),
    }
    compare(window_approximation.probe, call, expected, 1e-5)


@few_examples
@given(shapes)
def test_top_keys(shape: Shape) -> None:
    call = shape.call()
    maps = shape.maps(call)

    def mass(part: int):  # type: ignore[no-untyped-def]
        return lambda h: maps.mean(h, lambda r: float(largest(r, ceil(r.keys / part)).sum()))

    expected = {
        "top_tenth_mass": by_head(maps, mass(10)),
        "top_quarter_mass": by_head(maps, mass(4)),
        "keys_for_90": by_head(maps, lambda h: maps.mean(h, lambda r: keys_for(r, 0.9))),
        "keys_for_90_share": by_head(maps, lambda h: maps.mean(h, lambda r: keys_for(r, 0.9) / r.keys)),
        "top_tenth_error": by_head(maps, lambda h: maps.error(h, lambda r: largest(r, ceil(r.keys / 10)))),
        "top_8_error": by_head(maps, lambda h: maps.error(h, lambda r: largest(r, 8))),
    }
    compare(top_key_approximation.probe, call, expected, 1e-5)


@few_examples
@given(shapes)
def test_blocks(shape: Shape) -> None:
    call = shape.call()
    maps = shape.maps(call)

    def kept(head: int):  # type: ignore[no-untyped-def]
        rows = list(maps.rows(head))
        blocks = torch.arange(maps.keys) // 16

        def of_row(row):  # type: ignore[no-untyped-def]
            own = [r for r in rows if (r.sample, r.query // 16) == (row.sample, row.query // 16)]
            mass = [sum(float(r.weights[blocks == b].sum()) for r in own) for b in range(int(blocks[-1]) + 1)]
            seen = [any(bool(r.visible[blocks == b].any()) for r in own) for b in range(len(mass))]
            best = sorted((-m, b) for b, m in enumerate(mass) if seen[b])[: ceil(sum(seen) / 4)]
            return row.weights * torch.tensor([int(b) in {b for _, b in best} for b in blocks])

        return of_row

    expected = {
        "block_quarter_mass": by_head(maps, lambda h: maps.mean(h, lambda r: float(kept(h)(r).sum()))),
        "block_quarter_error": by_head(maps, lambda h: maps.error(h, kept(h))),
    }
    compare(block_approximation.probe, call, expected, 1e-5)


@few_examples
@given(shapes)
def test_ranks(shape: Shape) -> None:
    call = shape.call()
    maps = shape.maps(call)

    def samples(head: int):  # type: ignore[no-untyped-def]
        for sample in range(maps.samples):
            rows = [row for row in maps.rows(head) if row.sample == sample]
            if len(rows) > 1:
                yield rows, *spectrum(rows)

    def mean_of(number: object):  # type: ignore[no-untyped-def]
        def of_head(head: int) -> float | None:
            found = [number(rows, values) for rows, values, _, _ in samples(head)]  # type: ignore[operator]
            return sum(found) / len(found) if found else None

        return of_head

    def size(rows) -> int:  # type: ignore[no-untyped-def]
        return min(len(rows), max(row.keys for row in rows))

    def for_90(values: torch.Tensor) -> int:
        shares = values.square().cumsum(0) / values.square().sum()
        return int((shares < 0.9 - 1e-6).sum()) + 1

    def error(head: int) -> float | None:
        over, under = 0.0, 0.0
        for sample in range(maps.samples):
            rows = [row for row in maps.rows(head) if row.sample == sample]
            if not rows:
                continue
            output = torch.stack([row.weights @ row.values for row in rows])
            _, directions, mean = spectrum(rows)
            few = directions[:, :15]
            rest = output - mean @ rows[0].values
            over += float((rest - few @ (few.mT @ rest)).square().sum())
            under += float(output.square().sum())
        return (over / under) ** 0.5 if under > 0 else None

    def differing(head: int) -> float | None:
        rest = sum(float(values.square().sum()) for _, values, _, _ in samples(head))
        whole = sum(float(row.weights.square().sum()) for row in maps.rows(head))
        return rest / whole if whole else None

    expected = {
        "differing_map_share": by_head(maps, differing),
        "map_effective_rank": by_head(maps, mean_of(lambda _, v: effective_rank(v))),
        "map_effective_rank_share": by_head(maps, mean_of(lambda r, v: effective_rank(v) / size(r))),
        "map_rank_for_90": by_head(maps, mean_of(lambda _, v: for_90(v))),
        "map_rank_for_90_share": by_head(maps, mean_of(lambda r, v: for_90(v) / size(r))),
    }
    compare(low_rank_approximation.probe, call, expected, 1e-4)
    # The root of what single precision leaves of squares: weak directions mix.
    compare(low_rank_approximation.probe, call, {"rank_16_error": by_head(maps, error)}, 1e-3)


@few_examples
@given(shapes)
def test_maps_that_do_not_read_the_content(shape: Shape) -> None:
    call = shape.call()
    maps = shape.maps(call)

    def key_position(head: int) -> float | None:
        return explained([(key, share - 1 / row.keys) for row, key, share in entries(maps, head)])

    expected = {
        "uniform_error": by_head(maps, lambda h: maps.error(h, lambda r: r.visible.double())),
        "key_position_share": by_head(maps, key_position),
        "constant_map_share": by_head(maps, lambda h: constant_share(maps, h)),
    }
    compare(simple_approximation.probe, call, expected, 1e-5)


@few_examples
@given(shapes)
def test_maps_of_the_distance(shape: Shape) -> None:
    call = shape.call()
    maps = shape.maps(call)

    expected = {
        "relative_position_share": by_head(maps, lambda h: told_by_distance(maps, h)),
        "static_error": by_head(maps, lambda h: maps.error(h, static_map(maps, h))),
    }
    compare(positional_heads.probe, call, expected, 1e-5)


@few_examples
@given(shapes)
def test_roles(shape: Shape) -> None:
    call = shape.call()
    maps = shape.maps(call)

    def sets(row):  # type: ignore[no-untyped-def]
        is_near = row.distances <= maps.eighth(row.sample)
        is_sink = maps.first_keys(row.sample) & ~is_near
        return is_near, is_sink, ~(is_near | is_sink)

    def summed(head: int, number) -> float:  # type: ignore[no-untyped-def]
        return sum(float(number(row)) for row in maps.rows(head))

    def far(row):  # type: ignore[no-untyped-def]
        return row.weights * sets(row)[2]

    def lift(head: int) -> float | None:
        uniform = summed(head, lambda r: (sets(r)[0] & r.visible).sum() / r.keys)
        return summed(head, lambda r: (r.weights * sets(r)[0]).sum()) / uniform if uniform else None

    def sharpness(head: int) -> float | None:
        whole = summed(head, lambda r: far(r).sum())
        return summed(head, lambda r: far(r).max()) / whole if whole else None

    expected = {
        "near_mass_lift": by_head(maps, lift),
        "distant_sink_mass": by_head(
            maps, lambda h: maps.mean(h, lambda r: float((r.weights * sets(r)[1]).sum()))
        ),
        "far_mass": by_head(maps, lambda h: maps.mean(h, lambda r: float(far(r).sum()))),
        "far_mass_sharpness": by_head(maps, sharpness),
    }
    compare(head_roles.probe, call, expected, 1e-5)
