import pytest

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS
from mechanisms.alignments.location import Location
from registry import UserError, build


def test_a_name_a_name_with_hyperparameters_and_a_class():
    assert build(ALIGNMENTS, "location", 2, 3, 3).max_length == 1024
    assert build(ALIGNMENTS, {"location": {"max_length": 17}}, 2, 3, 3).max_length == 17
    assert build(ALIGNMENTS, {"location": None}, 2, 3, 3).max_length == 1024
    assert isinstance(build(ALIGNMENTS, Location, 2, 3, 3), Location)
    assert len(build(MODELS, {"transformer": {"layers": 3}}, 8, causal=True).stack.blocks) == 3


@pytest.mark.parametrize(
    ("registry", "choice", "sentence"),
    [
        (
            ALIGNMENTS,
            {"location": {"max_lenght": 7}},
            "'location' has no hyper-parameter 'max_lenght'. Did you mean 'max_length'",
        ),
        (ALIGNMENTS, {"dot": {"scale": 7}}, "alignment 'dot' has no hyper-parameter 'scale'. It has none."),
        (ALIGNMENTS, "aditive", "unknown alignment 'aditive'. Did you mean 'additive'"),
        (ALIGNMENTS, {"dot": {}, "general": {}}, "expected one name with its hyper-parameters, got dot, general"),
        (ALIGNMENTS, {"location": 7}, "alignment 'location': expected its hyper-parameters as {name: value}, got 7"),
        (ALIGNMENTS, {"location": {"heads": 7}}, "alignment 'location' has no hyper-parameter 'heads'"),
    ],
)
def test_mistakes_get_their_sentence(registry, choice, sentence):
    with pytest.raises(UserError) as caught:
        build(registry, choice, 2, 3, 3)
    assert sentence in str(caught.value)


def test_what_the_caller_fixes_is_no_hyperparameter():
    with pytest.raises(UserError, match="no hyper-parameter 'causal'"):
        build(MODELS, {"transformer": {"causal": False}}, 8, causal=True)
    with pytest.raises(UserError, match="normalizer 'softmax' has no hyper-parameter 'temperature'"):
        build(NORMALIZERS, {"softmax": {"temperature": 2.0}})
