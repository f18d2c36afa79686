"""The door for a checkout: `python cli.py scan …` is `attnprobe scan …`."""

from attnprobe.commands import main

if __name__ == "__main__":
    main()
