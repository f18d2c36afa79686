"""model → op graph → attention sites. `tracing.tracing.trace` is the door; this package imports torch only there."""
