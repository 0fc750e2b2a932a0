"""Errors, headers, health, alerts and metrics over HTTP."""

import asyncio

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, generate_latest
from pytest_aiohttp.plugin import AiohttpClient
from structlog.testing import capture_logs

from collector.problem import ApiProblem
from collector.web import WebSettings, make_application, runner_options
from tests.collector.web.conftest import Face
from tests.collector.web.listed_alerts import EVENT_ID


async def test_an_unknown_path_is_a_problem(face: Face) -> None:
    assert await face.get("/v1/evnts", 404) == {
        "type": "urn:watchbook:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "there is nothing at '/v1/evnts'; /v1/openapi.json lists what there is",
    }


async def test_a_wrong_method_says_which_are_possible(face: Face) -> None:
    async with face.client.delete("/v1/events") as response:
        problem = await face.checked(response, 405)
        assert response.headers["Allow"] == "GET, HEAD, POST"
    assert problem["detail"] == "DELETE is not possible here; possible: GET, HEAD, POST"


async def test_a_body_over_the_limit_is_413(face: Face) -> None:
    async with face.client.post("/v1/events", data=b"x" * 1000) as response:
        assert await response.text() == "1000"
    async with face.client.post("/v1/events", data=b"x" * 1001) as response:
        assert (await face.checked(response, 413))["type"] == "urn:watchbook:problem:body-too-large"


async def test_a_fault_of_ours_is_logged_under_an_id_and_says_nothing_of_the_inside(face: Face) -> None:
    with capture_logs() as logs:
        async with face.client.post("/v1/events?fail=1") as response:
            problem = await face.checked(response, 500)
    (entry,) = [log for log in logs if log["event"] == "request_failed"]
    assert entry["error_id"] == problem["error_id"]
    assert entry["exc_info"]
    assert "no such luck" not in str(problem)


async def test_a_refusal_by_the_gate_keeps_its_headers(face: Face) -> None:
    face.refused = ApiProblem(401, "token-missing", "a token", headers={"WWW-Authenticate": "Bearer"})
    async with face.client.get("/v1/events") as response:
        problem = await face.checked(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert problem["title"] == "Unauthorized"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/v1/events", "/metrics"])
async def test_every_answer_has_the_headers_that_keep_browsers_careful(face: Face, path: str) -> None:
    async with face.client.get(path) as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Server"] == "watchbook"


async def test_ready_says_why_not(face: Face) -> None:
    assert await face.get("/readyz") == {"status": "ready", "checks": ["store"]}
    face.not_ready = "the disk is full"
    problem = await face.get("/readyz", 503)
    assert problem["errors"] == [{"field": "store", "message": "the disk is full"}]
    assert await face.get("/healthz") == {"status": "up"}


async def test_health_and_metrics_need_no_token(face: Face) -> None:
    face.refused = ApiProblem(401, "token-missing", "a token")
    for path in ("/", "/healthz", "/readyz", "/v1/openapi.json"):
        await face.get(path)
    async with face.client.get("/metrics") as response:
        assert response.status == 200


async def test_metrics_hold_what_is_registered_and_the_requests(face: Face) -> None:
    Counter("watchbook_something", "Something.", registry=face.registry).inc()
    await face.get("/v1/events/42", 404)
    await face.get("/healthz")
    async with face.client.get("/metrics") as response:
        text = await response.text()
        assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert "watchbook_something_total 1.0" in text
    assert 'watchbook_http_request_seconds_count{method="GET",route="/v1/events/{id}",status="404"} 1.0' in text


async def test_unknown_paths_and_methods_make_no_new_metrics(face: Face) -> None:
    for path in ("/a", "/b"):
        await face.get(path, 404)
    async with face.client.request("PROPFIND", "/v1/events"):
        pass
    text = generate_latest(face.registry).decode()
    assert 'watchbook_http_request_seconds_count{method="GET",route="none",status="404"} 2.0' in text
    assert 'watchbook_http_request_seconds_count{method="other",route="none",status="405"} 1.0' in text


async def test_alerts_are_listed_filtered_and_paged(face: Face) -> None:
    first = await face.get("/v1/alerts", status="open", limit=3)
    rest = await face.get("/v1/alerts", status="open", limit=3, cursor=first["next_cursor"])
    assert [alert["id"] for alert in first["alerts"] + rest["alerts"]] == ["a9", "a7", "a5", "a3", "a1"]
    assert (await face.get("/v1/alerts/a2"))["event_ids"] == [EVENT_ID]
    assert (
        "there is no alert 'a0'; of an id 6 characters are needed at least"
        in (await face.get("/v1/alerts/a0", 404))["detail"]
    )
    assert (await face.get("/v1/alerts", 400, cursor="x"))["errors"][0]["parameter"] == "cursor"
    wrong = await face.get("/v1/alerts", 400, status="opn", level="bad")
    assert wrong["errors"] == [
        {
            "parameter": "status",
            "message": "'status' is one of open, acknowledged, resolved; found 'opn'; did you mean 'open'?",
        },
        {
            "parameter": "level",
            "message": "'level' is one of informational, low, medium, high, critical; found 'bad'",
        },
    ]
    assert "did you mean 'status'" in (await face.get("/v1/alerts", 400, state="open"))["detail"]


async def test_a_middleware_of_another_room_may_refuse_with_a_problem(
    face: Face, aiohttp_client: AiohttpClient
) -> None:
    @web.middleware
    async def refuse(request: web.Request, handler: object) -> web.StreamResponse:
        raise ApiProblem(429, "slow-down", "too fast", headers={"Retry-After": "3"}, extensions={"expected": 7})

    client = await aiohttp_client(make_application(CollectorRegistry(), body_bytes_max=1, middlewares=[refuse]))
    async with client.get("/") as response:
        assert response.headers["Retry-After"] == "3"
        assert (await face.checked(response, 429))["expected"] == 7


async def test_a_long_query_fits_the_request_line_that_the_daemon_allows(face: Face) -> None:
    runner = web.AppRunner(face.app, **runner_options(WebSettings()))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with face.client.session.get(f"http://{host}:{port}/v1/events", params={"q": "é" * 4096}) as response:
            assert response.status == 200
        async with face.client.session.get(f"http://{host}:{port}/v1/events", params={"q": "(" * 10_000}) as response:
            assert response.status == 200
        assert face.parameters()["q"] == "(" * 10_000
        async with face.client.session.get(f"http://{host}:{port}/v1/events", params={"q": "x" * 10**6}) as response:
            assert response.status == 400
    finally:
        await runner.cleanup()


async def test_a_question_ends_with_its_client_and_a_change_runs_to_its_end(aiohttp_client: AiohttpClient) -> None:
    begun, ended = asyncio.Event(), list[str]()
    going_on = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        begun.set()
        try:
            await going_on.wait()
            ended.append(f"{request.method} done")
        except asyncio.CancelledError:
            ended.append(f"{request.method} cancelled")
            raise
        return web.Response()

    app = make_application(CollectorRegistry(), body_bytes_max=1)
    app.router.add_route("*", "/", handle)
    client = await aiohttp_client(app)
    async with asyncio.timeout(20):
        for method in ("GET", "POST"):
            begun.clear()
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(client.request(method, "/"))
                await begun.wait()
                asking.cancel()
            assert client.server.runner is not None
            assert client.server.runner.server is not None
            while client.server.runner.server.connections:
                await asyncio.sleep(0.01)
        going_on.set()
        while len(ended) < 2:
            await asyncio.sleep(0.01)
    assert ended == ["GET cancelled", "POST done"]
