"""Templates: what they take, what they may not do, and that no error shows a value."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, HttpUrl, SecretBytes, SecretStr
from strongroom import Block, Secret, SecretDict
from strongroom.errors import TemplateProblem
from strongroom.ledger import Ledger
from strongroom.rendering import OUTPUT_MAX, STEPS_MAX, TEMPLATE_MAX, render
from strongroom.variables import Variable
from strongroom_registry import Registry, open_registry, using
from strongroom_registry.errors import InvalidReference, UnknownDocument

Plant = Callable[..., str]


class Login(BaseModel):
    user: str
    password: SecretStr


class Crm(Block, slug="rendered-crm"):
    base_url: HttpUrl
    token: SecretStr
    page_size: int = 100
    tags: tuple[str, ...] = ()
    note: str | None = None
    headers: SecretDict = SecretDict({})
    login: Login | None = None
    certificate: SecretBytes = SecretBytes(b"\xff\x00")


@pytest.fixture(autouse=True)
def registry() -> Iterator[Registry]:
    with open_registry("memory:") as registry, using(registry):
        yield registry


@pytest.fixture
def token(canary: Plant) -> str:
    Crm(
        base_url="https://crm.test", token=(secret := canary("token")), tags=("a", "b c"),
        headers=SecretDict({"X-Key": "k1", "X-Other": "k2"}), login=Login(user="ada", password=canary("password")),
    ).save("prod-crm")  # fmt: skip
    return secret


def crm(rest: str) -> str:
    return render('{% set crm = block("prod-crm") %}' + rest)


def test_fields_stand_where_they_are_named(token: str) -> None:
    made = render('url = {{ block("prod-crm").base_url }}\ntoken = {{ block("prod-crm@1").token }}\n')
    assert made == f"url = https://crm.test/\ntoken = {token}\n"


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("{{ crm.page_size }}", "100"),
        ("{{ crm.login.user }}", "ada"),
        ("{{ crm['headers']['X-Key'] }}", "k1"),
        ("{% for name, value in crm.headers|items %}{{ name }}={{ value }};{% endfor %}", "X-Key=k1;X-Other=k2;"),
        ("{% for tag in crm.tags %}{{ loop.index }}{{ tag }}{{ ',' if not loop.last }}{% endfor %}", "1a,2b c"),
        ("{% for name in ['X-Key', 'X-Other'] %}{{ crm.headers[name] }}{% endfor %}", "k1k2"),
        ("{{ crm.tags|join(':') }}", "a:b c"),
        ("{{ crm.tags|tojson }}", '["a", "b c"]'),
        ("{{ crm.headers|tojson }}", '{"X-Key": "k1", "X-Other": "k2"}'),
        ("{{ crm.tags[1]|shell }}", "'b c'"),
        ("{{ crm.certificate|base64 }}", "/wA="),
        ("{{ crm.login.user|base64 }}", "YWRh"),
        ("{{ crm.note|default('none') }}", "none"),
        ("{{ crm.nothing|default('none') }}", "none"),
        ("{{ 'yes' if crm.note is defined else 'no' }}", "no"),
        ("{% if crm.page_size > 50 and 'a' in crm.tags %}big{% endif %}", "big"),
        ("{{ crm.base_url|replace('https', 'http')|upper }}", "HTTP://CRM.TEST/"),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
        ("{# a comment #}{% raw %}{{ kept }}{% endraw %}", "{{ kept }}"),
        ("{{ crm.headers|length }}", "2"),
        ("{{ crm.tags[0][0:1] }}", "a"),
        ("line\n", "line\n"),
    ],
)
def test_what_templates_can_say(token: str, template: str, made: str) -> None:
    assert crm(template) == made


def test_odd_secrets_survive_json(canary: Plant) -> None:
    odd = canary(value="q\"uo'te\\ <tag> & \n é €")
    Secret(value=odd).save("odd")
    assert json.loads(render('{{ block("odd").value|tojson }}')) == odd
    assert render('{{ block("odd").value }}') == odd


def test_each_block_is_loaded_once_and_the_audit_knows(token: str, registry: Registry) -> None:
    loads: list[str] = []

    def load(reference: str) -> Block:
        loads.append(reference)
        return Block.load(reference)

    render('{{ block("prod-crm").token }}{{ block("prod-crm").page_size }}', load=load)
    assert loads == ["prod-crm"]
    assert "load" in {entry.action for entry in registry.audit()}


def shown(error: BaseException) -> str:
    behind = error.__traceback__.tb_next if error.__traceback__ else None
    trace = traceback.TracebackException(type(error), error, behind, capture_locals=True)
    return "\n".join([str(error), repr(error), *trace.format()])


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ crm.tokn }}", 'prod-crm has no field "tokn". There is base_url'),
        ("{{ crm.login.pasword }}", 'prod-crm.login has no field "pasword". There is password, user'),
        ("{{ crm.note }}", "prod-crm.note has no value"),
        ("{{ crm.headers['X-Kee'] }}", "has nothing under that key|has no field"),
        ("{{ crm.headers[crm.token] }}", "prod-crm.headers has nothing under that key"),
        ("{{ crm.tags[7] }}", "nothing under that key"),
        ("{% for x in crm.nothing %}{% endfor %}", "nothing"),
        ("{% for k, v in crm.nothing|items %}{% endfor %}", "nothing"),
        ("{% if crm.nothing %}{% endif %}", "nothing"),
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ crm.token.missing }}", 'A str has no field "missing"'),
        ("{{ crm }}", "prod-crm is no single value"),
        ("{{ crm.tags }}", "A list cannot be written"),
        ("{{ crm.certificate }}", "Use the filter base64"),
        ("{{ block }}", "cannot be written"),
        ("{{ crm.token|int + 1 }}", "cannot do that"),
        ("{{ -crm.token }}", "fails with TypeError"),
        ("{{ crm.token|frobnicate }}", "No filter named 'frobnicate'"),
        ("{{ crm.token", "line 2"),
        ("{% frobnicate %}", "unknown tag 'frobnicate'"),
    ],
)
def test_what_is_wrong_is_told_without_a_value(token: str, template: str, told: str) -> None:
    with pytest.raises(TemplateProblem, match=told.replace(".", r"\.")) as caught:
        render('{% set crm = block("prod-crm") %}\n{{ crm.token }}' + template, name="app.conf.j2")
    assert str(caught.value).startswith("app.conf.j2, line 2")
    assert token not in shown(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "template",
    [
        "{{ crm.__class__ }}",
        "{{ crm.__init__.__globals__ }}",
        "{{ crm['__class__'] }}",
        "{{ crm.fields }}",
        "{{ crm.where }}",
        "{{ crm.save('other') }}",
        "{{ crm.delete }}",
        "{{ crm.environment() }}",
        "{{ crm.model_dump }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ ''.format }}",
        "{{ crm.token.get_secret_value() }}",
        "{{ crm|attr('__class__') }}",
        "{{ crm.tags|map('upper') }}",
        "{{ crm.tags.append('x') }}",
        "{{ crm.tags.append }}",
        "{{ block.__self__ }}",
        "{{ block.__name__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ loop }}",
        "{% for x in crm.tags %}{{ loop._iterable }}{% endfor %}",
        "{{ range(10) }}",
        "{{ cycler('a') }}",
        "{{ dict(a=1) }}",
        "{{ namespace() }}",
        "{{ lipsum() }}",
        "{{ lipsum }}",
        "{% import 'x' as y %}",
        "{% include '/etc/passwd' %}",
        "{% extends 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{% block b %}{% endblock %}",
        "{% set x %}{% endset %}",
        "{% filter upper %}{% endfilter %}",
        "{% set crm.token = 1 %}",
        "{{ 'a' ~ 'b' }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 10 ** 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ [crm.token, crm.token]|join }}",
        "{{ {'a': 1} }}",
        "{{ (1, 2) }}",
        "{{ block(crm.token) }}",
        "{{ block('prod-crm', 'x') }}",
        "{{ block(name='prod-crm') }}",
        "{{ block(*['prod-crm']) }}",
        "{% for x in crm.tags recursive %}{{ loop(x) }}{% endfor %}",
    ],
)
def test_there_is_no_way_to_code_files_or_growth(token: str, template: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        crm(template)
    assert token not in shown(caught.value)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in big %}{% for b in big %}{% for c in big %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in big %}{% for b in big %}{{ big }}{% endfor %}{% endfor %}",
        "{{ 'a'|indent(1000000000, true) }}",
        "{{ big|replace('x', big)|replace('x', big) }}",
        "{{ big|join(big)|join(big) }}",
        "{% set a = big|replace('x', big) %}{% set a = a|replace('x', big) %}{{ a }}",
        "{{ big" + "|urlencode|tojson|base64" * 200 + " }}",
        "{{ '" + "%" * 100 + "'" + "|urlencode" * 3000 + " }}",
    ],
)
def test_it_cannot_use_up_memory_or_time(template: str) -> None:
    Secret(value="x" * 5000).save("big")
    with pytest.raises(TemplateProblem, match=f"more than ({OUTPUT_MAX}|{STEPS_MAX})|too deeply|fails with"):
        render('{% set big = block("big").value %}' + template)


@pytest.mark.parametrize("template", ["(" * 5000, "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{% if 1 %}" * 3000])
def test_deep_templates_are_refused(template: str) -> None:
    try:
        render(template)
    except TemplateProblem:
        return
    assert template.startswith("(")


def test_the_keys_of_a_secret_mapping_are_not_told(canary: Plant) -> None:
    Secret(value={(key := canary("key")): {"inner": 1}}).save("s")
    for path in ("value.x", "value['x']"):
        with pytest.raises(TemplateProblem) as caught:
            render('{{ block("s").' + path + " }}")
        assert key not in shown(caught.value)


def test_a_long_template_is_refused() -> None:
    with pytest.raises(TemplateProblem, match="characters"):
        render("x" * (TEMPLATE_MAX + 1))


def test_a_block_that_is_not_there_is_told_before_anything_is_rendered(token: str, registry: Registry) -> None:
    with pytest.raises(UnknownDocument, match="Did you mean prod-crm"):
        render('{{ block("prod-cmr").token }}')
    with pytest.raises(InvalidReference):
        render('{{ block("Not A Name").token }}')


def test_a_problem_that_only_some_values_have_names_the_line(token: str) -> None:
    with pytest.raises(TemplateProblem, match="the template, line 3: prod-crm is no single value"):
        render('{{ block("prod-crm").token }}\n\n{{ block("prod-crm") }}\n')


WORDS = """{{ }} {% %} block ("s") .value | tojson for x in if endif endfor set = ( ) [ ] ' loop . __class__ default
join 1 not"""


class Held(Block, slug="rendered-held"):
    value: SecretStr


def outcome(template: str) -> str:
    try:
        return render(template, load=lambda _: Held(value=SecretStr("kept-back-12345"))).replace("kept-back-12345", "")
    except TemplateProblem as error:
        return shown(error)


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*WORDS.split(), " ", "\n"]), max_size=25))
def test_whatever_is_written_the_end_is_text_or_a_problem(words: list[str]) -> None:
    assert "kept-back-12345" not in outcome(" ".join(words))


def test_variables_stand_beside_blocks(token: str, each_ledger: Ledger) -> None:
    Variable.set("region", "eu")
    Variable.set("crew-members", [{"name": "Ada"}, {"name": "Bob"}])
    Variable.set("empty", None)
    template = """
{% set vars = strongroom.variables %}
{{ strongroom.variables.region }} {{ block("prod-crm").page_size }}
{% for member in vars["crew-members"] %}{{ member.name }};{% endfor %}
{{ vars.nothing|default("none") }}{{ vars.empty|default("none") }}"""
    assert render(template) == "\neu 100\nAda;Bob;nonenone"


def test_a_variable_that_is_not_there_is_told(each_ledger: Ledger) -> None:
    Variable.set("region", "eu")
    with pytest.raises(TemplateProblem, match=r'strongroom\.variables has no field "regoin"\. There is region\.'):
        render("{{ strongroom.variables.regoin }}")
    with pytest.raises(TemplateProblem):
        render("{{ strongroom.variables }}")


def test_templates_without_variables_open_no_ledger(token: str, strongroom_home: Path) -> None:
    assert crm("{{ crm.page_size }}") == "100"
    assert not (strongroom_home / "ledger.db").exists()
