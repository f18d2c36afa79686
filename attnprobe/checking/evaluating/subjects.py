"""What a rule looks at: one site, head, group, model, change or ignore, as flat facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from attnprobe.checking.expressions import Facts, Parts, no_parts
from attnprobe.records import AttentionSite, Location


@dataclass(slots=True)
class Subject:
    """One thing to look at, and what is known of it. Not frozen: there is one for every head."""

    facts: Facts
    sites: tuple[AttentionSite, ...] = ()  # the site, or those of the group; () for the whole model
    head: int | None = None
    parts: Parts = no_parts  # facts of its heads, or of its sites
    reasons: Mapping[str, str] = field(default_factory=dict)  # name -> why it is None
    where: str = ""  # the group's pattern; subjects of one `where` and `key` become one finding
    key: str = ""  # tells findings of one rule and place apart
    location: Location | None = None  # when it is not that of the site

    @property
    def site(self) -> str:
        """Id of its first site; "" for the whole model."""
        return self.sites[0].id if self.sites else ""
