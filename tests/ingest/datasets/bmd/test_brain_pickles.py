"""Arrays are read from pickles with arbitrary content."""

from __future__ import annotations

import collections
import contextlib
import decimal
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignhouse.ingest.datasets.bmd.pickles import open_arrays
from alignhouse.warehouse.errors import BadInput

PROTOCOLS = range(6)


class Image:
    """A class with state, like the image object that is stored with the arrays."""

    class Header:
        def __init__(self) -> None:
            self.sizes = {"x": [1, 2]}

    def __init__(self) -> None:
        self.header = self.Header()
        self.affine = np.eye(4)


class Slotted:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 3


class WithKeywords:
    def __new__(cls, *, value: int) -> WithKeywords:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, int]]:
        return (), {"value": 1}


class ListLike(list):
    pass


class Runs:
    """Pickles to a call of `function(*args)`."""

    def __init__(self, function: object, *args: object) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple:
        return self.call


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    with open_arrays(path, names) as arrays:
        return {name: array.read() for name, array in arrays.items()}


def write(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def numpy_1_spelling(data: bytes) -> bytes:
    """The same pickle in the form of numpy 1 (protocols 0 to 3, where names have no length)."""
    return data.replace(b"numpy._core.", b"numpy.core.")


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "plain": rng.normal(size=(4, 3, 5)),
        "fortran": np.asfortranarray(rng.normal(size=(3, 4))),
        "strided": rng.normal(size=(4, 6, 2)).transpose(2, 0, 1),
        "big_endian": np.arange(5, dtype=">i4"),
        "half": np.ones((2, 2), dtype=np.float16),
        "yes_no": np.array([True, False]),
        "empty": np.zeros((10, 3, 0)),
        "single": np.array(2.5),
        "words": np.array(["V1", "IPS1-2-3"]),
        "every_byte": np.arange(256, dtype=np.uint8),
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_come_back_as_plain_pickle_would_give_them(tmp_path, arrays, protocol):
    read = read_arrays(write(tmp_path / "a.pkl", arrays, protocol))
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array, err_msg=name)


@pytest.mark.parametrize("protocol", range(4))
def test_arrays_that_numpy_1_wrote_come_back(tmp_path, arrays, protocol):
    path = tmp_path / "numpy1.pkl"
    path.write_bytes(numpy_1_spelling(pickle.dumps(arrays, protocol=protocol)))
    assert b"numpy.core.multiarray" in path.read_bytes()
    read = read_arrays(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array, err_msg=name)


@pytest.mark.parametrize(("protocol", "module"), [(4, "numpy.core.multiarray"), (5, "numpy.core.numeric")])
def test_arrays_that_numpy_1_wrote_in_the_newer_protocols_come_back(tmp_path, protocol, module):
    data = pickle.dumps({"a": np.arange(6.0).reshape(2, 3)}, protocol=protocol)
    new = module.replace("core", "_core").encode()
    assert new in data
    # Protocols 4 and 5: also correct the length of the name, and that of the frame (11 bytes from the start).
    data = data.replace(bytes([len(new)]) + new, bytes([len(new) - 1]) + module.encode())
    frame = int.from_bytes(data[3:11], "little") - 1
    path = tmp_path / "numpy1.pkl"
    path.write_bytes(data[:3] + frame.to_bytes(8, "little") + data[11:])
    np.testing.assert_array_equal(read_arrays(path)["a"], [[0, 1, 2], [3, 4, 5]])


def test_arrays_that_python_2_wrote_come_back(tmp_path):
    raw = np.array([1.5, -2.0]).tobytes()
    data = (
        b"\x80\x02}q\x01U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89U\x10" + raw + b"tbs."
    )
    path = tmp_path / "python2.pkl"
    path.write_bytes(data)
    np.testing.assert_array_equal(read_arrays(path, ["data"])["data"], [1.5, -2.0])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unknown_objects_beside_the_arrays_are_passed_over(tmp_path, arrays, protocol):
    content: dict[object, object] = {
        "image": Image(),
        "nested_class": Image.Header,
        "ordered": collections.OrderedDict(a=1),
        "counter": collections.Counter("abc"),
        "default": collections.defaultdict(list, {1: [2]}),
        "queue": collections.deque([1, 2]),
        "list_like": ListLike([1, 2, 3]),
        "set": {1, 2},
        "frozen": frozenset({3}),
        "number": decimal.Decimal("1.5"),
        "path": Path("somewhere"),
        "scalar": np.float64(2),
        "function": os.getcwd,
        "bytes": b"\xff\x00",
        "bytearray": bytearray(b"ab"),
        "complex": 1j,
        "slice": slice(1, 2),
        "voxels": (np.arange(3), np.arange(3)),
        "by_other_keys": {("a", "tuple"): 1, 2: np.arange(3), frozenset({1}): None},
        **arrays,
    }
    if protocol >= 2:
        content |= {"slots": Slotted(), "keywords": WithKeywords(value=1)}
    path = write(tmp_path / "mixed.pkl", content, protocol)
    read = read_arrays(path)
    assert set(read) == set(arrays)
    np.testing.assert_array_equal(read_arrays(path, ["plain"])["plain"], arrays["plain"])


def test_unknown_modules_are_never_imported(tmp_path):
    path = tmp_path / "unknown.pkl"
    path.write_bytes(
        b"\x80\x02}(U\x01acthis.module.does_not_exist\nImage\n)\x81}bU\x01bcturtledemo\nmain\n)Ru."
    )
    assert read_arrays(path) == {}
    assert "turtledemo" not in sys.modules


def bombs(flag: Path) -> dict[str, bytes]:
    """Pickles that create the file `flag` if pickle loads them."""
    python = f"open({str(flag)!r}, 'w').close()"
    calls = {
        "os.system": Runs(os.system, f"touch {flag}"),
        "eval": Runs(eval, python),
        "exec": Runs(exec, python),
        "open": Runs(open, str(flag), "w"),
        "subprocess": Runs(__import__("subprocess").check_call, ["touch", str(flag)]),
        "numpy's own": Runs(np.ndarray.tofile, np.arange(3), str(flag)),
        "a dtype": Runs(np.dtype, Runs(eval, python)),
        "an array's state": Runs(np.frombuffer, Runs(eval, python)),
        "mkdir": Runs(os.mkdir, str(flag)),
    }
    made = {
        f"{name}, protocol {p}": pickle.dumps({"a": call}, protocol=p)
        for name, call in calls.items()
        for p in PROTOCOLS
    }
    touch = str(flag).encode()
    made["INST"] = b"(dS'a'\n(S'touch " + touch + b"'\nios\nsystem\ns."
    made["OBJ"] = b"(dS'a'\n(cos\nsystem\nS'touch " + touch + b"'\nos."
    made["importlib, called"] = b"(dS'a'\ncimportlib\nimport_module\n(S'os'\ntR(S'x'\ntRs."
    made["getattr of a module"] = (
        b"(dS'a'\nc__builtin__\ngetattr\n(c__builtin__\n__import__\n(S'os'\ntRS'system'\ntR(S'touch "
        + touch
        + b"'\ntRs."
    )
    dotted = b"system\x94\x93\x8c" + bytes([len(touch) + 6]) + b"touch " + touch + b"\x85Rs."
    made["dotted name"] = b"\x80\x04}\x8c\x01a\x8c\x02os\x8c\x06" + dotted
    return made


def test_the_hostile_pickles_of_these_tests_run_code_under_plain_pickle(tmp_path):
    for i, name in enumerate(
        ("os.system, protocol 2", "eval, protocol 4", "INST", "OBJ", "dotted name", "getattr of a module")
    ):
        flag = tmp_path / f"flag{i}"
        pickle.loads(bombs(flag)[name])
        assert flag.exists(), name


def test_no_code_of_a_pickle_runs(tmp_path):
    flag = tmp_path / "flag"
    modules = set(sys.modules)
    for name, data in bombs(flag).items():
        path = tmp_path / "bomb.pkl"
        path.write_bytes(data)
        with contextlib.suppress(BadInput):
            assert read_arrays(path) == {}, name
        assert not flag.exists(), name
    assert set(sys.modules) == modules


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02" + named + state + b"b."
        for named in (
            b"cnumpy\ndtype\n",
            b"cnumpy._core.multiarray\n_reconstruct\n",
            b"c_codecs\nencode\n",
            b"cnumpy._core.numeric\n_frombuffer\n",
            b"cunknown\nthing\n",
        )
        # As the state of an object: attributes in its __dict__ and in its slots.
        for attributes in (b"(dU\x06encodeK\x01sU\x05arrayK\x01sU\x05dtypeK\x01sU\x07__new__K\x01s",)
        for state in (attributes, b"N" + attributes + b"\x86")
    ],
)
def test_a_pickle_cannot_change_the_reader_itself(tmp_path, data):
    path = tmp_path / "tampers.pkl"
    path.write_bytes(data)
    with pytest.raises(BadInput):
        read_arrays(path)
    good = write(tmp_path / "good.pkl", {"a": np.arange(3)}, 2)
    np.testing.assert_array_equal(read_arrays(good)["a"], [0, 1, 2])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_truncated_file_is_recognised_at_any_length(tmp_path, protocol):
    data = pickle.dumps({"a": np.arange(30.0), "b": Slotted if protocol else 1}, protocol=protocol)
    path = tmp_path / "cut.pkl"
    for length in range(1, len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(BadInput, match="cut short") as caught:
            read_arrays(path)
        assert "cut.pkl" in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds no dict.*list"),
        (np.arange(3), "holds no dict.*array"),
        (Path("x"), "holds no dict.*unknown object"),
        ({"b": np.arange(2)}, "has no array a.*b"),
        ({}, "has no array a"),
        ({"a": [1.0]}, "a in .*no array.*list"),
        ({"a": Path("x")}, "no array.*unknown object"),
        ({"a": np.array([None, 1])}, "cannot be read safely.*Python objects"),
        ({"a": np.zeros(2, dtype=[("x", "f4"), ("y", "i2")])}, "cannot be read safely"),
        ({"a": np.zeros(2, dtype="M8[s]")}, "cannot be read safely"),
    ],
)
def test_what_is_not_an_array_of_numbers_is_refused_by_name(tmp_path, content, message):
    path = write(tmp_path / "odd.pkl", content)
    with pytest.raises(BadInput, match=message) as caught:
        read_arrays(path, ["a"])
    assert "odd.pkl" in str(caught.value)


def test_object_arrays_are_refused_also_where_all_arrays_are_asked_for(tmp_path):
    with pytest.raises(BadInput, match="Python objects"):
        read_arrays(write(tmp_path / "a.pkl", {"a": np.array([None])}))


@pytest.mark.parametrize("data", [b"", b"hello world", b"\x00" * 50, b"PK\x03\x04" * 9, b"\x80\x04\xff."])
def test_a_file_that_is_not_a_pickle_is_refused_by_name(tmp_path, data):
    path = tmp_path / "garbage.pkl"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"garbage\.pkl is"):
        read_arrays(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"no file .*nowhere\.pkl"):
        read_arrays(tmp_path / "nowhere.pkl")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e" + (2**60).to_bytes(8, "little") + b"x.",  # bytes of an exabyte
        b"\x80\x04\x95" + (2**60).to_bytes(8, "little") + b"N.",  # a frame of one
        b"\x80\x04\x96" + (2**40).to_bytes(8, "little") + b".",
        b"\x80\x02Nr" + (2**32 - 1).to_bytes(4, "little") + b".",  # a memo of 4 billion entries
        b"Np4000000000\n.",
        b"\x80\x02T\xff\xff\xff\xff.",
        b"\x80\x02c__builtin__\nbytes\nJ\x00\x00\x00\x40\x85R.",
        b"\x80\x02Qx.",
    ],
)
def test_a_small_file_that_claims_much_memory_is_refused_before_it_gets_it(tmp_path, data):
    import resource

    path = tmp_path / "claims.pkl"
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput):
        read_arrays(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_shape_that_the_bytes_do_not_fill_is_refused(tmp_path):
    data = pickle.dumps({"a": np.arange(7, dtype="u1")}, protocol=2)
    assert b"K\x07\x85" in data
    path = tmp_path / "shape.pkl"
    huge = b"\x8b\x00\x10\x00\x00" + b"\x7f" * 4096  # a number of 32,768 bits
    shapes = (
        b"J\xff\xff\xff\x7f\x85",
        b"J\xff\xff\xff\xff\x85",
        b"K\x03\x85",
        b"N\x85",
        b"K\x07",
        huge + b"\x85",
    )
    for shape in (*shapes, b"(" + b"J\xff\xff\xff\x7f" * 2000 + b"t"):
        path.write_bytes(data.replace(b"K\x07\x85", shape))
        with pytest.raises(BadInput, match="damaged"):
            read_arrays(path)


SEEDS = [
    pickle.dumps(content, protocol=p)
    for p in PROTOCOLS
    for content in (
        {"a": np.arange(3.0), "b": np.ones((2, 2), order="F")},
        {"a": collections.OrderedDict(x=np.arange(2))},
    )
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_and_hostile_pickles_give_arrays_or_one_clear_error(tmp_path, data):
    flag = tmp_path / "flag"
    stream = bytearray(data.draw(st.sampled_from(SEEDS)))
    attack = b"cos\nsystem\n(S'touch " + str(flag).encode() + b"'\ntR"
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(stream)))
        change = data.draw(st.sampled_from(["flip", "cut", "insert", "splice", "attack"]))
        if change == "flip" and at < len(stream):
            stream[at] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del stream[at : at + data.draw(st.integers(1, 8))]
        elif change == "insert":
            stream[at:at] = data.draw(st.binary(max_size=6))
        elif change == "splice":
            other = data.draw(st.sampled_from(SEEDS))
            start = data.draw(st.integers(0, len(other)))
            stream[at:at] = other[start : start + data.draw(st.integers(1, 40))]
        else:
            stream[at:at] = attack
    path = tmp_path / "mutant.pkl"
    path.write_bytes(bytes(stream))
    modules = set(sys.modules)
    try:
        arrays = read_arrays(path)
    except BadInput as error:
        message, arrays = str(error), {}
    else:
        message = "mutant.pkl"
    assert "mutant.pkl" in message
    assert "\n" not in message
    assert all(isinstance(array, np.ndarray) and not array.dtype.hasobject for array in arrays.values())
    assert not flag.exists()
    assert set(sys.modules) == modules


def nested(levels: int) -> bytes:
    """Instructions that push a tuple of `levels` levels, each with the next one inside."""
    return b")" + b"\x85" * levels


def doubled(levels: int) -> bytes:
    """Instructions that push t = (t, t), `levels` times: few bytes, 2**levels elements."""
    return b")" + b"2\x86" * levels


@pytest.mark.parametrize("value", [nested(150_000), doubled(60), b"K\x01", b"(K\x01d", b"G?\xf0" + bytes(6)])
def test_a_key_that_is_no_text_is_refused_before_it_is_hashed(tmp_path, value):
    path = tmp_path / "keys.pkl"
    for data in (b"}" + value + b"Ns.", b"}(" + value + b"Nu.", b"(" + value + b"Nd."):
        path.write_bytes(b"\x80\x04" + data)
        with pytest.raises(BadInput, match=r"keys\.pkl has a key that is no text|keys\.pkl cannot be read"):
            read_arrays(path)


PLACES = [b"%b", b"}%bNs", b"\x8f(%b\x90", b"(%b\x91", b"cos\nsystem\n%b\x85R", b"]%ba"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((place, value) for place in PLACES for value in (doubled(60), b"]" + b"2\x86" * 60)),
        # Python hashes keys and the elements of sets, which is where deep values crash it.
        *((place, nested(150_000)) for place in PLACES[1:3]),
        *(pytest.param(place, nested(150_000), marks=pytest.mark.slow) for place in PLACES[:1] + PLACES[3:]),
    ],
)
def test_nested_values_that_are_not_read_are_passed_over(tmp_path, place, value):
    path = tmp_path / "nested.pkl"
    path.write_bytes(b"\x80\x04}V1\n" + place % value + b"s.")
    assert read_arrays(path) == {}


@pytest.mark.parametrize(
    "data",
    [
        b"(" + b"]" * 3_000_000 + b"1}.",
        b"]" + b"2" * 600_000 + b"}.",
        b"\x95" + bytes(8) + b"N0" * 600_000 + b"}.",
    ],
)
def test_a_file_of_too_many_instructions_is_refused(tmp_path, data):
    path = tmp_path / "many.pkl"
    path.write_bytes(b"\x80\x04" + data)
    with pytest.raises(BadInput, match=r"many\.pkl is too complicated: .* at most 500,000 instructions"):
        read_arrays(path)


def test_long_arguments_are_not_copied_for_each_call(tmp_path):
    path = tmp_path / "calls.pkl"
    path.write_bytes(b"\x80\x04(" + b"N" * 300 + b"t0cos\nsystem\n(" + b"N" * 300 + b"tR.")
    with pytest.raises(BadInput, match=r"calls\.pkl cannot be read .* at most 255 arguments"):
        read_arrays(path)


def array_program(raw: bytes, shape: bytes = b"K\x01\x85", dtype: bytes = b"u1") -> bytes:
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + shape
        + b"cnumpy\ndtype\nU\x02"
        + dtype
        + b"K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89" + raw + b"tb"
    )


def test_arrays_that_share_their_bytes_are_refused(tmp_path):
    path = tmp_path / "shared.pkl"
    shape = b"M\xa0\x0f\x85"
    text = b"T" + (4000).to_bytes(4, "little") + bytes(4000)
    arrays = b"".join(b"V%d\n" % i + array_program(b"h\x01", shape) + b"s" for i in range(30))
    path.write_bytes(b"\x80\x02" + text + b"q\x010}" + arrays + b".")
    with pytest.raises(
        BadInput, match=r"shared\.pkl is damaged: .* found 120,000, because arrays share them"
    ):
        read_arrays(path)
    path.write_bytes(
        b"\x80\x02" + text + b"q\x010}V1\n" + array_program(b"h\x01", shape) + b"q\x02sV2\nh\x02s."
    )
    assert {name: array.shape for name, array in read_arrays(path).items()} == {"1": (4000,), "2": (4000,)}


def test_an_empty_array_with_an_absurd_shape_is_refused(tmp_path):
    path = tmp_path / "empty.pkl"
    shape = b"K\x00\x8a\x08" + (2**62).to_bytes(8, "little") + b"\x86"
    path.write_bytes(b"\x80\x02}V1\n" + array_program(b"U\x00", shape, b"f8") + b"s.")
    with pytest.raises(BadInput, match=r"empty\.pkl is damaged: expected a shape"):
        read_arrays(path)


def test_a_long_name_does_not_make_a_long_message(tmp_path):
    path = write(tmp_path / "long.pkl", {"x" * 5000: np.array([None]), "y" * 5000: 1})
    for names in (None, ["x" * 5000], ["y" * 5000], ["z"]):
        with pytest.raises(BadInput, match=r"long\.pkl") as refused:
            read_arrays(path, names)
        assert len(str(refused.value)) < 1000


def test_a_pickle_cannot_move_a_payload(tmp_path):
    path = tmp_path / "moved.pkl"
    raw = b"T" + (5000).to_bytes(4, "little") + bytes(5000) + b"}V" + b"length\nK\x01sb"
    path.write_bytes(b"\x80\x02}V1\n" + array_program(raw, b"M\x88\x13\x85") + b"s.")
    assert read_arrays(path)["1"].tolist() == [0] * 5000


def test_objects_that_were_never_initialised_are_refused(tmp_path):
    path = tmp_path / "new.pkl"
    made = b"cnumpy.core.multiarray\n_reconstruct\n)\x81"
    for dtype in (b"cnumpy\ndtype\n)\x81", b"N"):
        path.write_bytes(b"\x80\x02}V1\n" + made + b"(K\x01)" + dtype + b"\x89c_codecs\nencode\n)\x81tbs.")
        with pytest.raises(BadInput, match=r"array 1 in .*new\.pkl cannot be read safely"):
            read_arrays(path)


def fuzz(*arguments: str) -> dict:
    script = Path(__file__).with_name("fuzz_pickles.py")
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def test_a_thousand_mutated_pickles_run_nothing_and_crash_nothing():
    result = fuzz("--cases", "1000", "--seed", "1")
    assert result["failure"] is None, result
    assert result["cases"] == 1000
    assert result["read"] > 25


@pytest.mark.slow
def test_a_hundred_thousand_mutated_pickles_run_nothing_and_crash_nothing():
    result = fuzz("--cases", "100000", "--seed", "2")
    assert result["failure"] is None, result
    assert result["cases"] == 100_000


def test_the_fuzzer_reports_plain_pickle_as_unsafe():
    assert "did more than read" in fuzz("--cases", "2000", "--plain")["failure"]


def test_betas_of_the_published_layout_are_read_as_plain_pickle_reads_them(test_data):
    path = test_data / "paper_parity/betas/sub-01/sub-01_roi-lV1v_betas_normalized.pkl"
    expected = pickle.loads(path.read_bytes())
    read = read_arrays(path)
    assert set(read) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(read[name], array)
