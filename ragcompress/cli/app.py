"""``ragcompress``: results on stdout, all else on stderr; exit 0 done, 1 a failure, 2 wrong usage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..plan import Plan
from ..proxy.loading import DEFAULT_PROXY
from .batch import batch
from .calibrate import calibrate
from .compress import compress
from .console import byte_bar, emit, ended_cleanly, exit_code
from .explain import explain
from .index import index_app
from .mcp import mcp
from .options import CONVERTING, plan_options
from .serve import serve
from .streams import occupy
from .support import support
from .train import train


class _Group(TyperGroup):
    """Ends every failure of a command with one line and an exit status, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, (typer.Exit, typer.Abort)) or hasattr(error, "exit_code"):
                _complete(error)
                raise
            raise typer.Exit(exit_code(error)) from None


def _complete(error: Any) -> None:
    """Have a message on the value of an option say what the value was; typer's own, of pydantic, do not."""
    cause = error.__cause__
    if not hasattr(error, "message") or not hasattr(cause, "errors"):
        return
    (first, *_) = cause.errors()
    said, given = str(first["msg"]), first.get("input")
    if said.startswith(_OWN):
        error.message = error.message.replace(_OWN, "", 1)
    elif isinstance(given, str | int | float):
        error.message = f"{error.message}, got {str(given)!r}"


# What pydantic puts before the message of an error that is not its own.
_OWN = "Value error, "
# Plain help and messages: nothing of the user's is read as markup, and docs/cli.md can hold them as they are.
_PLAIN: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}
app = typer.Typer(cls=_Group, **_PLAIN)
models_app = typer.Typer(help="The small language models that are probed.", **_PLAIN)
app.add_typer(models_app, name="models")
app.add_typer(index_app, name="index")


def main() -> None:
    """Run the command line; interrupted or terminated at any moment, it ends with one line."""
    occupy()
    with ended_cleanly():
        try:
            app(prog_name="ragcompress")
        except Exception as error:  # of what is said before a command begins: --help, --version
            raise SystemExit(exit_code(error)) from None
        except SystemExit as error:
            # Before and after a command typer turns an interrupt into a status, and says nothing.
            cause = getattr(error.__context__, "__cause__", None)
            if isinstance(cause, KeyboardInterrupt):
                raise cause from None
            raise


def _print_version(show: bool) -> None:
    if show:
        emit(f"ragcompress {__version__}\n")
        raise typer.Exit


@app.callback()
def ragcompress(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep the sentences of documents that a question needs, within a token budget.

    Exit status: 0 done, 1 failure (one line on stderr says why), 2 wrong usage.
    """


app.command()(compress)


app.command()(batch)
app.command()(explain)
app.command()(support)
app.command()(serve)
app.command()(mcp)


@app.command()
@plan_options()
def demo(plan: Plan) -> None:
    """Show what is kept of a small archive.

    The archive comes with the package; the question needs sentences of two of its documents. The exit
    status is 1 if the answer was lost.
    """
    from .demo import show

    if not show(plan):
        raise typer.Exit(1)


@app.command()
@plan_options(only=("proxy", "backend", "precision"))
def doctor(
    *,
    plan: Plan,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Check a running `ragcompress serve` instead."),
    ] = None,
    api_keys: Annotated[
        Path | None,
        typer.Option(
            "--api-keys", metavar="FILE", help="Its keys: the first is sent; also RAGCOMPRESS_API_KEYS."
        ),
    ] = None,
) -> None:
    """Check this installation, or a server.

    Shows versions, cache, model, backends and probe, and times a small run. Nothing is downloaded. With
    --server: whether it answers, accepts the key, is ready, and compresses. The exit status is 1 if something
    that is needed is broken.
    """
    from .doctor import report, write

    if server is not None:
        from .doctor_server import examine_server

        well = write(examine_server(server, api_keys))
    else:
        well = report(plan)
    if not well:
        raise typer.Exit(1)


@models_app.command("list")
def models_list() -> None:
    """List models, known and cached."""
    from .models import show

    show()


@models_app.command("fetch")
def models_fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name of `models list`, a .gguf file, or a hub id.")
    ] = DEFAULT_PROXY,
) -> None:
    """Make a model ready.

    It is downloaded, or converted from a .gguf file, once; later runs need no network. Writes its folder.
    """
    from .. import models

    with byte_bar(f"downloading {name}", CONVERTING) as progress:
        folder = models.fetch(name, progress)
    emit(f"{folder.path}\n")


app.command()(train)
app.command()(calibrate)
