"""Records are read as what they are, without loss, and what is wrong with one is one sentence."""

import json

import pytest

from benchmarks.json_fields import to_json
from benchmarks.records import Memory
from benchmarks.result_files import RESULTS, read_records, read_results


def test_result_files_are_of_steps_that_exist_and_nothing_in_them_is_lost():
    files = sorted(RESULTS.glob("*.json"))
    assert len(files) > 10
    for path in files:
        name = path.stem.rpartition("_")[0]
        rows = read_records(path, name)
        assert {row.made.machine.name for row in rows} == {name}, path
        assert [to_json(row) for row in rows] == json.loads(path.read_bytes())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latency_ms": {"p50": "fast"}}, "field latency_ms.p50: expected a number, got 'fast'"),
        ({"latency_ms": 3.5}, "field latency_ms: expected an object, got 3.5"),
        ({"runs": 2.5}, "field runs: expected a whole number, got 2.5"),
        ({"runs": True}, "field runs: expected a whole number, got True"),
        ({"unstable": 1}, "field unstable: expected true or false, got 1"),
        ({"peer": None}, "field peer: expected a text, got None"),
        ({"settings": {"seed": "one"}}, "field settings.seed: expected a number, got 'one'"),
        ({"speed": 1}, "field speed: Latency has no such field"),
        ({"commit": ...}, "field commit: expected a text, got nothing"),  # of a source whose other half is there
        ({"machine": {"name": "x"}}, "field machine.processor: expected a text, got nothing"),
    ],
    ids=str,
)
def test_a_record_with_a_wrong_field_is_refused(run, results, page, change, message):
    path = results / "x_full-dense.json"
    rows = json.loads(path.read_text())
    rows[1] = {key: value for key, value in (rows[1] | change).items() if value is not ...}
    path.write_text(json.dumps(rows))
    with pytest.raises(SystemExit) as fault:
        run("--results", results, "--pages", page, "--machine", "x")
    assert fault.value.code == f"x_full-dense.json, record 2, {message}"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x_full-dense.json", "{", r"x_full-dense\.json: expected JSON, got what has an error: .*line 1"),
        ("x_full-dense.json", "{}", r"x_full-dense\.json: expected a list of records, got something else"),
        ("x_full-dense.json", "[]", r"x_full-dense\.json: expected a list of records, got none"),
        ("x_full-dense.json", "[7]", r"x_full-dense\.json, record 1: expected an object, got 7"),
        ("x_full-danse.json", "[]", r"x_full-danse\.json: expected the name of a step after x_, got 'full-danse'"),
    ],
)
def test_a_file_of_something_else_is_refused(run, results, page, name, text, message):
    (results / name).write_text(text)
    with pytest.raises(SystemExit, match=message):
        run("--results", results, "--pages", page, "--machine", "x")


def test_a_step_has_records_of_one_kind(results):
    with pytest.raises(TypeError, match="full-dense has records of Latency, not of Memory"):
        read_results(results, "x").of(Memory, "full-dense")
