"""Inputs made up for plain torch modules. Every shape here follows from the model's text, read by hand."""

from __future__ import annotations

import pytest
import torch

from tests.loading.conftest import Load, Write

HEAD = "import math\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"


def model(init: str, forward: str, signature: str = "x") -> str:
    return (
        f"{HEAD}class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        {init}\n    def forward(self, {signature}):\n        {forward}\n"
    )


CASES = {
    "an embedding takes ids": (
        model("self.e = nn.Embedding(50, 8)", "return self.e(x)"),
        [("int64", (2, 128))],
    ),
    "a linear layer takes vectors of its width": (
        model("self.l = nn.Linear(12, 4)", "return self.l(x)"),
        [("float32", (2, 128, 12))],
    ),
    "bare matrices take the rows of the first": (
        model("self.W_Q = nn.Parameter(torch.randn(20, 8))", "return x @ self.W_Q"),
        [("float32", (2, 128, 20))],
    ),
    "a transpose with .T wants no batch": (
        model(
            "self.W = nn.Parameter(torch.randn(16, 16))",
            "q = x @ self.W; return torch.softmax(q @ q.T, -1) @ q",
        ),
        [("float32", (128, 16))],
    ),
    "a position table limits the length": (
        model(
            "self.tok = nn.Embedding(50, 8); self.pos_emb = nn.Embedding(40, 8)",
            "return self.tok(x) + self.pos_emb(torch.arange(x.shape[1]))",
        ),
        [("int64", (2, 40))],
    ),
    "an unnamed position parameter limits the length, less its class token": (
        model(
            "self.l = nn.Linear(6, 8); self.c = nn.Parameter(torch.zeros(1, 1, 8)); "
            "self.where = nn.Parameter(torch.zeros(1, 33, 8))",
            "return torch.cat([self.c.expand(x.shape[0], -1, -1), self.l(x)], 1) + self.where",
        ),
        [("float32", (2, 32, 6))],
    ),
    "the image size follows from patches and positions": (
        model(
            "self.patch = nn.Conv2d(3, 8, 4, 4); self.pos_embed = nn.Parameter(torch.zeros(1, 36, 8))",
            "return self.patch(x).flatten(2).mT + self.pos_embed",
        ),
        [("float32", (2, 3, 24, 24))],  # 6 x 6 patches of 4 pixels
    ),
    "the image size is searched when a flattened map fixes it": (
        model(
            "self.c = nn.Conv2d(1, 2, 3); self.l = nn.Linear(2 * 26 * 26, 3)",
            "return self.l(self.c(x).flatten(1))",
        ),
        [("float32", (2, 1, 28, 28))],
    ),
    "a 1-d convolution takes signals": (
        model("self.c = nn.Conv1d(80, 8, 3)", "return self.c(x)"),
        [("float32", (2, 80, 128))],
    ),
    "squeeze and excitation takes feature maps": (
        model(
            "self.l = nn.Linear(32, 32)",
            "b, c, _, _ = x.shape; return x * self.l(x.mean((2, 3))).view(b, c, 1, 1)",
        ),
        [("float32", (2, 32, 64, 64))],
    ),
    "windows cut channels-last maps": (
        model(
            "self.l = nn.Linear(48, 8)",
            "b, h, w, c = x.shape; return self.l(x.view(b, h // 8, 8, w // 8, 8, c))",
        ),
        [("float32", (2, 64, 64, 48))],
    ),
    "attention without parameters takes three sequences": (
        model("", "return F.scaled_dot_product_attention(q, k, v)", "q, k, v").replace("        \n", ""),
        [("float32", (2, 128, 64))] * 3,
    ),
    "cross attention takes each side in its own width": (
        model(
            "self.q = nn.Linear(24, 8); self.k = nn.Linear(40, 8)",
            "return self.q(x) @ self.k(memory).mT",
            "x, memory",
        ),
        [("float32", (2, 128, 24)), ("float32", (2, 128, 40))],
    ),
    "a diffusion step takes image, time and class": (
        model(
            "self.c = nn.Conv2d(4, 8, 1); self.y = nn.Embedding(10, 8); self.t = nn.Linear(1, 8)",
            "return self.c(x) + (self.t(t[:, None].float()) + self.y(y))[:, :, None, None]",
            "x, t, y",
        ),
        [("float32", (2, 4, 64, 64)), ("int64", (2,)), ("int64", (2,))],
    ),
    "an image and a question with its mask": (
        model(
            "self.c = nn.Conv2d(3, 8, 16, 16); self.e = nn.Embedding(30, 8)",
            "return self.e(question) * question_mask[..., None] @ self.c(image).flatten(2)",
            "image, question, question_mask",
        ),
        [("float32", (2, 3, 64, 64)), ("int64", (2, 128)), ("bool", (2, 128))],
    ),
    "a list of tensors": (
        model("self.l = nn.Linear(8, 8)", "return [self.l(x) for x in xs]", "xs: list[torch.Tensor]"),
        [("float32", (2, 128, 8))],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_inputs_fit_the_structure(case: str, write: Write, load_target: Load) -> None:
    text, expected = CASES[case]
    write("model.py", text)
    loaded = load_target("model.py")
    assert [(item.dtype, item.shape) for item in loaded.inputs] == expected
    assert all(item.origin == "guessed" and item.note for item in loaded.inputs)


@pytest.mark.parametrize("case", CASES)
def test_the_real_model_runs_on_them(case: str, write: Write, load_target: Load) -> None:
    write("model.py", CASES[case][0])
    loaded = load_target("model.py", fake=False)
    with torch.no_grad():
        loaded.module(*loaded.args, **loaded.kwargs)


def test_ids_lie_in_the_smallest_table_they_are_looked_up_in(write: Write, load_target: Load) -> None:
    text = model(
        "self.a = nn.Embedding(500, 8); self.b = nn.Embedding(30, 8)", "return self.a(x) + self.b(x)"
    )
    write("model.py", text)
    assert int(load_target("model.py").args[0].max()) < 30


def test_batch_size_and_length_are_followed(write: Write, load_target: Load) -> None:
    write("model.py", model("self.l = nn.Linear(12, 4)", "return self.l(x)"))
    assert load_target("model.py", batch_size=3, seq_len=7).inputs[0].shape == (3, 7, 12)
    assert load_target("model.py", batch_size=1, seq_len=0).inputs[0].shape == (1, 0, 12)


def test_numbers_are_guessed_and_said(write: Write, load_target: Load) -> None:
    text = model(
        "self.l = nn.Linear(4, 4)",
        "return self.l(x[:, start_pos:]) * scale",
        "x, start_pos: int, *, scale: float",
    )
    write("model.py", text)
    loaded = load_target("model.py")
    assert loaded.args[1] == 0
    assert loaded.kwargs == {"scale": 1}
    assert {"The argument start_pos is 0.", "The argument scale is 1."} < set(loaded.guessed)


def test_torchs_own_modules_keep_their_layout(write: Write, load_target: Load) -> None:
    text = (
        HEAD
        + "first = nn.MultiheadAttention(16, 2)\nsecond = nn.MultiheadAttention(16, 2, batch_first=True)\n"
    )
    write("model.py", text)
    assert [i.shape for i in load_target("model.py:first").inputs] == [(128, 2, 16)] * 3
    assert [i.shape for i in load_target("model.py:second").inputs] == [(2, 128, 16)] * 3


def test_every_guess_is_a_sentence(write: Write, load_target: Load) -> None:
    write("model.py", model("self.e = nn.Embedding(50, 8)", "return self.e(x)"))
    assert load_target("model.py").guessed[-1] == (
        "Input 0 is int64[2, 128]: random token ids below 50 (the rows of `e`)."
    )


def test_a_model_of_transformers_in_a_file_gets_its_own_inputs(write: Write, load_target: Load) -> None:
    text = (
        "from transformers import T5Config, T5Model\n"
        "def build_model():\n"
        "    return T5Model(T5Config(d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2, vocab_size=9))\n"
    )
    write("model.py", text)
    assert {item.name for item in load_target("model.py").inputs} == {"input_ids", "decoder_input_ids"}
