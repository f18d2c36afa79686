"""Forward passes in which the outputs of single heads are written over, as they leave the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from attnprobe.observing.observer import Observer
from attnprobe.observing.site_calls import is_cut_along_queries
from attnprobe.records import Core, Operand, Trace

Edit = Callable[[int, int, Tensor], None]  # (site, head, its output: a view to write into)


class Editor(Observer):
    """Context manager round a forward pass without gradients; the model itself stays as it is.

    `edit` gets [..., D]: samples, windows and queries in the order of memory, then the width (in several dims
    where memory splits it). What it writes is what the model goes on with.
    """

    def __init__(self, trace: Trace, heads: Mapping[int, Sequence[int]], edit: Edit) -> None:
        """Args: heads are those to edit, by index of their site."""
        super().__init__(trace, on_output=self._write)
        self._heads, self._edit = heads, edit
        self.edited: set[tuple[int, int]] = set()  # (site, head)

    @property
    def gap(self) -> str:
        """Why not all of the heads were edited; "" when they were."""
        wanted = {(site, head) for site, heads in self._heads.items() for head in heads}
        if self.lost:
            return f"the run left the path of its trace: {self.lost}"
        return "" if wanted <= self.edited else "how the outputs of its heads lie in memory could not be told"

    def _write(self, site: int, part: int, output: Tensor, operand: Operand) -> None:
        heads = self._heads.get(site)
        if not heads:
            return
        first, count = _heads_of_part(self._cores[site], part, operand)
        for head in heads:
            if first <= head < first + count:
                self._edit(site, head, head_view(output, operand, head - first))
                self.edited.add((site, head))


def _heads_of_part(core: Core, part: int, operand: Operand) -> tuple[int, int]:
    """The first head of a part of a core, and how many it has."""
    count = _count(operand)
    if not core.parts or is_cut_along_queries(core):
        return 0, count
    return sum(_count(own.operands["output"]) for own in core.parts[:part]), count


def _count(operand: Operand) -> int:
    count = 1
    for dim in operand.dims:
        for letter, size in dim:
            count *= size if letter in "hr" else 1
    return count


def head_view(tensor: Tensor, operand: Operand, head: int) -> Tensor:
    """What of a tensor belongs to one head, as a view of the same memory, its width last."""
    factors = [factor for dim in operand.dims for factor in dim]
    view = tensor.view([size for _, size in factors])
    for dim in reversed(range(len(factors))):
        letter, size = factors[dim]
        if letter in "hr":
            view, head = view.select(dim, head % size), head // size
    rest = [letter for letter, _ in factors if letter not in "hr"]
    order = sorted(range(len(rest)), key=lambda dim: rest[dim] == "d")
    return view.permute(order)
