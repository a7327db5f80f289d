"""Views of a run of few numbers, beside what they must show, computed by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.views import VIEWS, Figure, Lines, Table
from tests.results.trials import QUANTITIES, planned


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two mechanisms with two seeds: scores, learning curves, gradients that halve, speeds and memory."""
    folder = tmp_path_factory.mktemp("runs") / "by_hand"
    models = {"gru": 0.5, "lstm": 0.8}
    with Store(folder / "results.sqlite") as store:
        trained = [planned(f"{m} {s}", m, "copy", length=4, seed=s) for m in models for s in (0, 1)]
        untrained = [planned(f"{m}/0", m, probes=["throughput", "gradient_flow"]) for m in models]
        store.plan([*trained, *untrained], {}, QUANTITIES)
        for model, level in models.items():
            for seed in (0, 1):
                store.finish(f"{model} {seed}", Outcome("ok", measurements=tuple(_trained(level + 0.1 * seed))))
            store.finish(f"{model}/0", Outcome("ok", measurements=tuple(_untrained(level))))
    return read(folder)


def _trained(score: float) -> list[Measurement]:
    at = {"stage": "validation"}
    curve = [Measurement("accuracy", "normalised", score * step / 20, at={**at, "step": step}) for step in (0, 10, 20)]
    tested = Measurement("accuracy", "normalised", score, at={"stage": "test", "length": 4})
    steps = [
        Measurement("accuracy", "steps", 20),
        Measurement("accuracy", "steps_to_solve", 15 if score > 0.85 else float("nan")),
    ]
    flow = [_norm(0.25**d, "trained", d) for d in (1, 2, 3)]
    parts = [
        Measurement(
            "gradients_in_training", "training_gradient_norm", score * step / 10, at={"step": step, "part": part}
        )
        for step in (10, 20)
        for part in ("readout", "embedding", "layer 1")
    ]
    return [*curve, tested, *steps, *flow, *parts]


def _untrained(level: float) -> list[Measurement]:
    timed = [Measurement("throughput", "train", 1000 * level, at={"length": n}) for n in (8, 16, 32)]
    peak = [Measurement("throughput", "peak_memory", 1e6 * n, at={"length": n}) for n in (8, 16, 32)]
    state = [Measurement("throughput", "state", 64.0, at={"length": n}) for n in (8, 16, 32)]
    prefill = [Measurement("throughput", "prefill", 500 * level, at={"length": n}) for n in (8, 16)]
    counted = [Measurement("cost", "flops_prefill", 1000.0 * n, at={"length": n}) for n in (8, 16, 32)]
    product = Measurement("throughput", "matmul", 1e7)
    ratio = [Measurement("speedup", "speedup", level * n / 8, at={"length": n}) for n in (8, 16)]
    cores = Measurement("speedup", "cores", 4)
    speeds = [*timed, *prefill, *counted, product, *ratio, cores]
    return [*speeds, *peak, *state, *(_norm(0.5**d, "initial", d) for d in range(1, 13)), *_jacobian(), *_layers()]


def _jacobian() -> Iterator[Measurement]:
    for distance in range(1, 13):
        at: dict[str, int | str] = {"stage": "initial", "length": 12, "distance": distance}
        yield Measurement("gradient_flow", "jacobian_norm", 24 / 3.0**distance, at=at)


def _layers() -> Iterator[Measurement]:
    for wiring, factor in {"x + f(x)": 2.0, "f(x)": 0.5}.items():
        for depth in (2, 16):
            for layer in range(1, depth + 1):
                at: dict[str, int | str] = {"depth": depth, "layer": layer, "wiring": wiring}
                value = 3 * factor ** (depth - layer)
                yield Measurement("gradient_flow_over_depth", "layer_gradient_norm", value, at=at)


def _norm(value: float, stage: str, distance: int) -> Measurement:
    return Measurement("gradient_flow", "gradient_norm", value, at={"stage": stage, "length": 12, "distance": distance})


def table_of(name: str, run: Run) -> Table:
    table = VIEWS[name]().table(run)
    assert table is not None
    return table


def figure_of(name: str, run: Run) -> Figure:
    figure = VIEWS[name]().figure(run)
    assert figure is not None
    return figure


@pytest.mark.reference("view", "learning")
def test_learning(run: Run) -> None:
    assert table_of("learning", run).rows() == [
        ["gru", "copy", "0.001", "0.001", "0.001", "20"],
        ["lstm", "copy", "0.001", "0.001", "0.001", "20"],
    ]
    data = figure_of("learning", run).data
    mean = data[(data["mechanism"] == "gru") & (data["seed"] == "mean")]
    assert mean["value"].tolist() == pytest.approx([0, 0.275, 0.55])
    (column,) = VIEWS["learning"]().columns(run)
    assert column.along(["gru", "lstm"]).whole() == ["never", "15 (50%)"]


@pytest.mark.reference("view", "gradient_flow")
def test_gradient_flow(run: Run) -> None:
    rows = table_of("gradient_flow", run).rows()
    # ln 2 = 0.693 and ln 4 = 1.386; 1 % is left ln(100) / ln 2 = 6.64 positions behind the nearest.
    assert [row[:3] for row in rows] == [
        [m, stage, "12"] for stage in ("initial", "trained on copy") for m in ("gru", "lstm")
    ]
    assert {row[3].split(" ")[0] for row in rows[:2]} == {"0.6931"}
    assert {row[3].split(" ")[0] for row in rows[2:]} == {"1.3863"}
    assert [row[4] for row in rows] == ["8", "8", "> 3", "> 3"]
    data = figure_of("gradient_flow", run).data
    assert data.loc[data["mechanism"] == "gru", "value"].tolist() == pytest.approx([0.5**d for d in range(12)])


@pytest.mark.reference("view", "gradient_flow_trained")
def test_gradient_flow_after_training(run: Run) -> None:
    data = figure_of("gradient_flow_trained", run).data
    assert data.loc[data["mechanism"] == "lstm", "value"].tolist() == pytest.approx([1, 1 / 4, 1 / 16])
    assert set(data["task"]) == {"copy"}


@pytest.mark.reference("view", "gradient_flow_over_depth")
def test_gradient_flow_over_depth(run: Run) -> None:
    rows = table_of("gradient_flow_over_depth", run).rows()
    # Of 16 layers the deepest stack is shown: the gradient doubles and, from the last layer to the first, grows 2^15.
    assert [(*row[:3], row[3].split(" ")[0], *row[4:]) for row in rows] == [
        (model, wiring, "16", rate, horizon, verdict)
        for wiring, rate, horizon, verdict in [
            ("x + f(x)", "-0.693", "> 15", "exploding"),
            ("f(x)", "0.693", "7", "vanishing"),
        ]
        for model in ("gru", "lstm")
    ]
    data = figure_of("gradient_flow_over_depth", run).data
    line = data[(data["mechanism"] == "gru") & (data["wiring"] == "f(x)")].sort_values("layer")
    assert line["layer"].tolist() == list(range(1, 17))
    assert line["value"].tolist() == pytest.approx([0.5 ** (16 - layer) for layer in range(1, 17)])
    numbers = table_of("gradient_flow_over_depth", run).numbers
    assert set(numbers["depth"]) == {2, 16}, "the file beside the table has all depths"


@pytest.mark.reference("view", "jacobian")
def test_jacobian(run: Run) -> None:
    rows = table_of("jacobian", run).rows()
    # The norm is 8 at the nearest distance and a third of that at the next.
    assert [(*row[:3], row[3].split(" ")[0], *row[4:]) for row in rows] == [
        (model, "12", "8.000", "1.0986", "5", "vanishing") for model in ("gru", "lstm")
    ]
    data = figure_of("jacobian", run).data
    assert data.loc[data["mechanism"] == "gru", "value"].tolist() == pytest.approx([3.0**-d for d in range(12)])


@pytest.mark.reference("view", "gradients_in_training")
def test_gradients_in_training(run: Run) -> None:
    figure = figure_of("gradients_in_training", run)
    assert isinstance(figure, Lines)
    assert list(figure.panels.values()) == ["copy, embedding", "copy, layer 1", "copy, readout"], "from input to output"
    data = figure.data
    mean = data[(data["mechanism"] == "gru") & (data["seed"] == "mean") & (data["part"] == "layer 1")]
    # One tenth of the scores 0.5 and 0.6 of the two seeds, times the step.
    assert dict(zip(mean["step"], mean["value"], strict=True)) == pytest.approx({10: 0.55, 20: 1.1})


@pytest.mark.reference("view", "memory")
def test_memory(run: Run) -> None:
    rows = table_of("memory", run).rows()
    assert rows[0][:-1] == ["gru", "peak memory of training (bytes)", "8M", "16M", "32M"]
    assert rows[1][:-1] == ["gru", "decoding state (bytes)", "64", "64", "64"]
    assert [row[-1].split(" ")[0] for row in rows[:2]] == ["1.00", "0.00"]
    data = figure_of("memory", run).data
    peaks = data[(data["mechanism"] == "gru") & (data["quantity"] == "peak_memory")]
    assert peaks["value"].tolist() == [8, 16, 32]
    (column,) = VIEWS["memory"]().columns(run)
    assert column.heading == "peak memory (MB) at 32"
    assert column.along(["lstm"]).whole() == ["32"]


@pytest.mark.reference("view", "throughput")
def test_throughput(run: Run) -> None:
    # Tokens per second that do not depend on the length: the time grows in proportion to it.
    (*row, exponent) = table_of("throughput", run).rows()[0]
    assert row == ["gru", "training step (tokens/s)", "500", "500", "500"]
    assert exponent.startswith("1.00")


@pytest.mark.reference("view", "share_of_matmul")
def test_share_of_matmul(run: Run) -> None:
    # 250 tokens per second of 8000 operations each are 2e6 of the product's 1e7.
    assert table_of("share_of_matmul", run).rows() == [["gru", "0.2", "0.4"], ["lstm", "0.32", "0.64"]]
    data = figure_of("share_of_matmul", run).data
    assert data["value"].tolist() == pytest.approx([0.2, 0.4, 0.32, 0.64])
    (finding,) = VIEWS["share_of_matmul"]().findings(run)
    assert "ran at 10M operations per second" in finding.text


@pytest.mark.reference("view", "speedup")
def test_speedup(run: Run) -> None:
    assert table_of("speedup", run).rows() == [["gru", "0.50", "1.00", "4"], ["lstm", "0.80", "1.60", "4"]]
    data = figure_of("speedup", run).data
    assert data["value"].tolist() == pytest.approx([0.5, 1.0, 0.8, 1.6])
    (column,) = VIEWS["speedup"]().columns(run)
    assert column.heading == "speed-up at 16"
    assert column.along(["lstm"]).whole() == ["1.60"]


@pytest.mark.reference("view", "score_against_speed")
def test_score_against_speed(run: Run) -> None:
    data = figure_of("score_against_speed", run).data.set_index("mechanism")
    assert data.loc["gru", ["tokens", "length", "score", "low", "high"]].tolist() == pytest.approx(
        [500, 32, 0.55, 0.5, 0.6]
    )
    assert data.loc["lstm", "score"] == pytest.approx(0.85)


@pytest.mark.reference("view", "ranking")
def test_ranking(run: Run) -> None:
    table = table_of("ranking", run)
    shown = [dict(zip(table.headings, row, strict=True)) for row in table.rows()]
    assert [(row["rank"], row["mechanism"], row["score"], row["copy"]) for row in shown] == [
        ("1", "lstm", "0.85 [0.80, 0.90]", "0.85 [0.80, 0.90]"),
        ("2", "gru", "0.55 [0.50, 0.60]", "0.55 [0.50, 0.60]"),
    ]
    assert [row["train tokens/s at 32"] for row in shown] == ["800", "500"]
