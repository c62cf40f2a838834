"""Train stage: a run that can be interrupted, continued, and ended early.

A run saves the network, and `run.pt` (weights, optimizer state, number of steps) to continue from. A file `finish` in
its folder, SIGTERM or the deadline ends the run with a short decay of the learning rate. SIGSTOP and SIGCONT do no
harm. A run never changes the samples. Start at `run`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from models.training import network as networks
from models.training.optimizer import make_optimizers
from models.training.samples import open_rows
from models.training.schedule import Finish, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_GRADIENT_NORM = 1.0
_DECAYED = 0.05  # share of the full rate at which no further decay is needed
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of a run.

    Attributes:
        rows: path of the training rows, without suffix; the `validation` rows are in the same folder.
        folder: folder for checkpoints.
        begin: checkpoint folder to start from (transformers' format); None for a new network of the size `shape`.
        shape: size of a new network.
        seconds: length of the whole run.
        most_steps: maximum number of steps; None for as many as the time allows.
        batch_rows: rows in a step.
        part_rows: rows computed at once, as memory and caches allow.
        muon_lr: learning rate of the matrices.
        adam_lr: learning rate of the rest.
        warm_up_steps: steps until the full rate.
        decay_share: last share of the time in which the rate falls to zero.
        finish_steps: steps of the short decay.
        save_every_s: seconds between checkpoints.
        device: "cpu" or "cuda".
        bf16: autocast; faster on GPUs and on CPUs with AVX512-BF16 or AMX, slower than float32 on others.
        compiled: whether torch.compile is used; takes a minute and a C++ compiler, worthwhile with `bf16`.
        threads: number of CPU threads.
        seed: seed of a new network's weights.
    """

    rows: Path
    folder: Path
    begin: Path | None = None
    shape: networks.Shape = field(default_factory=networks.Shape)
    seconds: float = 3600.0
    most_steps: int | None = None
    batch_rows: int = 16
    part_rows: int = 4
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    warm_up_steps: int = 50
    decay_share: float = 0.6
    finish_steps: int = 40
    save_every_s: float = 480.0
    device: str = "cpu"
    bf16: bool = False
    compiled: bool = False
    threads: int = 2
    seed: int = 20260101


@dataclass(slots=True)
class Progress:
    """Times and counts of a run.

    Attributes:
        started: time of the run's first start, in seconds since the epoch.
        deadline: time at which the run has to end, in seconds since the epoch.
        step: number of steps so far.
        tokens: number of tokens so far.
    """

    started: float
    deadline: float
    step: int = 0
    tokens: int = 0


class Run:
    """One training run over memory-mapped rows."""

    def __init__(self, plan: Plan) -> None:
        torch.set_num_threads(plan.threads)
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.network = networks.load(plan.begin) if plan.begin else networks.Network(plan.shape)
        self.network.to(plan.device)
        self.optimizers = make_optimizers(self.network, muon_lr=plan.muon_lr, adam_lr=plan.adam_lr, bf16=plan.bf16)
        now = time.time()
        self.progress = Progress(now, now + plan.seconds)
        self.finish: Finish | None = None
        self._terminated = False
        self._losses: Callable[[Tensor, Tensor], Tensor] = (
            torch.compile(self.network) if plan.compiled else self.network
        )

    def resume(self) -> bool:
        """Load the last checkpoint in the run's folder, if there is one; return whether there is."""
        file = self.plan.folder / "run.pt"
        if not file.exists():
            return False
        state: dict[str, Any] = torch.load(file, map_location=self.plan.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.progress = Progress(**state["progress"])
        return True

    def save(self) -> None:
        """Write `run.pt`, atomically, and the network in the form of transformers to the run's folder."""
        folder = self.plan.folder
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": asdict(self.progress),
        }
        torch.save(state, folder / "run.pt.part")
        (folder / "run.pt.part").replace(folder / "run.pt")
        networks.save(self.network, folder, dtype=torch.float32)

    def train(self) -> None:
        """Take steps until the deadline, the last step or a request to finish, and decay the learning rate to zero.

        Saves a checkpoint every `save_every_s` seconds and at the end.

        Raises:
            ValueError: there are fewer rows than a step needs.
        """
        plan, progress = self.plan, self.progress
        tokens, weights = open_rows(plan.rows)
        if len(tokens) < plan.batch_rows:
            raise ValueError(f"{plan.rows} has {len(tokens)} rows, fewer than a step's {plan.batch_rows}.")
        saved = time.monotonic()
        schedule = Schedule(
            progress.started, progress.deadline, plan.warm_up_steps, plan.decay_share, most_steps=plan.most_steps
        )
        scale = 0.0
        smooth: float | None = None
        while True:
            now = time.time()
            if self.finish is None and self._should_finish(schedule.compute_progress(progress.step, now)):
                if scale <= _DECAYED:
                    break
                _log.info("finishing from scale %.3f", scale)
                self.finish = Finish(progress.step, plan.finish_steps, scale)
            scale = (
                self.finish.compute_scale(progress.step) if self.finish else schedule.compute_scale(progress.step, now)
            )
            if self.finish and scale == 0.0:
                break
            first = progress.step * plan.batch_rows % max(len(tokens) - plan.batch_rows + 1, 1)
            loss = self.step(tokens[first : first + plan.batch_rows], weights[first : first + plan.batch_rows], scale)
            progress.step += 1
            progress.tokens += plan.batch_rows * (tokens.shape[1] - 1)
            smooth = loss if smooth is None else 0.97 * smooth + 0.03 * loss
            if progress.step % 10 == 0:
                spent = time.time() - now
                _log.info(
                    "step %d tokens %d loss %.4f smooth %.4f scale %.3f seconds %.1f",
                    progress.step, progress.tokens, loss, smooth, scale, spent,
                )  # fmt: skip
            if time.monotonic() - saved > plan.save_every_s:
                self.save()
                _log.info("saved; validation %.4f", self.validate())
                saved = time.monotonic()
        self.save()
        _log.info("done: %d tokens, validation %.4f", progress.tokens, self.validate())

    def step(self, tokens: NDArray[np.uint16], weights: NDArray[np.uint8], scale: float) -> float:
        """Take one optimizer step; return the weighted mean loss in nats per token.

        Args:
            tokens: token ids (rows, positions + 1).
            weights: loss weight of each token.
            scale: factor of the learning rates.
        """
        total = float(weights[:, 1:].sum())
        summed = 0.0
        for ids, counted in self._iterate_parts(tokens, weights):
            with self._make_autocast():
                losses = self._losses(ids[:, :-1], ids[:, 1:])
            part = (losses * counted[:, 1:]).sum() / total
            part.backward()
            summed += float(part.detach())
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_NORM)
        for optimizer, peak in zip(self.optimizers, (self.plan.muon_lr, self.plan.adam_lr), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * scale
            optimizer.step()
            optimizer.zero_grad()
        return summed

    def validate(self) -> float:
        """Return the mean loss over the validation rows, in nats per token with a weight."""
        loss: float = compute_mean_loss(self.network, self.plan.rows.with_name("validation"), device=self.plan.device)
        return loss

    def terminate(self, *_signal: object) -> None:
        """Request that the run finishes at the next step; the handler of SIGTERM."""
        self._terminated = True

    def _should_finish(self, progress: float) -> bool:
        """Return whether the run has to finish: over by `progress`, terminated, or asked to by the file `finish`."""
        return self._terminated or progress >= 1.0 or (self.plan.folder / "finish").exists()

    def _iterate_parts(self, tokens: NDArray[np.uint16], weights: NDArray[np.uint8]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield tokens and loss weights of a batch, `part_rows` rows at a time, on the device."""
        for first in range(0, len(tokens), self.plan.part_rows):
            part = slice(first, first + self.plan.part_rows)
            ids = torch.from_numpy(tokens[part].astype(np.int64))
            yield ids.to(self.plan.device), torch.from_numpy(weights[part].astype(np.float32)).to(self.plan.device)

    def _make_autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return a context in which torch computes in bfloat16 if the plan says so."""
        if not self.plan.bf16:
            return contextlib.nullcontext()
        narrowed: contextlib.AbstractContextManager[object] = torch.autocast(self.plan.device, dtype=torch.bfloat16)
        return narrowed


@torch.no_grad()
def compute_mean_loss(network: networks.Network, rows: Path, *, device: str = "cpu", part_rows: int = 4) -> float:
    """Return the mean loss in nats over the tokens of `rows` with a weight; the size of the weights does not count."""
    tokens, weights = open_rows(rows)
    total, count = 0.0, 0
    for first in range(0, len(tokens), part_rows):
        ids = torch.from_numpy(tokens[first : first + part_rows].astype(np.int64)).to(device)
        counted = torch.from_numpy(weights[first : first + part_rows, 1:] > 0).to(device)
        total += float(network(ids[:, :-1], ids[:, 1:])[counted].sum())
        count += int(counted.sum())
    return total / max(count, 1)


def run(plan: Plan) -> None:
    """Train as planned, from the last checkpoint in the run's folder if there is one.

    Writes the process id to `train.pid`, and finishes the run at SIGTERM.
    """
    training = Run(plan)
    resumed = training.resume()
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / "train.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    signal.signal(signal.SIGTERM, training.terminate)
    _log.info("%s; validation %.4f", "resumed" if resumed else "started", training.validate())
    training.train()
