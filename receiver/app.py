"""Put the receiver together: routes, limits, the intake, and what runs beside the requests."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from archive.errors import ReelkeepError
from archive.failpoints import reached
from archive.ledger import callback_urls
from archive.ledger.database import Database
from archive.settings import Settings
from archive.tls import authorities
from archive.wakeups import Bell
from receiver import console
from receiver.access_log import AccessLog
from receiver.answers import Answer
from receiver.api import Api
from receiver.callback_urls import CallbackUrls
from receiver.content import Content
from receiver.doctor import Doctor
from receiver.doubts import Doubts
from receiver.errands import Errands
from receiver.generate import Generate
from receiver.health import Health
from receiver.imports import Imports
from receiver.intake import Intake
from receiver.learning import Learning
from receiver.metrics import Metrics
from receiver.notifications import Notifications
from receiver.openapi import describe
from receiver.orders import Orders
from receiver.problems import ProblemError, on_crash, on_error, on_http, on_problem
from receiver.proxy import METHODS, Proxy
from receiver.redrive import Redrive
from receiver.strangers import Strangers
from receiver.upstream import Sleep, Upstream
from receiver.webhooks import Webhooks

LAST_ERRANDS = 10.0  # seconds; the supervisor's patience (30 s) also covers the server's own 10
LAST_COMMITS = 5.0  # seconds; a ledger that is away must not keep the process


def create_app(
    settings: Settings,
    db: Database,
    bell: Bell,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Sleep = asyncio.sleep,
    tls: ssl.SSLContext | None = None,
) -> Starlette:
    """
    The receiver over *db*. Rings *bell* after a commit that left work, off the path of the answer.

    *tls* says whom to trust among providers, *sleep* waits between attempts; both for tests.
    """
    due = asyncio.Event()
    content = Content(settings.store)
    intake = Intake(db, on_due=due.set)
    strangers = Strangers(settings.server.untrusted_rate, settings.sources, clock)
    webhooks = Webhooks(settings, intake, partial(callback_urls.bound_task, db), strangers, clock)
    api = Api(settings, db, content.link, on_due=due.set)
    redrive = Redrive(settings, db, on_due=due.set)
    imports = Imports(settings, db, on_due=due.set)
    notifications = Notifications(settings, db, on_due=due.set)
    upstream = Upstream(tls or authorities(settings.egress.ca_file), sleep, settings.egress.way)
    errands = Errands()
    orders = Orders(settings, db, sleep)
    generate = Generate(settings, orders, upstream, errands, clock, sleep)
    doubts = Doubts(settings, db)
    proxy = Proxy(settings, orders, Learning(settings, db, orders), upstream, errands, clock)
    health = Health(
        db,
        {
            "queue": (bell.is_reachable, "unreachable: workers look for work by themselves"),
            "store": (content.is_reachable, "unreachable: callbacks are kept, transfers wait"),
        },
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        committing = asyncio.create_task(intake.run())
        ringing = asyncio.create_task(_ring(due, bell))
        yield
        await errands.finish(LAST_ERRANDS)
        await upstream.close()
        intake.stop()
        # Senders whose delivery is not committed by now were told to come again.
        await asyncio.wait({committing}, timeout=LAST_COMMITS)
        ringing.cancel()

    routes = [
        Route("/webhooks/-/{token}", Doctor(settings, clock).probe, methods=["POST"]),
        Route("/webhooks/{source}", webhooks.receive, methods=["POST"]),
        Route("/webhooks/{source}/{token}", webhooks.receive, methods=["POST"]),
        Route("/api/status", api.status),
        Route("/api/tasks", api.list_tasks, methods=["GET"]),
        Route("/api/tasks", api.add_task, methods=["POST"]),
        Route("/api/tasks/import", imports.import_tasks, methods=["POST"]),
        Route("/api/tasks/lookup", imports.look_up_tasks, methods=["POST"]),
        Route("/api/tasks/reopen", redrive.reopen_tasks, methods=["POST"]),
        Route("/api/tasks/{id}", api.get_task),
        Route("/api/callback-urls", CallbackUrls(settings, orders.mint).add_callback_url, methods=["POST"]),
        Route("/api/generate/{source}", generate.generate, methods=["POST"]),
        Route("/api/orders", doubts.list_orders),
        Route("/api/orders/{id}/dismiss", doubts.dismiss_order, methods=["POST"]),
        Route("/proxy/{source}/{path:path}", proxy.forward, methods=METHODS),
        Route("/api/assets", api.list_assets),
        Route("/api/assets/retry", redrive.retry_assets, methods=["POST"]),
        Route("/api/assets/{id}", api.get_asset),
        Route("/api/assets/{id}/content", api.content),
        Route("/api/assets/{id}/retry", api.retry_asset, methods=["POST"]),
        Route("/api/deliveries", api.list_deliveries),
        Route("/api/deliveries/replay", redrive.replay_deliveries, methods=["POST"]),
        Route("/api/deliveries/{id}", api.get_delivery),
        Route("/api/deliveries/{id}/replay", redrive.replay_delivery, methods=["POST"]),
        Route("/api/notifications", notifications.list_notifications),
        Route("/api/notifications/redrive", notifications.redrive_notifications, methods=["POST"]),
        Route("/api/notifications/{id}", notifications.get_notification),
        Route("/api/notifications/{id}/redrive", notifications.redrive_notification, methods=["POST"]),
        Route("/api/targets", notifications.list_targets),
        Route("/api/targets/{name}/test", notifications.test_target, methods=["POST"]),
        Route("/api/sources/{source}/pause", api.pause_source, methods=["POST"]),
        Route("/api/sources/{source}/resume", api.resume_source, methods=["POST"]),
        Route("/healthz", health.live),
        Route("/readyz", health.ready),
        Route("/metrics", Metrics(settings, db).metrics),
    ]
    document = describe(routes)
    routes.append(Route("/openapi.json", lambda _request: Answer(document)))
    routes += console.routes(settings)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(AccessLog),
            Middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.server.trusted_proxies)),
        ],
        exception_handlers={
            ProblemError: strangers.charging(on_problem),
            ReelkeepError: strangers.charging(on_error),
            HTTPException: on_http,
            Exception: on_crash,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a redirected POST is a lost callback
    return app


async def _ring(due: asyncio.Event, bell: Bell) -> None:
    """Ring once for whatever fell due since the last time. Never in the way of an answer."""
    while True:
        await due.wait()
        due.clear()
        await run_sync(bell.ring)
        reached("receiver.rung")
