"""The target of a scan as a name that is safe wherever a name can stand."""

from __future__ import annotations

import hashlib
import re

from attnprobe.records import Scan
from attnprobe.report.judged.places import path_of

SLUG_LENGTH = 80

_UNFIT = re.compile(r"[^A-Za-z0-9._:/-]+|-{2,}|\.{2,}")


def slug(scan: Scan) -> str:
    """ "model.py:build": letters, digits and . _ : / - alone, never "--" or "..".

    Where something had to be left out, a hash of the whole keeps two targets apart.
    """
    target = path_of(scan.model.target)
    fit = _UNFIT.sub("-", target)
    fit = re.sub(r"-{2,}", "-", fit).strip("-/")[: SLUG_LENGTH - 10].rstrip("-")
    if fit and fit == target:
        return fit
    digest = hashlib.sha256(scan.model.target.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{fit}-{digest}" if fit else digest
