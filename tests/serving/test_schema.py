"""What the service answers is what its OpenAPI says, whatever it is asked."""

from __future__ import annotations

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from dim_trt.serving import fields, openapi
from tests.serving.conftest import Running, Serve
from tests.serving.test_sources import bright

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
]


@pytest.fixture(scope="module")
def finding(serve: Serve) -> Running:
    """A service that has everything that requests may ask for."""
    return serve(auto=bright)


schema = schemathesis.openapi.from_dict(openapi.description())


@schema.parametrize()
@hypothesis.settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much],
)
def test_answers_are_as_described(case: schemathesis.Case, finding: Running) -> None:
    case.call_and_validate(base_url=finding.url, checks=CHECKS)


def test_every_field_and_address_is_described(running: Running) -> None:
    with running.client() as client:
        described = client.get("/openapi.json").json()
    form = described["paths"]["/v1/matte"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert list(form["properties"]) == [field.name for field in fields.MATTE]
    assert form["properties"]["output"]["enum"] == list(fields.OUTPUTS)
    assert form["properties"]["low"]["default"] == 0.05
    assert {"/v1/trimap", "/v1/info", "/healthz", "/readyz", "/metrics"} <= set(described["paths"])
