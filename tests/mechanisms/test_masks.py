import pytest
import torch

from mechanisms import CAUSAL, FULL, Mask, padding

CPU = torch.device("cpu")


def allowed(mask: Mask, b: int, i: int, j: int, q: int, k: int) -> bool:
    seen = mask.keys is None or bool(mask.keys[b, j])
    return seen and (not mask.causal or j <= i + k - q)


@pytest.mark.parametrize(("q", "k"), [(5, 5), (3, 7), (7, 3), (1, 5)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_dense_follows_the_definition(q, k, causal, padded):
    mask = Mask(causal, padding(torch.tensor([k - 2, k]), k).keys if padded else None)
    dense = mask.dense(q, k, CPU)
    dense = torch.ones(1, dtype=torch.bool) if dense is None else dense
    wanted = torch.tensor([[[allowed(mask, b, i, j, q, k) for j in range(k)] for i in range(q)] for b in range(2)])
    assert torch.equal(dense.expand(2, 1, q, k)[:, 0], wanted)


@pytest.mark.parametrize(("q", "k"), [(5, 5), (3, 7), (7, 3)])
def test_blocks_are_rows_of_the_whole(q, k):
    mask = Mask(True, padding(torch.tensor([k - 1, k]), k).keys)
    whole = mask.dense(q, k, CPU)
    for first, last in ((0, 2), (2, q)):
        part, seen = mask.block(first, last, q, k)
        rows = torch.zeros(2, 1, last - first, k, dtype=torch.bool)
        dense = part.dense(last - first, seen, CPU)
        rows[..., :seen] = dense if seen else False
        assert torch.equal(rows, whole[:, :, first:last])


def test_a_causal_block_leaves_out_what_it_cannot_see():
    assert CAUSAL.block(0, 3, 11, 11)[1] == 3
    assert CAUSAL.block(0, 3, 11, 17)[1] == 9
    assert FULL.block(0, 3, 11, 11)[1] == 11


def test_what_allows_everything_is_not_written_out():
    assert FULL.dense(5, 7, CPU) is None
    assert CAUSAL.dense(1, 7, CPU) is None
