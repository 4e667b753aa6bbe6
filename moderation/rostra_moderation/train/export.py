"""Write what was trained as arrays and one graph that onnxruntime runs: eight bits a weight, no pickles, no torch."""

# Libraries of the extra "moderation", which is not always installed; what they return is known at run time only.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

from ..windows import LENGTH
from ..wordpiece import WordPiece


def export(made: Any, pieces: list[str], folder: Path) -> None:
    """Write the network ``made`` (`rostra_moderation.train.encoder.network`) and its vocabulary into ``folder``.

    The table of embeddings, half of all weights, is looked up outside the graph: one scale a row keeps more of it than
    onnxruntime's one scale for all. Raises `ValueError` if the vocabulary is not the network's.
    """
    import numpy as np

    table = made.encoder.embeddings.word_embeddings.weight.detach().numpy()
    if len(pieces) != len(table):
        raise ValueError(f"a vocabulary of {len(pieces)} pieces for {len(table)} embeddings")
    WordPiece(pieces)
    folder.mkdir(parents=True, exist_ok=True)
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-6) / 127
    np.savez(
        folder / "embedding.npz",
        table=np.round(table / scale).astype(np.int8),
        scale=scale.astype(np.float16),
    )
    (folder / "pieces.txt").write_text("\n".join(pieces) + "\n", "utf-8")
    _graph(made, folder / "encoder.onnx")


def _graph(made: Any, path: Path) -> None:
    """Write everything behind the embeddings, its matrices in eight bits, with positions for one window."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as temporary:
        whole, prepared = Path(temporary, "whole.onnx"), Path(temporary, "prepared.onnx")
        _traced(_shortened(made), whole)
        quant_pre_process(str(whole), str(prepared), skip_symbolic_shape=True)
        quantize_dynamic(
            prepared,
            path,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # Older processors add up pairs of products in 16 bits: with seven bits a weight nothing overflows there.
            reduce_range=True,
            op_types_to_quantize=["MatMul", "Gemm"],
        )
    graph = onnx.load(path)
    del graph.metadata_props[:]
    for node in graph.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.save(graph, path)


def _shortened(made: Any) -> Any:
    """Return a copy that knows no more positions than are ever read."""
    from torch import nn

    short = copy.deepcopy(made)
    embeddings = short.encoder.embeddings
    weight = embeddings.position_embeddings.weight.detach()[: LENGTH + 2].clone()
    embeddings.position_embeddings = nn.Embedding.from_pretrained(weight)
    embeddings.register_buffer("position_ids", embeddings.position_ids[:, : LENGTH + 2], persistent=False)
    embeddings.register_buffer("token_type_ids", embeddings.token_type_ids[:, : LENGTH + 2], persistent=False)
    return short


def _traced(made: Any, path: Path) -> None:
    import torch
    from torch import nn

    class Behind(nn.Module):  # type: ignore[misc]  # torch is Any to mypy
        """The network with embeddings for pieces."""

        def __init__(self) -> None:
            super().__init__()
            self.made = made

        def forward(self, embedded: Any, mask: Any, types: Any) -> Any:
            hidden = self.made.encoder(
                inputs_embeds=embedded, attention_mask=mask, token_type_ids=types
            ).last_hidden_state
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            most = (hidden - (1 - weights) * 1e4).amax(1)
            return self.made.head(torch.cat((mean, most), dim=1))

    size = made.encoder.config.hidden_size
    example = (
        torch.randn(2, 7, size),
        torch.ones(2, 7, dtype=torch.long),
        torch.zeros(2, 7, dtype=torch.long),
    )
    names = ["embedded", "mask", "types"]
    with torch.inference_mode():
        torch.onnx.export(
            Behind().eval(),
            example,
            str(path),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: {0: "texts", 1: "pieces"} for name in names},
            opset_version=17,
            dynamo=False,
        )
