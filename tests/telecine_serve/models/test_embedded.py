from __future__ import annotations

from pathlib import Path

import torch

from telecine_serve.models.embedded import write_embedded_model


def _bytes_from_name(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_same_seed_writes_same_bytes(embedded_folder: Path, tmp_path: Path) -> None:
    write_embedded_model(tmp_path / "again")

    assert _bytes_from_name(tmp_path / "again") == _bytes_from_name(embedded_folder)


def test_other_seed_writes_other_weights(embedded_folder: Path, tmp_path: Path) -> None:
    write_embedded_model(tmp_path / "other", seed=1)

    weights = "transformer/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "other" / weights).read_bytes() != (embedded_folder / weights).read_bytes()


def test_writing_leaves_the_callers_random_state_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)

    write_embedded_model(tmp_path / "model")

    assert torch.equal(torch.rand(4), expected)


def test_folder_is_small_and_holds_no_pickle(embedded_folder: Path) -> None:
    sizes_bytes = {name: len(data) for name, data in _bytes_from_name(embedded_folder).items()}

    assert sum(sizes_bytes.values()) < 12_000_000
    assert not [name for name in sizes_bytes if name.endswith((".bin", ".pt", ".pkl"))]


def test_nothing_unfinished_is_left_beside_the_model(tmp_path: Path) -> None:
    write_embedded_model(tmp_path / "model")

    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_existing_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_text("mine")

    write_embedded_model(tmp_path / "model")

    assert _bytes_from_name(tmp_path / "model") == {"mine": b"mine"}


def test_diffusers_own_pipeline_loads_it(embedded_folder: Path) -> None:
    from diffusers import WanPipeline

    pipeline = WanPipeline.from_pretrained(embedded_folder, local_files_only=True)

    assert pipeline.transformer.config.num_attention_heads == 4
    assert pipeline.vae_scale_factor_temporal == 4
    assert pipeline.vae_scale_factor_spatial == 8


def test_empty_prompt_is_one_token(embedded_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(embedded_folder / "tokenizer")

    assert tokenizer.convert_ids_to_tokens(tokenizer("").input_ids) == ["</s>"]
    assert tokenizer.convert_ids_to_tokens(tokenizer("A RED zyxw").input_ids) == [
        "a",
        "red",
        "<unk>",
        "</s>",
    ]
