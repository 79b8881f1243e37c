"""Write tests/gpt2_tied, tests/gpt2_untied and tests/gpt2_reference.npz.

Tiny GPT-2s made by `transformers`, and their logits. Run by hand when the reference must
change:

    pip install torch==2.13.0 transformers
    python tests/make_gpt2_reference.py

Neither library is a dependency of the course; the chapters read the stored files.
"""
import json
from pathlib import Path

import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
SHAPE = dict(vocab_size=17, n_positions=9, n_embd=12, n_layer=2, n_head=3)


def main() -> None:
    ids = np.random.default_rng(3).integers(0, 17, 9)
    versions = [f"transformers {transformers.__version__}", f"torch {torch.__version__}"]
    out = dict(ids=ids, versions=np.array(versions))
    for kind in ("tied", "untied"):
        torch.manual_seed(7)
        cfg = transformers.GPT2Config(
            **SHAPE, tie_word_embeddings=kind == "tied", initializer_range=0.3)
        model = transformers.GPT2LMHeadModel(cfg).eval()
        with torch.no_grad(): out[kind] = model(torch.tensor(ids)[None]).logits[0].numpy()
        folder = HERE / f"gpt2_{kind}"
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        heads = json.loads((folder / "config.json").read_text())["n_head"]
        print(kind, heads, "heads,", model.num_parameters(), "parameters")
    np.savez_compressed(HERE / "gpt2_reference.npz", **out)


if __name__ == "__main__":
    main()
