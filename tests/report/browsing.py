"""What the tests in Chromium share."""

from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
OPEN_ALL = "for (const each of document.querySelectorAll('details')) each.open = true"
