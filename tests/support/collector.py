"""An OpenTelemetry collector on loopback: takes OTLP over HTTP, decodes it with the standard's own messages, keeps the spans."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Span:
    """One, with its resource's attributes."""

    name: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    begin_ns: int
    end_ns: int
    well: bool  # status OK


@dataclass
class Collector:
    """What it got; `status` is what it answers."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    status: int = 200
    requests: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = await request.read()
        if self.status != 200:
            return web.Response(status=self.status)
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {each.key: _value(each.value) for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [_span(each, about) for each in scope.spans]
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )


def _span(span: Any, resource: dict[str, Any]) -> Span:
    attributes = {each.key: _value(each.value) for each in span.attributes}
    return Span(
        span.name, attributes, resource, span.start_time_unix_nano, span.end_time_unix_nano, span.status.code == 1
    )


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    it = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", it.take)
    async with TestServer(app) as server:
        it.url = str(server.make_url("")).rstrip("/")
        yield it
