"""What all tables of the settings have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table: unknown names are errors, and no value appears in an error's text."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
    )
