"""Values through serdes: there and back, refused with the path of what is wrong, described by a schema."""

from __future__ import annotations

import math
import subprocess
import sys
import typing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_celery.codec import Codec
from durable_celery.errors import DurableError, InvalidValue, NotSerializable
from durable_celery.serde import (
    MISSING,
    BytesSerde,
    JsonSerde,
    MsgspecJsonSerde,
    PydanticJsonSerde,
    Serde,
    TypedSerde,
    pack,
    schema_of,
    serde_for,
    unpack,
)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass
class Item:
    price: float
    tags: list[str] = field(default_factory=list)


class Order(TypedDict):
    id: UUID
    items: list[Item]
    note: NotRequired[str]


class Hints(TypedDict, total=False):
    a: int


@dataclass
class Basket:
    orders: dict[str, list[Order]]


class Plane(msgspec.Struct):
    seats: dict[str, int]
    at: Point = Point(0)


class Address(pydantic.BaseModel):
    street: str
    number: int


class Person(pydantic.BaseModel):
    name: str
    born: date | None = None
    homes: list[Address] = []


class Visit(TypedDict):
    who: Person
    photo: NotRequired[bytes]


@dataclass
class Party:
    guests: dict[str, list[Person]]
    photo: bytes = b""


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    when: datetime


@pydantic.dataclasses.dataclass
class Checked:
    size: typing.Annotated[int, pydantic.Field(gt=3)]


@dataclass
class Tree:
    """A type that contains itself, and pydantic's only after that."""

    children: list[Tree]
    fruit: list[Checked] = field(default_factory=list)


class Unknown:
    """A class that no library can make JSON of."""


ID = UUID("12345678-1234-5678-1234-567812345678")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ANNA = Person(name="Anna", born=date(2000, 1, 2), homes=[Address(street="Hill", number=3)])
ORDER: Order = {"id": ID, "items": [Item(1.5, ["new"])]}

KINDS: list[tuple[Any, Any]] = [
    (None, None),
    (type(None), None),
    (bool, True),
    (int, 2**70),
    (float, 1.5),
    (str, "naïve ☃"),
    (list[int], [1, 2]),
    (list, [1, "a"]),
    (dict[str, float], {"a": 1.5}),
    (dict[int, str], {1: "a"}),
    (dict[UUID, int], {ID: 1}),
    (tuple[int, ...], (1, 2)),
    (tuple[int, str], (1, "a")),
    (set[int], {1, 2}),
    (int | None, None),
    (typing.Optional[int], 1),  # noqa: UP045
    (int | str | None, "a"),
    (Literal["a", 1], 1),
    (Colour, Colour.BLUE),
    (datetime, NOON),
    (date, NOON.date()),
    (timedelta, timedelta(days=1, seconds=2.5)),
    (UUID, ID),
    (Decimal, Decimal("1.10")),
    (bytes, b"\x00\xff"),
    (dict[str, Any], {"a": [1, None, {"b": 1.5}]}),
    (Order, ORDER),
    (Order, {**ORDER, "note": "soon"}),
    (Hints, {}),
    (Basket, Basket({"today": [ORDER]})),
    (Point, Point(1, 2)),
    (Plane, Plane({"1a": 3}, Point(1))),
    (Address, Address(street="Hill", number=3)),
    (Person, ANNA),
    (Person | None, None),
    (Person | int, 3),
    (list[Person], [ANNA]),
    (dict[str, Person], {"a": ANNA}),
    (Visit, {"who": ANNA, "photo": b"\x00\xff"}),
    (Visit, {"who": ANNA}),
    (list[Visit] | None, [{"who": ANNA}]),
    (Party, Party({"first": [ANNA]}, b"\x00\xff")),
    (Tree, Tree([Tree([])], [Checked(4)])),
    (Strict, Strict(when=NOON)),
    (typing.Annotated[int, pydantic.Field(gt=3)], 4),
]


@pytest.mark.parametrize(("annotation", "value"), KINDS, ids=lambda one: str(one)[:40])
def test_every_kind_comes_back_as_it_was_from_bytes_and_from_a_promise(annotation: Any, value: Any) -> None:
    serde, codec = serde_for(annotation), Codec()

    assert serde.deserialize(serde.serialize(value)) == value
    kept = codec.decode(codec.encode(pack(serde, value), "it"))
    assert kept == pack(serde, value)
    assert unpack(serde, kept) == value
    assert type(unpack(serde, kept)) is type(value)


@pytest.mark.parametrize(("annotation", "value"), KINDS, ids=lambda one: str(one)[:40])
def test_every_kind_has_a_schema_whose_references_are_in_it(annotation: Any, value: Any) -> None:
    schema = TypedSerde(annotation).schema("#/components/schemas/")

    definitions = schema.get("$defs", {})
    for reference in references(schema):
        assert reference.removeprefix("#/components/schemas/") in definitions


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [found for each in schema for found in references(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [found for each in schema.values() for found in references(each)]


GOOD = {"id": str(ID), "items": [{"price": 1}]}
WRONG: list[tuple[Any, Any, str, str]] = [
    (int, None, "$", "Expected `int`, got `null`"),
    (int, "1", "$", "Expected `int`, got `str`"),
    (None, 1, "$", "Expected `null`, got `int`"),
    (list[int], [1, None], "$[1]", "Expected `int`, got `null`"),
    (Colour, "secret", "$", "Invalid enum value"),
    (Order, {**GOOD, "items": [{"price": 1}, {"price": "1"}]}, "$.items[1].price", "Expected `float`, got `str`"),
    (Order, {"items": []}, "$.id", "required field is missing"),
    (
        Basket,
        {"orders": {"a": [GOOD], "b c": [GOOD, {**GOOD, "items": [{}]}]}},
        '$.orders["b c"][1].items[0].price',
        "",
    ),
    (dict[str, dict[str, int]], {"a": {"b": 1}, "c": {"d": 1, "e": "x", "f": "x"}}, "$.c.e", "Expected `int`"),
    (dict[str, dict[int, int]], {"a": {"1": 1}, "b": {"2": 1, "x": 1}}, "$.b.x", "as the key"),
    (Plane, {"seats": {f"s{n}": n if n != 777 else "x" for n in range(1000)}}, "$.seats.s777", "Expected `int`"),
    (Point, [1, "a"], "$[1]", "Expected `int`"),
    (Person, None, "$", "should be an object"),
    (Person, {"name": 1}, "$.name", "valid string"),
    (Person, {}, "$.name", "required field is missing"),
    (
        list[Person],
        [{"name": "a"}, {"name": "a", "homes": [{"street": "s", "number": "x"}]}],
        "$[1].homes[0].number",
        "",
    ),
    (Visit, {"who": {"name": "a", "born": "never"}}, "$.who.born", "valid date"),
    (Party, {"guests": {"a b": [{"name": "x"}, {}]}}, '$.guests["a b"][1].name', "required field is missing"),
    (list[Person | int], [1, {"name": "a", "homes": [{"street": 1}]}], "$[1].homes[0].street", "valid string"),
    (Tree, {"children": [{"children": [], "fruit": [{"size": 3}]}]}, "$.children[0].fruit[0].size", "greater than 3"),
    (dict[int, Person], {"x": {"name": "a"}}, "$.x", "as the key"),
]


@pytest.mark.parametrize(("annotation", "value", "path", "reason"), WRONG, ids=lambda one: str(one)[:40])
def test_a_wrong_value_is_refused_with_the_path_of_what_is_wrong(
    annotation: Any, value: Any, path: str, reason: str
) -> None:
    serde = serde_for(annotation)
    with pytest.raises(InvalidValue) as refused:
        unpack(serde, value)

    assert refused.value.path == path
    assert reason in refused.value.reason
    assert str(refused.value) == f"at {path}: {refused.value.reason}"
    assert isinstance(refused.value, DurableError) and isinstance(refused.value, ValueError)
    assert "secret" not in str(refused.value)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(InvalidValue) as refused:
        TypedSerde(dict[str, int]).load({"k" * 10_000: "v" * 10_000})

    assert len(str(refused.value)) < 200


def test_a_path_can_be_written_whatever_the_keys_are() -> None:
    with pytest.raises(InvalidValue) as refused:
        TypedSerde(dict[str, int]).load({'a\ud800"\n': "x"})

    assert refused.value.path == '$["a\\ud800\\"\\n"]'


def test_a_mapping_too_short_to_be_searched_is_refused_without_its_key() -> None:
    pair = typing.Annotated[dict[str, int], msgspec.Meta(min_length=2)]
    with pytest.raises(InvalidValue) as refused:
        TypedSerde(pair).load({"a": 1, "b": "x"})

    assert refused.value.path == "$[*]"


def test_a_refusal_survives_being_kept_as_the_error_of_a_call() -> None:
    codec = Codec()
    error = codec.error(codec.failure(InvalidValue("$.a", "no")), "id")

    assert isinstance(error, InvalidValue)
    assert (error.path, error.reason) == ("$.a", "no")


@pytest.mark.parametrize("buf", [b"{", b"\xff", b"[" * 100_000, b"1" * 5000], ids=["open", "binary", "deep", "long"])
@pytest.mark.parametrize("serde", [JsonSerde(), TypedSerde(list[int])], ids=["plain", "typed"])
def test_bytes_that_are_not_json_are_refused(serde: Serde[Any], buf: bytes) -> None:
    with pytest.raises(InvalidValue, match=r"at \$: it is not JSON"):
        serde.deserialize(buf)


def test_an_int_will_do_for_a_float_and_becomes_one() -> None:
    found = TypedSerde(float).load(1)

    assert found == 1.0 and isinstance(found, float)


@pytest.mark.parametrize("annotation", [float, list[Any], Any, pydantic.FiniteFloat | float])
def test_nan_is_written_as_the_codec_writes_it(annotation: Any) -> None:
    serde, value = serde_for(annotation), [math.nan] if annotation == list[Any] else math.nan

    assert serde.serialize(value).decode() == Codec().encode(value, "it")
    assert str(serde.deserialize(serde.serialize(value))) == str(value)


REFUSED: list[tuple[Any, Any, str]] = [
    (list[int], [1, "x"], r"at \$\[1\]: Expected `int`, got `str`"),
    (int, None, r"at \$: Expected `int`, got `null`"),
    (Item, Item(1.5, ["a", Unknown()]), r"at \$\.tags\[1\]: a test.*Unknown has no JSON form"),  # type: ignore[list-item]
    (dict[str, Any], {"a": [{"b": Unknown()}]}, r"at \$\.a\[0\]\.b: a test.*Unknown has no JSON form"),
    (Person, {"name": 1}, r"at \$\.name: Input should be a valid string"),
    (list[Person], [Person.model_construct(name=1)], "Expected `str`"),
]


@pytest.mark.parametrize(("annotation", "value", "reason"), REFUSED, ids=lambda one: str(one)[:40])
def test_what_could_not_be_read_is_refused_when_it_is_written(annotation: Any, value: Any, reason: str) -> None:
    with pytest.raises(NotSerializable, match=reason):
        TypedSerde(annotation).dump(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)

    for serde in (JsonSerde(), TypedSerde(list[Any]), TypedSerde(list[Any] | Person)):
        with pytest.raises(NotSerializable):
            serde.serialize(loop)


def test_subclasses_of_plain_types_are_written_as_these() -> None:
    class Name(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "something else"

    assert TypedSerde(dict[str, list[str]]).dump({"a": [Name("Anna")]}) == {"a": ["Anna"]}


def test_schemas_contain_the_properties() -> None:
    order, person = TypedSerde(Order).schema(), TypedSerde(list[Person]).schema()

    assert set(order["$defs"]["Order"]["properties"]) == {"id", "items", "note"}
    assert set(order["$defs"]["Order"]["required"]) == {"id", "items"}
    assert set(order["$defs"]["Item"]["properties"]) == {"price", "tags"}
    assert person["items"] == {"$ref": "#/$defs/Person"}
    assert set(person["$defs"]["Address"]["properties"]) == {"street", "number"}
    assert schema_of(TypedSerde(int)) == {"type": "integer"}
    assert schema_of(JsonSerde()) is None and schema_of(BytesSerde()) is None


@pytest.mark.parametrize("annotation", [Any, object, MISSING, typing.NoReturn])
def test_an_annotation_that_says_nothing_checks_nothing(annotation: Any) -> None:
    assert type(serde_for(annotation)) is JsonSerde


@pytest.mark.parametrize(
    "annotation", [Unknown, list[Unknown | None], "Order", Item | Plane, list[Plane] | Person, complex]
)
def test_an_annotation_without_json_form_is_refused_when_it_is_registered(annotation: Any) -> None:
    with pytest.raises(TypeError, match=r"has no JSON form.*give a Serde of your own") as refused:
        serde_for(annotation)

    assert (annotation.__name__ if isinstance(annotation, type) else repr(annotation)) in str(refused.value)


class Upper(Serde[str]):
    """A serde as users write them."""

    def serialize(self, obj: str | None) -> bytes:
        return (obj or "").upper().encode("latin-1")

    def deserialize(self, buf: bytes) -> str:
        if not buf.isupper():
            raise ValueError(f"not upper: {buf!r}")
        return buf.decode("latin-1").lower()


class Tagged(JsonSerde):
    """A subclass of JsonSerde with bytes of its own."""

    def serialize(self, obj: Any) -> bytes:
        return b"#" + super().serialize(obj)

    def deserialize(self, buf: bytes) -> Any:
        return super().deserialize(buf[1:])


@pytest.mark.parametrize(
    ("serde", "value", "packed"),
    [(Upper(), "aé", "Qck="), (BytesSerde(), b"\xff", "/w=="), (Tagged(), {"a": 1}, "I3siYSI6MX0=")],
)
def test_what_is_not_json_is_kept_as_base64(serde: Serde[Any], value: Any, packed: str) -> None:
    assert pack(serde, value) == packed
    assert unpack(serde, packed) == value


@pytest.mark.parametrize("packed", [None, 1, "no base64!", "yQ", "bG93"])
def test_what_a_serde_of_ones_own_cannot_read_is_refused(packed: Any) -> None:
    with pytest.raises(InvalidValue, match=r"at \$: .*Upper") as refused:
        unpack(Upper(), packed)

    assert "low" not in str(refused.value)


def test_a_serde_that_writes_no_bytes_is_told() -> None:
    class Wrong(Serde[str]):
        def serialize(self, obj: str | None) -> bytes:
            return obj  # type: ignore[return-value]

        def deserialize(self, buf: bytes) -> str:
            return ""

    with pytest.raises(NotSerializable, match=r"Wrong\.serialize returned a str, not bytes"):
        pack(Wrong(), "a")
    with pytest.raises(NotSerializable, match="BytesSerde takes bytes, not a str"):
        pack(BytesSerde(), "a")


def test_no_bytes_stand_for_none() -> None:
    for serde in (JsonSerde(), TypedSerde(int | None), TypedSerde(None), PydanticJsonSerde(Person | None)):
        assert serde.serialize(None) == b""
        assert serde.deserialize(b"") is None
    with pytest.raises(InvalidValue, match=r"at \$: Expected `int`, got `null`"):
        TypedSerde(int).deserialize(b"")


def test_the_names_of_restates_sdk_do_the_same() -> None:
    assert PydanticJsonSerde(Address).deserialize(b'{"street":"s","number":1}') == Address(street="s", number=1)
    assert MsgspecJsonSerde(Plane).deserialize(b'{"seats":{}}') == Plane({})
    assert pack(MsgspecJsonSerde(Plane), Plane({})) == {"seats": {}, "at": [0, 0]}


def test_pydantic_is_not_imported_where_no_annotation_brings_it() -> None:
    program = """
import sys, dataclasses
from durable_celery.serde import annotations_of, pack, serde_for, unpack
@dataclasses.dataclass
class A:
    b: dict[str, list[int | None]]
def handler(ctx, a: A) -> A: ...
for annotation in annotations_of(handler):
    serde = serde_for(annotation)
    assert unpack(serde, pack(serde, A({"x": [1]}))) == A({"x": [1]})
    serde.schema()
assert not [name for name in sys.modules if name.startswith("pydantic")], "imported"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
json_values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(json_values)
def test_any_json_value_comes_back_as_it_was(value: Any) -> None:
    for serde in (JsonSerde(), TypedSerde(Any)):
        assert serde.deserialize(serde.serialize(value)) == value
        assert unpack(serde, pack(serde, value)) == value


items = st.builds(Item, st.floats(allow_nan=False), st.lists(st.text()))
orders = st.fixed_dictionaries({"id": st.uuids(), "items": st.lists(items)}, optional={"note": st.text()})


@given(st.builds(Basket, st.dictionaries(st.text(), st.lists(orders), max_size=3)))
def test_any_basket_comes_back_as_it_was(basket: Basket) -> None:
    serde = TypedSerde(Basket)
    assert serde.deserialize(serde.serialize(basket)) == basket


words = st.text(st.characters(codec="utf-8"))
persons = st.builds(
    Person,
    name=words,
    born=st.none() | st.dates(),
    homes=st.lists(st.builds(Address, street=words, number=st.integers())),
)


@given(st.builds(Party, st.dictionaries(words, st.lists(persons), max_size=3), st.binary()))
def test_any_party_comes_back_as_it_was(party: Party) -> None:
    serde = TypedSerde(Party)
    assert serde.deserialize(serde.serialize(party)) == party


@given(st.dictionaries(st.text(), st.integers(), min_size=1), st.data())
def test_the_wrong_key_is_found_whatever_it_is_called(mapping: dict[str, int], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(list(mapping)))
    with pytest.raises(InvalidValue) as refused:
        TypedSerde(dict[str, int]).load({**mapping, key: "wrong"})

    with pytest.raises(InvalidValue) as alone:
        TypedSerde(dict[str, int]).load({key: "wrong"})
    assert refused.value.path == alone.value.path
