"""`python -m attnprobe` is `attnprobe`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # `-m` puts the working directory first on the path; a `json.py` there would replace Python's.
    if not sys.flags.safe_path and Path(sys.path[0]) != Path(__file__).resolve().parent.parent:
        del sys.path[0]
    from attnprobe.commands import main

    main()
