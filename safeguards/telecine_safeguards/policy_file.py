"""Reads a policy file: the operator's rules in YAML.

Invariant: taken whole or refused whole; an unknown key, check, kind or action is an error, because
a rule that silently never fits would be a hole.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from telecine_safeguards.errors import PolicyError
from telecine_safeguards.policy_rules import Policy, Rule
from telecine_safeguards.registry.entities import EntityStatus
from telecine_safeguards.verdict import Action

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Check = Literal["names", "descriptions", "harms", "names-in-negative-prompt"]
_OutputCheck = Literal[
    "fingerprint", "nudity", "nudity-doubt", "text", "faces", "any-face", "plugin",
    "sound", "spoken", "unheard",
]  # fmt: skip
_PromptAction = Literal["allow", "rewrite", "review", "licence-required", "block"]
_OutputAction = Literal["allow", "mask", "restyle", "review", "licence-required", "block"]
_MASKABLE = frozenset({"nudity", "nudity-doubt", "text", "faces", "any-face", "plugin"})
"""The checks that say where in the frame they saw something."""
_Kind = Literal["character", "person", "brand", "style", "work", "harm"]
_Code = Annotated[str, StringConstraints(pattern=r"^[a-z_]*(\{kind\})?[a-z_]*$", min_length=1)]
_DIGEST_DIGITS = 12


class _RuleRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: _Text
    action: _PromptAction
    reason_code: _Code
    checks: list[_Check] = []
    kinds: list[_Kind] = []
    entities: list[_Text] = []
    statuses: list[EntityStatus] = []
    min_score: float = Field(default=0.0, ge=0.0, le=1.0)
    is_rewritable: bool | None = None
    regions: list[_Text] = []
    tenants: list[_Text] = []
    uses: list[_Text] = []


class _OutputRuleRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: _Text
    action: _OutputAction
    reason_code: _Code
    checks: list[_OutputCheck] = []
    kinds: list[_Kind] = []
    entities: list[_Text] = []
    statuses: list[EntityStatus] = []
    min_score: float = Field(default=0.0, ge=0.0, le=1.0)
    regions: list[_Text] = []
    tenants: list[_Text] = []
    uses: list[_Text] = []
    mask_by: Literal["blur", "pixelate", "inpaint"] = "blur"

    @model_validator(mode="after")
    def _check_mask(self) -> _OutputRuleRow:
        if self.action == "mask" and not (self.checks and _MASKABLE.issuperset(self.checks)):
            raise ValueError(f"a mask needs checks that see where: {', '.join(sorted(_MASKABLE))}")
        if self.action != "mask" and "mask_by" in self.model_fields_set:
            raise ValueError("mask_by is for the action mask only")
        return self


class _PolicyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: _Text
    rules: list[_RuleRow] = Field(min_length=1)
    output_rules: list[_OutputRuleRow] | None = Field(default=None, min_length=1)
    """None: those that ship with the package."""


def load_policy(path: Path) -> Policy:
    """Read and check a policy file. Raises PolicyError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"policy {path} cannot be read ({error.strerror})") from error
    return policy_from_yaml(content, source=str(path))


@cache
def default_policy() -> Policy:
    """The policy that ships with the package."""
    content = resources.files(__package__).joinpath("policy_default.yaml").read_bytes()
    return policy_from_yaml(content, source="policy_default.yaml")


def policy_from_yaml(content: bytes, *, source: str) -> Policy:
    """Parse and check; `source` names it in errors. Raises PolicyError."""
    try:
        file = _PolicyFile.model_validate(yaml.safe_load(content))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyError(f"policy {source} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "its shape"
        raise PolicyError(
            f"policy {source}: {place}: {first['msg']}; got {first['input']!r:.80}. Correct it"
        ) from error
    output_rules = (
        default_policy().output_rules
        if file.output_rules is None
        else tuple(map(_rule, file.output_rules))
    )
    names = [rule.name for rule in (*file.rules, *(file.output_rules or ()))]
    if len(set(names)) < len(names):
        raise PolicyError(f"policy {source}: two rules have one name; verdicts name the rule")
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]
    return Policy(
        version=f"{file.version}+{digest}",
        rules=tuple(map(_rule, file.rules)),
        output_rules=output_rules,
    )


def _rule(row: _RuleRow | _OutputRuleRow) -> Rule:
    values: dict[str, Any] = {  # Any: the values of a checked row
        name: tuple(value) if isinstance(value, list) else value
        for name, value in ((name, getattr(row, name)) for name in type(row).model_fields)
    }
    return Rule(**values | {"action": Action(row.action)})
