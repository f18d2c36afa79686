"""Tiny real repositories with two revisions of a small GPT."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

GPT = """
import torch
from torch import nn
from torch.nn import functional as F

HEADS, KV_HEADS, LAYERS, WINDOW = 4, 4, 3, None
causal = True


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = nn.Linear(16, 16, bias=False)
        self.k_proj = nn.Linear(16, 4 * KV_HEADS, bias=False)
        self.v_proj = nn.Linear(16, 4 * KV_HEADS, bias=False)
        self.o_proj = nn.Linear(16, 16, bias=False)

    def forward(self, x):
        q = self.q_proj(x).unflatten(-1, (HEADS, 4)).transpose(1, 2)
        k = self.k_proj(x).unflatten(-1, (KV_HEADS, 4)).transpose(1, 2)
        v = self.v_proj(x).unflatten(-1, (KV_HEADS, 4)).transpose(1, 2)
        grouped = KV_HEADS != HEADS
        if WINDOW is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
        else:
            i = torch.arange(x.shape[1])
            near = (i[:, None] >= i) & (i[:, None] - i < WINDOW)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=near, enable_gqa=grouped)
        return self.o_proj(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.attn = Attention()

    def forward(self, x):
        return x + self.attn(self.norm(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(32, 16)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return x
"""
SETTINGS = "HEADS, KV_HEADS, LAYERS, WINDOW = 4, 4, 3, None"


BY_HAND = (
    "(q @ k.mT / 2).masked_fill(torch.ones(x.shape[1], x.shape[1]).triu(1).bool(), -1e9).softmax(-1) @ v"
)


def gpt(*, kv_heads: int = 4, layers: int = 3, window: int | None = None, is_fused: bool = True) -> str:
    """The source of the model; with scores and softmax written by hand where no fused kernel is wanted."""
    source = GPT.replace(SETTINGS, f"HEADS, KV_HEADS, LAYERS, WINDOW = 4, {kv_heads}, {layers}, {window}")
    fused = "F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)"
    return source if is_fused else source.replace(fused, BY_HAND)


def git(folder: Path, *arguments: str) -> str:
    """Run git as a user would, without the user's own configuration."""
    environ = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{
            f"GIT_{role}_{what}": "t@example.org"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    done = subprocess.run(["git", *arguments], cwd=folder, env=environ, capture_output=True, check=True)
    return done.stdout.decode().strip()


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A new repository with one commit on `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, files)
    return folder


def commit(folder: Path, files: dict[str, str], message: str = "a change") -> str:
    """Write files, commit everything, and give the commit."""
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def state(folder: Path) -> tuple[str, ...]:
    """Everything that must be left alone: tree, index, branches, list of worktrees."""
    return (
        git(folder, "status", "--porcelain", "--ignored"),
        git(folder, "ls-files", "--stage"),
        git(folder, "for-each-ref"),
        git(folder, "rev-parse", "HEAD"),
        git(folder, "worktree", "list", "--porcelain"),
    )
