"""The command that starts vLLM."""

import json
from pathlib import Path

from twin.drivers.vllm.launch import Launch

PYTHON = Path("/opt/vllm/bin/python")


def values(command, option):
    return [command[at + 1] for at, one in enumerate(command) if one == option]


def test_adapters_are_named_and_their_paths_may_hold_anything():
    made = Launch(python=PYTHON, base=Path("/models/a b"), adapters={"stable": Path("/adapters/x=y,{z}")}).command()
    assert values(made, "--model") == ["/models/a b"]
    assert [json.loads(one) for one in values(made, "--lora-modules")] == [{"name": "stable", "path": "/adapters/x=y,{z}"}]


def test_a_rank_is_rounded_up_to_one_that_vllm_reserves_for():
    assert values(Launch(python=PYTHON, base=Path("/m"), max_lora_rank=9).command(), "--max-lora-rank") == ["16"]
    assert values(Launch(python=PYTHON, base=Path("/m"), max_lora_rank=16).command(), "--max-lora-rank") == ["16"]


def test_a_processor_computes_in_float32_without_graphs_and_a_card_as_vllm_likes():
    cpu = Launch(python=PYTHON, base=Path("/m"), device="cpu", threads=2)
    assert values(cpu.command(), "--dtype") == ["float32"]
    assert "--enforce-eager" in cpu.command()
    assert cpu.variables()["OMP_NUM_THREADS"] == "2"
    gpu = Launch(python=PYTHON, base=Path("/m"))
    assert not {"--dtype", "--enforce-eager"} & set(gpu.command())
    assert "OMP_NUM_THREADS" not in gpu.variables()


def test_a_hub_is_asked_only_for_a_base_that_is_no_folder():
    assert Launch(python=PYTHON, base=Path("/m")).variables()["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in Launch(python=PYTHON, base=Path("org/name")).variables()


def test_adapters_may_always_be_exchanged_while_it_runs():
    made = Launch(python=PYTHON, base=Path("/m"))
    assert "--enable-lora" in made.command()
    assert made.variables()["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"


def test_adapters_are_served_in_the_template_that_they_were_trained_in_and_a_hubs_base_at_its_revision():
    made = Launch(
        python=PYTHON, base=Path("org/name"), revision="c0ffee", chat_template=Path("/a/chat_template.jinja")
    ).command()
    assert values(made, "--chat-template") == ["/a/chat_template.jinja"]
    assert values(made, "--revision") == ["c0ffee"]
