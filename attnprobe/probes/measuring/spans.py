"""Which module's runs are the runs of which attention site, and hooks that tell when they start and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from attnprobe.probes.counting.op_classes import op_class
from attnprobe.records import Trace


@dataclass(frozen=True, slots=True)
class OwnModules:
    """Sites that have a module of their own: it holds all products of the site and of no other part."""

    sites: Mapping[str, tuple[str, ...]]  # module -> its sites, in the order of its calls
    missing: Mapping[str, str]  # site -> why it has none


def own_modules(trace: Trace) -> OwnModules:
    """Every site's innermost module around all of its products, if it holds no others."""
    products: dict[int, list[int]] = {index: [] for index in range(len(trace.sites))}
    foreign: list[str] = []  # modules of products that belong to no site
    for op in trace.ops[: trace.forward_end]:
        if op.phase != "forward" or op_class(op.name) != "contraction":
            continue
        owner = trace.site_of_op.get(op.index)
        if owner is None:
            foreign.append(op.module)
        else:
            products[owner[0]].append(op.index)
    around = {
        index: _common([trace.sites[index].module, *(trace.ops[op].module for op in ops)])
        for index, ops in products.items()
    }
    found: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    for index, site in enumerate(trace.sites):
        module = around[index]
        inside = [other for other in around if other != index and _within(around[other], module)]
        if any(_within(name, module) for name in foreign) or any(around[other] != module for other in inside):
            missing[site.id] = (
                f"it has no module of its own: '{module or 'the model'}' computes other things too"
            )
        else:
            found.setdefault(module, []).append(site.id)
    return OwnModules({module: tuple(sites) for module, sites in found.items()}, missing)


def _common(modules: Sequence[str]) -> str:
    """The innermost module that contains all of these."""
    paths = [module.split(".") if module else [] for module in modules]
    shared: list[str] = []
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return ".".join(shared)


def _within(module: str, outer: str) -> bool:
    return not outer or module == outer or module.startswith(f"{outer}.")


Mark = Callable[[str, Any], Any]  # (module name, what `entered` gave back or None) -> anything


@contextmanager
def watched(
    root: Any, names: Sequence[str], entered: Mark, left: Callable[[str, Any, Any], None]
) -> Iterator[None]:
    """Hooks around every call of some modules; removed at the end, also when the model raises.

    Args:
        root: The model.
        names: Qualified names of the modules to watch; names that the model lacks are left out.
        entered: Called before the forward with (name, inputs); what it returns goes to `left`.
        left: Called after the forward with (name, that, outputs); outputs are None when the forward raised.
    """
    modules = dict(root.named_modules())
    stacks: dict[str, list[Any]] = {name: [] for name in names if name in modules}
    with ExitStack() as stack:
        for name in stacks:

            def before(_: Any, args: Any, kwargs: Any, name: str = name) -> None:
                stacks[name].append(entered(name, (args, kwargs)))

            def after(_: Any, args: Any, kwargs: Any, outputs: Any, name: str = name) -> None:
                left(name, stacks[name].pop(), outputs)

            module = modules[name]
            stack.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(after, with_kwargs=True, always_call=True).remove)
        yield
