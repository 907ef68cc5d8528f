"""What others must know of the recurrent thrombus networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.lstm.plan import AttentionPlan, StackPlan, largest_stack, plan_attlstm, plan_lstm, plan_upattlstm
from models.spec import BenchmarkInput, ModelSpec, PublishedCost

if TYPE_CHECKING:
    from torch import nn

# Vargas-Ibarra 2024, section 2.1, table 3
_STACK = BenchmarkInput((12, 256, 256), ("DWI", "SWAN", "PHASE"), (2.0, 0.5, 0.5))


def _build_lstm(plan: StackPlan) -> nn.Module:
    from models.lstm.network import LSTMNet

    return LSTMNet(plan)


def _build_attlstm(plan: AttentionPlan) -> nn.Module:
    from models.lstm.network import AttLSTM

    return AttLSTM(plan)


def _build_upattlstm(plan: AttentionPlan) -> nn.Module:
    from models.lstm.network import UpAttLSTM

    return UpAttLSTM(plan)


LSTM = ModelSpec(
    plan=plan_lstm,
    plan_type=StackPlan,
    build=_build_lstm,
    cost=PublishedCost(4.0e5, 0.05e6),
    benchmark=_STACK,
    largest_patch=largest_stack,
)

ATTLSTM = ModelSpec(
    plan=plan_attlstm,
    plan_type=AttentionPlan,
    build=_build_attlstm,
    cost=PublishedCost(5.0e4, 0.3e6),
    benchmark=_STACK,
    largest_patch=largest_stack,
    takes_channels=False,
)

UPATTLSTM = ModelSpec(
    plan=plan_upattlstm,
    plan_type=AttentionPlan,
    build=_build_upattlstm,
    cost=PublishedCost(5.6e5, 0.3e6),
    benchmark=_STACK,
    largest_patch=largest_stack,
    takes_channels=False,
)
