"""The files of `grantor apply` against their JSON schema, as an editor looks at them."""

import json
import os
import pathlib
import tomllib

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = pathlib.Path(os.environ["GRANTOR_ROOT"])
SCHEMA = json.loads((ROOT / "docs/apply.schema.json").read_text())
FILES = [
    *sorted((ROOT / "docs/examples/apply").iterdir()),
    *sorted((ROOT / "crates/grantor/src/admin/plan").glob("*.yaml")),
]


class Loader(yaml.SafeLoader):
    """YAML 1.2 knows no times: they are texts."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path):
    if path.suffix == ".toml":
        return tomllib.loads(path.read_text())
    return yaml.load(path.read_text(), Loader)


def errors(document):
    return ["/".join(map(str, error.absolute_path)) for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_keeps_to_the_schema(path):
    document = read(path)
    assert document
    assert errors(document) == []


def test_every_kind_is_in_an_example():
    seen = set().union(*(read(path) for path in FILES))
    assert seen == SCHEMA["properties"].keys() - {"$schema"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("client: []", ""),
        ("clients: {}", "clients"),
        ("clients: [{auth_method: none}]", "clients/0"),
        ("clients: [{id: a, grant_typos: []}]", "clients/0"),
        ("clients: [{id: a, scopes: uid}]", "clients/0/scopes"),
        ("users: [{name: ada}]", "users/0"),
        ("users: [{realm: customers, name: ada, person: {given: Ada}}]", "users/0/person"),
        ("groups: [{name: a, members: [{user: customers/ada}]}]", "groups/0/members/0"),
        ("assignments: [{principal: {person: ada}, scope: uid}]", "assignments/0/principal"),
        ("scopes: [{token: a, rule: {granted: sometimes}}]", "scopes/0/rule/granted"),
        ("applications: [{id: a, new_client: {id: b}}]", "applications/0"),
        ("tenants: [{name: main, settings: {code_minutes: 1}}]", "tenants/0/settings"),
    ],
)
def test_what_is_wrong_is_seen_in_the_editor(text, place):
    assert errors(yaml.load(text, Loader)) == [place]


def test_what_is_there_already_need_not_be_told_whole():
    document = {"clients": [{"id": "shop", "name": "Shop"}], "tenants": [{"name": "main"}]}
    assert errors(document) == []
