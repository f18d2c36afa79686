"""From the traced model to the measured one: every batch becomes real and goes to the device."""

from __future__ import annotations

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor

from attnprobe.fake_tensors import FakeWorld
from attnprobe.preparing import bring_to_device, real_model
from attnprobe.records import LoadedModel, ScanOptions


def test_fake_tensors_in_every_batch_become_real() -> None:
    world, ids = FakeWorld(), torch.tensor([[1, 2]])
    with world:
        fake = nn.Linear(4, 4)
        world.adopt(fake)
    one, other = (world.fake(torch.empty(2, 3, 4)) for _ in range(2))
    model = LoadedModel(
        module=fake,
        args=(one,),
        kwargs={"ids": ids},
        batches=(((other,), {"ids": ids}),),
        target="",
        entry="",
        inputs=(),
        is_fake=True,
        rebuild=lambda: nn.Linear(4, 4),
    )
    real = real_model(model, ScanOptions(target=""))
    assert real is not None
    ((args, kwargs),) = real.batches
    assert not isinstance(args[0], FakeTensor)
    assert args[0].shape == (2, 3, 4)
    assert not torch.equal(args[0], real.args[0])
    assert kwargs["ids"] is ids


def test_batches_and_what_the_loss_gets_follow_to_the_device() -> None:
    rows = torch.zeros(2, 4)
    model = LoadedModel(
        module=nn.Linear(4, 4, device="meta"),
        args=(rows,),
        kwargs={},
        batches=(((rows,), {}),),
        loss_inputs=((rows, rows), (rows, rows)),
        target="",
        entry="",
        inputs=(),
    )
    with bring_to_device(model, "meta", train=False) as placed:
        ((args, _),) = placed.batches
        assert args[0].device.type == "meta"
        assert {part.device.type for pair in placed.loss_inputs for part in pair} == {"meta"}
    assert model.batches[0][0][0].device.type == "cpu"
