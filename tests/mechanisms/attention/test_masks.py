import pytest
import torch

from mechanisms import CAUSAL, FULL, Mask, padding, sliding

CPU = torch.device("cpu")


def allowed(mask: Mask, b: int, i: int, j: int, q: int, k: int) -> bool:
    at = i + (k - q if mask.offset is None else mask.offset)
    seen = mask.keys is None or bool(mask.keys[b, j])
    near = mask.window is None or abs(j - at) < mask.window
    return seen and near and (not mask.causal or j <= at)


@pytest.mark.parametrize("offset", [None, 0, 4])
@pytest.mark.parametrize("window", [None, 1, 3])
@pytest.mark.parametrize(("q", "k"), [(5, 5), (3, 7), (7, 3), (1, 5)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_dense_and_blocks_follow_the_definition(q, k, causal, padded, window, offset):
    mask = Mask(causal, padding(torch.tensor([k - 2, k]), k).keys if padded else None, window, offset)
    dense = mask.dense(q, k, CPU)
    dense = torch.ones(1, 1, 1, 1, dtype=torch.bool) if dense is None else dense
    wanted = torch.tensor([[[allowed(mask, b, i, j, q, k) for j in range(k)] for i in range(q)] for b in range(2)])
    assert torch.equal(dense.expand(2, 1, q, k)[:, 0], wanted)

    at, keys = mask.positions(q, k, CPU)
    for first, last in ((0, min(2, q)), (q // 2, q)):
        part, seen = mask.block(first, last, q, k)
        n = seen.stop - seen.start
        rows = torch.zeros(2, last - first, k, dtype=torch.bool)
        band = part.dense(last - first, n, CPU)
        rows[..., seen] = True if band is None else band[:, 0]
        assert torch.equal(rows, wanted[:, first:last])
        places = part.positions(last - first, n, CPU)
        assert torch.equal(places[0], at[first:last])
        assert torch.equal(places[1], keys[seen])
        assert part.total == k


def test_a_block_leaves_out_what_it_cannot_see():
    assert CAUSAL.block(0, 3, 11, 11)[1] == slice(0, 3)
    assert CAUSAL.block(0, 3, 11, 17)[1] == slice(0, 9)
    assert FULL.block(0, 3, 11, 11)[1] == slice(0, 11)
    assert sliding(2).block(5, 8, 11, 11)[1] == slice(4, 8)
    assert sliding(2, causal=False).block(5, 8, 11, 11)[1] == slice(4, 9)


def test_what_allows_everything_is_not_written_out():
    assert FULL.dense(5, 7, CPU) is None
    assert CAUSAL.dense(1, 7, CPU) is None
