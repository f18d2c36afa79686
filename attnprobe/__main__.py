"""`python -m attnprobe` is `attnprobe`."""

from attnprobe.commands import main

if __name__ == "__main__":
    main()
