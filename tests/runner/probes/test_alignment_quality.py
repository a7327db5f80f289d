"""Alignment quality of weights that are known, against loops, scipy and values by hand."""

import math
from dataclasses import replace

import pytest
import torch
from scipy.stats import kendalltau

from mechanisms import MODELS, SequenceModel
from runner.probes import PROBES, attention_weights, gradient_times_input, kendall_tau, leave_one_out
from runner.probes.alignment_quality import set_against
from runner.training.network import Network
from tasks import TASKS, Batch, Classes, Task, Tokens
from tests.runner.probes.test_probes import trained_of


class Planted(SequenceModel):
    """Its weights are what a function of source and query says, and its answer is the weighted sum of the source."""

    def __init__(self, width, weights):
        super().__init__(width)
        self.rule = weights

    def forward(self, source, query):
        self.kept = self.rule(source, query)
        return self.kept[:, 0, :, : source.shape[1]] @ source

    def weights(self):
        return [self.kept.detach()]


def subject_with(weights, task, length):
    torch.manual_seed(0)
    network = Network.for_task(Planted(8, weights), task, 8)
    return trained_of(network, task, length, (length,))


def measured(subject, **options):
    """The measurements by quantity, of a model with one layer and one head."""
    rows = list(PROBES["alignment_quality"](**options).trained(subject))
    assert all(row.at["length"] == subject.length for row in rows)
    found = {row.quantity: row.value for row in rows}
    assert len(found) == len(rows)
    return found


class Pointed(Task):
    """One of the source symbols is marked; each query asks for the marked one. Symbol 2n+1 is the marked 2n."""

    source_space, query_space, target_space = Tokens(8), Tokens(1, "query"), Classes(4)

    def sample(self, length, size, generator):
        symbols = torch.randint(4, (size, length), generator=generator)
        place = torch.randint(length, (size, 1), generator=generator)
        links = torch.zeros(size, length, dtype=torch.bool).scatter_(1, place, True)
        answer = symbols.gather(1, place)
        query = torch.zeros(size, 1, dtype=torch.long)
        return Batch(2 * symbols + links, query, answer, torch.ones(size, 1, dtype=torch.bool), links[:, None])

    def chance(self, length):
        return 0.25

    def ceiling(self, length):
        return 1.0

    def answer(self, batch):
        return (batch.source * (batch.source % 2)).amax(1, keepdim=True) // 2


def on_links(shift=0):
    """Weights of 1 on the marked position, or `shift` positions after it; the network embeds marked symbols as such."""

    def weights(source, query):
        marked = (source[:, :, 0] > 0).to(source)
        return marked.roll(shift, 1)[:, None, None]

    return weights


def embedded(subject):
    """Make the first number of an embedding say whether the symbol is marked."""
    with torch.no_grad():
        subject.network.embedding.source.weight[:, 0] = torch.arange(8) % 2 * 2.0 - 1.0
    return subject


def uniform(source, query):
    return torch.full((len(source), 1, query.shape[1], source.shape[1]), 1 / source.shape[1], dtype=source.dtype)


def test_a_known_matrix_by_hand():
    """Three queries over four source positions and two query positions; the third has no link and does not count."""
    weights = torch.tensor(
        [
            [
                [[0.5, 0.25, 0.125, 0.0, 0.125, 0.0], [0.1, 0.2, 0.1, 0.1, 0.5, 0.0], [1.0, 0, 0, 0, 0, 0]],
                [[0.0, 0.0, 0.5, 0.5, 0.0, 0.0], [0.0] * 6, [1.0, 0, 0, 0, 0, 0]],
            ]
        ]
    )
    links = torch.tensor([[[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]]).bool()
    found = set_against(weights, links, links.any(2))
    shown = found.shown("alignment")
    # First head: one of two predictions is right, the other is a query position; 1 - 2 * 1 / (2 + 3).
    # Second head: the heaviest two keys of the first query are equal, and one is linked; the second row has no key.
    assert shown["alignment_error_rate"].tolist() == pytest.approx([1 - 2 / 5, 1 - 2 * 0.5 / (1 + 3)])
    assert shown["alignment_precision"].tolist() == pytest.approx([1.0, 0.25])
    assert shown["alignment_mass"].tolist() == pytest.approx([(0.625 + 0.2) / 2, 0.25])
    first = 0.5 * math.log(2) + 0.25 * math.log(4) + 0.25 * math.log(8)
    second = 0.3 * math.log(10) + 0.2 * math.log(5) + 0.5 * math.log(2)
    assert found.entropy.mean(0).tolist() == pytest.approx([(first + second) / 2, math.log(2) / 2])


@pytest.mark.reference("probe", "alignment_quality")
@pytest.mark.parametrize(
    ("model", "task"),
    [
        ({"transformer": {"layers": 2, "heads": 2}}, "recall"),
        ("rnn_attention", "translation"),
        ("transformer", "needle"),
    ],
)
def test_a_network_by_loops(model, task):
    torch.manual_seed(1)
    built, length = TASKS[task](), 8 if task == "translation" else 16
    subject = trained_of(Network.for_task(MODELS.spec(model).build(8), built, 8), built, length, (length,))
    probe = PROBES["alignment_quality"](examples=5, agreement_examples=2)
    rows = {(r.quantity, r.at.get("layer"), r.at.get("head")): r.value for r in probe.trained(subject)}
    batch = built.sample(length, 5, subject.generator("alignment"))
    permuted = replace(batch, links=batch.links[[4, 0, 1, 2, 3]])
    for layer, weights in enumerate(attention_weights(subject.network, batch), start=1):
        for head in range(weights.shape[1]):
            for name, examples in (("alignment", batch), ("permuted", permuted)):
                rate, precision, mass, entropy = by_loops(weights[:, head].double().tolist(), examples)
                assert rows[f"{name}_error_rate", layer, head + 1] == pytest.approx(rate)
                assert rows[f"{name}_precision", layer, head + 1] == pytest.approx(precision)
                assert rows[f"{name}_mass", layer, head + 1] == pytest.approx(mass)
                if name == "alignment":
                    assert rows["attention_entropy", layer, head + 1] == pytest.approx(entropy)


def by_loops(weights, batch):
    """Error rate, precision, mass and entropy of one head, one query after another."""
    sure = predicted = both = first = mass = entropy = 0.0
    for example, query in batch.scored.nonzero().tolist():
        links = batch.links[example, query].nonzero().flatten().tolist()
        if not links:
            continue
        row = weights[example][query]
        source = row[: batch.source.shape[1]]
        predicted, sure = predicted + 1, sure + len(links)
        both += row.index(max(row)) in links
        first += source.index(max(source)) in links
        mass += sum(row[place] for place in links) / sum(row)
        entropy -= sum(w * math.log(w) for w in row if w)
    return 1 - 2 * both / (predicted + sure), first / predicted, mass / predicted, entropy / predicted


def test_uniform_weights():
    """A share of 1 of 5 positions is linked: the mass on it is 1/5, the entropy ln 5, and the first key is a guess."""
    found = measured(subject_with(uniform, Pointed(), 5))
    assert found["alignment_mass"] == found["permuted_mass"] == pytest.approx(1 / 5)
    assert found["attention_entropy"] == pytest.approx(math.log(5))
    assert found["alignment_precision"] == pytest.approx(1 / 5)
    assert found["alignment_error_rate"] == pytest.approx(4 / 5)
    assert found["lowest_error_rate"] == 0.0


def test_weights_on_the_links_and_their_control():
    found = measured(embedded(subject_with(on_links(), Pointed(), 5)), examples=4000)
    assert found["alignment_error_rate"] == 0.0
    assert found["alignment_precision"] == found["alignment_mass"] == 1.0
    assert found["attention_entropy"] == 0.0
    # Another example has the same place in one case of five; four standard errors are 0.025.
    for name in ("permuted_precision", "permuted_mass"):
        assert found[name] == pytest.approx(1 / 5, abs=0.025)
    assert found["permuted_error_rate"] == pytest.approx(4 / 5, abs=0.025)


def test_weights_beside_the_links_are_all_wrong():
    found = measured(embedded(subject_with(on_links(shift=1), Pointed(), 5)))
    assert found["alignment_error_rate"] == 1.0
    assert found["alignment_precision"] == found["alignment_mass"] == 0.0


def test_weights_that_do_not_depend_on_the_source_are_at_their_control():
    def positional(source, query):
        return torch.softmax(-torch.arange(5.0), 0).to(source).expand(len(source), 1, 1, 5)

    found = measured(subject_with(positional, Pointed(), 5), examples=4000)
    assert found["alignment_precision"] == pytest.approx(1 / 5, abs=0.025)
    for name in ("precision", "mass", "error_rate"):
        assert found[f"alignment_{name}"] == pytest.approx(found[f"permuted_{name}"], abs=1e-9)


def test_where_links_are_the_same_in_all_examples_so_is_the_control():
    """Weights by position are right in `copy`: the control says that nothing of the example is needed."""

    def positional(source, query):
        return torch.eye(query.shape[1], source.shape[1]).to(source).expand(len(source), 1, -1, -1)

    subject = subject_with(positional, TASKS["copy"](), 5)
    found = measured(subject)
    assert found["alignment_error_rate"] == found["permuted_error_rate"] == 0.0


def test_query_positions_are_off_the_links():
    """Of a stream model with 0.3 on the link, 0.1 on another source position and 0.6 on its query."""

    def weights(source, query):
        marked = (source[:, :, 0] > 0).to(source)
        rows = 0.3 * marked + 0.1 * marked.roll(1, 1)
        return torch.cat([rows, torch.full((len(source), 1), 0.6).to(source)], dim=1)[:, None, None]

    found = measured(embedded(subject_with(weights, Pointed(), 5)))
    assert found["alignment_error_rate"] == 1.0, "the heaviest key of all is the query"
    assert found["alignment_precision"] == 1.0, "the heaviest key of the source is linked"
    assert found["alignment_mass"] == pytest.approx(0.3)


def test_several_links_have_a_lowest_error_rate():
    """A key and its value are linked, and one prediction finds one of them: 1 - 2 n / (n + 2 n)."""
    task = TASKS["recall"](pairs=2, vocabulary=20)
    subject = trained_of(Network.for_task(MODELS["transformer"](8), task, 8), task, 12, (12,))
    found = {row.quantity: row for row in PROBES["alignment_quality"](examples=8).trained(subject)}
    assert found["lowest_error_rate"].value == pytest.approx(1 / 3)
    assert found["lowest_error_rate"].at == {"stage": "test", "length": 12}


@pytest.mark.parametrize("model", ["gru", "linear_attention", "mamba"])
def test_models_without_attention_weights_are_not_measured(model):
    task = TASKS["recall"]()
    subject = trained_of(Network.for_task(MODELS[model](8), task, 8), task, 16, (16,))
    assert list(PROBES["alignment_quality"]().trained(subject)) == []


def test_tasks_without_links_and_weights_over_something_else_are_not_measured():
    task = TASKS["language"]()
    subject = trained_of(Network.for_task(MODELS["transformer"](8), task, 8), task, 12, (12,))
    assert list(PROBES["alignment_quality"]().trained(subject)) == []

    class Inner(Planted):
        def weights(self):
            return [self.kept.detach()[..., :3]]

    network = Network.for_task(Inner(8, uniform), Pointed(), 8)
    assert list(PROBES["alignment_quality"]().trained(trained_of(network, Pointed(), 5, (5,)))) == []


def test_numbers_have_no_agreement():
    """The answer of `adding` has no log-probability."""
    task = TASKS["adding"]()
    subject = trained_of(Network.for_task(MODELS["rnn_attention"](8), task, 8), task, 12, (12,))
    found = {row.quantity for row in PROBES["alignment_quality"](examples=8).trained(subject)}
    assert "alignment_mass" in found
    assert not {"gradient_agreement", "leave_one_out_agreement"} & found


@pytest.mark.parametrize("values", [2, 3, 50])
def test_tau_against_scipy(values):
    generator = torch.Generator().manual_seed(values)
    x, y = torch.randint(values, (2, 3, 5, 17), generator=generator).double()
    found = kendall_tau(x, y)
    for example in range(3):
        for head in range(5):
            wanted = kendalltau(x[example, head].numpy(), y[example, head].numpy(), variant="b").statistic
            assert found[example, head].item() == pytest.approx(wanted)
    assert kendall_tau(x, torch.ones_like(y)).isnan().all()


class Same(Pointed):
    """All source symbols are the same, and there are two answers: the answer depends on a position by its weight."""

    target_space = Classes(2)

    def sample(self, length, size, generator):
        batch = super().sample(length, size, generator)
        return replace(batch, source=torch.ones_like(batch.source), target=batch.target % 2)


def weighted(source, query):
    return torch.softmax(torch.tensor([0.3, 2.0, -1.0, 1.2, 0.7]), 0).to(source).expand(len(source), 1, 1, 5)


def test_agreement_of_an_explicit_weighted_sum_is_one():
    found = measured(subject_with(weighted, Same(), 5))
    assert found["gradient_agreement"] == pytest.approx(1.0)
    assert found["leave_one_out_agreement"] == pytest.approx(1.0)


def test_agreement_names_weights_that_are_not_those_that_were_used():
    """The model reads with the weights above, and shows them in reversed order: tau is that of the two orders."""

    class Liar(Planted):
        def weights(self):
            return [self.kept.detach().flip(3)]

    torch.manual_seed(0)
    found = measured(trained_of(Network.for_task(Liar(8, weighted), Same(), 8), Same(), 5, (5,)))
    wanted = kendalltau([0.3, 2.0, -1.0, 1.2, 0.7], [0.7, 1.2, -1.0, 2.0, 0.3]).statistic
    assert found["gradient_agreement"] == pytest.approx(wanted)
    assert found["leave_one_out_agreement"] == pytest.approx(wanted)


def test_effects_by_hand():
    """For a linear readout of two classes, ln p of the answer is minus softplus of the difference of the outputs."""
    subject = subject_with(weighted, Same(), 5)
    network = subject.network.double()
    batch = Same().sample(5, 3, torch.Generator().manual_seed(3))
    query = torch.zeros(3, dtype=torch.long)
    gradients, changes = gradient_times_input(network, batch, query), leave_one_out(network, batch, query)
    shares = torch.softmax(torch.tensor([0.3, 2.0, -1.0, 1.2, 0.7]), 0)
    with torch.no_grad():
        symbol = network.embedding.source.weight[1]
        for example, answer in enumerate(batch.target[:, 0].tolist()):
            towards = network.readout.weight[1 - answer] - network.readout.weight[answer]
            bias = network.readout.bias[1 - answer] - network.readout.bias[answer]
            slope, whole = (towards @ symbol).item(), (towards @ symbol + bias).item()
            sigmoid = 1 / (1 + math.exp(-whole))
            for place, share in enumerate(shares.tolist()):
                assert gradients[example, place].item() == pytest.approx(abs(sigmoid * slope * share))
                change = math.log1p(math.exp(whole)) - math.log1p(math.exp(whole - share * slope))
                assert changes[example, place].item() == pytest.approx(abs(change))


def test_options_are_checked():
    for options in ({"examples": 1}, {"agreement_examples": 0}):
        with pytest.raises(ValueError, match="at least 2 examples and 1 agreement example"):
            PROBES["alignment_quality"](**options)
