"""The bodies of requests and answers that are our own: ``/v1/compress``. The clients' are in their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model, model_validator

from ..budget import Budget, RecallOf
from ..data import Document
from ..errors import InputError
from ..plan import OPTIONS, LayoutOptions
from ..selection.ordering import Order
from .limits import Limits

Query = Annotated[
    str, Field(min_length=1, max_length=20_000, pattern=r"\S", examples=["Who built the bridge?"])
]
_T = TypeVar("_T")
_LAYOUT = tuple(name for name, option in OPTIONS.items() if option.group == "layout")
Share = Annotated[float, Field(gt=0, le=1)]


QUESTION_CHARACTERS = 4_000
"""Of what a tool was called with, what counts as the question."""


def question(text: str) -> str:
    """The question of a tool's call, which may hold whole files."""
    return text[:QUESTION_CHARACTERS].encode("utf-8", "replace").decode()


class Escaped(JSONResponse):
    """JSON in ASCII: what is handed on as it came may hold half a surrogate pair, which UTF-8 has not."""

    def render(self, content: Any) -> bytes:
        """See ``JSONResponse.render``."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class Body(BaseModel):
    """A request; fields that are not known are passed over, as other servers of these contracts do."""

    model_config = ConfigDict(extra="ignore")


class DocumentIn(Body):
    """One retrieved text."""

    text: str
    title: str | None = None
    id: str | int | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    def document(self) -> Document:
        """The document as the library has it."""
        return Document(self.text, self.title, None if self.id is None else str(self.id), self.metadata)


def _is_text(item: Any) -> str:
    return "text:" if isinstance(item, str) else "object:"


_Object = TypeVar("_Object", bound=Body)
# Tags end in a colon, so that errors can be told without them; see ``faults``.
TextOr = Annotated[Annotated[str, Tag("text:")] | Annotated[_Object, Tag("object:")], Discriminator(_is_text)]
"""A text, or an object that has one."""


def check_echo(value: Any) -> None:
    """Check that what comes back as it came can be written.

    Raises:
        ValueError: if it can't.
    """
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        raise ValueError("it holds a number that is not finite, or is nested too deeply") from None


class BudgetIn(Body):
    """How much may be kept: exactly one of the first three, or a recall with ``max_tokens``."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    ratio: Share | None = None
    recall: Share | None = None
    max_documents: Annotated[int, Field(ge=1)] | None = None
    min_per_document: Annotated[int, Field(ge=0)] = 0
    max_per_document: Annotated[int, Field(ge=1)] | None = None
    min_tokens: Annotated[int, Field(ge=0)] = 0
    recall_of: RecallOf = "share"

    @model_validator(mode="after")
    def _check(self) -> BudgetIn:
        self.budget()
        return self

    def budget(self) -> Budget:
        """The budget as the library has it."""
        return Budget(**self.model_dump())


if TYPE_CHECKING:
    _LayoutIn = Body
else:
    # Every option of the layout, so that a new one is in the plan alone.
    _LayoutIn = create_model(
        "_LayoutIn",
        __base__=Body,
        **{
            name: (OPTIONS[name].type | None, Field(None, description=OPTIONS[name].help)) for name in _LAYOUT
        },
    )


class CompressIn(_LayoutIn):
    """A question and its documents; or ``messages``, of which tool results are compressed."""

    query: Query
    documents: list[TextOr[DocumentIn]] = Field(min_length=1)
    budget: BudgetIn | None = None
    order: Order | None = None
    explain: Annotated[bool, Field(description="Also what was dropped, and why.")] = True
    deadline_ms: Annotated[float, Field(gt=0)] | None = None
    on_error: Annotated[
        Literal["passthrough", "raise"],
        Field(description="What to answer if even the cheap signals fail: the originals, or an error."),
    ] = "passthrough"

    def layout(self) -> LayoutOptions:
        """What of the server's plan is otherwise."""
        values = {name: value for name in _LAYOUT if (value := getattr(self, name)) is not None}
        return LayoutOptions(**values)  # type: ignore[no-any-return, typeddict-item]


class Fault(BaseModel):
    """What is wrong with a request; ``detail`` names the fields."""

    message: str
    type: str
    request_id: str
    detail: list[dict[str, Any]] | None = None


def read_documents(items: list[str | DocumentIn], limits: Limits) -> list[Document]:
    """Documents within the server's bounds.

    Raises:
        TooLarge: if they are not.
        InputError: for a document that can't be used; says which.
    """
    limits.check([item if isinstance(item, str) else item.text for item in items])
    made = [DocumentIn(text=item) if isinstance(item, str) else item for item in items]
    return [name_field(f"documents.{i}", item.document) for i, item in enumerate(made)]


def example(body: dict[str, Any]) -> dict[str, Any]:
    """For the OpenAPI page: a request that can be tried as it stands."""
    return {"requestBody": {"content": {"application/json": {"example": body}}}}


def name_field(field: str, make: Callable[[], _T]) -> _T:
    """What is made of a field of the body; its errors say which field it is.

    Raises:
        InputError: with the field's name.
    """
    try:
        return make()
    except InputError as error:
        raise InputError(f"{field}: {error}") from None
