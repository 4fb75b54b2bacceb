"""What a request must look like: JSON as RFC 8259 has it, and then the shape that each route asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from webapp.problems import Problem
from workers.order import BadOrder, check_order
from workers.script import BadScript, check_script, check_text, json_type

if TYPE_CHECKING:
    from flask import Request

#: Bytes in a request's body. The longest script there may be is a quarter of it, with every character escaped.
MAX_BODY = 1024 * 1024
#: Characters in the name of who approves an order.
MAX_NAME_LENGTH = 200


def json_object(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object, or say what is wrong with it."""
    if not request.is_json:
        raise Problem(415, "not-json", "send JSON, with Content-Type: application/json")
    try:
        value = json.loads(request.get_data().decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Problem(400, "bad-json", "the body is not UTF-8") from None
    except RecursionError:
        raise Problem(400, "bad-json", "the body is nested too deeply") from None
    except ValueError as error:
        raise Problem(400, "bad-json", f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        _refuse("", f"must be an object, not {json_type(value)}")
    return value


def text_list(request: Request) -> list[str]:
    """Return the lines to render."""
    body = json_object(request)
    _only(body, "text_list")
    try:
        return check_script(body["text_list"])
    except BadScript as error:
        _refuse(f"/text_list{error.where}", str(error))


def order(request: Request) -> dict[str, Any]:
    """Return the order to process; the body is the order."""
    body = json_object(request)
    try:
        return check_order(body)
    except BadOrder as error:
        _refuse(error.where, str(error))


def decision(request: Request) -> dict[str, Any]:
    """Return who says what about an order: {"approved": true or false, "by": "a name"}."""
    body = json_object(request)
    _only(body, "approved", "by")
    approved, by = body["approved"], body["by"]
    if not isinstance(approved, bool):
        _refuse("/approved", f"must be true or false, not {json_type(approved)}")
    if not isinstance(by, str):
        _refuse("/by", f"must be a string, not {json_type(by)}")
    if not 0 < len(by.strip()) <= len(by) <= MAX_NAME_LENGTH:
        _refuse("/by", f"must be a name of 1 to {MAX_NAME_LENGTH} characters")
    try:
        check_text(by)
    except BadScript as error:
        _refuse("/by", str(error))
    return {"approved": approved, "by": by}


def _only(body: dict[str, Any], *names: str) -> None:
    for name in names:
        if name not in body:
            _refuse(f"/{name}", "is missing")
    for name in body:
        if name not in names:
            _refuse("", f"has the unknown member {name[:50]!r}; known here: {', '.join(names)}")


def _refuse(pointer: str, what: str) -> NoReturn:
    raise Problem(422, "invalid-arguments", f"{pointer or 'the body'} {what}", pointer=pointer)


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON value"
    raise ValueError(message)
