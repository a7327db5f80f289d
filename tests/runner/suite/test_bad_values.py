"""Values of a suite that are read as something else, are empty, are given twice or are too large: one sentence each."""

import math
from pathlib import Path

import pytest

from registry import UserError
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan

WHOLE = "a whole number"

# What is changed in the tiny suite, on which line (keys in order from line 1), and what is said of it.
TWICE = [
    ({"train": "{steps: 4, steps: 4000}"}, 5, "the key 'steps' is given twice, first on line 5; keep one of them"),
    ({"probes": "[accuracy]\nseeds: 3"}, 7, "the key 'seeds' is given twice, first on line 2; keep one of them"),
    ({"mechanisms": "[gru: {layers: 1, 'layers': 2}]"}, 3, "the key 'layers' is given twice"),
    ({"probes": "[accuracy, accuracy]"}, 6, "the probe 'accuracy' is given twice; give it once"),
    ({"probes": "[cost: {lengths: [4]}, cost: {lengths: [8]}]"}, 6, "the probe 'cost' is given twice"),
    ({"probes": "[cost: {lengths: [[4], [8]]}]"}, 6, "the probe 'cost' is given twice"),
    (
        {"tasks": "[copy: {length: 3, pretrain: {copy: {length: 3, pretrain: {copy: {length: 3}}}}}]"},
        4,
        "copy: pretrain contains another pretrain; there can be only one",
    ),
    (
        {"tasks": "[copy: {length: 3, pretrain: {copy: {length: 3, test_lengths: [5]}}}]"},
        4,
        "copy: pretrain has test_lengths, but the first task is not tested; leave it out",
    ),
]
ANOTHER_NUMBER = [
    ({"seeds": "yes"}, 2, f"seeds is true; {WHOLE}"),
    ({"seeds": "'3'"}, 2, f"seeds is '3'; {WHOLE}"),
    ({"seeds": "1.0"}, 2, f"seeds is 1.0; {WHOLE}"),
    ({"train": "{learning_rate: true}"}, 5, "train.learning_rate is true; a number greater than 0, or a list"),
    ({"train": "{learning_rate: [0.1, no]}"}, 5, "train.learning_rate contains false; a number greater than 0"),
    ({"train": "{learning_rate: .inf}"}, 5, ".inf is not a finite number"),
    ({"train": "{clip: .nan}"}, 5, ".nan is not a finite number"),
    ({"train": "{warmup: off}"}, 5, f"train.warmup is false; {WHOLE} from 0"),
    ({"train": "{weight_decay: '0.1'}"}, 5, "train.weight_decay is '0.1'; a number of at least 0 was expected"),
    ({"train": "{width: true}"}, 5, f"train.width is true; {WHOLE}"),
    ({"train": "{steps: 0100}"}, 5, "YAML reads 0100 as 64; write the number without a colon or a 0 in front"),
    ({"train": "{steps: 1:30}"}, 5, "YAML reads 1:30 as 90"),
    ({"train": "{clip: 1:30.5}"}, 5, "YAML reads 1:30.5 as 90.5"),
    ({"mechanisms": "[gru: {layers: 02}]"}, 3, "YAML reads 02 as 2"),
    ({"train": "{steps: !!int many}"}, 5, "'many' is not a value of the type int"),
    ({"limits": "{memory: 2}"}, 7, "limits.memory is 2; a size with its unit, from 1MB to 100TB, such as 4GB, was"),
    ({"limits": "{memory: true}"}, 7, "limits.memory is true; a size"),
    ({"limits": "{memory: 4.5}"}, 7, "limits.memory is 4.5; a size"),
    ({"limits": "{memory: -4GB}"}, 7, "limits.memory is '-4GB'; a size"),
    ({"limits": "{memory: 4XB}"}, 7, "limits.memory is '4XB'; a size"),
    ({"limits": f"{{memory: {'9' * 400}GB}}"}, 7, "limits.memory is '999"),
    ({"limits": "{seconds: yes}"}, 7, "limits.seconds is true; a number greater than 0, or .inf, was expected"),
    ({"limits": "{seconds: -.inf}"}, 7, "-.inf is not a finite number"),
    ({"limits": "{seconds: .nan}"}, 7, ".nan is not a finite number"),
    (
        {"limits": "{seconds: &none .inf}\ntrain: {clip: *none}", "train": None},
        7,
        "train.clip is inf; a number greater",
    ),
    ({"limits": "{}\nthreads: true"}, 8, f"threads is true; {WHOLE} from 1 to 1,024 was expected"),
    ({"match": "{parameters: true}", "train": None}, 7, f"match.parameters is true; {WHOLE} from 1"),
    ({"mechanisms": "[transformer: {window: 2.5}]"}, 3, f"window is 2.5; {WHOLE} or null was expected"),
    ({"mechanisms": "[transformer: {window: '16'}]"}, 3, f"window is '16'; {WHOLE} or null was expected"),
    ({"mechanisms": "[transformer: {key_heads: 1.0}]"}, 3, f"key_heads is 1.0; {WHOLE} or null was expected"),
    ({"mechanisms": "[gru: {layers: yes}]"}, 3, f"layers is true; {WHOLE} was expected"),
    ({"mechanisms": "[gru: {layers: null}]"}, 3, f"layers is null; {WHOLE} was expected"),
    ({"tasks": "[copy: {length: true}]"}, 4, f"copy: length is true; {WHOLE} from 1 to 1,000,000"),
    ({"tasks": "[copy: {length: 3, test_lengths: [on]}]"}, 4, "copy: test_lengths is [true]; a list of whole"),
]
ANOTHER_KIND = [
    ({"train": "3"}, 5, "train is 3; a mapping with keys among width, batch"),
    ({"limits": "3"}, 7, "limits is 3; a mapping with keys among seconds, memory"),
    ({"mechanisms": "gru"}, 3, "mechanisms is 'gru'; a list of mechanisms, such as [lstm, transformer], was expected"),
    ({"tasks": ""}, 4, "tasks is null; a list of tasks, such as [copy: {length: 20}], was expected"),
    ({"probes": "{accuracy: {}}"}, 6, "probes is {accuracy: {}}; a list of probes, such as [accuracy], was expected"),
    ({"limits": "{}\nplugins: a.py"}, 8, "plugins is 'a.py'; a list of files and modules, such as [my_score.py]"),
    ({"limits": "{}\nplugins: [3]"}, 8, "plugins contains 3; a list of files"),
    ({"limits": "{}\nplugins: [no.py]"}, 8, "plug-in no.py: the file does not exist"),
    ({"limits": "{}\nplugins: ['distribution:no']"}, 8, "no distribution with this name is installed"),
    ({"limits": f"{{}}\nplugins: [{'a' * 5000}.py]"}, 8, "the file cannot be read: File name too long"),
    ({"name": "a" * 300}, 1, "name is 'aaa"),
    ({"train": "{3: 4}"}, 5, "unknown key 'train.3'. Known: batch"),
    ({"train": "&a {steps: *a}"}, 5, "a list or mapping contains itself"),
    ({"train": "[" * 600}, 1, "lists and mappings are nested too deeply"),
    ({"train": "\x07"}, 5, "not valid YAML: the character U+0007 is not allowed"),
]
EMPTY = [
    ({"train": "{learning_rate: []}"}, 5, "train.learning_rate is []; a number greater than 0, or a list"),
    ({"mechanisms": "[gru: {layers: []}]"}, 3, "layers is an empty list; leave it out or give it a value"),
    ({"mechanisms": "[gru, transformer: {alignment: []}]"}, 3, "alignment is an empty list; leave it out"),
    (
        {"mechanisms": "[transformer: {alignment: [plugins]}]"},
        3,
        "no mechanism is left, because there is no such plug-",
    ),
    ({"mechanisms": "[plugins]"}, 3, "no mechanism is left, because there is no such plug-in"),
    ({"tasks": "[plugins]"}, 4, "no task is left to train on, which the suite needs for accuracy: there is no such"),
    ({"probes": "[plugins]"}, 6, "no probe is left, because there is no such plug-in"),
    ({"probes": "[cost: {lengths: []}]"}, 6, "lengths is an empty list; leave it out"),
]
TOO_LARGE = [
    ({"seeds": "1000000000"}, 2, "seeds is 1000000000; a whole number from 1 to 10,000 was expected"),
    ({"seeds": "9" * 30}, 2, "is too large a number; less than 10^15 was expected"),
    ({"seeds": "9" * 400}, 2, "is too large a number; less than 10^15 was expected"),
    ({"seeds": "9" * 5000}, 2, "is too large a number; less than 10^15 was expected"),
    ({"seeds": "10000", "mechanisms": "[gru, lstm]"}, 2, "the suite has 20,000 trials; at most 10,000 were expected"),
    ({"train": "{width: 1000000000}"}, 5, "train.width is 1000000000; a whole number from 1 to 100,000 was expected"),
    ({"train": "{batch: 10000000000}"}, 5, "train.batch is 10000000000; a whole number from 1 to 1,000,000,000 was"),
    ({"limits": "{}\nthreads: 99999"}, 8, "threads is 99999; a whole number from 1 to 1,024 was expected"),
    ({"mechanisms": "[lstm: {layers: 99999999999}]"}, 3, "layers is 99999999999; at most 1,000,000 was expected"),
    ({"mechanisms": "[transformer: {alignment: {location: {max_length: 99999999}}}]"}, 3, "max_length is 99999999; at"),
    ({"mechanisms": "[transformer: {alignment: {location: {max_length: -3}}}]"}, 3, "transformer: it cannot be built"),
    ({"mechanisms": "[transformer: {expansion: 1.0e+12}]"}, 3, "transformer has more than 100,000,000,000 parameters"),
    ({"mechanisms": f"[gru: {{layers: {[*range(1, 1002)]}}}]"}, 3, "the lists have 1,001 combinations; at most 1,000"),
    ({"tasks": "[copy: {length: 1000000000}]"}, 4, "copy: length is 1000000000; a whole number from 1 to 1,000,000"),
    ({"tasks": "[cycle_navigation: {length: 9, states: 1000000000}]"}, 4, "states is 1000000000; at most 1,000,000"),
    ({"probes": "[cost: {lengths: [99999999999]}]"}, 6, "lengths is 99999999999; at most 1,000,000 was expected"),
]
MISTAKES = [*TWICE, *ANOTHER_NUMBER, *ANOTHER_KIND, *EMPTY, *TOO_LARGE]


@pytest.mark.parametrize(("changes", "line", "sentence"), MISTAKES, ids=[str(m[0])[:60] for m in MISTAKES])
def test_mistakes(tiny, changes, line, sentence):
    path = tiny(**changes)
    with pytest.raises(UserError) as caught:
        make_plan(SuiteFile(path), folder=path.parent / "no-plugins")
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert sentence in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 400


def test_more_layers_than_can_be_built(tiny):
    path = tiny(mechanisms="[gru: {layers: 1000000}]")
    with pytest.raises(UserError, match=r":3: gru has more than 10,000 weight matrices and biases; choose"):
        make_plan(SuiteFile(path))


def test_merge_keys_and_anchors_are_read_as_before(write, tiny):
    text = tiny(train=None).read_text()
    train = "base: &base {width: 8, steps: 6}\n"
    merged = SuiteFile(write("merged.yaml", text + "train: {<<: {width: 8, steps: 6}, steps: 7}\n")).suite.train
    assert (merged.width, merged.steps) == (8, 7)
    with pytest.raises(UserError, match=r"merged.yaml:7: unknown key 'base'"):
        SuiteFile(write("merged.yaml", text + train + "train: {<<: *base, steps: 7}\n"))


def test_the_line_of_a_merged_key_is_where_it_is_written(write, tiny):
    text = tiny(train=None).read_text() + "train:\n  <<:\n    {width: 8,\n    steps: many}\n  batch: 8\n"
    with pytest.raises(UserError, match=r"merged.yaml:10: train.steps is 'many'"):
        SuiteFile(write("merged.yaml", text))
    with pytest.raises(UserError, match=r"merged.yaml:12: train.steps is 'few'"):
        SuiteFile(write("merged.yaml", text + "  steps: few\n"))


@pytest.mark.parametrize(("text", "rate"), [("1e-3", 0.001), ("2E+0", 2.0), ("1.0e-3", 0.001), ("3", 3.0)])
def test_numbers_as_people_write_them(tiny, text, rate):
    assert SuiteFile(tiny(train=f"{{learning_rate: {text}}}")).suite.train.learning_rate == (rate,)


def test_numbers_that_are_clear(tiny):
    suite = SuiteFile(tiny(train="{steps: 1_000, warmup: 0x10}", limits="{memory: 4000000000}")).suite
    assert (suite.train.steps, suite.train.warmup, suite.limits.memory) == (1000, 16, 4 * 10**9)


@pytest.mark.parametrize("text", [".inf", "+.Inf"])
def test_a_suite_may_have_no_limit_of_time(tiny, text):
    assert SuiteFile(tiny(limits=f"{{seconds: {text}}}")).suite.limits.seconds == math.inf


def test_a_date_is_a_name(tiny):
    assert SuiteFile(tiny(name="2024-99-01")).suite.name == "2024-99-01"


@pytest.mark.parametrize("path", ["/dev/full", "/dev/zero", "/dev"])
def test_what_is_no_file_is_not_read(path):
    with pytest.raises(UserError, match=r"suite file /dev\S* cannot be read: it is a (device|folder)"):
        SuiteFile(Path(path))


def test_a_file_that_is_no_suite(write, tmp_path):
    with pytest.raises(UserError, match=r"large.yaml is too large: it has more than 262,144 bytes"):
        SuiteFile(write("large.yaml", "#" * 300_000))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"binary.yaml cannot be read: it is not text in UTF-8"):
        SuiteFile(tmp_path / "binary.yaml")
    with pytest.raises(UserError, match=r"cannot be read: File name too long"):
        SuiteFile(tmp_path / ("a" * 5000))
