"""Optimizers: Muon for the matrices of the blocks, AdamW for everything else.

Muon (https://kellerjordan.github.io/posts/muon/): momentum whose update is orthogonalised by five Newton-Schulz steps.
In our first run AdamW alone needed twice the tokens for the same loss. Start at `make_optimizers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Keller Jordan's quintic, steep at zero
_NEWTON_SCHULZ_STEPS = 5


def orthogonalise(matrix: Tensor, *, bf16: bool = False) -> Tensor:
    """Return an approximation of U V^T, where `matrix` = U S V^T, by five steps of a quintic Newton-Schulz iteration.

    `bf16` computes in bfloat16, which is faster and accurate enough. The coefficients are those of
    `zeropower_via_newtonschulz5` in https://github.com/KellerJordan/Muon.
    """
    first, second, third = _NEWTON_SCHULZ
    wide = matrix.shape[0] <= matrix.shape[1]
    update = matrix if wide else matrix.mT
    if bf16:
        update = update.bfloat16()
    update = update / (update.norm() + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = update @ update.mT
        update = first * update + (second * gram + third * gram @ gram) @ update
    return (update if wide else update.mT).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum with orthogonalised updates, for matrices only; https://github.com/KellerJordan/Muon."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        decay: float = 0.01,
        bf16: bool = False,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})
        self._bf16 = bf16

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # the closure is unused
        """Update the parameters from their gradients; `closure` is ignored.

        The factor max(1, rows / columns) ** 0.5 gives updates of the same size for every shape.
        """
        del closure
        for group in self.param_groups:
            for parameter in group["params"]:
                state: dict[str, Any] = self.state[parameter]
                momentum = state.setdefault("momentum", torch.zeros_like(parameter))
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                nesterov = parameter.grad.lerp(momentum, group["momentum"])
                update = orthogonalise(nesterov, bf16=self._bf16)
                parameter.mul_(1 - group["lr"] * group["decay"])
                # scaled so that updates of all shapes have one size
                parameter.add_(update, alpha=-group["lr"] * max(1.0, parameter.shape[0] / parameter.shape[1]) ** 0.5)


def make_optimizers(
    network: nn.Module, *, muon_lr: float, adam_lr: float, bf16: bool = False
) -> tuple[torch.optim.Optimizer, ...]:
    """Return Muon for the matrices of the blocks, and AdamW for embeddings, norms and biases.

    AdamW is described in https://arxiv.org/abs/1711.05101.

    Args:
        network: the network to train.
        muon_lr: learning rate of Muon.
        adam_lr: learning rate of AdamW.
        bf16: whether Muon computes in bfloat16.
    """
    named = list(network.named_parameters())
    matrices = [value for name, value in named if value.ndim == 2 and ".h." in name]
    others = [value for name, value in named if not (value.ndim == 2 and ".h." in name)]
    return (
        Muon(matrices, lr=muon_lr, bf16=bf16),
        torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
    )
