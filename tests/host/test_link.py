"""Linking keeps what a program means: small programs are run as modules and as one whole."""

import pytest
from link_programs import COMPAT, LATE, PACKAGE, PARTS, Modules, result, whole
from ophion.build.frozen import linked, product_files
from ophion.errors import BuildError


def test_a_whole_does_what_its_modules_do():
    separate = {f"{PACKAGE}.{name}": text for name, text in PARTS.items()}
    expected = result(separate)
    assert expected[:4] == [9, 3, "trace", 7] and expected[-1] == "slow" and len(expected) > 15
    _, made = whole()
    assert list(made) == ["ophion_boot.main"]
    assert "ophion_boot" not in made["ophion_boot.main"]
    assert result(made) == expected


def test_a_part_that_is_linked_elsewhere_is_imported_from_there():
    separate = result({f"{PACKAGE}.{name}": text for name, text in PARTS.items()})
    late = (
        LATE
        + "\nfrom ophion_boot.trace import LIMIT, Base\n\ndef size():\n    return Base().size() + LIMIT\n"
    )
    _, made = whole({**PARTS, "late": late}, {"main": ["trace", "other", "slow"], "late": []})
    assert result(made) == separate
    with Modules(made) as modules:
        assert modules["ophion_boot.late"].size() == 10
    assert "_LIMIT = const(3)" in made["ophion_boot.late"]


def test_the_choice_between_modules_is_made_by_what_is_there():
    parts = {**PARTS, "quick": "def name():\n    return 'quick'\n"}
    _, made = whole(parts, {"main": ["trace", "other", "late", "quick", "slow"]})
    assert result(made)[-1] == "quick"


def test_branches_of_what_was_left_out_are_dropped():
    _, made = whole()
    assert "gone" not in made["ophion_boot.main"]


def test_constants_are_folded_and_names_do_not_meet():
    program, made = whole()
    text = made["ophion_boot.main"]
    assert "_SIZE = const(4)" in text and "_SIZE2 = const(7)" in text and "_LIMIT = const(3)" in text
    origins = program.origins("ophion_boot.main")
    assert origins["Base"] == "ophion_boot.trace" and origins["start"] == "ophion_boot.main"
    assert len(origins) == len(set(origins))


def test_a_module_that_is_used_as_a_value_is_refused():
    parts = {"trace": "X = []\n", "main": "from ophion_boot import trace\n\ndef start():\n    return trace\n"}
    with pytest.raises(BuildError, match=r"ophion_boot\.main: the module trace is used as a value"):
        whole({**parts, "compat": COMPAT}, {"main": ["trace"]})


def test_a_name_may_be_passed_on_but_has_to_be_there():
    main = "from ophion_boot.b import X\n\ndef start():\n    return X\n"
    parts = {"compat": COMPAT, "a": "X = [5]\n", "b": "from ophion_boot.a import X\n", "main": main}
    _, made = whole(parts, {"main": ["a", "b"]})
    assert result(made) == [5]
    with pytest.raises(BuildError, match=r"ophion_boot\.main: ophion_boot\.b has no name X"):
        whole({**parts, "b": "Y = 1\n"}, {"main": ["a", "b"]})


def test_two_wholes_are_left_of_the_bootloader():
    files = product_files()
    chosen = {path: data for path, data in files.items() if "port/unix" not in path and "plain" not in path}
    made = linked(chosen).files
    ours = {path for path in made if path.startswith("ophion_boot/")}
    assert ours == {"ophion_boot/__init__.py", "ophion_boot/main.py", "ophion_boot/service.py"}
    assert (
        made["main.py"] == files["main.py"]
        and made["ophion_app/__init__.py"] == files["ophion_app/__init__.py"]
    )
