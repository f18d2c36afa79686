"""The environment variables that the model's process sees: what Python and torch need, and no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("PYTHONPATH", "PYTHONHASHSEED", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONUTF8"),
        *(
            "PYTHONWARNINGS",
            "VIRTUAL_ENV",
            "CONDA_PREFIX",
            "LD_LIBRARY_PATH",
            "LD_PRELOAD",
            "DYLD_LIBRARY_PATH",
        ),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"),
        *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_MODULES_CACHE"),
        *("CC", "CXX", "CPATH", "MALLOC_ARENA_MAX", "SYSTEMROOT", "USERPROFILE"),
    }
)
_PREFIXES = (
    *(
        "LC_",
        "CUDA_",
        "NVIDIA_",
        "NCCL_",
        "CUBLAS_",
        "CUDNN_",
        "TORCH_",
        "TORCHINDUCTOR_",
        "PYTORCH_",
        "ATEN_",
    ),
    *(
        "OMP_",
        "GOMP_",
        "KMP_",
        "MKL_",
        "OPENBLAS_",
        "NUMEXPR_",
        "TRITON_",
        "HIP_",
        "ROCR_",
        "HSA_",
        "ONEDNN_",
    ),
)
_SECRET = re.compile(r"TOKEN|SECRET|PASS|CREDENTIAL|AUTH|KEY", re.IGNORECASE)

# Nothing is fetched and nothing is told to anyone while a model is scanned.
_FORCED = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    # What the model prints is captured, so it never has to fit the terminal's encoding.
    "PYTHONIOENCODING": "utf-8:backslashreplace",
}


def child_environment(environ: Mapping[str, str], passed: Iterable[str] = ()) -> dict[str, str]:
    """The environment of the model's process.

    Args:
        environ: Ours.
        passed: Names that the user lets through by name.
    """
    passed = frozenset(passed)
    return {name: value for name, value in environ.items() if name in passed or _is_needed(name)} | _FORCED


def _is_needed(name: str) -> bool:
    return name in _NAMES or (name.startswith(_PREFIXES) and not _SECRET.search(name))
