"""Files as HTML, with the classes that the page's style sheet knows."""

from html import escape
from itertools import groupby
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Keyword, Literal, Name, Operator, Token, _TokenType
from pygments.util import ClassNotFound

# The most special that matches.
CLASSES = {
    Comment: "comment",
    Keyword: "keyword",
    Keyword.Constant: "constant",
    Literal.Number: "constant",
    Literal.String: "string",
    Literal.String.Affix: "keyword",
    Literal.String.Doc: "comment",
    Name.Attribute: "name",
    Name.Builtin: "builtin",
    Name.Class: "name",
    Name.Decorator: "decorator",
    Name.Exception: "builtin",
    Name.Function: "name",
    Name.Label: "name",
    Name.Tag: "name",
    Operator.Word: "keyword",
    Token.Generic.Heading: "name",
    Token.Generic.Subheading: "name",
    Token.Generic.Strong: "name",
}
# Those that Pygments does not find by their names.
LEXERS = {".mako": "mako", ".example": "bash", ".jinja": "text"}


def highlight(path: str, text: str) -> str:
    """Return a text as HTML, in which each line is complete in itself.

    Args:
        path: Where the file is, of which the name says what language it is in.
        text: What is in it.

    Raises:
        ValueError: The lexer dropped or added a character.
    """
    tokens = list(_find_lexer(path).get_tokens(text))
    if "".join(value for _, value in tokens) != text:
        raise ValueError(f"{path}: Pygments does not return what it was given.")
    parts = []
    for name, group in groupby(tokens, key=lambda token: _get_class(token[0])):
        value = escape("".join(value for _, value in group), quote=False)
        parts.append(_wrap(value, name) if name else value)
    return "".join(parts)


def _wrap(value: str, name: str) -> str:
    lines = value.split("\n")
    return "\n".join(
        f'<span class="{name}">{line}</span>' if line else "" for line in lines
    )


def _find_lexer(path: str) -> Lexer:
    # By default a lexer takes away empty lines, and adds one at the end.
    options: dict[str, Any] = {"stripnl": False, "ensurenl": False}
    name = next((LEXERS[end] for end in LEXERS if path.endswith(end)), None)
    try:
        if name:
            return get_lexer_by_name(name, **options)
        return get_lexer_for_filename(path, **options)
    except ClassNotFound:
        return get_lexer_by_name("text", **options)


def _get_class(token: _TokenType) -> str | None:
    return next(
        (CLASSES[kind] for kind in token.split()[::-1] if kind in CLASSES), None
    )
