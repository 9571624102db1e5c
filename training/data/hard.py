"""Hard examples without a hand-made list: kinds with a larger running error are drawn more often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.loader import GROUP, PREFETCH_GROUPS, group_of

PERIOD_GROUPS = 32  # how often the probabilities change; workers may not run further ahead
LIMIT = 3.0  # no kind gets more than this times its usual weight, or less than one such part
MEMORY = 0.9  # of the running errors
MAX_WORKERS = PERIOD_GROUPS // PREFETCH_GROUPS


class HardExamples:
    """probability of kind k ~ weight[k] · clip(error[k] / mean error, 1 / LIMIT, LIMIT).

    error[k] is a running mean of |predicted - true alpha| over the unknown pixels; a kind not seen yet counts as
    average. Workers draw ahead, so what was learnt in one period decides the one after the next: then it does not
    matter how many workers there are, and a resumed run draws the same.
    """

    def __init__(self, names: Sequence[str], weights: NDArray[np.float64]):
        self.names, self.weights = list(names), weights
        self.error = np.full(len(weights), np.nan)
        self.period = 0
        self.tables = [self.current(), self.current()]  # of this period and the next

    def current(self) -> NDArray[np.float64]:
        """The probabilities that the errors known now ask for."""
        known = self.error[np.isfinite(self.error)]
        mean = known.mean() if known.size and known.mean() > 0 else 1.0
        relative = np.where(np.isfinite(self.error), self.error / mean, 1.0)
        scaled = self.weights * np.clip(relative, 1 / LIMIT, LIMIT)
        return np.asarray(scaled / scaled.sum())

    def probabilities(self, group: int) -> NDArray[np.float64]:
        return self.tables[group // PERIOD_GROUPS - self.period]

    def learn(self, step: int, kinds: NDArray[np.int64], errors: NDArray[np.float64]) -> None:
        """Takes in the errors of the batch that was trained on as step number `step`."""
        for kind in np.unique(kinds):
            new = errors[kinds == kind].mean()
            old = self.error[kind]
            self.error[kind] = new if np.isnan(old) else MEMORY * old + (1 - MEMORY) * new
        if (step + 1) % (GROUP * PERIOD_GROUPS) == 0:
            self.start_period(group_of(step + 1) // PERIOD_GROUPS)

    def start_period(self, period: int) -> None:
        self.period, self.tables = period, [self.tables[1], self.current()]

    def state(self) -> dict[str, Any]:
        return {
            "period": self.period,
            "names": self.names,
            "error": torch.from_numpy(self.error.copy()),
            "tables": [torch.from_numpy(table.copy()) for table in self.tables],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Kinds are known by their names: those that are new count as not seen yet, those that went are forgotten.

        Raises ValueError where none is known.
        """
        known = {name: place for place, name in enumerate(state.get("names", []))}
        mine = [place for place, name in enumerate(self.names) if name in known]
        theirs = [known[self.names[place]] for place in mine]
        if not mine:
            raise ValueError(f"knows the errors of {len(known)} pictures, and none of them is in the data")
        self.period = state["period"]
        self.error[mine] = state["error"].numpy()[theirs]
        if len(mine) == len(known) == len(self.names):
            self.tables = [table.numpy()[theirs] for table in state["tables"]]
        else:
            self.tables = [self.current(), self.current()]
