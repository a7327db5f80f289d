"""Plug-ins whose scores are wrong, and plug-ins that change what they are given."""

from .fault import score, whole

SCORES = (
    score(
        "nan", "returns NaN", 'return super().score(query, key) * float("nan")', "diverged", "loss was nan", often=True
    ),
    score(
        "infinite", "returns infinity", 'return super().score(query, key) + float("inf")', "diverged", "loss was nan"
    ),
    score("none", "returns nothing", "return None", "failed", "AttributeError"),
    score("wrong_shape", "returns another shape", "return super().score(query, key)[..., :1]", "failed", "shape"),
    score("wrong_dtype", "returns whole numbers", "return super().score(query, key).long()", "failed"),
    score("wrong_device", "returns scores without values", 'return super().score(query, key).to("meta")', "failed"),
    score("in_place", "changes its input", "query.mul_(2)", "failed or ok"),
    score(
        "keeps_graph",
        "keeps the graph of earlier calls",
        """
        now = super().score(query, key)
        self.total = getattr(self, "total", 0) + now.mean()
        return now + self.total
        """,
        "failed",
        "RuntimeError: Trying to backward through the graph a second time",
    ),
    score(
        "not_deterministic",
        "returns other scores in every call",
        """
        from random import SystemRandom
        return super().score(query, key) * (1 + SystemRandom().random())
        """,
        "ok",
    ),
    score(
        "new_parameters",
        "has other parameters in every call",
        "self.weight = torch.nn.Parameter(torch.ones(1))\nreturn super().score(query, key) * self.weight",
        "ok",
    ),
    whole(
        "negative_weights",
        "is a normalizer with negative weights",
        '''
        from mechanisms.normalizers import NORMALIZERS, Normalizer

        @NORMALIZERS.register("{name}")
        class Negative(Normalizer):
            """p(e) = -e

            Source: this project.
            """

            def forward(self, scores, allowed=None):
                return -scores
        ''',
        "ok",
    ),
)
