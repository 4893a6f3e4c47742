"""The adapters that a request may ask for: allowed by the operator, the latest ones kept loaded.

Each is a folder `NAME/` with `transformer.safetensors`, and for a second expert
`transformer_2.safetensors`; it lies on this node, or is fetched. Invariant: all ranks use the
adapter, or all raise.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from telecine_platform.errors import InvalidRequest, ModelError, TelecineError
from telecine_serve.models.adapter import Adapter, adapted, load_adapter
from telecine_serve.models.adapter_cache import AdapterCache
from telecine_serve.models.checksums import check_checksums
from telecine_serve.models.family import Model
from telecine_serve.models.folder import LOW_NOISE_TRANSFORMER, TRANSFORMER
from telecine_serve.parallel.collectives import is_true_on_any_rank
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.rules import splits_from_rules

_COMPONENTS = (TRANSFORMER, LOW_NOISE_TRANSFORMER)


class Adapters:
    """Of one model on this rank."""

    def __init__(
        self, home: Path | AdapterCache | None, names: frozenset[str], max_loaded: int
    ) -> None:
        """`names` are the allowed ones; without a home there are none."""
        self._home = home
        self._names = names
        self._max_loaded = max_loaded
        self._loaded: OrderedDict[str, list[Adapter]] = OrderedDict()
        self.num_loads = 0

    @contextmanager
    def applied(
        self,
        name: str | None,
        model: Model,
        ranks: RankContext | None,
        beat: Callable[[], None] = lambda: None,
    ) -> Iterator[None]:
        """Within the block the model's experts have the adapter; None: they are as they are.

        Collective where there is more than one rank and a name; `beat` is called while it is
        fetched. Raises InvalidRequest for one that is not allowed, ModelError or StorageUnavailable
        on all ranks if one of them cannot load it.
        """
        if name is None:
            yield
            return
        if self._home is None or name not in self._names:
            raise InvalidRequest(f"no adapter {name[:100]!r} may be used here", param="adapter")
        of_experts = self._get(name, self._home, model, ranks, beat)
        with ExitStack() as stack:
            for expert, adapter in zip(model.experts, of_experts, strict=True):
                stack.enter_context(adapted(expert.transformer, adapter, ranks))
            yield

    def _get(
        self,
        name: str,
        home: Path | AdapterCache,
        model: Model,
        ranks: RankContext | None,
        beat: Callable[[], None],
    ) -> list[Adapter]:
        failure: TelecineError | None = None
        of_experts = self._loaded.pop(name, None)
        if of_experts is None:
            try:
                with _at_hand(home, name, beat) as folder:
                    of_experts = _load(folder, model, ranks)
                self.num_loads += 1
            except TelecineError as error:
                failure = error
        if ranks is not None and ranks.world_size > 1:
            someone_failed = is_true_on_any_rank(
                failure is not None, ranks.world_group, ranks.device
            )
            if someone_failed and failure is None:
                failure = ModelError(f"another rank cannot load the adapter {name!r}")
        if failure is not None or of_experts is None:
            raise failure or ModelError(f"the adapter {name!r} is not loaded")
        self._loaded[name] = of_experts
        if len(self._loaded) > self._max_loaded:
            self._loaded.popitem(last=False)
        return of_experts


NO_ADAPTERS = Adapters(None, frozenset(), 1)


def _at_hand(
    home: Path | AdapterCache, name: str, beat: Callable[[], None]
) -> AbstractContextManager[Path]:
    return nullcontext(home / name) if isinstance(home, Path) else home.at_hand(name, beat)


def _load(folder: Path, model: Model, ranks: RankContext | None) -> list[Adapter]:
    """One for each expert; an expert without a file is left as it is."""
    files = [folder / f"{component}.safetensors" for component in _COMPONENTS]
    found = [file for file in files[: len(model.experts)] if file.is_file()]
    if not found:
        raise ModelError(f"{folder} has no {files[0].name}")
    check_checksums(folder, found)
    of_experts = []
    for expert, file in zip(model.experts, files, strict=False):
        names = [name for name, _ in expert.transformer.named_modules()]
        splits = splits_from_rules(names, model.family.sharding_rules(expert.transformer))
        of_experts.append(
            load_adapter(file, expert.transformer, splits, model.device, ranks)
            if file in found
            else {}
        )
    return of_experts
