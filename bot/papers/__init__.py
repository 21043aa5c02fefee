"""Documents of a case as .docx: forms kept as data (`forms/`), filled, gaps marked; nothing is stored."""

from bot.papers.filling import GAP, Filled, Gap, Values, fill, problems
from bot.papers.forms import KINDS, Field, Form, read_form
from bot.papers.writing import write

__all__ = ["GAP", "KINDS", "Field", "Filled", "Form", "Gap", "Values", "fill", "problems", "read_form", "write"]
