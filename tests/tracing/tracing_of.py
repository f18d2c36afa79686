"""Traces a module built in a test."""

from __future__ import annotations

from typing import Any

from torch import nn

from attnprobe.records import AttentionSite, LoadedModel, Trace
from attnprobe.tracing.tracing import trace


def loaded(module: nn.Module, *args: Any, is_fake: bool = True, **kwargs: Any) -> LoadedModel:
    return LoadedModel(
        module=module, args=args, kwargs=kwargs, target="test", entry="test", inputs=(), is_fake=is_fake
    )


def trace_of(
    module: nn.Module,
    *args: Any,
    backward: bool = False,
    train: bool = False,
    is_fake: bool = True,
    **kwargs: Any,
) -> Trace:
    return trace(loaded(module, *args, is_fake=is_fake, **kwargs), train=train, backward=backward)


def only_site(module: nn.Module, *args: Any, **kwargs: Any) -> AttentionSite:
    sites = trace_of(module, *args, **kwargs).sites
    assert len(sites) == 1, [site.id for site in sites]
    return sites[0]
