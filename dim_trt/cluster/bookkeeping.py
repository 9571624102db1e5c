"""What Ray Data notes of every block in the driver, and keeps until the run ends: thrown away as the run goes on."""

from __future__ import annotations

from contextlib import suppress
from typing import Any


def forget_blocks(context: Any) -> None:
    """Have datasets of this `DataContext` keep no notes of blocks: 2 KB of each, for statistics that nobody asks for.

    A Ray that has no place for this keeps them: its memory grows, its results are the same.
    """
    with suppress(ImportError, AttributeError):
        from ray.data._internal.execution.execution_callback import ExecutionCallback

        class Forgetful(ExecutionCallback):  # type: ignore[misc]
            def on_execution_step(self, executor: Any) -> None:
                with suppress(AttributeError):
                    for operator in executor._topology:
                        for notes in operator.get_stats().values():
                            notes.clear()

        context.custom_execution_callback_classes = [*context.custom_execution_callback_classes, Forgetful]
