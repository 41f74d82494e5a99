"""A recipe is held to its schema, and an error says which key of which file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from twin.errors import TrainingError
from twin.model.recipe import PROJECTIONS
from twin.model.recipes import read_recipe

RECIPES = Path(__file__).parents[3] / "recipes"


def written(folder: Path, **values: object) -> Path:
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump({"name": "mine", "base": {"name": "owner/model"}, **values}), encoding="utf-8")
    return file


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_recipe_of_this_repository_is_sound(file: Path) -> None:
    assert read_recipe(file).name == file.stem


def test_the_recipes_of_llama_are_the_published_runs() -> None:
    for name in ("llama-3.1-8b-lora", "llama-3.1-8b-qlora"):
        made = read_recipe(RECIPES / f"{name}.yaml")
        assert (made.lora.rank, made.lora.alpha, made.lora.modules) == (32, 32, PROJECTIONS)
        assert (made.sft.length, made.sft.batch, made.sft.accumulation, made.sft.epochs) == (2048, 2, 8, 3.0)
        assert made.sft.learning_rate == 3e-4
        assert (made.dpo.length, made.dpo.learning_rate, made.dpo.beta, made.dpo.epochs) == (1024, 2e-6, 0.5, 1.0)


def test_what_a_recipe_leaves_out_is_as_published(tmp_path: Path) -> None:
    made = read_recipe(written(tmp_path))
    assert (made.lora.rank, made.sft.learning_rate, made.dpo.learning_rate) == (32, 3e-4, 2e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sft": {"learning_rate": "fast"}}, "sft.learning_rate: Expected `float`, got `str`"),
        ({"sft": {"lerning_rate": 0.1}}, "sft.lerning_rate: there is no such key"),
        ({"lorra": {}}, "lorra: there is no such key"),
        ({"lora": {"rank": 0}}, "lora.rank: Expected `int` >= 1"),
        ({"base": {"name": "x/y", "precision": "float16"}}, "base.precision: Invalid enum value 'float16'"),
        ({"base": {"name": "x/y", "digest": "sha256:1"}}, "base.digest: Expected `str` matching regex"),
        ({"base": {}}, "base: Object missing required field `name`"),
        ({"name": "My Recipe"}, "name: Expected `str` matching regex"),
        ({"seed": -1}, "seed: Expected `int` >= 0"),
        ({"lora": {"rank": 128}}, "lora.rank: 128 is above lora.max_lora_rank 64"),
        ({"lora": {"modules": []}}, "lora.modules: names no module"),
        ({"sft": {"packing": True}}, "sft.packing: needs base.attention flash_attention_2"),
        ({"base": {"name": "../x", "make": {}}}, "base.name: '../x' is the name of a base that is made"),
        ({"base": {"name": "x", "make": {"hidden": 100, "heads": 3}}}, "base.make.hidden: 100 cannot be shared out"),
        ({"base": {"name": "x", "make": {}}}, "sft.length, dpo.length: at most base.make.positions"),
    ],
)
def test_an_error_names_file_and_key(tmp_path: Path, values: dict[str, object], message: str) -> None:
    file = written(tmp_path, **values)
    with pytest.raises(TrainingError) as raised:
        read_recipe(file)
    assert str(raised.value).startswith(f"{file}: {message}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["a: [1", "\x00", "- 1\n- 2", "", "just words"])
def test_a_file_that_is_no_recipe_is_one_line_of_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(TrainingError) as raised:
        read_recipe(tmp_path / "x.yaml")
    assert "x.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none\.yaml: cannot be read"):
        read_recipe(tmp_path / "none.yaml")


def test_a_rate_may_be_written_without_a_point(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("name: x\nbase: {name: a/b}\nsft: {learning_rate: 3e-4}\ndpo: {learning_rate: 2E-06}\n")
    made = read_recipe(file)
    assert (made.sft.learning_rate, made.dpo.learning_rate) == (3e-4, 2e-6)


def test_a_recipes_digest_is_of_what_it_says_not_of_how_it_is_written(tmp_path: Path) -> None:
    short = written(tmp_path)
    first = read_recipe(short).digest
    short.write_text("# the same, said at length\nbase: {name: owner/model}\nname: mine\nlora: {rank: 32, alpha: 32}\n")
    assert read_recipe(short).digest == first
    short.write_text("base: {name: owner/model}\nname: mine\nlora: {rank: 31}\n")
    assert read_recipe(short).digest != first
