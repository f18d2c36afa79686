"""Speed and memory of the built-in attentions against torch's SDPA and against peer libraries."""
