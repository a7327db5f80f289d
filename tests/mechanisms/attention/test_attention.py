"""The three paths agree, in outputs and gradients, under every mask, with every position scheme, however grouped."""

import math

import pytest
import torch
from torch.nn import functional as F

from mechanisms import (
    ALIGNMENTS,
    CAUSAL,
    FULL,
    NORMALIZERS,
    POSITIONS,
    Attention,
    InnerProduct,
    Mask,
    padding,
    sliding,
    traced,
)
from mechanisms.attention import fused

B, H, D, DV = 2, 3, 5, 11
# The windows of the local ones are small enough that something of 7 keys is left out.
CHOICES = [
    *(name for name in ALIGNMENTS if not ALIGNMENTS[name].needs_history and not name.startswith("local_")),
    {"local_m": {"window": 2}},
    {"local_m": {"window": 1, "alignment": "additive"}},
    {"local_p": {"window": 2}},
    {"local_p": {"window": 1, "alignment": "concat"}},
]
HISTORY = [name for name in ALIGNMENTS if ALIGNMENTS[name].needs_history]
FUSED = {"dot", "scaled_dot", "general", "location", "cosine", "gaussian"}
MASKS = ["full", "causal", "padding", "both", "fully masked"]
WINDOWED = ["window", "band", "padded window", "offset", "offset window"]
CALLS = [(mask, q, k) for mask in MASKS for q, k in ((7, 7), (5, 7), (3, 7), (7, 3))]
CALLS += [(mask, q, k) for mask in WINDOWED for q, k in ((5, 7), (7, 3))] + [("causal", 1, 7)]


def mask_of(name: str, k: int) -> Mask:
    keys = padding(torch.tensor([0 if name == "fully masked" else k - 2, k]), k).keys
    return {
        "full": FULL,
        "causal": CAUSAL,
        "padding": Mask(keys=keys),
        "window": sliding(3),
        "band": sliding(3, causal=False),
        "padded window": Mask(True, keys, 3),
        "offset": Mask(True, offset=1),
        "offset window": Mask(window=2, offset=2),
    }.get(name, Mask(True, keys))


def attention_of(choice, position=None, key_heads: int = H, groups: int = 1) -> Attention:
    alignment = ALIGNMENTS.build(choice, key_heads, D, D)
    scheme = None if position is None else POSITIONS.build(position, key_heads * groups * D, key_heads * groups, False)
    attention = Attention(alignment, NORMALIZERS["softmax"](), scheme, groups).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return attention


def takes_the_kernel(choice) -> bool:
    return choice in FUSED if isinstance(choice, str) else choice == {"local_m": {"window": 2}}


def sequences(q: int, k: int, groups: int = 1, heads: int = H) -> tuple[torch.Tensor, ...]:
    shapes = ((groups * heads, q, D), (heads, k, D), (heads, k, DV))
    return tuple(torch.randn(B, *shape, dtype=torch.float64) for shape in shapes)


def read(attention, given, mask, attend=None):
    leaves = [x.clone().requires_grad_() for x in given]
    query, key, value = leaves
    if attend is None:
        context = attention(query, attention.project_keys(key), value, mask)
    else:
        context = attend(attention, query, key, value, mask)
    direction = torch.linspace(-1, 1, context.numel(), dtype=context.dtype).view_as(context)
    gradients = torch.autograd.grad(
        (context * direction).sum(), [*leaves, *attention.parameters()], allow_unused=True, materialize_grads=True
    )
    return context, *gradients


def read_traced(attention, given, mask):
    with traced(attention):
        return read(attention, given, mask)


def scores_by_loops(attention, query, key, offset):
    """Scores by the alignment, a query and a key at a time turned and biased as their two positions want."""
    alignment, position, groups = attention.alignment, attention.position, attention.groups
    if position is not None:
        query, key = (
            torch.cat([position.rotate(row, torch.tensor([first + n])) for n, row in enumerate(x.split(1, 2))], 2)
            for x, first in ((query, offset), (key, 0))
        )
    keys = alignment.project_key(key, torch.arange(key.shape[2]))
    # Query heads 0 ... groups - 1 share key head 0, and so on.
    asked = torch.stack([alignment.project_query(query[:, n::groups]) for n in range(groups)], 2)
    scores = torch.stack([alignment.score(asked[:, :, n], keys) for n in range(groups)], 2).flatten(1, 2)
    if position is None or position.bias(torch.tensor([0]), torch.tensor([0])) is None:
        return scores, asked.flatten(1, 2)
    bias = [
        torch.cat([position.bias(torch.tensor([i + offset]), torch.tensor([j])) for j in range(key.shape[2])], 2)
        for i in range(query.shape[2])
    ]
    return scores + torch.cat(bias, 1), asked.flatten(1, 2)


def by_loops(attention, query, key, value, mask):
    """Everything after the scores, query by query, from the definition of the masks."""
    (q, k), groups = (query.shape[2], key.shape[2]), attention.groups
    offset = k - q if mask.offset is None else mask.offset
    scores, asked = scores_by_loops(attention, query, key, offset)
    local, reach = hasattr(attention.alignment, "D"), attention.alignment.window
    rows = []
    for b in range(B):
        for i in range(q):
            at = i + offset
            visible = [j for j in range(k) if not mask.causal or j <= at]
            seen = [
                j
                for j in visible
                if (mask.keys is None or mask.keys[b, j])
                and (mask.window is None or abs(j - at) < mask.window)
                and (reach is None or abs(j - at) <= reach)
            ]
            allowed = torch.zeros(1, k, dtype=torch.bool)
            allowed[:, seen] = True
            factor = torch.ones((), dtype=torch.float64)
            if local:
                distance = torch.arange(k) - len(visible) * asked[b, :, i, -1:]
                allowed = allowed & (distance.abs() <= attention.alignment.D)
                factor = torch.exp(-(distance**2) / (2 * (attention.alignment.D / 2) ** 2))
            powers = torch.where(allowed, scores[b, :, i].exp(), 0.0)
            weights = factor * powers / powers.sum(-1, keepdim=True).where(allowed.any(-1, keepdim=True), 1.0)
            rows.append(torch.einsum("hk,hkd->hd", weights, value[b].repeat_interleave(groups, 0)))
    return torch.stack(rows).view(B, q, -1, DV).transpose(1, 2)


def assert_same(got, wanted):
    for a, b in zip(got, wanted, strict=True):
        assert a.isfinite().all()
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def assert_paths_agree(attention, given, mask, path):
    """Everything counts as large, and a block of the streamed path has two rows at most."""
    plain = read_traced(attention, given, mask)
    assert attention.path == "plain"
    attention.plain_bytes, attention.block_bytes = 0, 2 * B * H * given[1].shape[2] * D * 8
    fast = read(attention, given, mask)
    assert attention.path == path
    assert_same(fast, plain)
    assert_same(plain, read(attention, given, mask, by_loops))


@pytest.mark.parametrize(("mask_name", "q", "k"), CALLS)
@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_paths_agree(choice, mask_name, q, k):
    path = "fused" if takes_the_kernel(choice) else "streamed"
    assert_paths_agree(attention_of(choice), sequences(q, k), mask_of(mask_name, k), path)


@pytest.mark.parametrize("mask_name", ["causal", "window", "fully masked", "offset window"])
@pytest.mark.parametrize("position", ["alibi", "rotary", {"t5": {"buckets": 4, "max_distance": 5}}], ids=str)
@pytest.mark.parametrize("choice", ["scaled_dot", "additive", {"local_m": {"window": 2}}, {"local_p": {}}], ids=str)
@pytest.mark.parametrize(("q", "k", "groups"), [(5, 7, 1), (7, 3, 2)])
def test_paths_agree_with_positions(choice, position, mask_name, q, k, groups):
    """No kernel of the CPU gives a bias its gradient, so a learned one is streamed, and learns there."""
    attention = attention_of(choice, position, groups=groups)
    learned = isinstance(position, dict)
    path = "fused" if takes_the_kernel(choice) and not learned else "streamed"
    assert_paths_agree(attention, sequences(q, k, groups), mask_of(mask_name, k), path)
    if learned and mask_name != "fully masked":
        assert read(attention, sequences(q, k, groups), mask_of(mask_name, k))[-1].any()


@pytest.mark.parametrize("mask_name", ["causal", "band"])
@pytest.mark.parametrize(("heads", "groups"), [(1, 6), (3, 2)])
@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_paths_agree_when_heads_share_keys(choice, heads, groups, mask_name):
    attention = attention_of(choice, key_heads=heads, groups=groups)
    path = "fused" if takes_the_kernel(choice) else "streamed"
    assert_paths_agree(attention, sequences(5, 7, groups, heads), mask_of(mask_name, 7), path)


def kernel_calls(monkeypatch):
    """Return a list that gets the number of queries and keys of each call of the kernel."""
    calls, kernel = [], F.scaled_dot_product_attention

    def counted(query, key, *rest, **options):
        calls.append((query.shape[2], key.shape[2]))
        return kernel(query, key, *rest, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    return calls


WINDOWS = {
    "causal": sliding(3),
    "both ways": sliding(3, causal=False),
    "first row": sliding(1),
    "offset": Mask(window=2, offset=3),
    "causal offset": Mask(True, window=3, offset=0),
}


@pytest.mark.parametrize("window", sorted(WINDOWS))
@pytest.mark.parametrize(("q", "k"), [(13, 13), (11, 17), (17, 11)])
@pytest.mark.parametrize(
    ("choice", "position", "groups"),
    [("scaled_dot", None, 1), ("gaussian", None, 2), ("dot", "alibi", 2), ("scaled_dot", "rotary", 1)],
)
def test_a_window_takes_several_calls_of_the_kernel(choice, groups, position, q, k, window, monkeypatch):
    monkeypatch.setattr(fused, "WINDOW_ROWS", 2)
    attention, given, mask = attention_of(choice, position, groups=groups), sequences(q, k, groups), WINDOWS[window]
    plain = read_traced(attention, given, mask)
    calls = kernel_calls(monkeypatch)
    fast = read(attention, given, mask)
    assert attention.path == "fused"
    rows = max(2, mask.window)
    assert len(calls) == math.ceil(q / rows)
    assert sum(queries for queries, _ in calls) == q
    assert max(keys for _, keys in calls) <= rows + 2 * (mask.window - 1)
    assert_same(fast, plain)
    assert_same(plain, read(attention, given, mask, by_loops))


@pytest.mark.parametrize("padded", [False, True])
def test_a_window_beyond_the_last_key_reads_zeros(padded, monkeypatch):
    """As in a decoder after a short source: whole blocks of queries have no key."""
    monkeypatch.setattr(fused, "WINDOW_ROWS", 2)
    mask = Mask(keys=padding(torch.tensor([4, 9]), 9).keys if padded else None, offset=0)
    attention, given = attention_of({"local_m": {"window": 1}}), sequences(23, 9)
    calls = kernel_calls(monkeypatch)
    fast = read(attention, given, mask)
    assert len(calls) > 1
    assert min(keys for _, keys in calls) == 0
    assert not fast[0][:, :, 10:].any()
    assert_same(fast, read_traced(attention, given, mask))
    assert_same(fast, read(attention, given, mask, by_loops))


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_a_query_that_sees_nothing_reads_zero(choice):
    attention, given, mask = attention_of(choice), sequences(5, 7), mask_of("fully masked", 7)
    for context, *gradients in (read(attention, given, mask), read_traced(attention, given, mask)):
        assert not context[0].any()
        assert context[1].any()
        assert not any(gradient[0].any() for gradient in gradients[:3])


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_masked_keys_have_weight_zero_and_no_gradient(choice):
    attention, given, mask = attention_of(choice), sequences(5, 7), mask_of("both", 7)
    _, _, key, value, *_ = read_traced(attention, given, mask)
    dense = mask.dense(5, 7, torch.device("cpu")).expand(B, H, 5, 7)
    assert not attention.weights[~dense].any()
    if isinstance(choice, str):  # the local ones leave some out that the mask allows, and local_p sums to less than one
        assert attention.weights[dense].all()
        torch.testing.assert_close(attention.weights.sum(-1), torch.ones(B, H, 5, dtype=torch.float64))
    assert not key[0, :, 5:].any()
    assert not value[0, :, 5:].any()
    assert value[0, :, :5].any()


def test_small_intermediates_are_kept_whole_and_large_ones_streamed():
    attention, (query, key, value) = attention_of("additive"), sequences(5, 7)
    attention(query, attention.project_keys(key), value)
    assert attention.path == "plain"
    attention.plain_bytes = B * H * 5 * 7 * D * 8 - 1
    attention(query, attention.project_keys(key), value)
    assert attention.path == "streamed"


@pytest.mark.parametrize("mask", [FULL, CAUSAL, sliding(3), sliding(2, causal=False)], ids=str)
@pytest.mark.parametrize("rows", [1, 3, 16])
def test_no_streamed_block_is_larger_than_allowed(mask, rows):
    """Where not even one row would fit, a block has one row."""
    sizes, k = [], 67

    class Sized(ALIGNMENTS["additive"]):
        def score(self, query, key):
            sizes.append(B * H * query.shape[2] * key.shape[2] * D * 8)
            return super().score(query, key)

    attention = attention_of(Sized)
    attention.plain_bytes, attention.block_bytes = 0, rows * B * H * k * D * 8
    query, key, value = sequences(61, k)
    attention(query, attention.project_keys(key), value, mask)
    assert attention.path == "streamed"
    assert len(sizes) > 1
    assert max(sizes) <= attention.block_bytes


def test_a_stochastic_normalizer_is_never_streamed_in_training():
    """A block that is computed again would draw other weights."""
    attention, (query, key, value) = attention_of("additive"), sequences(5, 7)
    attention.normalizer = NORMALIZERS["hard"]()
    attention.plain_bytes, attention.block_bytes = 0, 1
    keys = attention.project_keys(key)
    attention.train()(query, keys, value)
    assert attention.path == "plain"
    streamed = attention.eval()(query, keys, value)
    assert attention.path == "streamed"
    with traced(attention):
        torch.testing.assert_close(attention(query, keys, value), streamed, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", HISTORY)
def test_what_needs_history_is_an_error_in_one_call(name):
    attention, (query, key, value) = attention_of(name), sequences(5, 7)
    with pytest.raises(TypeError, match=f"{type(attention.alignment).__name__} needs the weights of earlier steps"):
        attention(query, attention.project_keys(key), value)


@pytest.mark.parametrize("choice", ["dot", "additive"])
def test_next_needs_no_history_where_the_alignment_has_none(choice):
    attention, (query, key, value) = attention_of(choice), sequences(1, 7)
    keys = attention.project_keys(key)
    assert attention.begin(keys) is None
    context, history = attention.next(query, keys, value, None, Mask(offset=2))
    assert history is None
    torch.testing.assert_close(context, attention(query, keys, value, Mask(offset=2)), rtol=0, atol=0)


@pytest.mark.parametrize(
    "choice", [{"location": {"max_length": 7}}, {"local_m": {"alignment": {"location": {"max_length": 7}}}}]
)
def test_more_keys_than_the_alignment_has_positions_are_an_error(choice):
    attention, key = attention_of(choice), torch.randn(B, H, 2, D, dtype=torch.float64)
    attention.project_keys(key, 5)
    with pytest.raises(ValueError, match="max_length = 7 positions, and the sequence has 8; raise max_length"):
        attention.project_keys(key, 6)


def test_more_keys_than_the_position_scheme_has_positions_are_an_error():
    attention = attention_of("dot", {"learned": {"max_length": 7}})
    key = torch.randn(B, H, 2, D, dtype=torch.float64)
    attention.project_keys(key, 5)
    with pytest.raises(ValueError, match="Learned has max_length = 7 positions, and the sequence has 8"):
        attention.project_keys(key, 6)


class Doubled(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return 2 * super().forward(scores, mask)


class Shifted(ALIGNMENTS["dot"]):
    def score(self, query, key):
        return super().score(query, key).square()


@pytest.mark.parametrize(("alignment", "normalizer"), [(ALIGNMENTS["dot"], Doubled), (Shifted, NORMALIZERS["softmax"])])
@pytest.mark.parametrize("around", [False, True])
def test_what_only_resembles_an_inner_product_under_softmax_is_not_fused(alignment, normalizer, around):
    choice = {"local_m": {"alignment": alignment, "window": 2}} if around else alignment
    attention = Attention(ALIGNMENTS.build(choice, H, D, D), normalizer()).double()
    given = sequences(5, 7)
    plain = read(attention, given, CAUSAL)
    assert attention.path == "plain"
    attention.plain_bytes, attention.block_bytes = 0, 1
    streamed = read(attention, given, CAUSAL)
    assert attention.path == "streamed"
    assert_same(streamed, plain)


def test_the_kernel_takes_every_inner_product_and_nothing_else():
    kernels = {name for name in ALIGNMENTS if ALIGNMENTS[name](H, D, D).kernel_scale is not None}
    assert {name for name in ALIGNMENTS if issubclass(ALIGNMENTS[name], InnerProduct)} == FUSED
    assert kernels == FUSED | {"local_m", "local_p"}, (
        "they wrap general by default; local_p has no fused path because it predicts a window"
    )


@pytest.mark.parametrize(
    ("q", "block_bytes", "dense"), [(7, 2**20, False), (5, 2**20, False), (3, 2**20, True), (3, 1, False)]
)
def test_a_causal_rectangle_is_written_out_only_where_it_is_small(q, block_bytes, dense, monkeypatch):
    attention, given = attention_of("dot"), sequences(q, 7)
    wanted = read_traced(attention, given, CAUSAL)
    written = []
    original = Mask.dense
    monkeypatch.setattr(Mask, "dense", lambda *arguments: written.append(1) or original(*arguments))
    attention.block_bytes = block_bytes
    got = read(attention, given, CAUSAL)
    assert bool(written) == dense
    assert_same(got, wanted)


def test_frozen_parameters_stream_too():
    attention, given = attention_of("additive"), sequences(5, 7)
    attention.plain_bytes, attention.block_bytes = 0, 1
    attention.alignment.W.requires_grad_(False)
    query, key, value = given
    attention(query, attention.project_keys(key), value.requires_grad_()).sum().backward()
    assert attention.alignment.W.grad is None
    assert attention.alignment.v.grad.any()


def test_a_frozen_bias_takes_the_kernel():
    attention, given = attention_of("dot", "t5"), sequences(5, 7)
    wanted = read_traced(attention, given, CAUSAL)[0]
    attention.requires_grad_(False)
    query, key, value = given
    got = attention(query, attention.project_keys(key), value, CAUSAL)
    assert attention.path == "fused"
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)


def test_tracing_ends_with_its_context():
    attention, (query, key, value) = attention_of("dot"), sequences(5, 7)
    with traced(attention):
        attention(query, attention.project_keys(key), value.requires_grad_())
    assert attention.weights.shape == (B, H, 5, 7)
    assert not attention.weights.requires_grad
    attention(query, attention.project_keys(key), value)
    assert attention.path == "fused"
    with traced(attention):
        assert attention.weights is None
