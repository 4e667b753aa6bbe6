"""What every run of training can be told: one frozen model, checked before anything heavy is imported."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table whose keys are all known here."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LoopSettings(Section):
    """``[loop]``: how any stage is optimised, watched and kept."""

    steps: Count = Field(description="Optimiser steps in all.")
    seed: Natural = Field(default=0, description="Settles the order of examples and everything random.")
    optimiser: Literal["adamw", "muon"] = Field(
        default="adamw", description="Muon is for the matrices of layers; the rest goes to AdamW either way."
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(description="AdamW's, at its highest.")
    embedding_learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="AdamW's for embeddings and the output layer; as learning_rate if none."
    )
    muon_learning_rate: Annotated[float, Field(gt=0)] = Field(
        default=0.02, description="Muon's, at its highest."
    )
    muon_iterations: Count = Field(default=5, description="How finely Muon makes an update orthogonal.")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.95, description="Muon's.")
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(
        default=(0.9, 0.95), description="AdamW's memory of gradients and of their squares."
    )
    epsilon: Annotated[float, Field(gt=0)] = Field(default=1e-8, description="AdamW's.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="Of matrices; norms, biases and embeddings have none."
    )
    warmup_steps: Natural = Field(
        default=0, description="Steps in which the learning rate rises to its highest."
    )
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="cosine", description="How the learning rate falls at the end."
    )
    decay_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="The last part of the run, in which it falls."
    )
    final_share: Share = Field(default=0.0, description="What is left of the learning rate at the end.")
    clip: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="Longest gradient, in its norm; 0 clips none."
    )
    spike_factor: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="A step is left out if its loss is this many times the usual one; 0 takes all.",
    )
    bad_steps: Natural = Field(
        default=5, description="So many steps left out in a row are borne; one more ends the run."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="What is computed with; weights and optimiser stay in 32 bits."
    )
    compile: bool = Field(
        default=False, description="Compile the model: a minute at the start, faster steps."
    )
    parallel: Literal["ddp", "fsdp"] = Field(
        default="ddp",
        description="What each process of torchrun holds: a copy of the model (ddp), or a part of it (fsdp).",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where; auto takes a GPU if any."
    )
    threads: Natural = Field(default=0, description="Threads on the processor; 0 leaves that to PyTorch.")
    evaluate_every: Natural = Field(default=0, description="Steps between evaluations; 0 is at the end only.")
    sample_every: Natural = Field(default=0, description="Steps between samples; 0 makes none.")
    save_every: Natural = Field(default=0, description="Steps between checkpoints; 0 keeps only the result.")
    keep: Count = Field(default=2, description="How many checkpoints are kept, the newest.")
    log_every: Count = Field(default=10, description="Steps between lines of the journal.")
    tensorboard: bool = Field(default=True, description="Write files for TensorBoard.")
    plot: bool = Field(default=True, description="Draw the curves as a picture at the end.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps is {self.warmup_steps!r}: it must be below steps, {self.steps!r}")
        return self
