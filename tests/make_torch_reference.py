"""Write tests/torch_reference.npz: a small GPT-2's losses and gradients by PyTorch's autograd.

Run by hand when the reference must change:

    pip install torch==2.13.0
    python tests/make_torch_reference.py

PyTorch is no dependency of the course; the chapters read the stored numbers. All of it is
float64.
"""
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from feste.model import KINDS, Config, gpt2_std, layout, n_params, views

CFG = Config(vocab_size=13, n_positions=7, n_embd=12, n_layer=2, n_head=3)
KIND = {name: replace(CFG, **changes) for name, changes in KINDS.items()}
ADAMW = dict(lr=0.01, betas=(0.9, 0.98), eps=1e-8)


def rotated(x: torch.Tensor) -> torch.Tensor:
    "Rotary positions by complex multiplication, (B, H, T, hs): a way our own code does not go."
    T, hs = x.shape[-2:]
    pairs = torch.complex(x[..., :hs // 2], x[..., hs // 2:])
    rates = 10000.0 ** (-torch.arange(0, hs, 2, dtype=x.dtype) / hs)
    angle = torch.outer(torch.arange(T, dtype=x.dtype), rates)
    out = pairs * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([out.real, out.imag], -1)


def forward(
    p: dict[str, torch.Tensor],
    cfg: Config,
    X: torch.Tensor,
    Y: torch.Tensor,
    masks: Iterator[torch.Tensor] | None = None,    # each is multiplied where GPT-2 drops
) -> torch.Tensor:
    "GPT-2's mean loss, written with PyTorch's layers and none of ours."
    B, T = X.shape
    drop = lambda x: x if masks is None else x * next(masks)
    x = p["wte.weight"][X] + (0 if cfg.rotary else p["wpe.weight"][:T])
    x = drop(x)
    for i in range(cfg.L):
        w = lambda name: p[f"h.{i}.{name}"]
        linear = lambda x, name: F.linear(x, w(f"{name}.weight").T, w(f"{name}.bias"))
        norm = lambda x, name: F.layer_norm(x, (cfg.C,), w(f"{name}.weight"), w(f"{name}.bias"))
        h = linear(norm(x, "ln_1"), "attn.c_attn")
        q, k, v = h.view(B, T, 3, cfg.H, -1).permute(2, 0, 3, 1, 4)
        if cfg.rotary: q, k = rotated(q), rotated(k)
        if masks is None: h = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            future = torch.ones(T, T, dtype=torch.bool).triu(1)
            scores = (q @ k.mT / (cfg.C // cfg.H) ** 0.5).masked_fill(future, -torch.inf)
            h = drop(scores.softmax(-1)) @ v
        h = h.transpose(1, 2).reshape(B, T, cfg.C)
        x = x + drop(linear(h, "attn.c_proj"))
        h = F.gelu(linear(norm(x, "ln_2"), "mlp.c_fc"), approximate="tanh")
        x = x + drop(linear(h, "mlp.c_proj"))
    x = F.layer_norm(x, (cfg.C,), p["ln_f.weight"], p["ln_f.bias"])
    logits = F.linear(x, p["wte.weight"] if cfg.tied else p["lm_head.weight"])
    return F.cross_entropy(logits.flatten(0, 1), Y.flatten())


def masks_for(cfg: Config, rng: np.random.Generator) -> Iterator[torch.Tensor]:
    "One sequence's dropout masks at rate 0.3, in the order in which the model asks for them."
    hidden, weights = (1, cfg.T, cfg.C), (1, cfg.H, cfg.T, cfg.T)
    shapes = [hidden] + cfg.L * [weights, hidden, hidden]
    return iter([torch.tensor((rng.random(s) >= 0.3) / 0.7) for s in shapes])


def tensors(flat: np.ndarray, cfg: Config) -> dict[str, torch.Tensor]:
    own = {n: w for n, w in views(flat, cfg).items() if n in layout(cfg)}
    return {n: torch.tensor(w, requires_grad=True) for n, w in own.items()}


def start(cfg: Config, rng: np.random.Generator) -> np.ndarray:
    "Parameters of this script's own, as wide as GPT-2's: they must not change with `init`."
    flat = np.zeros(n_params(cfg))
    for name, w in views(flat, cfg).items():
        if name not in layout(cfg): continue        # a tied head is the embedding's table
        if w.ndim == 2: w[:] = gpt2_std(name, w.shape, cfg) * rng.standard_normal(w.shape)
        elif name.endswith("weight"): w[:] = 1
    return flat


def gradients(p: dict[str, torch.Tensor]) -> np.ndarray:
    return np.concatenate([w.grad.numpy().ravel() for w in p.values()])


def main() -> None:
    rng = np.random.default_rng(1616)
    X, Y = rng.integers(0, CFG.V, (2, 3, CFG.T))
    tX, tY = torch.tensor(X), torch.tensor(Y)
    shape = np.array([CFG.V, CFG.C, CFG.L, CFG.H, CFG.T])
    versions = np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"])
    out = dict(shape=shape, X=X, Y=Y, versions=versions)
    for kind, cfg in KIND.items():
        flat = start(cfg, rng)
        flat += 0.2 * rng.standard_normal(flat.size)    # so that no gradient is nearly zero
        p = tensors(flat, cfg)
        loss = forward(p, cfg, tX, tY)
        loss.backward()
        out |= {f"{kind}.params": flat, f"{kind}.loss": loss.item(),
                f"{kind}.grads": gradients(p)}

    for kind, cfg in ((kind, KIND[kind]) for kind in ("untied", "tied, rotary")):
        flat, rng = out[f"{kind}.params"], np.random.default_rng(8)
        p = tensors(flat, cfg)
        loss = sum(forward(p, cfg, x[None], y[None], masks_for(cfg, rng))
                   for x, y in zip(tX, tY)) / len(tX)
        loss.backward()
        out |= {f"{kind}, dropout.params": flat, f"{kind}, dropout.loss": loss.item(),
                f"{kind}, dropout.grads": gradients(p)}

    p = tensors(out["untied.params"], CFG)
    groups = [dict(params=[w for w in p.values() if w.ndim == n], weight_decay=decay)
              for n, decay in ((2, 0.1), (1, 0.0))]
    optimizer, losses = torch.optim.AdamW(groups, **ADAMW), []
    for _ in range(10):
        optimizer.zero_grad()
        loss = forward(p, CFG, tX, tY)
        loss.backward()
        losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
        optimizer.step()
    path = Path(__file__).with_name("torch_reference.npz")
    np.savez_compressed(path, **out, **{"adamw.losses": np.array(losses)})
    print("losses", np.round(losses, 4))


if __name__ == "__main__":
    main()
