"""The stages of the pipeline, outermost first in `rostra.app`."""
