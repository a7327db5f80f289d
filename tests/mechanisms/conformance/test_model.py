"""The checks of a sequence model: each finds a fault and says what is wrong."""

import pytest
import torch
from torch import nn

from mechanisms import MODELS, SequenceModel
from mechanisms.conformance.compiling import STOPS
from tests.conformance import checks_without_fault, failures, message, result_of
from tests.planted import Shrunk


class PeeksAhead(SequenceModel):
    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.map = nn.Linear(width, width)

    def forward(self, source, query):
        return self.map(query) + query.mean(1, keepdim=True) + source.mean(1, keepdim=True)

    def start(self, source):
        return source.mean(1)

    def step(self, query, state):
        return self.map(query) + state, state


class AnswersAtTheSource(PeeksAhead):
    def forward(self, source, query):
        return self.map(torch.cat([source, query], 1))


class IgnoresTheSource(PeeksAhead):
    def forward(self, source, query):
        return self.map(query)


class Drops(PeeksAhead):
    def forward(self, source, query):
        return nn.functional.dropout(self.map(query), 0.5)


class Sums(SequenceModel):
    """A correct model: a map of the sum of all positions so far."""

    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.map = nn.Linear(width, width)

    def mix(self, x):
        return x.cumsum(1)

    def forward(self, source, query):
        return self.map(self.mix(torch.cat([source, query], 1)))[:, source.shape[1] :]

    def start(self, source):
        return source.sum(1)

    def step(self, query, state):
        return self.map(state + query), state + query


class CutsBlocks(Sums):
    """A last block of fewer than four positions forgets what was before it."""

    def mix(self, x):
        whole = x.shape[1] // 4 * 4
        return torch.cat([x[:, :whole].cumsum(1), x[:, whole:].cumsum(1)], 1)


class CountsItsPadding(Sums):
    """The padding of the last block of four is summed too."""

    def mix(self, x):
        return super().mix(x) + -x.shape[1] % 4


class ForgetsToCarryGradients(Sums):
    def mix(self, x):
        return x + (x.cumsum(1) - x).detach()


class ShrinksGradients(Sums):
    """At every position the gradient of the sum before it loses a tenth."""

    def mix(self, x):
        sums = [x[:, 0]]
        for position in range(1, x.shape[1]):
            sums.append(Shrunk.apply(sums[-1]) + x[:, position])
        return torch.stack(sums, 1)


class CutsGradients(Sums):
    """No gradient passes from one block of 64 positions to the next, as in truncated backpropagation."""

    def mix(self, x):
        sums, before = [], torch.zeros_like(x[:, 0])
        for block in x.split(64, dim=1):
            sums.append(before[:, None] + block.cumsum(1))
            before = sums[-1][:, -1].detach()
        return torch.cat(sums, 1)


class HoldsATable(Sums):
    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.table = torch.ones(width)

    def mix(self, x):
        return super().mix(x) * self.table


class CountsThere(Sums):
    def mix(self, x):
        return super().mix(x) / torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]


class AddsSinglePrecision(Sums):
    def forward(self, source, query):
        return super().forward(source, query) + torch.zeros(query.shape[2], device=query.device)


class OverflowsHalf(Sums):
    """In half precision 1.001 is 1."""

    def mix(self, x):
        return super().mix(x) / (torch.ones((), dtype=x.dtype, device=x.device) + 1e-3).log()


class ReadsANumber(Sums):
    def mix(self, x):
        return super().mix(x / 2 if x.max().item() > 1000 else x)


class OverTheBatch(Sums):
    def mix(self, x):
        return super().mix(x) - x.mean(0, keepdim=True)


class Unlearnt(Sums):
    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.idle = nn.Parameter(torch.zeros(width))


class NoSteps(Sums):
    def start(self, source):
        return source[:, -1]


class KeepsAll(Sums):
    """Correct, but its state grows with the length, and it does not say so."""

    def start(self, source):
        return source

    def step(self, query, state):
        state = torch.cat([state, query[:, None]], 1)
        return self.map(state.sum(1)), state


class ClaimsToGrow(Sums):
    state_grows = True


class StartsWithOnes(Sums):
    def start(self, source):
        return source.sum(1) if source.shape[1] else torch.ones_like(source.sum(1))


class SqueezesOneQuery(Sums):
    def forward(self, source, query):
        return super().forward(source, query).squeeze(1)


class OtherWhenCompiled(Sums):
    def mix(self, x):
        return super().mix(x) * (2 if torch.compiler.is_compiling() else 1)


class Unsaved(Sums):
    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.shift = torch.randn(width, dtype=torch.float64)

    def mix(self, x):
        return super().mix(x) + self.shift.to(x.dtype)


def test_a_small_correct_model_passes():
    assert failures(MODELS, Sums) == {}


FAULTS = [
    (PeeksAhead, "causal", "so the model is not causal"),
    (PeeksAhead, "step_is_forward", "step 0 after start gives another output than forward"),
    (AnswersAtTheSource, "output_shape", "expected (2, 5, 24): return outputs at the query positions only"),
    (IgnoresTheSource, "reads_source", "does not depend on the source"),
    (Drops, "deterministic", "two calls on the same input differ"),
    (nn.Identity, "constructs", "Identity is not a SequenceModel"),
    (
        CutsBlocks,
        "prefixes_agree",
        "the first 12 of 13 queries after a source of 67 have other outputs",
    ),
    (CountsItsPadding, "prefixes_agree", "is a length that is not a multiple of a block cut or padded wrongly?"),
    (ForgetsToCarryGradients, "gradients_exact", "Is something detached, or computed under no_grad?"),
    (ShrinksGradients, "gradients_exact", "the gradient is not that of the output"),
    (CutsGradients, "gradients_exact_at_length", "is a state detached between blocks, or a gradient scaled or cut?"),
    (AddsSinglePrecision, "output_shape", "(2, 5, 24) and torch.float32 for source (2, 7, 24) and query (2, 5, 24) of"),
    (HoldsATable, "moves_to_a_device", "or kept in an attribute that is neither parameter nor buffer?"),
    (CountsThere, "moves_to_a_device", "is a tensor made inside without `device=x.device`"),
    (OverflowsHalf, "output_shape", "forward returned numbers that are not finite, in torch.bfloat16"),
    (OtherWhenCompiled, "compiles", "compiled it gives another output or gradient"),
    (Unsaved, "saved_weights_suffice", "is there a tensor that is neither parameter nor buffer?"),
    (OverTheBatch, "batch_of_one", "an example has other outputs in a batch of 1 than in one of 11"),
    (Unlearnt, "parameters_learn", "parameter 'idle' gets no gradient"),
    (NoSteps, "step_is_forward", "does the state hold everything"),
    (KeepsAll, "state_size", "after 7 positions and 6720 after 35: set `state_grows = True` on the class"),
    (ClaimsToGrow, "state_size", "after 7 positions and 192 after 35: set `state_grows = False` on the class"),
    (StartsWithOnes, "empty_source", "the first step from an empty source gives another output than forward"),
    (SqueezesOneQuery, "one_query", "forward returned shape (2, 24) for a single query, expected (2, 1, 24)"),
]


@pytest.mark.parametrize(("value", "check", "sentence"), FAULTS)
def test_a_check_finds_the_fault(value, check, sentence):
    assert sentence in message(MODELS, value, check)


def test_every_check_has_a_fault():
    from .test_model_calls import FAULTS as IN_SOME_CALLS

    assert not checks_without_fault(MODELS, (check for _, check, _ in FAULTS + IN_SOME_CALLS))


@pytest.mark.parametrize("value", [CutsBlocks, ForgetsToCarryGradients, CutsGradients])
def test_a_fault_at_some_lengths_or_in_the_gradient_is_found_by_one_check_only(value):
    """So this check is needed: all others pass."""
    assert len(failures(MODELS, value)) == 1


def test_a_graph_break_is_a_finding_and_not_a_failure():
    result = result_of(MODELS, ReadsANumber, "compiles")
    assert result.passed
    assert result.message.startswith(STOPS)
