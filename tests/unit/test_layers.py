"""Who may import whom, read from the syntax trees (design: values flow one way)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import ragcompress

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "ragcompress": ROOT / "ragcompress",
    "ragcompress_adapters": ROOT / "adapters" / "ragcompress_adapters",
    "ragcompress_eval": ROOT / "eval" / "ragcompress_eval",
    "studies": ROOT / "eval" / "studies",
}
# A module imports only from its own row and those above. ``x.*`` stands for the modules of a package, and the
# first pattern that fits counts.
LAYERS = (
    ("errors",),
    ("places",),
    ("data", "budget", "files", "array_files", "cores", "quiet"),
    ("text", "text.*", "segmentation", "samples"),
    ("documents", "documents.*"),
    ("prompts", "prompts.*", "models", "models.*"),
    ("proxy", "proxy.*", "stopping"),
    ("probes",),
    ("scorers", "scorers.*"),
    ("calibration", "calibration.*"),
    ("selection", "selection.*"),
    ("report", "report.*", "options", "plan"),
    ("context",),
    ("supporting", "loading"),
    ("pipeline",),
    ("compressor", "testing"),
    ("log_scores", "tool_results"),
    ("index", "index.*"),
    ("batch", "batch.*", "training", "training.*", "serving", "serving.*"),
    ("cli", "cli.*", "__main__"),
)
# Where each of these packages may be imported, within ragcompress.
ONLY_IN = {
    "torch": ("proxy.hf", "training.encoder_tuning"),
    "transformers": ("proxy.hf", "quiet", "training.encoder_tuning"),
    "onnxruntime": ("models.ort",),
    "faiss": ("index.vectors",),
    "onnx": (),
    "sentencepiece": ("models.pieces",),
    "gguf": ("models.gguf_*", "models.e5_file"),
    "huggingface_hub": ("models.registry",),
    "sentence_transformers": ("scorers.minilm", "scorers.cross_encoder"),
    "sklearn": ("training.*",),
    "pypdfium2": ("documents.loaders.pdf", "documents.loaders._pdf_*"),
    "lxml": ("documents.loaders.*",),
    "babel": ("documents.loaders._month_names",),
    "tinycss2": tuple(f"documents.loaders._html_{name}" for name in ("rules", "colors", "variables")),
    "cssselect": ("documents.loaders._html_rules", "documents.loaders._html_styles"),
    "webencodings": ("documents.loaders._encodings",),
    "mammoth": ("documents.loaders.docx",),
    "pptx": ("documents.loaders.pptx",),
    "openpyxl": (),
    "typer": ("cli.*",),
    "rich": ("cli.*",),
    "ragcompress_eval": (),
    "studies": (),
    "ragcompress_adapters": (),
}
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
LOOKED_AT = (ast.Import, ast.ImportFrom, ast.Call, ast.FunctionDef, ast.AsyncFunctionDef)
BACKENDS = ("proxy.hf", "proxy.onnx.session", "proxy.fake", "proxy.loading")


def files(package: str) -> dict[str, Path]:
    """Module names within a package, and their files; the package itself is the empty name."""
    folder = PACKAGES[package]
    names = {p: p.relative_to(folder).with_suffix("").parts for p in sorted(folder.rglob("*.py"))}
    return {".".join(n[:-1] if n[-1] == "__init__" else n): p for p, n in names.items()}


@cache
def nodes(path: Path) -> list[ast.AST]:
    """What the rules look at in a file, but for what only type checkers read; once for all of them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    return [node for node in ast.walk(tree) if isinstance(node, LOOKED_AT)]


def imported(package: str, module: str, path: Path) -> Iterator[str]:
    """Absolute dotted names of all imports of a file, wherever they stand in it."""
    here = [package, *filter(None, module.split("."))]
    base = here if path.name == "__init__.py" else here[:-1]
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(base[: len(base) - node.level + 1]) if node.level else ""
            origin = ".".join(filter(None, (start, node.module)))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def own_modules(names: Iterator[str], known: dict[str, Path]) -> set[str]:
    """The modules of ragcompress among imported names: ``ragcompress.data.Document`` is ``data``."""
    found = set()
    for name in names:
        head, _, rest = name.partition(".")
        if head != "ragcompress":
            continue
        while rest and rest not in known:
            rest = rest.rpartition(".")[0]
        found.add(rest)
    return found


def row(module: str) -> int:
    for number, patterns in enumerate(LAYERS):
        if any(fnmatch(module, pattern) for pattern in patterns):
            return number
    raise AssertionError(f"ragcompress.{module} has no place in LAYERS yet")


CORE = files("ragcompress")
MODULES = [module for module in CORE if module]
EVERYTHING = [(package, module, path) for package in PACKAGES for module, path in files(package).items()]


# Each rule is one test over all modules, which names those that break it: hundreds of tests took longer than
# what they look at.


def test_a_module_imports_only_from_its_row_and_above() -> None:
    for module in MODULES:
        used = own_modules(imported("ragcompress", module, CORE[module]), CORE) - {""}
        assert [name for name in used if row(name) > row(module)] == [], module


def test_heavy_packages_stay_where_they_belong() -> None:
    for module in MODULES:
        tops = {name.partition(".")[0] for name in imported("ragcompress", module, CORE[module])}
        for package in tops & ONLY_IN.keys():
            assert any(fnmatch(module, place) for place in ONLY_IN[package]), (module, package)


AFTER_SCORING = [
    f"selection.{name}"
    for name in (
        "select",
        "packing",
        "ordering",
        "rendering",
        "companions",
        "headers",
        "repeats",
        "near_repeats",
    )
]


def test_what_comes_after_scoring_sees_no_model() -> None:
    texts = ("text.tokenizing", "text.companions", "text.stretches")
    allowed = {"errors", "data", "budget", "places", *texts, *AFTER_SCORING}
    for module in AFTER_SCORING:
        assert own_modules(imported("ragcompress", module, CORE[module]), CORE) <= allowed, module


# The evidence model's attention is the passage probe's first look.
BUILT_ON = {"evidence": {"passage_probe"}}


def test_a_scorer_knows_no_backend_and_no_other_scorer() -> None:
    for module in (m for m in MODULES if m.startswith("scorers.")):
        used = own_modules(imported("ragcompress", module, CORE[module]), CORE) - {module}
        assert not used & set(BACKENDS), module
        family = module.split(".")[1]
        others = {m.split(".")[1] for m in used if m.startswith("scorers.")} - {family}
        others -= BUILT_ON.get(family, set())
        assert [name for name in others if not name.startswith("_")] == [], module


def test_adapters_use_public_names_only() -> None:
    public = {f"ragcompress.{name}" for name in ragcompress.__all__} | {"ragcompress"}
    for module, path in files("ragcompress_adapters").items():
        names = [
            n for n in imported("ragcompress_adapters", module, path) if n.split(".")[0] == "ragcompress"
        ]
        moved = [n for n in names if n.startswith("ragcompress.batch.ray.") and module == "ray"]
        assert set(names) - set(moved) <= public, module


def test_no_print_no_pickle_no_remote_code() -> None:
    for package, module, path in EVERYTHING:
        for call in (node for node in nodes(path) if isinstance(node, ast.Call)):
            where = (path, call.lineno)
            assert not (isinstance(call.func, ast.Name) and call.func.id in ("print", "eval", "exec")), where
            assert all(keyword.arg != "trust_remote_code" for keyword in call.keywords), where
        assert not {name.partition(".")[0] for name in imported(package, module, path)} & PICKLES, path


def test_rooms_have_no_circles() -> None:
    """A room is a folder of modules, or a module on the ground floor."""
    graph: dict[str, set[str]] = {}
    for package, module, path in EVERYTHING:
        room = f"{package}.{module.split('.')[0]}" if module else package
        for name in imported(package, module, path):
            head, _, rest = name.partition(".")
            if head in PACKAGES and rest and (target := f"{head}.{rest.split('.')[0]}") != room:
                graph.setdefault(room, set()).add(target)
    assert tuple(TopologicalSorter(graph).static_order())


def private_imports(package: str, module: str, path: Path) -> list[str]:
    """Names with a leading underscore that a file imports from another room than its own."""
    room = ".".join([package, *module.split(".")[: None if path.name == "__init__.py" else -1]])
    names = [name for name in imported(package, module, path) if name.split(".")[0] in PACKAGES]
    private = [n for n in names if any(p.startswith("_") and not p.startswith("__") for p in n.split("."))]
    return [n for n in private if not n.startswith(f"{room}.")]


def test_private_names_stay_in_their_room() -> None:
    found = {path: private_imports(package, module, path) for package, module, path in EVERYTHING}
    assert {path: names for path, names in found.items() if names} == {}


CLI = ROOT / "ragcompress" / "cli"
COMMANDS = {CLI / f"{name}.py": (name,) for name in ("batch", "compress", "serve", "train")}


def many_parameters(path: Path, most: int = 8) -> list[str]:
    """Functions with more parameters than ``most``, without commands: typer reads those as a table."""
    functions = [n for n in nodes(path) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = []
    for f in functions:
        parameters = [a.arg for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs)]
        is_command = f.name.endswith("_command") or f.name in COMMANDS.get(path, ())
        if len([a for a in parameters if a not in ("self", "cls")]) > most and not is_command:
            found.append(f.name)
    return found


def test_functions_take_at_most_eight_parameters() -> None:
    found = {path: many_parameters(path) for _, _, path in EVERYTHING}
    assert {path: names for path, names in found.items() if names} == {}


def test_files_and_functions_are_short() -> None:
    long = [str(path) for _, _, path in EVERYTHING if len(path.read_text("utf-8").splitlines()) > 400]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for _, _, path in EVERYTHING:
        lines = path.read_text("utf-8").splitlines()
        long += [f"{path}: {n.name}" for n in nodes(path) if isinstance(n, functions) and is_long(n, lines)]
    assert not long


def is_long(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> bool:
    """Whether it has more than 40 lines of code, without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    written = lines[body[0].lineno - 1 : function.end_lineno] if body else []
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in written) > 40


def test_the_rules_can_fail(tmp_path: Path) -> None:
    path = tmp_path / "selection.py"
    path.write_text("from . import models\nfrom .proxy.hf import TorchProxy\ndef f():\n    import torch.nn\n")
    names = list(imported("ragcompress", "selection", path))
    assert names == ["ragcompress.models", "ragcompress.proxy.hf.TorchProxy", "torch.nn"]
    assert own_modules(iter(names), CORE) == {"models", "proxy.hf"}
    other = tmp_path / "fitting.py"
    other.write_text(
        "from .examples import _own\nfrom ..scorers._icr import x\ndef f(a,b,c,d,e,f,g,h,i): ...\n"
    )
    assert private_imports("ragcompress", "training.fitting", other) == ["ragcompress.scorers._icr.x"]
    assert many_parameters(other) == ["f"]
    text = "def f():\n" + "    x = 1\n" * 41
    assert is_long(ast.parse(text).body[0], text.splitlines())  # type: ignore[arg-type]
