from __future__ import annotations

import pytest

from attnprobe.isolation.environment import child_environment


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "LC_ALL",
        "CUDA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "PYTORCH_ALLOC_CONF",
        "HF_HOME",
        "TORCH_LOGS",
    ],
)
def test_what_torch_and_python_need_is_kept(name: str) -> None:
    assert child_environment({name: "x"})[name] == "x"


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "https_proxy",
        "TORCH_TOKEN",
        "CUDA_API_KEY",
        "EDITOR",
        "WORLD_SIZE",
    ],
)
def test_everything_else_is_dropped(name: str) -> None:
    assert name not in child_environment({name: "x"})


def test_a_name_that_is_passed_is_kept_whatever_it_is() -> None:
    assert child_environment({"HF_TOKEN": "x", "GH_TOKEN": "y"}, ["HF_TOKEN"])["HF_TOKEN"] == "x"
    assert "GH_TOKEN" not in child_environment({"HF_TOKEN": "x", "GH_TOKEN": "y"}, ["HF_TOKEN"])


def test_nothing_is_downloaded_even_if_the_user_allows_it_elsewhere() -> None:
    assert child_environment({"HF_HUB_OFFLINE": "0"}, ["HF_HUB_OFFLINE"])["HF_HUB_OFFLINE"] == "1"
