"""From cores to sites: merging, projections, ops and their parts, names, groups."""
