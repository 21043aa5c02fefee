"""The yardstick: an aiohttp handler that reads the body and answers `success`, access log off, same loop."""

import argparse

from aiohttp import web


async def _success(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(text="success")


def main() -> None:
    """Serve on the given port until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    app = web.Application()
    app.router.add_post("/webhook/wechat", _success)
    web.run_app(app, host="127.0.0.1", port=arguments.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
