"""A few of the requests that `python -m tests.web.fuzz` makes by the thousand, against every server."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance, use_after_free

from durable_celery import Durable
from tests.rest import closed_at_rest
from tests.web import fuzz, fuzz_checks
from tests.web.servers import KINDS, served

CASES = 3
CHECKS = [fuzz_checks.only_documented_server_errors, fuzz_checks.refusals_are_problems]
#: It is asked with its exceptions by hand; and an execution is not gone when it is cancelled.
NOT_ASKED = [schemathesis.checks.not_a_server_error, positive_data_acceptance, use_after_free]


@pytest.mark.parametrize("kind", KINDS)
def test_every_server_answers_as_it_says(kind: str) -> None:
    asked = 0

    def check(case: schemathesis.Case) -> None:
        nonlocal asked
        asked += 1
        response = case.call(timeout=fuzz.LONGEST_S)
        case.validate_response(response, additional_checks=CHECKS, excluded_checks=NOT_ASKED)

    with closed_at_rest(Durable.local()) as durable:
        exposed = fuzz.functions(durable)
        options: dict[str, Any] = {"expose": exposed, **fuzz.OPTIONS}
        with served(kind, durable, fuzz.shop_of(exposed), options) as url:
            for found in schemathesis.openapi.from_url(f"{url}/durable/openapi.json").get_all_operations():
                quick = settings(max_examples=CASES, database=None, deadline=None, phases=[Phase.generate])
                quick = settings(quick, suppress_health_check=list(HealthCheck))
                seed(1)(quick(given(case=found.ok().as_strategy())(check)))()

    assert asked >= 15 * CASES
