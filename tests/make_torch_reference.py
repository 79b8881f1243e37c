"""Write tests/torch_reference.npz: losses and gradients of a small GPT-2 by PyTorch's own automatic differentiation.

Run by hand when the reference must change: `pip install torch==2.13.0 && python tests/make_torch_reference.py`.
PyTorch is no dependency of the course; the chapters read the stored numbers. All of it is float64.
"""
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from feste.model import Config, init, layout, views

CFG = Config(V=13, C=12, L=2, H=3, T=7)
ADAMW = dict(lr=0.01, betas=(0.9, 0.98), eps=1e-8)


def turned(x: torch.Tensor) -> torch.Tensor:
    "Rotary positions by complex multiplication, (B, H, T, hs): a way that our own code does not go."
    T, hs = x.shape[-2:]
    pairs = torch.complex(x[..., :hs // 2], x[..., hs // 2:])
    angle = torch.outer(torch.arange(T, dtype=x.dtype), 10000.0 ** (-torch.arange(0, hs, 2, dtype=x.dtype) / hs))
    out = pairs * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([out.real, out.imag], -1)


def forward(p: dict[str, torch.Tensor], cfg: Config, X: torch.Tensor, Y: torch.Tensor, masks: Iterator[torch.Tensor] | None = None) -> torch.Tensor:
    "GPT-2's mean loss, written with PyTorch's layers and none of ours. With masks, each is multiplied where GPT-2 drops."
    B, T = X.shape
    drop = lambda x: x if masks is None else x * next(masks)
    x = p["wte.weight"][X] + (0 if cfg.rotary else p["wpe.weight"][:T])
    x = drop(x)
    for i in range(cfg.L):
        w = lambda name: p[f"h.{i}.{name}"]
        h = F.layer_norm(x, (cfg.C,), w("ln_1.weight"), w("ln_1.bias"))
        q, k, v = F.linear(h, w("attn.c_attn.weight").T, w("attn.c_attn.bias")).view(B, T, 3, cfg.H, -1).permute(2, 0, 3, 1, 4)
        if cfg.rotary: q, k = turned(q), turned(k)
        if masks is None: h = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.mT / (cfg.C // cfg.H) ** 0.5).masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -torch.inf)
            h = drop(scores.softmax(-1)) @ v
        h = h.transpose(1, 2).reshape(B, T, cfg.C)
        x = x + drop(F.linear(h, w("attn.c_proj.weight").T, w("attn.c_proj.bias")))
        h = F.layer_norm(x, (cfg.C,), w("ln_2.weight"), w("ln_2.bias"))
        h = F.gelu(F.linear(h, w("mlp.c_fc.weight").T, w("mlp.c_fc.bias")), approximate="tanh")
        x = x + drop(F.linear(h, w("mlp.c_proj.weight").T, w("mlp.c_proj.bias")))
    x = F.layer_norm(x, (cfg.C,), p["ln_f.weight"], p["ln_f.bias"])
    logits = F.linear(x, p["wte.weight"] if cfg.tied else p["lm_head.weight"])
    return F.cross_entropy(logits.flatten(0, 1), Y.flatten())


def masks_for(cfg: Config, rng: np.random.Generator) -> Iterator[torch.Tensor]:
    "One sequence's dropout masks at rate 0.3, in the order in which the model asks for them."
    shapes = [(1, cfg.T, cfg.C)] + cfg.L * [(1, cfg.H, cfg.T, cfg.T), (1, cfg.T, cfg.C), (1, cfg.T, cfg.C)]
    return iter([torch.tensor((rng.random(s) >= 0.3) / 0.7) for s in shapes])


def tensors(flat: np.ndarray, cfg: Config) -> dict[str, torch.Tensor]:
    return {n: torch.tensor(w, requires_grad=True) for n, w in views(flat, cfg).items() if n in layout(cfg)}


def main() -> None:
    rng = np.random.default_rng(1616)
    X, Y = rng.integers(0, CFG.V, (2, 3, CFG.T))
    tX, tY = torch.tensor(X), torch.tensor(Y)
    out = dict(shape=np.array([CFG.V, CFG.C, CFG.L, CFG.H, CFG.T]), X=X, Y=Y, versions=np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"]))
    for kind, cfg in (("untied", CFG), ("tied", replace(CFG, tied=True)), ("rotary", replace(CFG, positions="rotary")),
                      ("tied, rotary", replace(CFG, tied=True, positions="rotary"))):
        flat = init(cfg, rng, np.float64)
        flat += 0.2 * rng.standard_normal(flat.size)      # far from the start, so that no gradient is nearly zero
        p = tensors(flat, cfg)
        loss = forward(p, cfg, tX, tY)
        loss.backward()
        out |= {f"{kind}.params": flat, f"{kind}.loss": loss.item(), f"{kind}.grads": np.concatenate([w.grad.numpy().ravel() for w in p.values()])}

    for kind, cfg in (("untied", CFG), ("tied, rotary", replace(CFG, tied=True, positions="rotary"))):
        flat, rng = out[f"{kind}.params"], np.random.default_rng(8)
        p = tensors(flat, cfg)
        loss = sum(forward(p, cfg, x[None], y[None], masks_for(cfg, rng)) for x, y in zip(tX, tY)) / len(tX)
        loss.backward()
        out |= {f"{kind}, dropout.params": flat, f"{kind}, dropout.loss": loss.item(), f"{kind}, dropout.grads": np.concatenate([w.grad.numpy().ravel() for w in p.values()])}

    p = tensors(out["untied.params"], CFG)
    groups = [dict(params=[w for w in p.values() if w.ndim == 2], weight_decay=0.1), dict(params=[w for w in p.values() if w.ndim == 1], weight_decay=0.0)]
    optimizer, losses = torch.optim.AdamW(groups, **ADAMW), []
    for _ in range(10):
        optimizer.zero_grad()
        loss = forward(p, CFG, tX, tY)
        loss.backward()
        losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
        optimizer.step()
    np.savez_compressed(Path(__file__).with_name("torch_reference.npz"), **out, **{"adamw.losses": np.array(losses)})
    print("losses", np.round(losses, 4))


if __name__ == "__main__":
    main()
