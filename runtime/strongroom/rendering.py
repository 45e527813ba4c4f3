"""Texts made from templates that take values from blocks: configuration files for programs that read nothing else.

A template is Jinja without its power. It takes fields of blocks, and variables (``strongroom.variables.region``);
it decides with ``if``, repeats with ``for``, names things with ``set``, and passes values through filters; it calls
nothing but ``block("name")``, reaches no attribute that is no field, includes no file, and cannot make more text than
:data:`OUTPUT_MAX`. Whoever writes a template decides what text comes of the blocks that he names; he runs no code.
"""

from __future__ import annotations

import base64
import json
import shlex
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from strongroom_blocks import Block, reveal
from strongroom_blocks.extras import require_extra
from strongroom_blocks.frames import without_frames
from strongroom_blocks.redaction import redactor
from strongroom_blocks.secrets import SECRET_KINDS, SecretDict
from strongroom_registry.errors import StrongroomError

from strongroom.errors import TemplateProblem

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

TEMPLATE_MAX = 1 << 20
"""The longest template, in characters."""
OUTPUT_MAX = 16 << 20
"""The longest text that a template, or a single filter in it, may make, in characters."""
STEPS_MAX = 100_000
"""How often all loops together may go round."""

_ALLOWED = frozenset({
    "And", "Assign", "Call", "Compare", "CondExpr", "Const", "Filter", "For", "Getattr", "Getitem", "If", "Keyword",
    "List", "Name", "Neg", "Not", "Operand", "Or", "Output", "Pos", "Slice", "Template", "TemplateData", "Test",
    "Tuple",
})  # fmt: skip
"""Nodes of a template's tree. Not among them is whatever calls, loads or defines, and what can make text from text
(``~``, ``+``, ``*``, ``%``, blocks that are set): nothing grows but by filters, which are measured."""
_OF_JINJA = (
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "last", "length", "lower", "sort",
    "string", "title", "trim", "unique", "upper", "urlencode",
)  # fmt: skip
_OF_LOOPS = frozenset({
    "depth", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0",
})  # fmt: skip
_COUNTED = "counted loop"


class _Unplaced(TemplateProblem):
    """A problem of which the line is not yet told."""


class _Part(Mapping[str, Any]):
    """A block, a model or a mapping as a template sees it: its fields, their secrets in clear, and nothing else."""

    __slots__ = ("fields", "told", "where")

    def __init__(self, fields: Mapping[str, Any], where: str, told: bool) -> None:
        """``told`` says whether errors may tell the names: they may be secret themselves."""
        self.fields, self.where, self.told = fields, where, told

    def __getitem__(self, name: str) -> Any:
        return _seen(self.fields[name], f"{self.where}.{name}", self.told)

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


def _seen(value: Any, where: str, told: bool = True) -> Any:
    """A value as a template sees it."""
    if isinstance(value, SECRET_KINDS):
        told = told and isinstance(value, SecretDict)
        value = reveal(value)
        redactor.register(value)
    if isinstance(value, BaseModel):
        return _Part({name: getattr(value, name) for name in type(value).model_fields}, where, told)
    if isinstance(value, Mapping):
        return _Part({str(name): item for name, item in value.items()}, where, told)
    if isinstance(value, list | tuple | set | frozenset):
        return [_seen(item, f"{where}.{index}", told) for index, item in enumerate(value)]
    if value is None or isinstance(value, str | bytes | bool | int | float):
        return value
    return to_jsonable_python(value)


@without_frames
def render(template: str, *, name: str = "the template", load: Callable[[str], Block] = Block.load) -> str:
    """The text that a template makes, with the secrets that it takes in clear. Needs ``strongroom[render]``.

    Every block that it names is loaded before anything is rendered, each once.

    :param template: at most :data:`TEMPLATE_MAX` characters.
    :param name: how errors call the template.
    :param load: how a block is loaded by its reference.
    :raises TemplateProblem: it is no template, names what is not there, or would do what templates may not; tells the
        line, and never a value.
    """
    require_extra("jinja2", extra="render")
    if len(template) > TEMPLATE_MAX:
        raise TemplateProblem(f"{name} has more than {TEMPLATE_MAX} characters.", "Make it shorter.")
    problem: StrongroomError
    try:
        return _rendered(template, name, load)
    except _Unplaced as error:
        problem = TemplateProblem(f"{_place(error, name)}: {error.problem}", error.remedy)
    except StrongroomError as error:
        problem = error
    except RecursionError:
        problem = TemplateProblem(f"{name} is nested too deeply.", "Make it simpler.")
    except Exception as error:
        problem = _problem(error, name)
    raise problem


def _rendered(template: str, name: str, load: Callable[[str], Block]) -> str:
    from jinja2 import Template, nodes

    environment = _environment()
    tree = environment.parse(template)
    loaded = {reference: load(reference) for reference in dict.fromkeys(_checked(tree, name))}
    parts = {reference: _seen(block, reference) for reference, block in loaded.items()}
    environment.globals["block"] = parts.__getitem__
    if any(found.name == "strongroom" for found in tree.find_all(nodes.Name)):
        environment.globals["strongroom"] = _seen({"variables": _variables()}, "strongroom")
    code = environment.compile(tree, filename=name)
    made = Template.from_code(environment, code, environment.globals)
    pieces: list[str] = []
    size = 0
    for piece in made.generate():
        size += len(piece)
        if size > OUTPUT_MAX:
            raise TemplateProblem(f"{name} makes more than {OUTPUT_MAX} characters.", "Make less of it.")
        pieces.append(piece)
    return "".join(pieces)


def _variables() -> dict[str, Any]:
    from strongroom.variables import list_variables

    return {variable.name: variable.value for variable in list_variables()}


def _checked(tree: nodes.Template, name: str) -> Iterator[str]:
    """The references in a tree that has nothing but what templates may have; loops are made to count themselves."""
    from jinja2 import nodes

    for node in [tree, *tree.find_all(nodes.Node)]:
        _check_kind(node, name)
        if isinstance(node, nodes.Call):
            yield _called(node, name)
        elif isinstance(node, nodes.For):
            node.iter = nodes.Filter(node.iter, _COUNTED, [], [], None, None, lineno=node.lineno)


def _check_kind(node: nodes.Node, name: str) -> None:
    from jinja2 import nodes

    kind = type(node).__name__
    refused = kind not in _ALLOWED
    if isinstance(node, nodes.For):
        refused = node.recursive
    elif isinstance(node, nodes.Assign):
        refused = not isinstance(node.target, nodes.Name)
    elif isinstance(node, nodes.List):
        refused = not all(isinstance(item, nodes.Const) for item in node.items)
    elif isinstance(node, nodes.Tuple):
        refused = node.ctx != "store"
    if refused:
        raise TemplateProblem(
            f"{name}, line {node.lineno}: a template cannot do that ({kind}).",
            "It takes fields of blocks, if, for, set and filters; write texts side by side to join them.",
        )


def _called(node: nodes.Call, name: str) -> str:
    from jinja2 import nodes

    plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs) and len(node.args) == 1
    argument = node.args[0] if plain else None
    called = node.node.name if isinstance(node.node, nodes.Name) else ""
    if called == "block" and isinstance(argument, nodes.Const) and isinstance(argument.value, str):
        return argument.value
    raise TemplateProblem(
        f"{name}, line {node.lineno}: a template calls nothing but block.", 'Write the name out: block("prod-crm").'
    )


def _environment() -> Environment:
    """Jinja's sandbox, further reduced; no file, no cache, no global."""
    from jinja2 import StrictUndefined, Undefined
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Fields(ImmutableSandboxedEnvironment):
        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, Undefined):
                return super().getattr(obj, attribute)  # raises
            if isinstance(obj, LoopContext) and attribute in _OF_LOOPS:
                return getattr(obj, attribute)
            if not isinstance(obj, _Part):
                return self.undefined(hint=f'A {type(obj).__name__} has no field "{attribute}".')
            if attribute not in obj:
                return self.undefined(hint=_absent(obj, attribute))
            value = obj[attribute]
            missing = f"{obj.where}.{attribute} has no value."
            return self.undefined(hint=missing) if value is None else value

        def getitem(self, obj: Any, argument: Any) -> Any:
            """The key may be a secret, so that no error quotes it."""
            if isinstance(obj, Undefined):
                return super().getitem(obj, argument)  # raises
            try:
                value = obj[argument] if isinstance(obj, _Part | list | str) else None
            except (TypeError, LookupError):
                value = None
            if value is None:
                where = obj.where if isinstance(obj, _Part) else f"A {type(obj).__name__}"
                return self.undefined(hint=f"{where} has nothing under that key.")
            return value

    environment = Fields(
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_final,
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters = _filters(environment.filters)
    return environment


def _absent(part: _Part, name: str) -> str:
    known = ", ".join(sorted(map(str, part))[:20]) if part.told else ""
    return f'{part.where} has no field "{name}".' + (f" There is {known}." if known else "")


def _final(value: Any) -> Any:
    """What an expression prints; what would be Python's notation of something is refused."""
    from jinja2 import Undefined

    if isinstance(value, _Part):
        raise _Unplaced(f"{value.where} is no single value.", "Name a field of it, or use the filter tojson.")
    if isinstance(value, bytes):
        raise _Unplaced("Bytes that are no text cannot be written.", "Use the filter base64.")
    if isinstance(value, list):
        raise _Unplaced("A list cannot be written as it is.", "Use the filter join or tojson.")
    if value is None:
        raise _Unplaced("A value that is absent cannot be written.", "Use the filter default.")
    if not isinstance(value, str | int | float | Undefined):
        raise _Unplaced(f"A {type(value).__name__} cannot be written.", "Name a field of a block.")
    return value


def _filters(builtin: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The filters there are, each of which may make no more than :data:`OUTPUT_MAX`."""
    own: dict[str, Callable[..., Any]] = {
        "base64": _base64, "indent": _indent, "items": _items, "join": _join, "replace": _replace, "shell": _shell,
        "tojson": _tojson,
    }  # fmt: skip
    taken = {name: builtin[name] for name in _OF_JINJA} | own
    counted = {_COUNTED: _counting()}
    return {name: _measured(function) for name, function in taken.items()} | counted


def _measured(function: Callable[..., Any]) -> Callable[..., Any]:
    from functools import wraps

    @wraps(function)
    def measured(*args: Any, **kwargs: Any) -> Any:
        made = function(*args, **kwargs)
        if isinstance(made, str | bytes | list):
            _check_size(len(made))
        return made

    return measured


def _check_size(size: int) -> None:
    if size > OUTPUT_MAX:
        raise _Unplaced(f"A filter would make more than {OUTPUT_MAX} characters.", "Make less of it.")


def _counting() -> Callable[[Iterable[Any]], Iterator[Any]]:
    steps = 0

    def counted(items: Iterable[Any]) -> Iterator[Any]:
        nonlocal steps
        for item in items:
            steps += 1
            if steps > STEPS_MAX:
                raise _Unplaced(f"The loops go round more than {STEPS_MAX} times.", "Repeat less.")
            yield item

    return counted


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return str(_final(value))


def _base64(value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else _text(value).encode()).decode()


def _shell(value: Any) -> str:
    """Quoted as one word of a POSIX shell."""
    return shlex.quote(_text(value))


def _tojson(value: Any) -> str:
    """JSON, which every reader of YAML understands too."""
    return json.dumps(
        value, ensure_ascii=False, default=lambda part: dict(part) if isinstance(part, _Part) else _text(part)
    )


def _items(part: _Part) -> list[tuple[str, Any]]:
    return [(name, part[name]) for name in part]


def _join(items: Iterable[Any], separator: str = "") -> str:
    texts = [_text(item) for item in items]
    _check_size(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _replace(value: Any, old: str, new: str) -> str:
    text = _text(value)
    _check_size(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _indent(value: Any, width: int = 4, first: bool = False) -> str:
    text = _text(value)
    lines = text.split("\n")
    _check_size(len(text) + width * len(lines))
    pad = " " * width
    return "\n".join(pad + line if line and (index or first) else line for index, line in enumerate(lines))


def _problem(error: Exception, name: str) -> TemplateProblem:
    """The error to raise for what Jinja found. Only texts that are known to hold no value are told."""
    from jinja2 import TemplateSyntaxError, UndefinedError

    if isinstance(error, TemplateSyntaxError):
        return TemplateProblem(f"{name}, line {error.lineno}: {redactor.redact(error.message or '')}", "Correct it.")
    where = _place(error, name)
    if isinstance(error, UndefinedError):
        return TemplateProblem(f"{where}: {redactor.redact(error.message or '')}", "Name what is there, or a default.")
    return TemplateProblem(f"{where} fails with {type(error).__name__}.", "Correct it.")


def _place(error: Exception, name: str) -> str:
    lines = [number for frame, number in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == name]
    return f"{name}, line {lines[-1]}" if lines else name
