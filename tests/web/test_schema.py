"""What the OpenAPI promises: no request that follows it, or nearly, is a server error."""

from hypothesis import HealthCheck, given, settings

FEW = settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def test_no_request_is_a_server_error(server):
    import schemathesis  # here, because that takes every process that collects tests as long as this test
    from schemathesis.checks import not_a_server_error

    schema = schemathesis.openapi.from_url(f"{server}/api/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert {operation.path for operation in operations} >= {"/api/find", "/api/remove", "/api/read", "/api/plan"}
    for operation in operations:

        @FEW
        @given(case=operation.as_strategy())
        def ask(case):
            case.call_and_validate(checks=[not_a_server_error])

        ask()
