from __future__ import annotations

import io
import math
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from results import CellRow, Measurement, Store
from results.formats import count, horizon, number, short, spread
from results.ranking import ranked
from results.render import escape, markdown
from results.run import Results, read
from results.tables import outcomes, ranked_table, tables
from results.terminal import show
from tests.results.synthetic import write_run


def test_the_ranking(results: Results) -> None:
    table = ranked(results).set_index("mechanism")
    assert list(table["rank"]) == list(range(1, 18))
    complete = table[table["tasks"] == 3]
    assert complete["score"].is_monotonic_decreasing
    # A task is skipped: after those that did all of them, though the plain rnn scores less.
    assert table["rank"]["transformer(location)"] == 17
    assert table["score"]["transformer(location)"] > table["score"]["rnn"]
    # The failed task counts as chance: six scores, one cut at each end, so 0.72 and not 0.96.
    own = table.loc["rnn_attention(cosine)"]
    values = sorted([0.0, 0.0, own["copy_low"], own["copy_high"], own["adding_low"], own["adding_high"]])
    assert own["score"] == pytest.approx(sum(values[1:5]) / 4)
    assert table["adding"]["rnn"] == 0
    assert table["adding_word"]["rnn"] == "diverged"
    assert table["decay"]["rnn"] == pytest.approx(0.2, abs=0.01)
    assert math.isinf(table["horizon"]["transformer(dot)"])
    assert table["steps_to_solve"]["lstm"] == 300
    assert table["solved"]["lstm"] == pytest.approx(1 / 3)


def test_what_the_ranking_shows(results: Results) -> None:
    text = ranked_table(results, ranked(results)).text.set_index("mechanism")
    assert text["recall"]["rnn_attention(cosine)"] == "failed"
    assert text["adding"]["transformer(additive)"].endswith("(1 of 2 timeout)")
    assert text["score"]["transformer(location)"].endswith("(2 of 3 tasks)")
    assert text["horizon"]["transformer(dot)"] == "> 126"


def test_outcomes_say_why(results: Results) -> None:
    text = outcomes(results).text
    assert set(text["outcome"]) == {"diverged", "failed", "timeout", "skipped"}
    assert "location knows 64 positions, adding has 100" in set(text["reason"])
    assert text["cells"].astype(int).sum() == (results.all_cells["outcome"] != "ok").sum()


def test_files_hold_what_is_shown(run: Path, results: Results) -> None:
    folder = run / "report" / "tables"
    for table in tables(results):
        pd.testing.assert_frame_equal(
            pd.read_csv(folder / f"{table.name}.csv"), pd.read_csv(io.StringIO(table.numbers.to_csv(index=False)))
        )
        assert (folder / f"{table.name}.md").read_text().count("\n") == len(table.text) + 2
        latex = (folder / f"{table.name}.tex").read_text()
        assert latex.count(r" \\") == len(table.text) + 1
        assert r"\toprule" in latex


def test_costs_leave_out_what_there_is_not(tmp_path: Path) -> None:
    """A model that does not decode has no state, one without a formula no second count; sizes are without the ends."""
    with Store(tmp_path / "results.sqlite") as store:
        rows = [CellRow(name, i, "initial", name, name, 0) for i, name in enumerate(("gru", "together"))]
        store.plan([*rows, CellRow("trained", 2, "train", "gru", "gru", 0, task="copy")])
        size = Measurement("size", "parameters", 864)
        counted = [Measurement("cost", "flops_counted", 1536.0, "flop/token", length=n) for n in (8, 16)]
        state = [Measurement("cost", "state", 32.0, "bytes", length=8)]
        store.finish("gru", "ok", measurements=[size, *counted, *state])
        store.finish("together", "ok", measurements=[size, *counted[:1]])
        store.finish("trained", "ok", measurements=[Measurement("size", "parameters", 9999)])
    table = next(table for table in tables(read(tmp_path)) if table.name == "cost")
    assert table.text.to_numpy().tolist() == [
        ["gru", "864", "operations/token, counted", "1.54k", "1.54k"],
        ["gru", "864", "decoding state (bytes)", "32", "-"],
        ["together", "864", "operations/token, counted", "1.54k", "-"],
    ]


def test_escapes() -> None:
    assert escape("<b>&_x") == r"\textless{}b\textgreater{}\&\_x"
    assert escape("50 % [1] ~^\\{}#$") == (r"50 \% {[}1{]} \textasciitilde{}\textasciicircum{}\textbackslash{}\{\}\#\$")
    assert markdown(pd.DataFrame({"a|b": ["<b>&_x"]})) == "| a\\|b |\n| --- |\n| \\<b\\>&\\_x |\n"


def test_formats() -> None:
    assert number(-0.001) == "0.00"
    assert number(math.nan) == "-"
    assert spread(0.5, 0.4, 0.6) == "0.50 [0.40, 0.60]"
    assert spread(0.5, math.nan, math.nan) == "0.50"
    assert [short(value) for value in (0, 0.5, 12.34, 999.6, 45_123, 1.2e6)] == [
        "0",
        "0.5",
        "12.3",
        "1k",
        "45.1k",
        "1.2M",
    ]
    assert count(1234567) == "1,234,567"
    assert (horizon(math.inf, 126), horizon(23.6, 126), horizon(math.nan, 3)) == ("> 126", "24", "-")


def printed(results: Results, **settings: object) -> str:
    out = io.StringIO()
    show(results, Console(file=out, **settings))  # type: ignore[arg-type]
    return out.getvalue()


def test_the_terminal_fits(results: Results) -> None:
    piped = printed(results)
    assert "\x1b" not in piped
    assert max(len(line) for line in piped.splitlines()) <= 100
    assert "…" not in piped
    narrow = printed(results, force_terminal=True, width=60, color_system=None)
    assert max(len(line) for line in narrow.splitlines()) <= 60
    assert "rnn_attention(scaled_dot)" in narrow


def test_markup_in_a_name_is_text(tmp_path: Path) -> None:
    write_run(tmp_path, [("[red]x", "lstm", None)])
    assert "[red]x" in printed(read(tmp_path))


def test_metrics_by_length_in_their_own_units(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        cells = [
            CellRow(f"gru{seed}", seed, "train", "gru", "gru", seed, task="translation", length=8) for seed in (0, 1)
        ]
        store.plan([*cells, CellRow("x", 2, "train", "gru", "gru", 0, task="adding", length=8)])
        for seed, (short_one, long_one) in enumerate([(0.5, 0.25), (0.75, 0.25)]):
            rows = [("accuracy", short_one, 8), ("bleu", 60.0, 8), ("accuracy", long_one, 16), ("normalised", 0.1, 8)]
            found = [Measurement("accuracy", name, value, stage="test", length=n) for name, value, n in rows]
            store.finish(f"gru{seed}", "ok", measurements=found)
        mse = [Measurement("accuracy", "mse", 0.01, stage="test", length=8)]
        store.finish("x", "ok", measurements=mse)
    table = next(table for table in tables(read(tmp_path)) if table.name == "by_length")
    assert list(table.text) == ["task", "mechanism", "length", "accuracy", "mean squared error", "BLEU"]
    assert table.text.to_numpy().tolist() == [
        ["translation", "gru", "8", "0.625 [0.500, 0.750]", "-", "60.0"],
        ["translation", "gru", "16", "0.250", "-", "-"],
        ["adding", "gru", "8", "-", "0.0100", "-"],
    ]
    assert table.numbers["seeds"].tolist() == [2, 2, 2, 1]
