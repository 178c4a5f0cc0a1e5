"""What every request of the browser shares: untrusted JSON becomes a checked object here, and nowhere else.

A request is a `Request` with typed fields; a reply is a `Reply`. Together the classes are the page's
protocol; `visitor/` has those of a single photo, `project/` those of a project.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rvernet_app.errors import PromptError
from rvernet_app.reading import is_text

MAX_NUMBER = 2**53
"""The largest whole number that a browser counts exactly."""

AnyRequest = TypeVar("AnyRequest", bound="Request")


def _require_text(text: str) -> str:
    if not is_text(text):
        raise ValueError("it holds characters that cannot be kept")
    return text


Text = Annotated[str, AfterValidator(_require_text)]
"""Text that every database can keep."""

Name = Annotated[Text, Field(max_length=200)]

WholeNumber = Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]

Number = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
"""A finite number of a size that a browser counts exactly."""


class Request(BaseModel):
    """A request of the page. Fields it does not know are ignored; a field of another type is refused."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

    expected: ClassVar[str | None] = None
    """A sentence that says what the fields must be, where a person may have written them."""

    @classmethod
    def read(cls: type[AnyRequest], message: object) -> AnyRequest:
        """Check a message.

        Raises:
            PromptError: it is not a JSON object, lacks a field, or has one with a value it cannot have.
        """
        try:
            return cls.model_validate(message)
        except ValidationError as error:
            if cls.expected:
                raise PromptError(cls.expected) from error
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "message"
            raise PromptError(
                f"The page sent a value that this server does not understand ({place}: {first['msg']}). "
                "Reload the page."
            ) from error


class Signed(Request):
    """A request that says who opened the page, if the page knows."""

    me: Text | None = None


class Empty(Request):
    """A request that needs no fields."""


class Reply(BaseModel):
    """An answer to the page. Fields that were not set do not appear in it."""

    model_config = ConfigDict(frozen=True)

    def to_json(self) -> dict[str, Any]:
        """Return the reply as JSON values, with the fields that were set."""
        return self.model_dump(exclude_unset=True)


class Done(Reply):
    """It is done; there is nothing to say of it."""
