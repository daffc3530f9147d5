"""From a model's name to a running proxy. The backends are imported here and nowhere else, when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from .. import models
from ..data import Progress
from ..errors import MissingExtra, UnknownName
from .base import Proxy
from .reuse import KeyValueStore, MemoryStore

DEFAULT_PROXY = "smollm2-135m"
Backend = Literal["onnx", "torch"]
Precision = Literal["float32", "int8", "int7", "bfloat16", "float16"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
PRECISIONS: Mapping[Backend, tuple[Precision, ...]] = MappingProxyType(
    {"onnx": ("float32", "int8", "int7"), "torch": ("float32", "bfloat16", "float16")}
)
REUSE_BYTES = 256 << 20


def load_proxy(
    name: str = DEFAULT_PROXY,
    *,
    backend: Backend | None = None,
    download: bool = True,
    progress: Progress | None = None,
    threads: int | None = None,
    precision: Precision | None = None,
    reuse_bytes: int = REUSE_BYTES,
    store: KeyValueStore | None = None,
) -> Proxy:
    """Load a proxy.

    Args:
        name: a known model (``ragcompress models list``), a local folder in Hugging Face layout, a GGUF
            file, or a hub id.
        backend: ``onnx`` (the default) or ``torch`` (extra ``torch``).
        download: fetch the model if it is not in the cache; a message says so before it starts.
        progress: called with (bytes done, bytes in all) while downloading.
        threads: threads of one run of the onnx backend; None: one per core.
        precision: of the products with weights: ``float32``, ``int8`` or ``int7`` (onnx), ``float32``,
            ``bfloat16`` or ``float16`` (torch); None: the backend's default.
        reuse_bytes: memory in which a proxy on the CPU keeps keys and values of the passages read last, so
            that another question about them reads only the question; 0 keeps none.
        store: where they are kept instead, for instance on disk.

    Raises:
        ModelNotFound, ModelError, UnknownName, MissingExtra: each says what to do.
    """
    if backend not in (None, *BACKENDS):
        raise UnknownName("backend", str(backend), list(BACKENDS))
    folder = models.resolve(name, download=download, progress=progress)
    if store is None and reuse_bytes:
        store = MemoryStore(reuse_bytes)
    if backend == "torch":
        return _torch_proxy(folder, precision, store)
    from .onnx.session import OnnxProxy

    return OnnxProxy(
        folder.path,
        models.cache_folder() / "onnx" / folder.fingerprint[:32],
        name=folder.name,
        fingerprint=folder.fingerprint,
        precision=precision,
        threads=threads,
        store=store,
    )


def _torch_proxy(
    folder: models.ModelFolder, precision: Precision | None, store: KeyValueStore | None
) -> Proxy:
    try:
        from .hf import TorchProxy, choose_device
    except ImportError as error:
        raise MissingExtra("the torch backend", "torch") from error
    device = choose_device()
    return TorchProxy(
        folder.path,
        name=folder.name,
        fingerprint=folder.fingerprint,
        device=device,
        precision=precision,
        # From a GPU the keys and values would have to be copied to the host's memory after every batch.
        store=store if device == "cpu" else None,
    )
