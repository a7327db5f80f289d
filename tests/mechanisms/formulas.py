"""The alignments' formulas as their papers have them: one head, one pair of vectors at a time."""

import torch


def additive(a, s, h, head, j):
    return torch.dot(a.v[head], torch.tanh(a.W[head].T @ s + a.U[head].T @ h + a.b[head, 0]))


def concat(a, s, h, head, j):
    joined = torch.cat([a.W[head], a.U[head]])
    return torch.dot(a.v[head], torch.tanh(joined.T @ torch.cat([s, h])))


def concat_identity(a, s, h, head, j):
    identities = torch.eye(len(s), dtype=s.dtype).repeat(1, 2)
    return torch.dot(a.v[head], torch.tanh(identities @ torch.cat([s, h])))


def dot(a, s, h, head, j):
    return torch.dot(s, h)


def scaled_dot(a, s, h, head, j):
    return torch.dot(s, h) / len(h) ** 0.5


def general(a, s, h, head, j):
    return s @ a.W[head] @ h


def location(a, s, h, head, j):
    return torch.dot(a.w[head, j], s)


def cosine(a, s, h, head, j):
    return torch.exp(a.log_beta[head, 0, 0]) * torch.dot(s, h) / torch.sqrt(torch.dot(s, s) * torch.dot(h, h))


def gaussian(a, s, h, head, j):
    return -((s - h) ** 2).sum() / (2 * len(s) ** 0.5)


def local_m(a, s, h, head, j):
    return general(a.inner, s, h, head, j)


def local_p(a, s, h, head, j):
    return general(a.inner, s, h, head, j)


PAIRS = {
    f.__name__: f
    for f in (
        additive,
        concat,
        concat_identity,
        dot,
        scaled_dot,
        general,
        location,
        cosine,
        gaussian,
        local_m,
        local_p,
    )
}


def location_aware(a, s, h, head, steps):
    """Chorowski et al. 2015, with U and V exchanged; what lies outside the source counts as zero."""
    filters, kernel = a.V.shape[1], a.F.shape[2]
    last = steps[-1] if steps else s.new_zeros(len(h))
    energies = []
    for j in range(len(h)):
        f = [
            sum(
                a.F[head * filters + n, 0, r] * last[j + r - kernel // 2]
                for r in range(kernel)
                if 0 <= j + r - kernel // 2 < len(h)
            )
            for n in range(filters)
        ]
        inner = a.W[head].T @ s + a.U[head].T @ h[j] + a.V[head].T @ torch.stack(f) + a.b[head, 0]
        energies.append(torch.dot(a.v[head], torch.tanh(inner)))
    return torch.stack(energies).softmax(0)


def coverage(a, s, h, head, steps):
    """See et al. 2017, eq. 10 and 11."""
    energies = []
    for j in range(len(h)):
        c = sum((step[j] for step in steps), s.new_zeros(()))
        inner = a.W[head].T @ s + a.U[head].T @ h[j] + a.w[head, 0] * c + a.b[head, 0]
        energies.append(torch.dot(a.v[head], torch.tanh(inner)))
    return torch.stack(energies).softmax(0)


def monotonic(a, s, h, head, steps):
    """Raffel et al. 2017, eq. 9 to 14 with the energy that has g and r; the last key stops every walk."""
    v = a.v[head] / torch.sqrt((a.v[head] ** 2).sum())
    p = [
        torch.sigmoid(
            a.g[head, 0, 0] * torch.dot(v, torch.tanh(a.W[head].T @ s + a.U[head].T @ h_j + a.b[head, 0]))
            + a.r[head, 0, 0]
        )
        for h_j in h[:-1]
    ]
    last = steps[-1] if steps else torch.eye(len(h), dtype=s.dtype)[0]
    return expected_alignment([*p, s.new_ones(())], last)


def expected_alignment(p, last):
    """Raffel et al. 2017, eq. 9 to 14: q_j = (1 - p_{j-1}) q_{j-1} + α_{t-1,j} and α_tj = p_j q_j."""
    q, alpha = p[0].new_zeros(()), []
    for j in range(len(p)):
        q = (1 - p[j - 1]) * q + last[j] if j else last[0]
        alpha.append(p[j] * q)
    return torch.stack(alpha)


HISTORIES = {f.__name__: f for f in (location_aware, coverage, monotonic)}
"""(alignment, query, keys, head, the weights of the steps before) -> weights under softmax"""
