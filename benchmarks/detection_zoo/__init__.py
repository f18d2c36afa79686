"""Ninety-odd small models of the transformers library, and how often each of them attends.

`ZOO` builds them; `expected.json` says which of their modules compute attention and how often, found without
attnprobe: by spying on the functions that attention goes through, then by reading each model's code.
"""

from benchmarks.detection_zoo.audio import AUDIO
from benchmarks.detection_zoo.encoder_decoders import ENCODER_DECODERS
from benchmarks.detection_zoo.entry import Entry
from benchmarks.detection_zoo.mixtures import MIXTURES
from benchmarks.detection_zoo.multimodal import MULTIMODAL
from benchmarks.detection_zoo.pyramids import PYRAMIDS
from benchmarks.detection_zoo.text import DECODERS, ENCODERS
from benchmarks.detection_zoo.vision import VISION

ZOO: tuple[Entry, ...] = (
    *DECODERS,
    *ENCODERS,
    *MIXTURES,
    *ENCODER_DECODERS,
    *VISION,
    *PYRAMIDS,
    *AUDIO,
    *MULTIMODAL,
)
