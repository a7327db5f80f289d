"""Every mistake in a suite is one sentence with file, line and the nearest valid choice."""

import pytest

from registry import UserError
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan


def test_reads_names_settings_and_sizes(tiny):
    file = SuiteFile(tiny(mechanisms="[gru, transformer: {layers: 1}]", limits="{memory: 4GB}"))
    assert file.suite.mechanisms == ("gru", {"transformer": {"layers": 1}})
    assert file.suite.limits.memory == 4_000_000_000
    assert file.suite.train.learning_rate == (3e-3,)


# What is wrong, on which line of the tiny suite (keys in order from line 1), and what is said of it.
MISTAKES = [
    ({"sede": "3"}, 8, "unknown key 'sede'. Did you mean 'seeds'?"),
    ({"train": "{stesp: 3}"}, 5, "unknown key 'train.stesp'. Did you mean 'steps'?"),
    ({"limits": "{second: 3}"}, 7, "unknown key 'limits.second'. Did you mean 'seconds'?"),
    ({"seeds": "0"}, 2, "seeds is 0; a whole number from 1 to 10,000 was expected"),
    ({"train": "{width: -4}"}, 5, "train.width is -4; a whole number from 1 to 100,000 was expected"),
    (
        {"train": "{learning_rate: fast}"},
        5,
        "train.learning_rate is 'fast'; a number greater than 0, or a list",
    ),
    (
        {"name": "../elsewhere"},
        1,
        "name is '../elsewhere'; a name of up to 100 letters, digits and",
    ),
    ({"mechanisms": None}, 1, "the key 'mechanisms' is missing"),
    ({"mechanisms": "[]"}, 3, "mechanisms is []; a list of mechanisms, such as [lstm, transformer], was"),
    (
        {"mechanisms": "[{gru: {}, lstm: {}}]"},
        3,
        "a mechanism is {gru: {}, lstm: {}}; a name, or one name with its settings",
    ),
    ({"mechanisms": "[lsmt]"}, 3, "unknown model 'lsmt'. Did you mean 'lstm'?"),
    ({"mechanisms": "[gru: {layer: 2}]"}, 3, "model 'gru' has no setting 'layer'. Did you mean 'layers'?"),
    ({"mechanisms": "[transformer: {alignment: dott}]"}, 3, "unknown alignment 'dott'. Did you mean 'dot'?"),
    ({"mechanisms": "[transformer: {heads: 3}]"}, 3, "transformer: width 8 cannot be split into 3 heads"),
    ({"mechanisms": "[transformer: {layers: many}]"}, 3, "model 'transformer': layers is 'many'; a whole number"),
    ({"tasks": "[cpoy: {length: 3}]"}, 4, "unknown task 'cpoy'. Did you mean 'copy'?"),
    (
        {"tasks": "[copy: {length: -3}]"},
        4,
        "copy: length is -3; a whole number from 1 to 1,000,000, or [sho",
    ),
    ({"tasks": "[copy: {length: [3, 5, 7]}]"}, 4, "copy: length is [3, 5, 7]; a whole number from 1 to 1,000,000, or"),
    ({"tasks": "[copy: {length: [5, 3]}]"}, 4, "copy: length is [5, 3]; a whole number"),
    ({"tasks": "[copy: {preset: arjovsky-201}]"}, 4, "copy has no preset 'arjovsky-201'. Did you mean 'arjovsky-200'?"),
    ({"tasks": "[copy: {length: 3, steps: [4, 5]}]"}, 4, "copy: steps is [4, 5]; a whole number from 1"),
    ({"tasks": "[copy: {length: 3, pretrain: 7}]"}, 4, "copy: pretrain is 7; a task with its settings"),
    ({"tasks": "[copy: {length: 3, pretrain: {cpoy: {length: 3}}}]"}, 4, "unknown task 'cpoy'. Did you mean 'copy'?"),
    ({"tasks": "[copy: {length: 3, pretrain: {copy: {steps: 3}}}]"}, 4, "copy: length is missing"),
    (
        {"tasks": "[copy: {length: 3, pretrain: {copy: {length: 3, steps: 0}}}]"},
        4,
        "copy: steps is 0; a whole number from 1",
    ),
    ({"tasks": "[copy: {items: 3}]"}, 4, "copy: length is missing"),
    ({"tasks": "[copy: {preset: []}]"}, 4, "preset is an empty list; leave it out or give it a value"),
    ({"tasks": "[copy: {length: 3, test_lengths: 9}]"}, 4, "test_lengths is 9; a list"),
    ({"tasks": "[copy: {length: 3, itmes: 9}]"}, 4, "task 'copy' has no setting 'itmes'. Did you mean 'items'?"),
    ({"tasks": "[recall: {length: 5}]"}, 4, "recall: length is 5, but must be at least 15 for 4 pairs"),
    ({"tasks": "[]"}, 6, "the suite has no tasks to train on, which it needs for accuracy"),
    ({"match": "{paramters: 9000}", "train": None}, 7, "unknown key 'match.paramters'. Did you mean 'parameters'?"),
    ({"match": "{parameters: many}", "train": None}, 7, "match.parameters is 'many'; a whole number from 1 to"),
    ({"match": "{parameters: 0}", "train": None}, 7, "match.parameters is 0; a whole number from 1 to"),
    ({"match": "{}", "train": None}, 7, "the key 'match.parameters' is missing"),
    ({"keep": "{weights: 0}"}, 8, "keep.weights is 0; a whole number of examples from 1 to 100 was expected"),
    ({"keep": "{weights: true}"}, 8, "keep.weights is true; a whole number of examples from 1 to 100 was expected"),
    ({"keep": "{weigths: 1}"}, 8, "unknown key 'keep.weigths'. Did you mean 'weights'?"),
    ({"keep": "[weights]"}, 8, "a mapping with keys among weights was expected"),
    ({"match": "{parameters: 9000}"}, 5, "train.width and match cannot be given together"),
    (
        {"match": "{parameters: 9000}", "train": None, "mechanisms": "[gru: {layers: 0}]"},
        3,
        "gru: layers must be at least 1, not 0",
    ),
    (
        {
            "match": "{parameters: 9000}",
            "train": None,
            "mechanisms": "[linear_attention: {position: {learned: {a: 3}}}]",
        },
        3,
        "position 'learned' has no setting 'a'.",
    ),
    ({"probes": "[cost: {lengths: [1]}]"}, 6, "cost needs lengths of at least 2"),
    ({"probes": "[acuracy]"}, 6, "unknown probe 'acuracy'. Did you mean 'accuracy'?"),
    ({"probes": "[throughput: {lengths: [1]}]"}, 6, "throughput needs lengths of at least 2"),
]


@pytest.mark.parametrize(("changes", "line", "sentence"), MISTAKES, ids=[m[2][:40] for m in MISTAKES])
def test_mistakes(tiny, changes, line, sentence):
    path = tiny(**changes)
    with pytest.raises(UserError) as caught:
        make_plan(SuiteFile(path))
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert sentence in message
    assert "\n" not in message


def test_missing_file_names_the_nearest(tiny):
    path = tiny()
    with pytest.raises(UserError, match=r"suite file .*tinny.yaml does not exist. Did you mean 'tiny.yaml'\?"):
        SuiteFile(path.with_name("tinny.yaml"))


def test_not_yaml_names_file_and_line(write):
    path = write("broken.yaml", "name: broken\nseeds: [1\nprobes: [accuracy]\n")
    with pytest.raises(UserError, match=r"broken.yaml:3: not valid YAML: "):
        SuiteFile(path)


def test_python_objects_in_yaml_are_refused(write):
    path = write("evil.yaml", "name: !!python/object/apply:os.system ['echo evil']\n")
    with pytest.raises(UserError, match=r"evil.yaml:1: not valid YAML: could not determine a constructor"):
        SuiteFile(path)


def test_a_list_is_no_suite(write):
    with pytest.raises(UserError, match="a suite is a mapping"):
        SuiteFile(write("list.yaml", "- gru\n"))


def test_half_of_a_character_is_refused_and_two_halves_are_joined(write):
    """JSON writes a character beyond U+FFFF as two halves."""
    text = 'name: tiny\nmechanisms: [{external: {path: "%s"}}]\nprobes: [cost]\n'
    with pytest.raises(UserError, match=r":2: 'a\\ud800' contains half of a character$"):
        SuiteFile(write("half.yaml", text % r"a\ud800"))
    assert SuiteFile(write("whole.yaml", text % r"\ud83d\ude00")).suite.mechanisms == ({"external": {"path": "😀"}},)
