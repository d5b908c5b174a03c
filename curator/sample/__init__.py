"""The built-in sample set: portraits drawn by the program itself, with exact alpha, and masks like those of a crowd.

Nobody in it is a real person. `write_sample` makes a folder that can be ingested like any other. Random numbers always come
from a generator or seed that is passed in.
"""

from curator.sample.collection import Plan, Sample, draw_sample, draw_samples, plan_samples, write_sample
from curator.sample.crowd import BAD_KINDS, crowd_mask, scribble
from curator.sample.non_face import SUBJECTS, draw_non_face
from curator.sample.person import STYLES, Person, draw_person
from curator.sample.portrait import Portrait, draw_portrait

__all__ = [
    "BAD_KINDS",
    "STYLES",
    "SUBJECTS",
    "Person",
    "Plan",
    "Portrait",
    "Sample",
    "crowd_mask",
    "draw_non_face",
    "draw_person",
    "draw_portrait",
    "draw_sample",
    "draw_samples",
    "plan_samples",
    "scribble",
    "write_sample",
]
