"""The shipped bundle on the real runtime: it answers its golden vectors, and no altered copy is taken."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.adapters import tflite
from agent.adapters.tflite import TfliteModel, load_bundle, load_model
from agent.errors import ModelError
from agent.shipped import MODELS

BUNDLE = MODELS / "bearing-bands"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped bundle, to be damaged."""
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def rewrite_golden(bundle: Path, content: str) -> None:
    """Replace the golden vectors, with a card that vouches for the new ones."""
    golden = bundle / "golden.json"
    before = hashlib.sha256(golden.read_bytes()).hexdigest()
    golden.write_text(content, encoding="utf-8")
    rewrite(bundle / "card.toml", before, hashlib.sha256(content.encode()).hexdigest())


def golden_inputs() -> list[NDArray[np.float64]]:
    vectors = json.loads((BUNDLE / "golden.json").read_text(encoding="utf-8"))["vectors"]
    return [np.array(vector["input"]) for vector in vectors]


def reconstruct(model: TfliteModel, x: NDArray[np.float64]) -> float:
    """The score as a user would write it, on the same interpreter."""
    interpreter = model._interpreter
    assert interpreter is not None
    (scale, zero), (out_scale, out_zero) = model.input.quantisation, model.output.quantisation
    quantised = np.clip(np.floor(x / scale + zero + 0.5), -128, 127).astype(np.int8)
    interpreter.tensor(model.input.index)()[0] = quantised
    interpreter.invoke()
    output = interpreter.tensor(model.output.index)()[0].astype(np.float64)
    return float(np.mean(((output - out_zero) * out_scale - x) ** 2))


def test_the_shipped_bundle_is_loaded_with_what_its_card_says() -> None:
    model, card = load_bundle(BUNDLE)
    assert (card.name, card.feeds, card.input.size) == ("bearing-bands", "bands", 32)
    assert model.input_size == 32
    assert card.metrics["auc_int8"] > 0.5


def test_the_score_is_the_mean_squared_error_of_the_dequantised_reconstruction() -> None:
    model = load_bundle(BUNDLE).model
    for x in golden_inputs():
        assert model.score(x) == pytest.approx(reconstruct(model, x), rel=1e-5)


def test_the_score_does_not_depend_on_what_was_asked_before_or_on_the_precision() -> None:
    model = load_bundle(BUNDLE).model
    first = golden_inputs()[0].astype(np.float32)
    alone = model.score(first)
    model.score(np.full(32, 20.0))
    assert model.score(first.astype(np.float64)) == alone


def test_what_exceeds_the_quantised_range_counts_in_full() -> None:
    model = load_bundle(BUNDLE).model
    errors = [model.score(np.full(32, level)) for level in (24.0, 50.0, 100.0, 1000.0)]
    assert errors == sorted(errors)
    assert errors[-1] > 900.0**2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_input_that_is_not_finite_has_no_score(value: float) -> None:
    model = load_bundle(BUNDLE).model
    x = golden_inputs()[0]
    before = model.score(x)
    spoilt = x.copy()
    spoilt[7] = value
    assert math.isnan(model.score(spoilt))
    assert model.score(x) == before


def test_an_input_of_another_shape_is_refused() -> None:
    model = load_bundle(BUNDLE).model
    for shape in ((31,), (1,), (1, 32)):
        with pytest.raises(ValueError, match="shape"):
            model.score(np.zeros(shape))


def test_a_closed_model_is_not_asked_again() -> None:
    model = load_bundle(BUNDLE).model
    model.close()
    model.close()
    with pytest.raises(ValueError, match="closed"):
        model.score(np.zeros(32))


def test_a_bare_model_file_needs_no_card() -> None:
    x = golden_inputs()[0]
    assert load_model(BUNDLE / "model.tflite").score(x) == load_bundle(BUNDLE).model.score(x)


def test_a_bit_flipped_in_the_model_is_found_before_it_is_run(copy: Path) -> None:
    content = bytearray((copy / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.tflite").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.tflite: its sha256 is .* the card says .* Install"):
        load_bundle(copy)


@pytest.mark.parametrize("content", [b"", b"this is no model", b"\0" * 4096])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.tflite: not a model that TensorFlow Lite can run"):
        load_model(file)


@pytest.mark.parametrize("name", ["card.toml", "model.tflite", "golden.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"{name}: cannot be read .No such file"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("key", "table"),
    [("name", ""), ("version", ""), ("licence", ""), ("file", "model"), ("sha256", "model"),
     ("sha256", "golden"), ("name", "input"), ("size", "input"), ("unit", "output"), ("scale", "output"),
     ("zero_point", "input")],
)
def test_a_missing_key_of_the_card_is_named(copy: Path, key: str, table: str) -> None:
    card = copy / "card.toml"
    lines = card.read_text(encoding="utf-8").splitlines(keepends=True)
    start = lines.index(f"[{table}]\n") if table else 0
    gone = next(i for i in range(start, len(lines)) if lines[i].startswith(f"{key} = "))
    del lines[gone]
    card.write_text("".join(lines), encoding="utf-8")
    dotted = f"{table}.{key}" if table else key
    with pytest.raises(ModelError, match=rf"card\.toml: {dotted} is missing: expected"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 32", "size = 33", "its input has 32 values, the card says 33"),
        ("size = 32", "size = true", "input.size = True: expected int"),
        ("scale = 0.", "scale = 1.", "its input is quantised with scale"),
        ("scale = 0.", "scale = inf # 0.", "input.scale = inf: expected a finite number"),
        ("zero_point = ", "zero_point = 77 # ", "its input is quantised with"),
        ('name = "bands"', 'name = "cepstrum"', "feeds models with bands or log_power"),
        ('file = "model.tflite"', 'file = "../model.tflite"', "expected the name of a file beside the card"),
        ("[model]", "[model", "not TOML"),
    ],
)
def test_a_card_that_does_not_fit_its_model_is_refused(copy: Path, old: str, new: str, said: str) -> None:
    rewrite(copy / "card.toml", old, new)
    with pytest.raises(ModelError, match=said):
        load_bundle(copy)


def test_golden_vectors_that_are_not_the_cards_are_refused(copy: Path) -> None:
    rewrite(copy / "golden.json", '"score": ', '"score": 1')
    with pytest.raises(ModelError, match=r"golden\.json: its sha256 is not the card's"):
        load_bundle(copy)


def test_a_model_that_answers_otherwise_than_its_golden_vectors_say_is_not_handed_out(copy: Path) -> None:
    text = (copy / "golden.json").read_text(encoding="utf-8")
    rewrite_golden(copy, text.replace('"score": ', '"score": 100', 1))
    with pytest.raises(ModelError, match=r"golden vector 1 scores [0-9.]+, the bundle says 100"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "not JSON"),
        ("[]", "vectors is missing"),
        ('{"vectors": []}', "it holds no vector"),
        ('{"vectors": [7]}', r"vectors\[1\]\.input is missing"),
        ('{"vectors": [{"input": [1, 2], "score": 1, "tolerance": 1}]}', "the card asks for 32 numbers"),
        (json.dumps({"vectors": [{"input": [0] * 32, "score": "1"}]}), r"score = '1': expected a finite"),
    ],
)
def test_golden_vectors_that_make_no_sense_are_refused(copy: Path, content: str, said: str) -> None:
    rewrite_golden(copy, content)
    with pytest.raises(ModelError, match=said):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("float", "its input is float32, not int8"),
        ("classifier", "input has 4 values and output 2"),
        ("two_inputs", "it has 2 inputs"),
        ("images", r"its input has shape \(1, 2, 2, 1\)"),
    ],
)
def test_a_model_that_is_no_int8_autoencoder_is_refused(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=rf"{name}\.tflite: {said}"):
        load_model(Path(__file__).parent / "models" / f"{name}.tflite")


@pytest.mark.parametrize("name", tflite._RUNTIMES)
def test_each_runtime_that_is_installed_gives_the_golden_vectors(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = [runtime for runtime in tflite._RUNTIMES if find_spec(runtime.partition(".")[0])]
    assert installed
    monkeypatch.setattr(tflite, "_RUNTIMES", (name,))
    if name in installed:
        assert load_bundle(BUNDLE).card.name == "bearing-bands"
    else:
        with pytest.raises(ModelError, match="no TensorFlow Lite runtime is installed"):
            load_bundle(BUNDLE)
