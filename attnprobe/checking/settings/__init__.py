"""What the user decided: `[tool.attnprobe]` and attnprobe.toml, ATTNPROBE_*, the command line."""

from attnprobe.checking.settings.reading import read_settings
from attnprobe.checking.settings.rule_names import checked_against, names_rule
from attnprobe.checking.settings.site_globs import site_matcher

__all__ = ["checked_against", "names_rule", "read_settings", "site_matcher"]
