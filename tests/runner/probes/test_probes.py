"""Measurement code against laws: decay -ln rho of a linear recurrence, known allocations, known times."""

import ast
import functools
import itertools
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from mechanisms import MODELS, SequenceModel
from results import Measurement
from results.analysis.decay import decay
from runner.probes import PROBES, Recipe, Subject, matrix_product, prefill_operations, reference_job
from runner.probes.gradient_flow import initial_norms, trained_norms
from runner.probes.meters.memory import peak_bytes
from runner.probes.meters.timing import quartiles, repeat
from runner.probes.throughput import Throughput
from runner.training import seeds
from runner.training.data import TrainingData
from runner.training.network import Network
from runner.training.trainer import Evaluation, History, Trainer
from tasks import TASKS
from tests.runner.conftest import ROOT

CPU = torch.device("cpu")


def subject_of(build, width):
    """An untrained mechanism, as a probe gets it."""
    return Subject(build, Recipe(width=width), CPU, functools.partial(seeds.generator, CPU))


def trained_of(network, task, length, test_lengths, history=None):
    """A network with its task, as a probe gets them after training."""
    stream = functools.partial(seeds.generator, CPU)
    recipe = Recipe(batch=2, test_examples=20)
    trainer = Trainer(network, task, recipe, TrainingData(task, [length], recipe.batch, stream("train")), [])
    trainer.history = history or History()
    return Subject(
        build=lambda: MODELS["gru"](8),
        recipe=recipe,
        device=CPU,
        generator=stream,
        trainer=trainer,
        length=length,
        test_lengths=test_lengths,
    )


class LinearRNN(SequenceModel):
    """h_t = rho Q h_(t-1) + x_t with Q orthogonal: a gradient shrinks by exactly rho a position."""

    def __init__(self, width, rho):
        super().__init__(width)
        q, _ = torch.linalg.qr(
            torch.randn(width, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        )
        self.W = nn.Parameter(rho * q)

    def forward(self, source, query):
        state, outputs = source.new_zeros(len(source), self.width), []
        for x in torch.cat([source, query], dim=1).unbind(1):
            state = state @ self.W.T + x
            outputs.append(state)
        return torch.stack(outputs[source.shape[1] :], dim=1)

    def start(self, source):
        raise NotImplementedError

    def step(self, query, state):
        raise NotImplementedError


@pytest.mark.parametrize("rho", [0.5, 0.9, 1.0, 1.05])
def test_linear_rnn_decays_at_minus_log_rho(rho):
    norms = initial_norms(LinearRNN(11, rho), 61, 3, 11, torch.Generator().manual_seed(2)).mean(0)
    slopes = norms.log().diff()
    assert slopes.shape == (60,)
    torch.testing.assert_close(slopes, torch.full_like(slopes, math.log(rho)), rtol=1e-2, atol=1e-9)
    assert norms[0].item() == pytest.approx(rho), "distance 1 is one multiplication back, of a unit vector"


@pytest.mark.reference("probe", "gradient_flow")
@pytest.mark.parametrize("rho", [0.5, 0.9, 1.05])
def test_reported_decay_rate_is_minus_log_rho(rho):
    """From the probe's rows through the report's fit, within one per cent."""
    subject = subject_of(lambda: LinearRNN(11, rho), 11)
    measured = PROBES["gradient_flow"](lengths=[61], examples=3).untrained(subject)
    rows = [row for row in measured if row.quantity == "gradient_norm"]
    assert [row.at["distance"] for row in rows] == list(range(1, 62))
    summary = decay(np.array([row.at["distance"] for row in rows]), [np.array([row.value for row in rows])])
    assert summary.rate == pytest.approx(-math.log(rho), rel=1e-2)


def test_trained_gradient_sees_distance_from_the_scored_answer():
    """A network that reads one source position alone has a gradient there and nowhere else."""
    task = TASKS["adding"]()

    class Reader(SequenceModel):
        def forward(self, source, query):
            return source[:, 2:3] + query

        start = step = None

    Reader.__abstractmethods__ = frozenset()
    network = Network.for_task(Reader(5), task, 5)
    norms = trained_norms(trained_of(network, task, 7, (7,)), 32)
    # The query stands at position 7, so source position 2 is 5 before it.
    assert norms[4] > 0
    assert (norms.nan_to_num()[[0, 1, 2, 3, 5, 6]] == 0).all()


def test_peak_memory_counts_allocations_exactly():
    def work():
        a = torch.empty(1000, 1000)
        del a
        b = torch.empty(2000, 1000)
        c = torch.empty(500, 1000)
        return b, c

    assert peak_bytes(work, CPU) == 4 * 2_500_000


def test_peak_memory_of_a_linear_layer_step():
    """Forward and backward of y = x W: the output, its gradient, and the weight's gradient, by hand."""
    x, weight = torch.randn(3000, 200), nn.Parameter(torch.randn(200, 500))
    bytes_ = peak_bytes(lambda: (x @ weight).sum().backward(), CPU)
    output, gradient = 4 * 3000 * 500, 4 * 200 * 500
    assert output + gradient <= bytes_ <= 2 * output + gradient + 4096


def test_peak_memory_sees_that_earlier_gradients_are_freed():
    """A step frees the gradient of the one before, and allocates one of the same size."""
    x, weight = torch.randn(3, 2000), nn.Parameter(torch.randn(2000, 2000))

    def step():
        weight.grad = None
        (x @ weight).sum().backward()

    step()
    outputs = 4 * 3 * 2000
    assert peak_bytes(step, CPU) <= 3 * outputs + 4096, "and not the gradient, of 16 MB"


def test_peak_memory_of_what_grows_is_what_it_grows_by():
    kept = []
    assert peak_bytes(lambda: kept.append(torch.empty(1000, 1000)), CPU) == 4_000_000


class Clock:
    """A clock that work moves on by hand."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("runner.probes.meters.timing.time.perf_counter", lambda: self.now)

    def work(self, seconds):
        def pass_time():
            self.now += seconds

        return pass_time


def test_repeat_goes_on_for_the_seconds_it_is_given(monkeypatch):
    """5 seconds of half a second each make ten calls, of which the first is the warm-up."""
    times = repeat(Clock(monkeypatch).work(0.5), 5.0, CPU)
    assert times == [0.5] * 9


def test_repeat_of_something_slow_is_repeated_three_times_all_the_same(monkeypatch):
    assert repeat(Clock(monkeypatch).work(10.0), 1.0, CPU) == [10.0] * 3


def test_repeat_counts_the_first_call_where_there_is_no_warm_up(monkeypatch):
    assert repeat(Clock(monkeypatch).work(1.0), 4.0, CPU, warm_up=False) == [1.0] * 4


def test_repeat_leaves_preparation_outside_the_clock(monkeypatch):
    clock = Clock(monkeypatch)

    def prepare():
        clock.now += 100.0
        return clock.work(2.0)

    assert repeat(None, 1.0, CPU, prepare=prepare) == [2.0] * 3


def test_a_clock_is_right():
    times = repeat(lambda: time.sleep(0.02), 0.0, CPU)
    assert min(times) >= 0.02


def test_quartiles_by_hand():
    assert quartiles([4.0, 1.0, 3.0, 2.0, 5.0]) == (2.0, 3.0, 4.0)


@pytest.mark.reference("probe", "throughput")
def test_throughput_counts_tokens(monkeypatch):
    """By a clock that goes on by a second whenever it is read, the rates are the token counts."""
    readings = itertools.count()
    monkeypatch.setattr("runner.probes.meters.timing.time.perf_counter", lambda: float(next(readings)))
    subject = subject_of(lambda: MODELS["gru"](6), 6)
    rows = {(r.quantity, r.at.get("length")): r for r in Throughput(lengths=[10, 30], batch=3).untrained(subject)}
    assert rows["train", 30].value == rows["prefill", 30].value == 90
    assert rows["decode", 30].value == 3 * 16
    assert rows["reference", None].value == 1
    assert rows["matmul", None].value == 2 * 512**3, "a multiplication and an addition for each of 512^3 products"


class OneProduct(SequenceModel):
    """One product of matrices as large as that which it is timed beside."""

    def __init__(self, width, *, causal=True):
        super().__init__(width)
        self.weight = nn.Parameter(torch.randn(width, width))

    def forward(self, source, query):
        return query @ self.weight

    def start(self, source):
        return source @ self.weight

    def step(self, query, state):
        return query @ self.weight, state


def test_operations_of_prefill_by_hand():
    assert prefill_operations(OneProduct(6), 10) == 2 * 10 * 6 * 6
    assert prefill_operations(MODELS["gru"](6), 7) == 7 * 432, "as a forward of the same length"


@pytest.mark.slow
def test_a_model_that_is_one_product_is_about_as_fast_as_a_product():
    product, operations = matrix_product(CPU)
    model, source = OneProduct(512), torch.randn(1, 512, 512)
    assert prefill_operations(model, 512) == operations
    with torch.no_grad():
        pairs = [(repeat(product, 0.0, CPU), repeat(lambda: model.start(source), 0.0, CPU)) for _ in range(10)]
    share = np.median([min(other) / min(own) for other, own in pairs])
    assert 0.3 < share < 1.5


@pytest.mark.reference("probe", "speedup")
def test_speedup_is_the_ratio_of_the_seconds(monkeypatch):
    """By a clock on which a step takes 3 seconds with one thread and 2 with the others; the threads are set back."""
    before, now = torch.get_num_threads(), [0.0, 0.0]
    monkeypatch.setattr("runner.probes.speedup.os.sched_getaffinity", lambda process: {0, 1, 2}, raising=False)

    def read() -> float:
        # Read before and after each step.
        now[1] += 1
        now[0] += 0.0 if now[1] % 2 else 3.0 if torch.get_num_threads() == 1 else 2.0
        return now[0]

    monkeypatch.setattr("runner.probes.meters.timing.time.perf_counter", read)
    subject = subject_of(lambda: MODELS["gru"](6), 6)
    rows = [(r.quantity, r.value, r.at) for r in PROBES["speedup"](lengths=[10, 30], batch=3).untrained(subject)]
    assert rows == [("cores", 3, {}), ("speedup", 1.5, {"length": 10}), ("speedup", 1.5, {"length": 30})]
    assert torch.get_num_threads() == before


def test_a_fast_first_call_does_not_count_and_a_slow_one_does(monkeypatch):
    subject = subject_of(lambda: MODELS["gru"](6), 6)
    for readings, counted in (([0.0, 0.02, 1.0, 1.01], 0.01), ([0.0, 0.5], 0.5)):
        clock = iter(readings)
        with monkeypatch.context() as patch:
            patch.setattr("runner.probes.meters.timing.time.perf_counter", functools.partial(next, clock))
            times = Throughput(seconds=0.015)._times(subject, lambda: None)
        assert times == pytest.approx([counted])


def test_the_reference_job_is_of_torch_alone():
    """No change of a mechanism can change its time."""
    tree = ast.parse((ROOT / "runner/probes/meters/reference.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules | names == {"__future__", "collections.abc", "torch"}
    job = reference_job(CPU)
    assert repeat(job, 0.0, CPU, least=1)[0] > 0


@pytest.mark.reference("probe", "memory")
def test_memory_of_a_gru():
    subject = subject_of(lambda: MODELS["gru"](6), 6)
    measured = PROBES["memory"](lengths=[10, 30], batch=3).untrained(subject)
    rows = {(r.quantity, r.at["length"]): r.value for r in measured}
    assert rows["state", 10] == rows["state", 30] == 4 * 6, "a GRU carries one vector of floats"
    assert rows["peak_memory", 30] > rows["peak_memory", 10] > 0


class Together(SequenceModel):
    """Answers all queries at once, and so has no step."""

    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.map = nn.Linear(width, width)

    def forward(self, source, query):
        return self.map(query + source.mean(1, keepdim=True))


def test_what_cannot_decode_is_timed_in_training_alone():
    subject = subject_of(lambda: Together(6), 6)
    rows = list(Throughput(lengths=[10, 30], batch=3, seconds=1e-3).untrained(subject))
    rows += PROBES["memory"](lengths=[10, 30], batch=3).untrained(subject)
    assert {(row.quantity, row.at.get("length")) for row in rows} == {
        ("reference", None),
        ("matmul", None),
        *((quantity, length) for quantity in ("train", "peak_memory") for length in (10, 30)),
    }
    assert all(row.value > 0 for row in rows), "what is missing is left out, not NaN"


@pytest.mark.reference("probe", "cost")
def test_cost_rows():
    """A linear map of the queries: 2 width² a query, half of the positions are queries."""
    subject = subject_of(lambda: Together(6), 6)
    rows = list(PROBES["cost"](lengths=[10, 30]).untrained(subject))
    assert rows == [Measurement("cost", "flops_counted", 6 * 6, {"length": n}) for n in (10, 30)]
    subject = subject_of(lambda: MODELS["gru"](6), 6)
    rows = {(row.quantity, row.at["length"]): row.value for row in PROBES["cost"](lengths=[7]).untrained(subject)}
    assert rows == {("flops_counted", 7): 432, ("flops_analytic", 7): 432, ("flops_prefill", 7): 432, ("state", 7): 24}


def test_what_does_not_depend_on_the_weights_is_measured_once():
    assert [name for name in PROBES if not PROBES[name].seeded] == [
        "cost",
        "memory",
        "speedup",
        "throughput",
    ]


def test_transformer_state_grows_with_the_length():
    subject = subject_of(lambda: MODELS["transformer"](6, layers=2), 6)
    rows = PROBES["memory"](lengths=[10, 30], batch=3).untrained(subject)
    state = {r.at["length"]: r.value for r in rows if r.quantity == "state"}
    assert state == {n: 2 * 2 * n * 6 * 4 for n in (10, 30)}, "keys and values, two layers, floats"


def test_accuracy_rows():
    task = TASKS["copy"](items=2)
    torch.manual_seed(0)
    network = Network.for_task(MODELS["gru"](6), task, 6)
    history = History([Evaluation(0, math.nan, 2.0, 0.0), Evaluation(10, 1.5, 1.0, 0.995)])
    rows = list(PROBES["accuracy"]().trained(trained_of(network, task, 3, (3, 9), history)))
    assert Measurement("accuracy", "steps_to_solve", 10) in rows
    assert Measurement("accuracy", "loss", 1.5, at={"stage": "train", "step": 10}) in rows
    assert {r.at["length"] for r in rows if r.at.get("stage") == "test"} == {3, 9}
    by_name = {r.quantity: r.value for r in rows if r.at.get("length") == 9}
    assert by_name["normalised"] == pytest.approx((by_name["accuracy"] - 1 / 8) / (7 / 8))


def test_the_bytes_that_decoding_keeps_of_a_source():
    """Four bytes for each number: a GRU keeps its state, a Transformer a key and a value of each token and layer."""
    task, kept = TASKS["copy"](items=3), {}
    for model in (
        MODELS["gru"](8, layers=1),
        MODELS["transformer"](8, layers=2, heads=2),
        MODELS["transformer_encoder"](8),
    ):
        network = Network.for_task(model, task, 8)
        rows = PROBES["accuracy"]().trained(trained_of(network, task, 5, (5,)))
        kept[type(model).__name__] = [row.value for row in rows if row.quantity == "bytes_kept"]
    assert kept == {"GRU": [4 * 8], "Transformer": [4 * 2 * 2 * 8 * (3 + 5)], "TransformerEncoder": []}


@pytest.mark.reference("probe", "accuracy")
def test_accuracy_by_hand():
    """A network that is right about the first of three symbols, and gives half of the probability to its answer."""

    class First(Network):
        def __init__(self):
            torch.nn.Module.__init__(self)
            self.unused = nn.Parameter(torch.zeros(1))  # an optimiser needs one
            self.target_space, self.model = task.target_space, SimpleNamespace(decodes=False)

        def forward(self, batch):
            answer = torch.where(torch.arange(3) == 0, batch.target, (batch.target + 1) % 8)
            probabilities = torch.full((*answer.shape, 8), 0.5 / 7, dtype=torch.float64)
            return probabilities.scatter(2, answer.unsqueeze(2), 0.5).log()[batch.scored]

    task = TASKS["copy"](items=3)
    rows = PROBES["accuracy"]().trained(trained_of(First(), task, 5, (5,)))
    found = {row.quantity: row.value for row in rows if row.at.get("stage") == "test"}
    assert found == pytest.approx(
        {
            "accuracy": 1 / 3,
            "exact_match": 0.0,
            "loss": (math.log(2) + 2 * math.log(14)) / 3,
            "normalised": (1 / 3 - 1 / 8) / (7 / 8),
            "chance": 1 / 8,
            "ceiling": 1.0,
            "bits": (9 * math.log(2) - math.log(2) - 2 * math.log(14)) / math.log(2),
            "bits_asked": 9.0,
        }
    )


@pytest.mark.reference("probe", "accuracy_by_distance")
def test_accuracy_by_distance_by_hand():
    """Of 12 symbols, said backwards, those are right that lie at most 9 positions back: distances 1, 3, 5 ... 23."""

    class Near(Network):
        def __init__(self):
            torch.nn.Module.__init__(self)
            self.unused = nn.Parameter(torch.zeros(1))  # an optimiser wants one

        def forward(self, batch):
            back = 2 * torch.arange(12) + 1
            answer = torch.where(back <= 9, batch.target, 1 - batch.target)
            return torch.nn.functional.one_hot(answer, 2).double()[batch.scored]

    task = TASKS["reverse"]()
    trained = trained_of(Near(), task, 12, (12,))
    rows = list(PROBES["accuracy_by_distance"](bins=4).trained(trained))
    # 1 to 23 in four classes of six: 1 3 5 | 7 9 11 | 13 15 17 | 19 21 23.
    assert [(row.at["distance"], row.value) for row in rows] == [
        (3, 1.0),
        (9, pytest.approx(2 / 3)),
        (15, 0.0),
        (21, 0.0),
    ]
    fine = list(PROBES["accuracy_by_distance"](bins=100).trained(trained))
    assert [row.at["distance"] for row in fine] == list(range(1, 24, 2))


def test_accuracy_by_distance_needs_links_and_classes():
    for name in ("adding", "language"):
        task = TASKS[name]()
        network = Network.for_task(MODELS["gru"](8), task, 8)
        assert list(PROBES["accuracy_by_distance"]().trained(trained_of(network, task, 12, (12,)))) == []


def test_what_is_not_trained_has_no_network():
    subject = subject_of(lambda: MODELS["gru"](6), 6)
    for name in ("network", "task", "trained"):
        with pytest.raises(ValueError, match="this mechanism has not been trained"):
            getattr(subject, name)
    trained = trained_of(Network.for_task(MODELS["gru"](8), TASKS["copy"](), 8), TASKS["copy"](), 5, (5,))
    assert trained.network is trained.trainer.network
