"""A suite with the old name of a setting gets an error that says the present one."""

import pytest

from registry import UserError
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan


@pytest.mark.parametrize("value", ["luong", "[bahdanau, luong]"])
def test_an_old_setting_is_named_with_file_and_line(tiny, value):
    path = tiny(mechanisms=f"\n  - gru\n  - rnn_attention:\n      alignment: dot\n      reading: {value}")
    with pytest.raises(UserError) as caught:
        make_plan(SuiteFile(path))
    sentence = "model 'rnn_attention' has no setting 'reading': it is called 'decoder' now."
    assert str(caught.value) == f"{path}:7: {sentence}"
